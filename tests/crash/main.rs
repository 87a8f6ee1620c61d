//! Clients that are killed, that lose answers, that find the store full, that were declared dead, that run at once.

mod answers;
mod fences;
mod merging;
mod points;
mod scenario;
mod together;
