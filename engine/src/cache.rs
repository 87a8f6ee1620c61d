//! The local cache: sorted index segments, sealed tree packs, snapshot records, what this installation last saw and
//! when it verified which pack.
//!
//! Deleting any of it at any time is harmless. Every file carries an authentication code or is sealed, so a torn or
//! foreign one is noticed, dropped and made again. Failures to write are ignored: a cache may be missing.

mod ledger;
mod map;
mod records;
mod store;

use std::collections::HashSet;
use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use self::map::MappedFile;
pub(crate) use self::records::{Records, Verified};
pub(crate) use self::store::KnownStore;
use crate::clock::Clock;
use crate::crypto::{Keys, ObjectKind};
use crate::id::{ClientId, PackId, RepositoryId};
use crate::index::{Segment, SegmentName, SortedSegment};
use crate::snapshot::RememberedHead;

const MAC_BYTES: usize = 32;
const SEGMENTS: &str = "segments";
const PACKS: &str = "packs";
const CLIENT: &str = "client";
const RECORDS: &str = "records";

/// A client state above this size is not believed.
const CLIENT_BYTES_MAX: u64 = 4 << 20;

/// What this installation remembers about a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientState {
    /// Its name in the chains of snapshots.
    pub(crate) client: ClientId,
    /// The newest snapshots it has seen, one for each client.
    pub(crate) heads: Vec<RememberedHead>,
}

#[derive(Serialize, Deserialize)]
struct ClientWire {
    #[serde(with = "serde_bytes")]
    client: Vec<u8>,
    heads: Vec<RememberedHead>,
}

impl ClientState {
    fn encode(&self) -> Vec<u8> {
        let wire = ClientWire { client: self.client.0.to_vec(), heads: self.heads.clone() };
        rmp_serde::to_vec_named(&wire).expect("plain values serialise")
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let wire: ClientWire = rmp_serde::from_slice(bytes).ok()?;
        Some(Self { client: ClientId::from_slice(&wire.client)?, heads: wire.heads })
    }
}

/// The cache of one repository, or none.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: Option<PathBuf>,
    serial: AtomicU32,
}

