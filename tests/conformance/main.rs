//! Every store passes the same contract. A new store adds one test here.

mod stores;

use std::sync::Arc;

use anyhow::Result;
use heirloom_backends::LocalDisk;
use heirloom_kit::{Counted, CountingStorage, FaultStorage, MemoryStorage, storage_conformance};

#[test]
fn a_local_disk_keeps_the_contract() -> Result<()> {
    // The store's folder does not exist yet, nor does the one above it.
    let folder = tempfile::tempdir()?;
    storage_conformance(|| Ok(Arc::new(LocalDisk::new(folder.path().join("new/repository")))))
}

#[test]
fn opendal_memory_keeps_the_contract() -> Result<()> {
    storage_conformance(|| Ok(heirloom_backends::memory()))
}

#[test]
fn the_memory_double_keeps_the_contract() -> Result<()> {
    storage_conformance(|| Ok(MemoryStorage::new()))
}

#[test]
fn a_fault_wrapper_without_faults_keeps_the_contract() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let disk = Arc::new(LocalDisk::new(folder.path()));
    storage_conformance(|| Ok(FaultStorage::new(disk, Counted::All)))
}

#[test]
fn a_counting_wrapper_keeps_the_contract() -> Result<()> {
    storage_conformance(|| Ok(CountingStorage::new(MemoryStorage::new())))
}
