//! The snapshots as a folder, by FUSE and by WebDAV, and whether it is the folder that was backed up.
//!
//! Needs `/dev/fuse`, and fails without: a mount that nobody tried is not tested.

mod damage;
mod life;
mod reads;
mod stage;
mod tree;
mod webdav;
