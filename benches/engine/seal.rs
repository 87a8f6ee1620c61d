//! The cipher on frames of several sizes.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};

use crate::data::{SeededClock, keys, noise};

pub(crate) fn benches(c: &mut Criterion) {
    let session = keys().new_session_key(&SeededClock::default());
    let key = session.pack_key(&[5; 32]);
    let mut group = c.benchmark_group("seal");
    group.sample_size(20);
    for kib in [64, 256, 1024] {
        let plain = noise(2, kib << 10);
        group.throughput(Throughput::Bytes(u64::try_from(plain.len()).expect("fits")));
        group.bench_function(BenchmarkId::new("seal KiB", kib), |b| {
            let mut buffer = plain.clone();
            b.iter(|| key.seal_frame(0, &mut buffer));
        });
        let mut sealed = plain;
        let tag = key.seal_frame(0, &mut sealed);
        sealed.extend_from_slice(&tag);
        group.bench_function(BenchmarkId::new("open KiB", kib), |b| {
            b.iter_batched_ref(
                || sealed.clone(),
                |sealed| key.open_frame(0, sealed).expect("sealed just before"),
                BatchSize::LargeInput,
            );
        });
    }
}
