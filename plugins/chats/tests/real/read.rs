//! Everything that is found in a folder, read into memory.

use std::path::Path;
use std::sync::Arc;

use heirloom_chats::error::Fault;
use heirloom_chats::files::Files;
use heirloom_chats::folder::Folder;
use heirloom_chats::model::{App, Conversation, Message, Remark};
use heirloom_chats::reader::{self, Range};

/// A conversation with everything that was said.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) app: App,
    pub(crate) found: String,
    pub(crate) remarks: Vec<Remark>,
    pub(crate) conversation: Conversation,
    pub(crate) messages: Vec<Message>,
    /// Files of messages that are there and can be opened.
    pub(crate) media_found: u64,
}

/// All conversations of a folder; errors end the test, but for forms that are not read.
pub(crate) fn texts_in(folder: &Path) -> Vec<Text> {
    let files: Arc<dyn Files> = Arc::new(Folder::new(folder));
    texts_of(&files)
}

/// All conversations of a tree; errors end the test, but for forms that are not read.
pub(crate) fn texts_of(files: &Arc<dyn Files>) -> Vec<Text> {
    let mut texts = Vec::new();
    for chats in reader::open_all(files, &mut |error| {
        assert!(matches!(error.fault, Fault::Form { .. }), "{error}: {:?}", error.fault);
    }) {
        for conversation in chats.conversations().expect("conversations are found") {
            let mut messages = Vec::new();
            let mut visit = |message: Message| {
                messages.push(message);
                true
            };
            chats
                .messages(&conversation.id, Range::default(), &mut visit)
                .expect("messages can be read");
            let media = messages.iter().flat_map(|message: &Message| &message.media);
            let found = media.filter(|media| {
                chats.open_media(media).expect("files can be looked for").is_some()
            });
            texts.push(Text {
                app: chats.found().app,
                found: chats.found().path.to_string_lossy().into_owned(),
                remarks: chats.found().remarks.clone(),
                media_found: u64::try_from(found.count()).expect("a count is a number"),
                conversation,
                messages,
            });
        }
    }
    texts
}
