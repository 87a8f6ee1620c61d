//! Downloads and exports as JSON, of every app: no panic, and as many messages as were counted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use whole::read_all;

#[path = "../../../plugins/chats/tests/rendered/memory.rs"]
#[allow(dead_code, reason = "each target uses a part of it")]
mod memory;
mod whole;

const NAMES: [&str; 5] = [
    "result.json",
    "your_activity_across_facebook/messages/inbox/anna_1/message_1.json",
    "messages/inbox/anna_1/message_1.json",
    "your_instagram_activity/messages/inbox/anna_1/message_1.json",
    "Server - general [1].json",
];

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, bytes) = input;
    read_all(NAMES[usize::from(choice) % NAMES.len()], bytes);
});
