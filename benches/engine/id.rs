//! Names of blobs: a keyed hash of their content.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};

use crate::data::{keys, noise};

pub(crate) fn benches(c: &mut Criterion) {
    let keys = keys();
    let mut group = c.benchmark_group("id");
    group.sample_size(20);
    for kib in [4, 64, 1024] {
        let blob = noise(1, kib << 10);
        group.throughput(Throughput::Bytes(u64::try_from(blob.len()).expect("fits")));
        group.bench_function(BenchmarkId::new("a blob of KiB", kib), |b| {
            b.iter(|| keys.content_id(black_box(&blob)));
        });
    }
}
