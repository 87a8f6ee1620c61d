//! The wire protocol of storage plugins, and the kit to write one in Rust.
