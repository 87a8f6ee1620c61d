//! What became of conversations from snapshot to snapshot, and what can be got back of them.

mod compare;
pub(crate) mod flags;
pub(crate) mod moments;
mod recover;
mod tell;
mod timeline;
mod words;

pub(crate) use self::recover::run as recover;
pub(crate) use self::timeline::{diff, timeline};
