//! Clients that are killed, that lose answers, that find the store full, that were declared dead, that run at once.

mod answers;
mod case;
mod commands;
mod fences;
mod merging;
mod points;
mod prunes;
mod repairs;
mod scenario;
mod settings;
mod together;
mod world;
mod writers;
