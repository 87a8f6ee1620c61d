//! What a store holds for getting in: the description and the key slot that opened. Both never change under their name.
//!
//! Kept under a hash of the store's name, as the store has it: no secret, and nothing that would have to be believed,
//! because a slot opens only with the right credential and names the repository that it belongs to.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::id::SlotId;

const STORES: &str = "stores";

/// A file above this size is not believed.
const BYTES_MAX: u64 = 1 << 20;

/// The way into a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownStore {
    #[serde(with = "serde_bytes")]
    pub(crate) description: Vec<u8>,
    slot: [u8; 16],
    #[serde(with = "serde_bytes")]
    pub(crate) slot_file: Vec<u8>,
}

impl KnownStore {
    pub(crate) fn new(description: &[u8], slot: SlotId, slot_file: &[u8]) -> Self {
        Self { description: description.to_vec(), slot: slot.0, slot_file: slot_file.to_vec() }
    }

    pub(crate) fn slot(&self) -> SlotId {
        SlotId(self.slot)
    }

    fn path(root: &Path, store: &str) -> PathBuf {
        root.join(STORES).join(blake3::hash(store.as_bytes()).to_hex().as_str())
    }

    /// What is remembered about the store of this name.
    pub(crate) fn load(root: Option<&Path>, store: Option<&str>) -> Option<Self> {
        let path = Self::path(root?, store?);
        let size = fs::metadata(&path).ok()?.len();
        let bytes = (size <= BYTES_MAX).then(|| fs::read(&path)).and_then(Result::ok)?;
        rmp_serde::from_slice(&bytes).ok()
    }

    /// Remembers. A failure costs two requests in the next run.
    pub(crate) fn keep(&self, root: Option<&Path>, store: Option<&str>) {
        let (Some(root), Some(store)) = (root, store) else { return };
        let path = Self::path(root, store);
        let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
        let bytes = rmp_serde::to_vec_named(self).expect("plain data can be written to memory");
        let kept = fs::create_dir_all(root.join(STORES))
            .and_then(|()| fs::write(&temporary, bytes))
            .and_then(|()| fs::rename(&temporary, &path));
        if let Err(error) = kept {
            drop(fs::remove_file(&temporary));
            tracing::debug!(path = %path.display(), %error, "cache not written");
        }
    }

    /// Forgets.
    pub(crate) fn forget(root: Option<&Path>, store: Option<&str>) {
        if let (Some(root), Some(store)) = (root, store) {
            drop(fs::remove_file(Self::path(root, store)));
        }
    }
}
