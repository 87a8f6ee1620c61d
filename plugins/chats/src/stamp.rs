//! Times as telephones write them in front of messages, in any language: their forms, and what their numbers mean.

mod clock;
pub(crate) mod dates;
pub(crate) mod header;
