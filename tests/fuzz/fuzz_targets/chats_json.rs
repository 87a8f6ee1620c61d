//! Downloads and exports as JSON, of every app: no panic, and as many messages as were counted.
#![no_main]

use heirloom_chats::reader::Range;
use libfuzzer_sys::fuzz_target;
use memory::{Memory, open};

#[path = "../../../plugins/chats/tests/rendered/memory.rs"]
#[allow(dead_code, reason = "each target uses a part of it")]
mod memory;

const NAMES: [&str; 5] = [
    "result.json",
    "your_activity_across_facebook/messages/inbox/anna_1/message_1.json",
    "messages/inbox/anna_1/message_1.json",
    "your_instagram_activity/messages/inbox/anna_1/message_1.json",
    "Server - general [1].json",
];

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, bytes) = input;
    let name = NAMES[usize::from(choice) % NAMES.len()];
    let (places, errors) = open(&Memory::of(&[(name, bytes)]));
    for chats in places {
        for conversation in chats.conversations().unwrap_or_default() {
            let mut count = 0;
            let read = chats.messages(&conversation.id, Range::default(), &mut |_| {
                count += 1;
                true
            });
            if errors.is_empty() && read.is_ok() {
                assert_eq!(count, conversation.messages);
            }
        }
    }
});
