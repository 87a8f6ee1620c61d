//! Headers of encrypted backups, keys, and whole backups: no panic, and nothing comes out of what no key ever wrote.
#![no_main]

use std::sync::LazyLock;

use heirloom_chats::crypt::{Header, Key, open};
use heirloom_chats::proto::fields;
use libfuzzer_sys::fuzz_target;
use memory::File;

#[path = "../../../plugins/chats/tests/rendered/memory.rs"]
#[allow(dead_code, reason = "each target uses a part of it")]
mod memory;

static KEY: LazyLock<Key> = LazyLock::new(|| Key::parse(&[b'7'; 64]).expect("a key of 64 digits"));

fuzz_target!(|bytes: &[u8]| {
    let _ = Header::parse(bytes);
    let _ = Key::parse(bytes);
    let file = File(bytes.to_vec().into());
    assert!(open(&file, &KEY).is_err());
    assert!(fields(bytes).count() <= bytes.len());
});
