//! Pruning: what it frees, what it never touches, and what it does about damage.

mod damage;
mod rights;
mod space;
mod waiting;
