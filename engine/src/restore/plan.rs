//! Collects what is to be written, in batches of bounded size.
//!
//! The walk meets files in the order of their names; packs are read best in the order of their frames. A batch is
//! large enough to turn one into the other, and small enough that memory does not grow with the snapshot.

use std::collections::HashMap;
use std::sync::Arc;

use super::context::Context;
use super::file::TargetFile;
use super::links::PendingLink;
use super::report::RestoreError;
use crate::error::FormatError;
use crate::fetch::missing;
use crate::id::{ContentId, PackId};
use crate::tree::{BlobRef, ContentListCursor, FileContent, NodeSource};

/// One blob of one file.
#[derive(Debug)]
pub(super) struct Piece {
    /// Number of the pack in the batch.
    pub(super) pack: u32,
    pub(super) frame: u32,
    /// Number of the file in the batch.
    pub(super) file: u32,
    pub(super) slot: u32,
    /// Where the blob goes in the content.
    pub(super) offset: u64,
    pub(super) bytes: u32,
    /// Length of its frame in the pack.
    pub(super) stored_bytes: u32,
    pub(super) id: ContentId,
}

#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) files: Vec<Arc<TargetFile>>,
    pub(super) pieces: Vec<Piece>,
    pub(super) packs: Vec<PackId>,
    pack_numbers: HashMap<PackId, u32>,
    pub(super) links: Vec<PendingLink>,
    weight: usize,
}

impl Batch {
    const PIECES_MAX: usize = 128 << 10;
    /// In bytes of memory, roughly.
    const WEIGHT_MAX: usize = 24 << 20;
    const FILE_WEIGHT: usize = 640;

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.links.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.pieces.len() >= Self::PIECES_MAX || self.weight >= Self::WEIGHT_MAX
    }

    /// Everything but the links is carried out.
    pub(super) fn clear_files(&mut self) {
        *self = Self { links: std::mem::take(&mut self.links), ..Self::default() };
    }

    pub(super) fn add_link(&mut self, link: PendingLink) {
        self.weight += Self::FILE_WEIGHT + link.entry_weight();
        self.links.push(link);
    }

    /// Numbers are of this batch only; a file whose content goes on in the next batch is added again there.
    fn add_file(&mut self, file: &Arc<TargetFile>) -> u32 {
        self.weight += Self::FILE_WEIGHT + entry_weight(&file.entry);
        self.files.push(Arc::clone(file));
        u32::try_from(self.files.len() - 1).expect("a batch is bounded far below 2^32 files")
    }

    fn pack_number(&mut self, pack: PackId) -> u32 {
        let next = u32::try_from(self.packs.len()).expect("a batch is bounded far below 2^32");
        let packs = &mut self.packs;
        *self.pack_numbers.entry(pack).or_insert_with(|| {
            packs.push(pack);
            next
        })
    }
}

/// The bytes that an entry holds beside its fields.
pub(super) fn entry_weight(entry: &crate::tree::Entry) -> usize {
    let content = match &entry.content {
        FileContent::Inline(bytes) => bytes.len(),
        FileContent::List(blobs) => blobs.len() * size_of::<BlobRef>(),
        FileContent::Empty | FileContent::Tree(_) => 0,
    };
    let xattrs: usize = entry.xattrs.iter().map(|xattr| xattr.name.len() + 64).sum();
    content + xattrs + entry.holes.len() * 32
}

/// Carries full batches out.
pub(super) type Flush<'f> = &'f mut dyn FnMut(&mut Batch);

/// Plans the content of one file. Afterwards the batch may be full.
pub(super) fn plan_file(
    context: &Context<'_>,
    nodes: &mut dyn NodeSource,
    batch: &mut Batch,
    file: TargetFile,
    flush: Flush<'_>,
) {
    let file = Arc::new(file);
    let mut number = batch.add_file(&file);
    let mut content_bytes = 0;
    match &file.entry.content {
        // What is stored is not what is written; see `made.rs`.
        _ if file.entry.transform.is_some() => {}
        FileContent::Empty => {}
        FileContent::Inline(bytes) => content_bytes = u64::try_from(bytes.len()).unwrap_or(0),
        FileContent::List(blobs) => {
            for blob in blobs {
                if !plan_blob(context, batch, (&file, number), blob, &mut content_bytes) {
                    break;
                }
            }
        }
        FileContent::Tree(root) => {
            let mut list = ContentListCursor::new(*root);
            loop {
                if batch.is_full() {
                    flush(batch);
                    if context.stopped() {
                        return;
                    }
                    number = batch.add_file(&file);
                }
                match list.next(nodes) {
                    Ok(None) => break,
                    Ok(Some((_, blob))) => {
                        let file = (&file, number);
                        if !plan_blob(context, batch, file, &blob, &mut content_bytes) {
                            break;
                        }
                    }
                    Err(error) if error.is_local() => {
                        file.lose_content(error);
                        break;
                    }
                    Err(error) => return context.stop(RestoreError::Repository(error)),
                }
            }
        }
    }
    file.set_planned(content_bytes);
}

/// False: the content is lost, the rest need not be planned.
fn plan_blob(
    context: &Context<'_>,
    batch: &mut Batch,
    (file, number): (&Arc<TargetFile>, u32),
    blob: &BlobRef,
    offset: &mut u64,
) -> bool {
    let found = context.reader.locate(&blob.id);
    let place = match found.and_then(|place| place.ok_or_else(|| missing(&blob.id))) {
        Ok(place) => place,
        Err(error) if error.is_local() => {
            file.lose_content(error);
            return false;
        }
        Err(error) => {
            context.stop(RestoreError::Repository(error));
            return false;
        }
    };
    let end = offset.checked_add(blob.bytes).filter(|end| i64::try_from(*end).is_ok());
    let (Ok(bytes), Some(end)) = (u32::try_from(blob.bytes), end) else {
        file.lose_content(FormatError::OutOfBounds { what: "length of the content" }.into());
        return false;
    };
    let pack = batch.pack_number(place.pack);
    batch.pieces.push(Piece {
        pack,
        frame: place.frame,
        file: number,
        slot: place.slot,
        offset: *offset,
        bytes,
        stored_bytes: place.stored_bytes,
        id: blob.id,
    });
    *offset = end;
    true
}
