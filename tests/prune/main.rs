//! Pruning: what it frees, what it never touches, and what it does about damage.

mod damage;
mod late;
mod rights;
mod space;
mod waiting;
