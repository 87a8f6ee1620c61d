//! Latency and throughput.

use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use heirloom_engine::error::StorageError;
use tokio::time::Instant;

use super::{Effort, Finding, Patient};

const CALLS: u32 = 9;

pub(super) async fn latency(patient: &Patient) -> Result<Finding, StorageError> {
    let (mut puts, mut reads, mut lists) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..CALLS {
        let (name, bytes) = (patient.name("latency", n), patient.bytes(n, 1000));
        let begin = Instant::now();
        patient.put(&name, bytes).await?;
        puts.push(begin.elapsed());
        let begin = Instant::now();
        patient.storage.read(&name, None).await?;
        reads.push(begin.elapsed());
        let begin = Instant::now();
        patient.listed("latency").await?;
        lists.push(begin.elapsed());
    }
    patient.delete_all((0..CALLS).map(|n| patient.name("latency", n)).collect()).await;
    Ok(Finding::Latency { put: median(puts), read: median(reads), list: median(lists) })
}

pub(super) async fn throughput(patient: &Patient, effort: Effort) -> Result<Finding, StorageError> {
    let (count, size) = match effort {
        Effort::Quick => (2_u32, 4_usize << 20),
        Effort::Thorough => (4, 16 << 20),
    };
    let bodies: Vec<(String, Bytes)> =
        (0..count).map(|n| (patient.name("speed", n), patient.bytes(n, size))).collect();
    let begin = Instant::now();
    for (name, bytes) in &bodies {
        patient.put(name, bytes.clone()).await?;
    }
    let put = begin.elapsed();
    let begin = Instant::now();
    for (name, _) in &bodies {
        patient.storage.read(name, None).await?;
    }
    let read = begin.elapsed();
    let parallel = patient.storage.capabilities().parallel.max(1);
    let begin = Instant::now();
    let puts = bodies.iter().map(|(name, bytes)| patient.put(name, bytes.clone()));
    stream::iter(puts).buffer_unordered(parallel).try_collect::<()>().await?;
    let put_parallel = begin.elapsed();
    patient.delete_all(bodies.into_iter().map(|(name, _)| name).collect()).await;
    let moved = u64::from(count).saturating_mul(u64::try_from(size).unwrap_or(u64::MAX));
    Ok(Finding::Throughput {
        put: rate(moved, put),
        put_parallel: rate(moved, put_parallel),
        read: rate(moved, read),
    })
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn rate(bytes: u64, time: Duration) -> u64 {
    let microseconds = time.as_micros().max(1);
    u64::try_from(u128::from(bytes) * 1_000_000 / microseconds).unwrap_or(u64::MAX)
}
