//! Reads files back that chance picks, the way a restore reads them: the proof that a backup is one.

use std::collections::HashSet;

use super::{NotRestored, RestoreTest, Standing};
use crate::clock::{Clock, random};
use crate::error::{FormatError, ReadError};
use crate::id::NodeId;
use crate::progress::{Counter, Progress};
use crate::repository::{Repository, RepositoryError};
use crate::snapshot::Snapshot;
use crate::stored;
use crate::transform::Form;
use crate::tree::{
    ContentListCursor, Entry, FileContent, Kind, XattrValue, nth, path_from_key, totals,
};

/// Entries that are looked at for each file that is wanted: most trees are made of files.
const TRIES: u64 = 20;

/// Picks up to `wanted` files, each entry of each snapshot as likely as any other, and reads them.
pub(super) fn run(
    repository: &Repository,
    snapshots: &[(Snapshot, Standing)],
    wanted: u64,
    progress: &dyn Progress,
    enough: &dyn Fn() -> bool,
) -> Result<RestoreTest, RepositoryError> {
    let mut test = RestoreTest::default();
    let mut nodes = repository;
    let mut trees: Vec<(&Snapshot, u64)> = Vec::new();
    for (snapshot, standing) in snapshots {
        if *standing == Standing::Taken {
            // Where the root is lost, the record says how much there was.
            let counted = totals(snapshot.record.root, &[], &mut nodes);
            let entries = counted.map_or(snapshot.record.stats.entries, |totals| totals.entries);
            trees.push((snapshot, entries));
        }
    }
    let all: u64 = trees.iter().map(|(_, entries)| entries).sum();
    let mut seen: HashSet<u64> = HashSet::new();
    let looks = all.min(wanted.saturating_mul(TRIES));
    while test.files < wanted && u64::try_from(seen.len()).is_ok_and(|seen| seen < looks) {
        if progress.cancelled() {
            return Err(RepositoryError::Cancelled);
        }
        if enough() {
            test.out_of_time = true;
            break;
        }
        let number = below(all, repository.clock());
        if seen.insert(number) {
            let Some((snapshot, number)) = locate(&trees, number) else { break };
            try_entry(repository, snapshot, number, (progress, &mut test))?;
        }
    }
    Ok(test)
}

/// The snapshot that an entry of all snapshots together lies in, and its number there.
fn locate<'s>(trees: &[(&'s Snapshot, u64)], mut number: u64) -> Option<(&'s Snapshot, u64)> {
    trees.iter().find_map(|(snapshot, entries)| match number.checked_sub(*entries) {
        None => Some((*snapshot, number)),
        Some(behind) => {
            number = behind;
            None
        }
    })
}

/// A number below `bound`, each as likely as any other.
fn below(bound: u64, clock: &dyn Clock) -> u64 {
    let fair = u64::MAX - u64::MAX % bound.max(1);
    loop {
        let number = u64::from_le_bytes(random(clock));
        if number < fair {
            return number % bound.max(1);
        }
    }
}

fn try_entry(
    repository: &Repository,
    snapshot: &Snapshot,
    number: u64,
    (progress, test): (&dyn Progress, &mut RestoreTest),
) -> Result<(), RepositoryError> {
    let mut nodes = repository;
    let (key, read) = match nth(snapshot.record.root, number, &mut nodes) {
        Ok(Some((key, entry))) if entry.kind == Kind::File => {
            progress.current(&path_from_key(&key));
            let read = read_back(repository, &entry);
            (key, read)
        }
        Ok(_) => return Ok(()),
        Err(error) => (Vec::new(), Err(error)),
    };
    test.files += 1;
    match read {
        Ok(bytes) => {
            test.bytes += bytes;
            progress.add(Counter::Entries, 1);
            progress.add(Counter::ContentBytes, bytes);
        }
        Err(error) if error.is_local() => test.failed.push(NotRestored {
            snapshot: snapshot.session,
            path: path_from_key(&key),
            source: error,
        }),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// All content and attributes of a file, a few blobs in memory at a time. Each blob is compared with its id, the whole with
/// the hash and the length that the entry states; a transformed file is made again, if there is somebody who can.
fn read_back(repository: &Repository, entry: &Entry) -> Result<u64, ReadError> {
    let mut hasher = blake3::Hasher::new();
    let mut bytes = 0_u64;
    let mut take = |blob: &[u8]| {
        hasher.update(blob);
        bytes = bytes.saturating_add(u64::try_from(blob.len()).unwrap_or(u64::MAX));
    };
    for xattr in &entry.xattrs {
        if let XattrValue::Blob(blob) = &xattr.value {
            repository.content(&blob.id)?;
        }
    }
    match &entry.content {
        FileContent::Empty => {}
        FileContent::Inline(content) => take(content),
        FileContent::List(blobs) => {
            for blob in blobs {
                take(&repository.content(&blob.id)?);
            }
        }
        FileContent::Tree(list) => read_list(repository, *list, &mut take)?,
    }
    let hash = *hasher.finalize().as_bytes();
    let stated = match &entry.transform {
        Some(transform) => Some(transform.stored_hash),
        None => entry.hash,
    };
    if bytes != entry.stored_bytes() || stated.is_some_and(|stated| stated != hash) {
        return Err(FormatError::WrongId.into());
    }
    if entry.transform.is_some() && repository.undo().is_some() {
        stored::make(repository, (entry, Form::Original), &mut |_| true)?;
        return Ok(entry.size);
    }
    Ok(bytes)
}

fn read_list(
    repository: &Repository,
    list: NodeId,
    take: &mut dyn FnMut(&[u8]),
) -> Result<(), ReadError> {
    let (mut cursor, mut nodes) = (ContentListCursor::new(list), repository);
    while let Some((_, blob)) = cursor.next(&mut nodes)? {
        take(&repository.content(&blob.id)?);
    }
    Ok(())
}
