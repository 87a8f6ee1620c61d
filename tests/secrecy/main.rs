//! What a thief of the store, of the cache, or of a log can read: nothing.

mod needles;
mod objects;
mod silence;
