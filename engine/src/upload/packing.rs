//! Which frame goes into which pack, and a pack on its last steps: sealed, put into the store, noted for the index.

use std::sync::Arc;

use bytes::Bytes;

use super::{Shared, UploadError};
use crate::pack::{BlobKind, Frame, PackWriter};
use crate::progress::Counter;

/// Where packs come from and go to.
pub(super) trait Yard {
    /// Why it takes no more.
    type Error;

    /// Memory for a pack of this kind.
    fn buffer(&mut self, kind: BlobKind) -> Result<Vec<u8>, Self::Error>;

    /// Takes a pack that gets no further frame.
    fn finish(&mut self, pack: PackWriter) -> Result<(), Self::Error>;
}

/// The packs that take frames: one of each kind.
#[derive(Debug, Default)]
pub(super) struct Packing {
    content: Option<PackWriter>,
    tree: Option<PackWriter>,
}

impl Packing {
    /// Adds a frame. The order of frames decides which pack they are in.
    pub(super) fn push<Y: Yard>(
        &mut self,
        shared: &Shared,
        kind: BlobKind,
        frame: Frame,
        yard: &mut Y,
    ) -> Result<(), Y::Error> {
        let slot = match kind {
            BlobKind::Content => &mut self.content,
            BlobKind::Tree => &mut self.tree,
        };
        if let Some(pack) = slot.take_if(|pack| !pack.has_room_for(&frame)) {
            yard.finish(pack)?;
        }
        let pack = if let Some(pack) = slot {
            pack
        } else {
            let buffer = yard.buffer(kind)?;
            let Shared { session_key, clock, pack_bytes, .. } = shared;
            let clock = clock.as_ref();
            slot.insert(PackWriter::with_buffer(kind, session_key, *pack_bytes, clock, buffer))
        };
        pack.push(frame);
        slot.take_if(|pack| pack.should_close()).map_or(Ok(()), |pack| yard.finish(pack))
    }

    /// Hands out what is begun.
    pub(super) fn finish<Y: Yard>(&mut self, yard: &mut Y) -> Result<(), Y::Error> {
        [self.content.take(), self.tree.take()]
            .into_iter()
            .flatten()
            .try_for_each(|pack| yard.finish(pack))
    }
}

/// Seals a pack and puts it into the store. Gives back its memory, and tells the bytes put.
pub(super) fn store(shared: &Shared, pack: PackWriter) -> Result<(Vec<u8>, u64), UploadError> {
    let finished = pack.finish(&shared.keys, shared.clock.as_ref());
    let name = format!("packs/{}", finished.id);
    let bytes = Bytes::from(finished.bytes);
    shared.runtime.block_on(shared.storage.put(&name, bytes.clone()))?;
    let pack_bytes = finished.record.size;
    shared.progress.add(Counter::StoredBytes, pack_bytes);
    if finished.record.table.kind == BlobKind::Tree {
        shared.cache.keep_tree_pack(&finished.id, &bytes);
    }
    let segment_bytes = Arc::clone(&shared.segments).add(shared, finished.record)?;
    let buffer = bytes.try_into_mut().map(Vec::from).unwrap_or_default();
    Ok((buffer, pack_bytes + segment_bytes))
}
