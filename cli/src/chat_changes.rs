//! What became of conversations from snapshot to snapshot, what can be got back of them, and whether they are whole.

mod compare;
mod moments;
mod recover;
mod tell;
mod timeline;
mod verify;
mod words;

pub(crate) use self::recover::run as recover;
pub(crate) use self::timeline::{diff, timeline};
pub(crate) use self::verify::run as verify;
