//! Frames that were opened lately. What is in one is wanted soon: the next pages of a database, the next photos.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use crate::error::{FormatError, ReadError};
use crate::id::{ContentId, PackId};
use crate::pack::OpenFrame;
use crate::repository::{FrameRef, Repository};

/// Frames are about this large; a guess for the size of a table.
const FRAME_BYTES: usize = 1 << 20;

/// A frame, and which of its blobs were found to be what they are called.
struct Frame {
    open: OpenFrame,
    verified: Box<[AtomicBool]>,
}

#[derive(Clone, Copy)]
struct Held;

impl Weighter<(PackId, u32), Arc<Frame>> for Held {
    fn weight(&self, _: &(PackId, u32), frame: &Arc<Frame>) -> u64 {
        u64::try_from(frame.open.held_bytes() + frame.verified.len()).unwrap_or(u64::MAX)
    }
}

/// Frames that are kept. Who asks for one that somebody else is fetching waits for it.
pub(super) struct Frames(Cache<(PackId, u32), Arc<Frame>, Held>);

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frames({} of them)", self.0.len())
    }
}

impl Frames {
    pub(super) fn new(bytes: u64) -> Self {
        Self(cache(bytes, FRAME_BYTES, Held))
    }

    /// Hands the piece of content to `take`, verified.
    pub(super) fn content(
        &self,
        repository: &Repository,
        id: &ContentId,
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<(), ReadError> {
        for place in repository.locate(id)? {
            let Ok(frame) = self.frame(repository, &place) else { continue };
            let slot = usize::try_from(place.slot).unwrap_or(usize::MAX);
            if let Some(blob) = frame.blob(repository, slot, id) {
                take(blob);
                return Ok(());
            }
        }
        // Looks again for packs that were replaced since the index was read, and knows what to say.
        take(&repository.content(id)?);
        Ok(())
    }

    /// Makes sure that these pieces will be at hand; that one cannot be had is told to whoever reads it.
    pub(super) fn prepare<'a>(
        &self,
        repository: &Repository,
        ids: impl Iterator<Item = &'a ContentId>,
    ) {
        let mut last = None;
        for id in ids {
            let Some(place) = repository.locate(id).unwrap_or_default().into_iter().next() else {
                continue;
            };
            if last.replace((place.pack, place.frame)) != Some((place.pack, place.frame)) {
                drop(self.frame(repository, &place));
            }
        }
    }

    fn frame(&self, repository: &Repository, place: &FrameRef) -> Result<Arc<Frame>, ReadError> {
        self.0.get_or_insert_with(&(place.pack, place.frame), || {
            let mut opened = None;
            repository.read_frames(place.pack, &[place.frame], &mut |_, frame| {
                opened = Some(frame);
            });
            let nothing = FormatError::OutOfBounds { what: "frame" };
            let nothing = ReadError::Damaged { pack: place.pack, source: nothing };
            let open = opened.unwrap_or(Err(nothing))?;
            let verified = (0..open.len()).map(|_| AtomicBool::new(false)).collect();
            Ok(Arc::new(Frame { open, verified }))
        })
    }
}

impl Frame {
    fn blob(&self, repository: &Repository, slot: usize, id: &ContentId) -> Option<&[u8]> {
        let blob = self.open.blob(slot)?;
        let verified = self.verified.get(slot)?;
        if !verified.load(Ordering::Relaxed) {
            if repository.keys().content_id(blob) != *id {
                return None;
            }
            verified.store(true, Ordering::Relaxed);
        }
        Some(blob)
    }
}

/// A cache that holds so many bytes, of items that are about `item_bytes` large.
pub(super) fn cache<K: Hash + Eq, V: Clone, W: Weighter<K, V> + Clone>(
    bytes: u64,
    item_bytes: usize,
    weighter: W,
) -> Cache<K, V, W> {
    let items = usize::try_from(bytes).unwrap_or(usize::MAX) / item_bytes;
    let mut options = OptionsBuilder::new();
    // One shard: an item may be as large as a good part of the whole.
    options.shards(1).estimated_items_capacity(items.max(1)).weight_capacity(bytes);
    // What was fetched ahead must not make way for what was wanted twice before it is read once.
    options.hot_allocation(0.4);
    let options = options.build().expect("both capacities are set");
    Cache::with_options(
        options,
        weighter,
        DefaultHashBuilder::default(),
        DefaultLifecycle::default(),
    )
}
