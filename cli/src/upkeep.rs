//! The verbs that keep a repository small and sound, and what they say.

pub(crate) mod prune;
mod prune_words;
