//! Reads all conversations of a file.

use heirloom_chats::reader::Range;

use crate::memory::{Memory, open};

/// Opens everything that messages name. There must be as many messages as were counted.
pub(crate) fn read_all(name: &str, bytes: &[u8]) {
    let (places, errors) = open(&Memory::of(&[(name, bytes)]));
    for chats in places {
        for conversation in chats.conversations().unwrap_or_default() {
            let mut count = 0;
            let read = chats.messages(&conversation.id, Range::default(), &mut |message| {
                for media in &message.media {
                    let _ = chats.open_media(media);
                }
                count += 1;
                true
            });
            if errors.is_empty() && read.is_ok() {
                assert_eq!(count, conversation.messages);
            }
        }
    }
}
