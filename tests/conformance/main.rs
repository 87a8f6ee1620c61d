//! Every store passes the same contract. A new store adds one test here.

use std::cell::RefCell;
use std::sync::Arc;

use anyhow::Result;
use heirloom_backends::LocalDisk;
use heirloom_engine::repository::Storage;
use heirloom_kit::{Counted, CountingStorage, FaultStorage, MemoryStorage, storage_conformance};
use tempfile::TempDir;

/// Makes stores in folders that do not exist yet, two levels below one that does.
fn local_disks() -> impl Fn() -> Result<Arc<dyn Storage>> {
    let folders: RefCell<Vec<TempDir>> = RefCell::default();
    move || {
        let folder = tempfile::tempdir()?;
        let disk = LocalDisk::new(folder.path().join("new/repository"));
        folders.borrow_mut().push(folder);
        Ok(Arc::new(disk))
    }
}

#[test]
fn a_local_disk_keeps_the_contract() -> Result<()> {
    storage_conformance(local_disks())
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
    let disks = local_disks();
    storage_conformance(move || Ok(FaultStorage::new(disks()?, Counted::All)))
}

#[test]
fn a_counting_wrapper_keeps_the_contract() -> Result<()> {
    storage_conformance(|| Ok(CountingStorage::new(MemoryStorage::new())))
}