impl Cache {
    /// Opens, or creates, the cache of a repository below `root`; without a root, or if that fails, nothing is kept.
    pub(crate) fn open(root: Option<&Path>, repository: RepositoryId) -> Self {
        let folder = root.map(|root| root.join(repository.to_string())).filter(|folder| {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true).mode(0o700);
            [SEGMENTS, PACKS].iter().all(|kind| builder.create(folder.join(kind)).is_ok())
                && fs::set_permissions(folder, Permissions::from_mode(0o700)).is_ok()
        });
        Self { folder, serial: AtomicU32::new(0) }
    }

    /// Whether anything is kept at all.
    pub(crate) fn is_kept(&self) -> bool {
        self.folder.is_some()
    }

    fn path(&self, kind: &str, name: &str) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(kind).join(name))
    }

    fn write(&self, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_extension(format!("{}-{serial}.tmp", std::process::id()));
        let written = File::create(&temporary)
            .and_then(|mut file| parts.iter().try_for_each(|part| file.write_all(part)))
            .and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            drop(fs::remove_file(&temporary));
        }
        written
    }

    fn write_authenticated(&self, keys: &Keys, path: &Path, bytes: &[u8]) {
        let mac = authentication(keys, path, bytes);
        if let Err(error) = self.write(path, &[mac.as_bytes(), bytes]) {
            tracing::debug!(path = %path.display(), %error, "cache not written");
        }
    }

    /// Sorts a segment for lookups and keeps it.
    pub(crate) fn keep_segment(&self, keys: &Keys, name: SegmentName, segment: &Segment) {
        if let Some(path) = self.path(SEGMENTS, &file_name(name)) {
            self.write_authenticated(keys, &path, SortedSegment::build(segment).as_bytes());
        }
    }

    /// A kept segment, if there is one and it is intact.
    pub(crate) fn segment(&self, keys: &Keys, name: SegmentName) -> Option<SortedSegment<Bytes>> {
        let path = self.path(SEGMENTS, &file_name(name))?;
        let file = File::open(&path).ok()?;
        let mut mac = [0; MAC_BYTES];
        let sorted = file
            .read_exact_at(&mut mac, 0)
            .and_then(|()| MappedFile::new(&file, MAC_BYTES))
            .ok()
            .filter(|mapped| authentication(keys, &path, mapped.as_ref()) == mac)
            .and_then(|mapped| SortedSegment::from_bytes(Bytes::from_owner(mapped)).ok());
        if sorted.is_none() {
            drop(fs::remove_file(&path));
        }
        sorted
    }

    /// Drops kept segments that the repository does not have any more.
    pub(crate) fn retain_segments(&self, present: &HashSet<SegmentName>) {
        let names: HashSet<String> = present.iter().copied().map(file_name).collect();
        self.retain(SEGMENTS, |name| names.contains(name));
    }

    /// Drops kept packs that the index does not know.
    pub(crate) fn retain_packs(&self, known: impl Fn(&PackId) -> bool) {
        self.retain(PACKS, |name| PackId::from_hex(name).is_some_and(|id| known(&id)));
    }

    fn retain(&self, kind: &str, keep: impl Fn(&str) -> bool) {
        let Some(folder) = self.folder.as_ref().map(|folder| folder.join(kind)) else { return };
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            // That may be what another process is about to rename; then its file is not kept, and nothing else.
            if !name.to_str().is_some_and(&keep) {
                drop(fs::remove_file(entry.path()));
            }
        }
    }

    /// Keeps a sealed tree pack.
    pub(crate) fn keep_tree_pack(&self, id: &PackId, bytes: &[u8]) {
        if let Some(path) = self.path(PACKS, &id.to_string()) {
            drop(self.write(&path, &[bytes]));
        }
    }

    /// Part of a kept tree pack. Sealed, so the reader of it notices damage, and then calls [`Cache::drop_pack`].
    pub(crate) fn pack_range(&self, id: &PackId, offset: u64, bytes: usize) -> Option<Vec<u8>> {
        let file = File::open(self.path(PACKS, &id.to_string())?).ok()?;
        let mut buffer = vec![0; bytes];
        file.read_exact_at(&mut buffer, offset).ok()?;
        Some(buffer)
    }

    /// Forgets a kept tree pack that turned out to be damaged.
    pub(crate) fn drop_pack(&self, id: &PackId) {
        if let Some(path) = self.path(PACKS, &id.to_string()) {
            drop(fs::remove_file(path));
        }
    }

    /// The records that were kept; none if they are not intact.
    pub(crate) fn records(&self, keys: &Keys) -> Records {
        let read = |folder: &PathBuf| {
            let bytes = fs::read(folder.join(RECORDS)).ok()?;
            let body = keys.open_object(ObjectKind::CachedRecords, RECORDS, &bytes).ok()?;
            Records::parse(&body)
        };
        let kept = self.folder.as_ref().and_then(read).unwrap_or_default();
        Records { loaded: true, ..kept }
    }

    /// Keeps all records, sealed: they name hosts and paths.
    pub(crate) fn keep_records(&self, keys: &Keys, records: &Records, clock: &dyn Clock) {
        let Some(path) = self.folder.as_ref().map(|folder| folder.join(RECORDS)) else { return };
        let kind = ObjectKind::CachedRecords;
        let sealed = keys.seal_object(kind, RECORDS, &records.encode(), clock);
        if let Err(error) = self.write(&path, &[&sealed]) {
            tracing::debug!(path = %path.display(), %error, "cache not written");
        }
    }

    /// What this installation remembers, if it does.
    pub(crate) fn client_state(&self, keys: &Keys) -> Option<ClientState> {
        let path = self.folder.as_ref()?.join(CLIENT);
        let mut bytes = Vec::new();
        File::open(&path).ok()?.take(CLIENT_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        let (mac, state) = bytes.split_at_checked(MAC_BYTES)?;
        let mac: [u8; MAC_BYTES] = mac.try_into().ok()?;
        (authentication(keys, &path, state) == mac).then(|| ClientState::parse(state)).flatten()
    }

    /// Remembers.
    pub(crate) fn keep_client_state(&self, keys: &Keys, state: &ClientState) {
        let Some(path) = self.folder.as_ref().map(|folder| folder.join(CLIENT)) else { return };
        self.write_authenticated(keys, &path, &state.encode());
    }
}

fn file_name(name: SegmentName) -> String {
    format!("{}.{}", name.session, name.n)
}

/// Binds the content to its place, so that one cache file cannot stand in for another.
fn authentication(keys: &Keys, path: &Path, bytes: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_keyed(&keys.cache_key());
    hasher.update(path.file_name().unwrap_or_default().as_encoded_bytes());
    hasher.update(&[0]);
    hasher.update(bytes);
    hasher.finalize()
}
