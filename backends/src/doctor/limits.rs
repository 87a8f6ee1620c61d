//! Ranges, names, long listings, large objects.

use std::collections::HashMap;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use heirloom_engine::error::{ErrorKind, StorageError};
use heirloom_engine::repository::{OBJECT_BYTES_MAX, PART_BYTES_MAX};

use super::{Effort, FOLDER, Finding, Patient};

const MIB: u64 = 1 << 20;

pub(super) async fn ranges(patient: &Patient) -> Result<Finding, StorageError> {
    let (name, bytes) = (patient.name("range", 0), patient.bytes(0, 100_000));
    patient.put(&name, bytes.clone()).await?;
    let ranges = [0..1_usize, 1..2, 4095..8193, 65_535..65_537, 99_000..100_000, 0..100_000];
    let (mut tried, mut wrong) = (0, 0);
    for range in ranges {
        let asked = u64::try_from(range.start).unwrap_or(0)..u64::try_from(range.end).unwrap_or(0);
        tried += 1;
        match patient.storage.read(&name, Some(asked)).await {
            Ok(read) => wrong += u32::from(bytes.get(range) != Some(&read)),
            Err(error) if error.kind == ErrorKind::Protocol => wrong += 1,
            Err(error) => return Err(error),
        }
    }
    patient.delete_all(vec![name]).await;
    Ok(Finding::Ranges { tried, wrong })
}

pub(super) async fn names(patient: &Patient) -> Result<Finding, StorageError> {
    let plain = patient.name("name", 0);
    let plain = plain.trim_start_matches(FOLDER);
    let long = format!("{plain:z<PART_BYTES_MAX$}");
    let names =
        [format!("{FOLDER}{plain}.a-b.c"), format!("{FOLDER}{long}"), format!("{FOLDER}0.{plain}")];
    for name in &names {
        patient.put(name, patient.bytes(1, 3)).await?;
    }
    let listed: Vec<_> = patient.storage.list(FOLDER).try_collect().await?;
    let lost = names.iter().filter(|name| !listed.iter().any(|object| object.name == **name));
    let lost = u32::try_from(lost.count()).unwrap_or(u32::MAX);
    let tried = u32::try_from(names.len()).unwrap_or(u32::MAX);
    patient.delete_all(names.to_vec()).await;
    Ok(Finding::Names { tried, lost })
}

pub(super) async fn listing(patient: &Patient, effort: Effort) -> Result<Finding, StorageError> {
    let objects = match effort {
        Effort::Quick => 64,
        Effort::Thorough => 1_050,
    };
    let parallel = patient.storage.capabilities().parallel.max(1);
    let size = |n: u32| usize::try_from(n % 7).unwrap_or(0);
    let puts = (0..objects).map(|n| async move {
        patient.put(&patient.name("many", n), patient.bytes(n, size(n))).await
    });
    stream::iter(puts).buffer_unordered(parallel).try_collect::<()>().await?;
    let mut seen: HashMap<String, (u32, u64)> = HashMap::new();
    for object in patient.listed("many").await? {
        let entry = seen.entry(object.name).or_default();
        *entry = (entry.0 + 1, object.size);
    }
    let (mut missing, mut wrong_size) = (0, 0);
    for n in 0..objects {
        match seen.get(&patient.name("many", n)) {
            Some((1, found)) => wrong_size += u32::from(usize::try_from(*found) != Ok(size(n))),
            Some(_) | None => missing += 1,
        }
    }
    patient.delete_all((0..objects).map(|n| patient.name("many", n)).collect()).await;
    Ok(Finding::Listing { objects, missing, wrong_size })
}

/// Stops at the first size that the store refuses or changes.
pub(super) async fn largest(patient: &Patient, effort: Effort) -> Result<Finding, StorageError> {
    let sizes: &[u64] = match effort {
        Effort::Quick => &[MIB, 16 * MIB],
        Effort::Thorough => &[MIB, 16 * MIB, 34 * MIB, OBJECT_BYTES_MAX],
    };
    let (mut largest, mut refused) = (0, None);
    for (n, size) in (0_u32..).zip(sizes) {
        let name = patient.name("large", n);
        let bytes = patient.bytes(n, usize::try_from(*size).unwrap_or(usize::MAX));
        let back = match patient.put(&name, bytes.clone()).await {
            Ok(()) => patient.storage.read(&name, None).await.map(|read| read == bytes),
            Err(error) => Err(error),
        };
        patient.delete_all(vec![name]).await;
        match back {
            Ok(true) => largest = *size,
            // A line that breaks says nothing about the size.
            Err(error) if error.temporary || largest == 0 => return Err(error),
            Ok(false) | Err(_) => refused = Some(*size),
        }
        if refused.is_some() {
            break;
        }
    }
    Ok(Finding::LargestObject { bytes: largest, refused })
}
