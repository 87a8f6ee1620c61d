//! Whether what was written is there at once, whole, and gone when deleted.

use std::sync::Arc;
use std::time::Duration;

use heirloom_engine::error::{ErrorKind, StorageError};
use tokio::time::{Instant, sleep};

use super::{Finding, Patient};

const TRIES: u32 = 12;

/// A listing that lags further behind is not waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// Large enough to be on its way for a while, the first ones small enough for a slow line.
const TORN_BYTES: [usize; 5] = [1 << 20, 4 << 20, 4 << 20, 16 << 20, 16 << 20];

/// So many looks tell enough.
const LOOKS: u32 = 12;

pub(super) async fn read_after_write(patient: &Patient) -> Result<Finding, StorageError> {
    let mut failed = 0;
    let mut names = Vec::new();
    for n in 0..TRIES {
        let (name, bytes) = (patient.name("read", n), patient.bytes(n, 1000));
        patient.put(&name, bytes.clone()).await?;
        match patient.storage.read(&name, None).await {
            Ok(read) if read == bytes => {}
            Ok(_) => failed += 1,
            Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Protocol) => {
                failed += 1;
            }
            Err(error) => return Err(error),
        }
        names.push(name);
    }
    patient.delete_all(names).await;
    Ok(Finding::ReadAfterWrite { tried: TRIES, failed })
}

pub(super) async fn list_after_write(patient: &Patient) -> Result<Finding, StorageError> {
    let (mut late, mut never, mut slowest) = (0, 0, Duration::ZERO);
    let mut names = Vec::new();
    for n in 0..TRIES {
        let name = patient.name("list", n);
        patient.put(&name, patient.bytes(n, 10)).await?;
        let written = Instant::now();
        let mut looks = 0_u32;
        while !patient.listed("list").await?.iter().any(|object| object.name == name) {
            looks += 1;
            if written.elapsed() > PATIENCE {
                break;
            }
            sleep(Duration::from_millis(250)).await;
        }
        names.push(name);
        if written.elapsed() > PATIENCE && looks > 0 {
            never += 1;
            break;
        }
        if looks > 0 {
            late += 1;
            slowest = slowest.max(written.elapsed());
        }
    }
    let tried = u32::try_from(names.len()).unwrap_or(TRIES);
    patient.delete_all(names).await;
    Ok(Finding::ListAfterWrite { tried, late, never, slowest })
}

pub(super) async fn delete_after_write(patient: &Patient) -> Result<Finding, StorageError> {
    let mut lingering = 0;
    for n in 0..TRIES {
        let name = patient.name("delete", n);
        patient.put(&name, patient.bytes(n, 10)).await?;
        patient.storage.delete(&name).await?;
        let read = match patient.storage.read(&name, None).await {
            Ok(_) => true,
            Err(error) if error.kind == ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        let listed = patient.listed("delete").await?.iter().any(|object| object.name == name);
        lingering += u32::from(read || listed);
    }
    Ok(Finding::DeleteAfterWrite { tried: TRIES, lingering })
}

/// A new object is put several times while readers and listings look for it: nothing or all of it may be seen.
pub(super) async fn torn_writes(patient: &Patient) -> Result<Finding, StorageError> {
    let (mut looks, mut torn) = (0, 0);
    for (n, size) in (0_u32..).zip(TORN_BYTES) {
        if looks >= LOOKS {
            break;
        }
        let (name, bytes) = (patient.name("torn", n), patient.bytes(n, size));
        let writer = {
            let (storage, name, bytes) =
                (Arc::clone(&patient.storage), name.clone(), bytes.clone());
            tokio::spawn(async move { storage.put(&name, bytes).await })
        };
        while !writer.is_finished() {
            // A read of the first bytes is enough to see that the object is there.
            let head = patient.storage.read(&name, Some(0..16)).await;
            let listed = patient.listed("torn").await?;
            if writer.is_finished() {
                break;
            }
            looks += 1;
            let whole = u64::try_from(size).unwrap_or(u64::MAX);
            let short = listed.iter().any(|object| object.name == name && object.size != whole);
            let wrong_head = match head {
                Ok(head) => bytes.get(..16) != Some(&head),
                Err(error) => error.kind == ErrorKind::Protocol,
            };
            torn += u32::from(short || wrong_head);
        }
        if let Ok(put) = writer.await {
            put?;
        }
        patient.delete_all(vec![name]).await;
    }
    Ok(Finding::TornWrites { looks, torn })
}
