//! Messages of Protocol Buffers within messages: no panic, and they end.
#![no_main]

use heirloom_chats::proto::{Value, fields};
use libfuzzer_sys::fuzz_target;

fn descend(message: &[u8], depth: u32) -> usize {
    let mut seen = 0;
    for field in fields(message) {
        seen += 1;
        if let Ok((number, value)) = field {
            assert!(number > 0);
            let _ = value.text();
            if let (Value::Bytes(inner), 1..) = (value, depth) {
                assert!(inner.len() < message.len());
                seen += descend(inner, depth - 1);
            }
        }
    }
    seen
}

fuzz_target!(|bytes: &[u8]| {
    assert!(descend(bytes, 3) <= 4 * bytes.len());
});
