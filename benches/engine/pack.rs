//! Frames and packs: compress, seal, open.

use criterion::{BatchSize, Criterion, Throughput};
use heirloom_engine::pack::{
    BlobKind, Compressor, Effort, Frame, FrameBuilder, PackWriter, PlainFrame, open_frame,
};

use crate::data::{SeededClock, keys, noise, prefix, text};

const FRAME_BYTES: u64 = 2 << 20;
const PACK_BYTES: u32 = 32 << 20;
const PAGE_BYTES: usize = 4 << 10;

pub(crate) fn benches(c: &mut Criterion) {
    compress(c);
    seal(c);
    open(c);
}

fn plain_frame(content: &[u8]) -> PlainFrame {
    let mut builder = FrameBuilder::new();
    for (n, page) in (0..).zip(content.chunks(PAGE_BYTES)) {
        builder.push(prefix(n), page);
    }
    builder.finish()
}

fn contents() -> [(&'static str, Option<i32>, Vec<u8>); 2] {
    let bytes = usize::try_from(FRAME_BYTES).expect("fits");
    [("text", Some(3), text(5, bytes)), ("media", None, noise(5, bytes))]
}

fn encoded(content: &[u8], level: Option<i32>) -> Frame {
    let mut compressor = Compressor::new().expect("memory suffices");
    plain_frame(content).encode(level.map(Effort::level), &mut compressor)
}

fn compress(c: &mut Criterion) {
    let mut group = c.benchmark_group("pack/build and compress a frame");
    group.throughput(Throughput::Bytes(FRAME_BYTES)).sample_size(20);
    let mut compressor = Compressor::new().expect("memory suffices");
    for (what, level, content) in contents() {
        group.bench_function(what, |b| {
            b.iter(|| plain_frame(&content).encode(level.map(Effort::level), &mut compressor));
        });
    }
}

/// A pack of sixteen frames: sealing, table and hash.
fn seal(c: &mut Criterion) {
    let (keys, clock) = (keys(), SeededClock::default());
    let session = keys.new_session_key(&clock);
    let mut group = c.benchmark_group("pack/finish a pack");
    group.throughput(Throughput::Bytes(FRAME_BYTES * 15)).sample_size(10);
    for (what, level, content) in contents() {
        let filled = || {
            let mut writer = PackWriter::new(BlobKind::Content, &session, PACK_BYTES, &clock);
            (0..15).for_each(|_| writer.push(encoded(&content, level)));
            writer
        };
        group.bench_function(what, |b| {
            b.iter_batched(filled, |writer| writer.finish(&keys, &clock), BatchSize::PerIteration);
        });
    }
}

fn open(c: &mut Criterion) {
    let (keys, clock) = (keys(), SeededClock::default());
    let session = keys.new_session_key(&clock);
    let mut group = c.benchmark_group("pack/open a frame");
    group.throughput(Throughput::Bytes(FRAME_BYTES)).sample_size(20);
    for (what, level, content) in contents() {
        let mut writer = PackWriter::new(BlobKind::Content, &session, PACK_BYTES, &clock);
        writer.push(encoded(&content, level));
        let pack = writer.finish(&keys, &clock);
        let key = session.pack_key(&pack.record.salt);
        let entry = pack.record.table.frames[0];
        let range = pack.record.table.frame_range(0).expect("a frame was pushed");
        let place = |at: u64| usize::try_from(at).expect("fits");
        let sealed = &pack.bytes[place(range.start)..place(range.end)];
        group.bench_function(what, |b| {
            b.iter_batched(
                || sealed.to_vec(),
                |sealed| open_frame(&key, 0, sealed, &entry).expect("sealed just before"),
                BatchSize::LargeInput,
            );
        });
    }
}
