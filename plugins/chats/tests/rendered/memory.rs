//! A tree of files in memory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use heirloom_chats::error::ChatError;
use heirloom_chats::files::{Files, Item, ReadAt};
use heirloom_chats::model::{Conversation, Message, Remark};
use heirloom_chats::reader::{self, Chats, Range};

#[derive(Debug, Default)]
pub(crate) struct Memory(BTreeMap<PathBuf, Bytes>);

#[derive(Debug)]
pub(crate) struct File(pub(crate) Bytes);

impl ReadAt for File {
    fn size(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap()
    }

    fn read_at(&self, offset: u64, bytes: usize) -> io::Result<Bytes> {
        let start = usize::try_from(offset).unwrap().min(self.0.len());
        Ok(self.0.slice(start..start.saturating_add(bytes).min(self.0.len())))
    }
}

impl Memory {
    pub(crate) fn of(files: &[(&str, &[u8])]) -> Arc<dyn Files> {
        let files =
            files.iter().map(|(path, bytes)| (PathBuf::from(path), Bytes::copy_from_slice(bytes)));
        Arc::new(Self(files.collect()))
    }
}

impl Files for Memory {
    fn walk(&self, folder: &Path, visit: &mut dyn FnMut(&Item)) -> io::Result<()> {
        for path in self.0.keys().filter(|path| path.starts_with(folder)) {
            visit(&self.find(path)?.unwrap());
        }
        Ok(())
    }

    fn find(&self, path: &Path) -> io::Result<Option<Item>> {
        let size = self.0.get(path).map(|bytes| u64::try_from(bytes.len()).unwrap());
        Ok(size.map(|size| Item { path: path.to_owned(), is_folder: false, size, mtime_ns: 0 }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadAt>> {
        let bytes = self.0.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(File(bytes.clone())))
    }
}

/// Everything that is found, and everything that is reported.
pub(crate) fn open(files: &Arc<dyn Files>) -> (Vec<Box<dyn Chats>>, Vec<ChatError>) {
    let mut errors = Vec::new();
    let chats = reader::open_all(files, &mut |error| errors.push(error));
    (chats, errors)
}

pub(crate) fn messages(chats: &dyn Chats, conversation: &str, range: Range) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut visit = |message: Message| {
        messages.push(message);
        true
    };
    chats.messages(conversation, range, &mut visit).unwrap();
    messages
}

/// The only conversation of a tree.
pub(crate) fn only(files: &Arc<dyn Files>) -> (Conversation, Vec<Message>, Vec<Remark>) {
    let (chats, errors) = open(files);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(chats.len(), 1);
    let [conversation] = <[Conversation; 1]>::try_from(chats[0].conversations().unwrap()).unwrap();
    let messages = messages(&*chats[0], &conversation.id, Range::default());
    (conversation, messages, chats[0].found().remarks.clone())
}
