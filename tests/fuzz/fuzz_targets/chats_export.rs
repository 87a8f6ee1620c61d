//! Exported texts, as they are and in an archive: no panic, and as many messages as were counted.
#![no_main]

use heirloom_chats::reader::Range;
use libfuzzer_sys::fuzz_target;
use memory::{Memory, open};

#[path = "../../../plugins/chats/tests/rendered/memory.rs"]
#[allow(dead_code, reason = "each target uses a part of it")]
mod memory;

const NAMES: [&str; 4] =
    ["_chat.txt", "WhatsApp Chat with Anna.txt", "WhatsApp Chat - Anna.zip", "signal/messages.txt"];

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, bytes) = input;
    let name = NAMES[usize::from(choice) % NAMES.len()];
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
});
