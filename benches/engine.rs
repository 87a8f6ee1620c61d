//! The inner loops of a backup and of a restore, one file for each module of the engine.
//!
//! `cargo bench -p heirloom-benches -- chunker` runs those of one module. Throughputs are bytes of content.

#[path = "engine/chunker.rs"]
mod chunker;
#[path = "engine/data.rs"]
mod data;
#[path = "engine/id.rs"]
mod id;
#[path = "engine/index.rs"]
mod index;
#[path = "engine/pack.rs"]
mod pack;
#[path = "engine/retention.rs"]
mod retention;
#[path = "engine/seal.rs"]
mod seal;
#[path = "engine/tree.rs"]
mod tree;

use criterion::{criterion_group, criterion_main};

criterion_group!(
    benches,
    chunker::benches,
    id::benches,
    pack::benches,
    seal::benches,
    index::benches,
    tree::benches,
    retention::benches,
);
criterion_main!(benches);
