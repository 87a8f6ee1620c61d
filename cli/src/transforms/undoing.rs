//! From the sections to the file.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use heirloom_chats::files::ReadAt;
use heirloom_chats::transform as chats;
use heirloom_engine::transform::{Form, StoredContent, Undo};
use heirloom_engine::tree::Transform;

use super::io_error;

/// Puts together whatever this program has taken apart.
#[derive(Debug)]
pub(crate) struct PutTogether;

impl Undo for PutTogether {
    fn undo(
        &self,
        transform: &Transform,
        stored: Arc<dyn StoredContent>,
        form: Form,
    ) -> Option<io::Result<Box<dyn Read + Send>>> {
        let form = match form {
            Form::Original => chats::Form::Original,
            Form::Decoded => chats::Form::Decoded,
        };
        let is_known = transform.name == chats::NAME;
        is_known.then(|| chats::put_together(Arc::new(Sections(stored)), form))
    }
}

#[derive(Debug)]
struct Sections(Arc<dyn StoredContent>);

impl ReadAt for Sections {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, offset: u64, bytes: usize) -> io::Result<Bytes> {
        self.0.read_at(offset, bytes).map_err(io_error)
    }
}
