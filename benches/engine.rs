//! The inner loops of a backup and of a restore, one file for each module of the engine.
//!
//! `cargo bench -p heirloom-benches -- chunker` runs those of one module. Throughputs are bytes of content.

#[path = "engine/chunker.rs"]
mod chunker;
#[path = "engine/data.rs"]
mod data;
#[path = "engine/index.rs"]
mod index;
#[path = "engine/pack.rs"]
mod pack;
#[path = "engine/tree.rs"]
mod tree;

use criterion::{criterion_group, criterion_main};

criterion_group!(benches, chunker::benches, pack::benches, index::benches, tree::benches);
criterion_main!(benches);
