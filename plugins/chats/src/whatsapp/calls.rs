//! Lists of calls that no message stands for. Its calls belong to conversations all the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::ChatError;
use crate::files::{Item, ReadAt};
use crate::model::{Conversation, Found, Media, Message};
use crate::reader::{Chats, Range, Window};
use crate::sqlite::Database;

use super::names::{Names, kind};

/// Reads all calls, with the addresses of the conversations that they belong to.
type Read = fn(&Database, &Names) -> Result<Vec<(String, Message)>, ChatError>;

/// A list of calls.
#[derive(Debug)]
pub(crate) struct Calls {
    pub(crate) found: Found,
    pub(crate) database: Database,
    pub(crate) names: Names,
    pub(crate) read: Read,
}

impl Calls {
    /// All calls in the order of their time.
    fn all(&self) -> Result<Vec<(String, Message)>, ChatError> {
        let mut all = (self.read)(&self.database, &self.names)?;
        all.sort_by_key(|(_, message)| (message.time, message.position));
        Ok(all)
    }
}

impl Chats for Calls {
    fn found(&self) -> &Found {
        &self.found
    }

    fn conversations(&self) -> Result<Vec<Conversation>, ChatError> {
        self.database.begin();
        let mut all: BTreeMap<String, Conversation> = BTreeMap::new();
        for (address, message) in self.all()? {
            let conversation = all.entry(address).or_insert_with_key(|address| Conversation {
                id: address.clone(),
                app: self.found.app,
                name: self.names.name(address),
                kind: kind(address),
                participants: vec![self.names.by_address(address), self.names.me()],
                messages: 0,
                media: 0,
                first: message.time,
                last: None,
                is_archived: false,
            });
            conversation.messages += 1;
            conversation.last = message.time;
        }
        Ok(all.into_values().collect())
    }

    fn messages(
        &self,
        conversation: &str,
        range: Range,
        visit: &mut dyn FnMut(Message) -> bool,
    ) -> Result<(), ChatError> {
        self.database.begin();
        let mut window = Window::new(range, visit);
        for (_, message) in self.all()?.into_iter().filter(|(address, _)| address == conversation) {
            if !window.push(message) {
                break;
            }
        }
        window.finish();
        Ok(())
    }

    fn find_media(&self, _media: &Media) -> Result<Option<Item>, ChatError> {
        Ok(None)
    }

    fn open_media(&self, _media: &Media) -> Result<Option<Arc<dyn ReadAt>>, ChatError> {
        Ok(None)
    }

    fn check(&self) -> Result<Vec<String>, ChatError> {
        self.database.begin();
        self.database.check()
    }
}
