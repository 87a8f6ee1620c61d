//! What snapshots take: restored, without what they have twice, compressed; and what forgetting them would free.
//!
//! The index tells the sizes of frames, not of the blobs in them: a blob counts as its share of its frame, all blobs of
//! a frame alike. Sums over many blobs are close; that of a single small one may be far off.

use std::collections::HashMap;

use crate::id::{BlobPrefix, NodeId, PackId};
use crate::index::IndexSet;
use crate::pack::BlobKind;
use crate::progress::Progress;
use crate::reach::Reach;
use crate::repository::{Repository, RepositoryError};
use crate::snapshot::Snapshot;

/// Some blobs, each counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// How many.
    pub blobs: u64,
    /// Their bytes before compression, estimated.
    pub plain_bytes: u64,
    /// Their bytes in packs, estimated.
    pub stored_bytes: u64,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.blobs += other.blobs;
        self.plain_bytes = self.plain_bytes.saturating_add(other.plain_bytes);
        self.stored_bytes = self.stored_bytes.saturating_add(other.stored_bytes);
    }

    /// Both together.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.add(other);
        self
    }
}

/// Content of files on one side, trees on the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needed {
    /// Pieces of files, and large attributes.
    pub content: Sum,
    /// Nodes of trees and of content lists.
    pub trees: Sum,
}

/// Objects of one kind in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Objects {
    /// How many.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What some snapshots take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// How many snapshots.
    pub snapshots: u64,
    /// Their entries, all added up.
    pub entries: u64,
    /// Their files, all added up.
    pub files: u64,
    /// Bytes of all their files: what restoring each of them would write.
    pub content_bytes: u64,
    /// What they need, counted once.
    pub needed: Needed,
    /// What nothing else needs: forgetting these snapshots would let a prune free it. Only if that was asked for.
    pub freed: Option<Needed>,
    /// Blobs that they need and that are in no known pack.
    pub lost: u64,
    /// Nodes that cannot be read; what is below them is not counted.
    pub unreadable: u64,
}

/// What the whole repository takes in its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreFigures {
    /// Packs, also those that nobody needs any more.
    pub packs: Objects,
    /// Segments of the index.
    pub index: Objects,
    /// Snapshot records.
    pub snapshots: Objects,
    /// Everything else: keys, sessions, tombstones ...
    pub others: Objects,
}

impl StoreFigures {
    /// All bytes.
    pub fn bytes(&self) -> u64 {
        [self.packs, self.index, self.snapshots, self.others].iter().map(|one| one.bytes).sum()
    }
}

/// What these snapshots take. With `others`, the roots of all other snapshots that count, also what forgetting these
/// would free.
pub fn run(
    repository: &Repository,
    snapshots: &[&Snapshot],
    others: Option<&[NodeId]>,
    progress: &dyn Progress,
) -> Result<Figures, RepositoryError> {
    let mut figures = Figures::default();
    let mut reach = Reach::new(repository)?;
    for snapshot in snapshots {
        let stats = &snapshot.record.stats;
        figures.snapshots += 1;
        figures.entries = figures.entries.saturating_add(stats.entries);
        figures.files = figures.files.saturating_add(stats.files);
        figures.content_bytes = figures.content_bytes.saturating_add(stats.content_bytes);
        reach.add(snapshot.record.root, progress)?;
    }
    let mut elsewhere = Reach::with(repository, reach.catalogue().clone());
    for root in others.unwrap_or_default() {
        elsewhere.add(*root, progress)?;
    }
    let set = reach.catalogue().set();
    let (mut needed, mut freed) = (Shares::default(), Shares::default());
    reach.marks().for_each(set, &mut |prefix, _places| {
        needed.count(set, prefix);
        if others.is_some() && !elsewhere.contains(prefix) {
            freed.count(set, prefix);
        }
    });
    figures.needed = needed.sum();
    // What a damaged node of the others needs is not known, so nothing can be promised.
    let is_known = elsewhere.unreadable().is_empty();
    figures.freed = others.filter(|_| is_known).map(|_| freed.sum());
    figures.lost = count(reach.lost().len());
    figures.unreadable = count(reach.unreadable().len() + elsewhere.unreadable().len());
    Ok(figures)
}

/// What the repository takes in its store, by what the store lists.
pub fn store(repository: &Repository) -> Result<StoreFigures, RepositoryError> {
    let sum = |folders: &[&str]| -> Result<Objects, RepositoryError> {
        let mut objects = Objects::default();
        for folder in folders {
            for listed in repository.list(folder)? {
                objects.objects += 1;
                objects.bytes = objects.bytes.saturating_add(listed.size);
            }
        }
        Ok(objects)
    };
    Ok(StoreFigures {
        packs: sum(&["packs/"])?,
        index: sum(&["index/"])?,
        snapshots: sum(&["snapshots/"])?,
        others: sum(&[
            "",
            "keys/",
            "sessions/",
            "fences/",
            "tombstones/",
            "condemned/",
            "policies/",
            "secrets/",
        ])?,
    })
}

/// How many blobs of each frame are counted. There are as many frames as megabytes, not as many as blobs.
#[derive(Debug, Default)]
struct Shares(HashMap<(PackId, u32), Share>);

#[derive(Debug, Clone, Copy)]
struct Share {
    kind: BlobKind,
    counted: u64,
    blobs: u64,
    plain_bytes: u64,
    stored_bytes: u64,
}

impl Shares {
    fn count(&mut self, set: &IndexSet, prefix: &BlobPrefix) {
        let Some(place) = set.places(prefix).into_iter().next() else { return };
        let share = self.0.entry((place.pack.id, place.frame)).or_insert(Share {
            kind: place.pack.kind,
            counted: 0,
            blobs: u64::from(place.entry.blobs),
            plain_bytes: u64::from(place.entry.plain_bytes),
            stored_bytes: place.entry.sealed_bytes(),
        });
        share.counted += 1;
    }

    fn sum(&self) -> Needed {
        let mut needed = Needed::default();
        for share in self.0.values() {
            let part = |bytes: u64| bytes.saturating_mul(share.counted) / share.blobs.max(1);
            let sum = Sum {
                blobs: share.counted,
                plain_bytes: part(share.plain_bytes),
                stored_bytes: part(share.stored_bytes),
            };
            match share.kind {
                BlobKind::Content => needed.content.add(sum),
                BlobKind::Tree => needed.trees.add(sum),
            }
        }
        needed
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
