//! The verbs that keep a repository small and sound, and what they say.

pub(crate) mod check;
mod check_words;
pub(crate) mod prune;
mod prune_words;
pub(crate) mod repair;
mod repair_words;
