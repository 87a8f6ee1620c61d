//! Cutting, recognising and naming.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use heirloom_engine::chunker::{Chunker, Class, GearTables, classify, looks_incompressible};

use crate::data::{keys, noise, text};

const CONTENT_BYTES: usize = 16 << 20;

pub(crate) fn benches(c: &mut Criterion) {
    cut(c);
    recognise(c);
    name(c);
}

fn cut(c: &mut Criterion) {
    let gear = GearTables::new(keys().gear());
    let mut group = c.benchmark_group("chunker/cut");
    group.throughput(Throughput::Bytes(CONTENT_BYTES.try_into().expect("fits")));
    for (what, class, content) in [
        ("media", Class::Media, noise(1, CONTENT_BYTES)),
        ("text", Class::Text, text(1, CONTENT_BYTES)),
        ("other", Class::Other, noise(2, CONTENT_BYTES)),
    ] {
        let chunker = Chunker::new(class, &gear);
        group.bench_function(what, |b| {
            b.iter(|| {
                let mut rest = &content[..];
                while let Some(length) = chunker.cut(rest, true) {
                    rest = &rest[length..];
                }
                rest.len()
            });
        });
    }
}

fn recognise(c: &mut Criterion) {
    let mut group = c.benchmark_group("chunker/recognise");
    let (prose, random) = (text(3, 64 << 10), noise(3, 64 << 10));
    for (what, head) in [
        ("small text", &prose[..2000]),
        ("large text", &prose[..]),
        ("small random", &random[..2000]),
        ("large random", &random[..]),
    ] {
        group.bench_function(what, |b| b.iter(|| classify(black_box(head), None)));
    }
    group.bench_function("entropy of a chunk", |b| {
        b.iter(|| looks_incompressible(black_box(&random)));
    });
}

fn name(c: &mut Criterion) {
    let keys = keys();
    let content = noise(4, 1 << 20);
    let mut group = c.benchmark_group("content id");
    for kibibytes in [4, 64, 1024] {
        group.throughput(Throughput::Bytes(kibibytes << 10));
        let chunk = &content[..usize::try_from(kibibytes << 10).expect("fits")];
        group.bench_function(format!("{kibibytes} KiB"), |b| {
            b.iter(|| keys.content_id(black_box(chunk)));
        });
    }
}
