//! An example of a storage plugin in Rust: objects as files of a folder.

fn main() {}
