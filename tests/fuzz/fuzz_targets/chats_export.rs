//! Exported texts, as they are and in an archive: no panic, and as many messages as were counted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use whole::read_all;

#[path = "../../../plugins/chats/tests/rendered/memory.rs"]
#[allow(dead_code, reason = "each target uses a part of it")]
mod memory;
mod whole;

const NAMES: [&str; 4] =
    ["_chat.txt", "WhatsApp Chat with Anna.txt", "WhatsApp Chat - Anna.zip", "signal/messages.txt"];

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, bytes) = input;
    read_all(NAMES[usize::from(choice) % NAMES.len()], bytes);
});
