//! What is stored instead of a file, and archives that are to be taken apart: no panic, an end, and only what comes back the same is taken apart.
#![no_main]

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use heirloom_chats::files::ReadAt;
use heirloom_chats::transform::{Form, put_together, take_apart};
use libfuzzer_sys::fuzz_target;
use memory::File;

#[path = "../../../plugins/chats/tests/rendered/memory.rs"]
#[allow(dead_code, reason = "each target uses a part of it")]
mod memory;

/// More than any recipe of this length may ask for without an error.
const OUT_BYTES_MAX: u64 = 64 << 20;

fuzz_target!(|bytes: &[u8]| {
    let file = |bytes: Vec<u8>| -> Arc<dyn ReadAt> { Arc::new(File(bytes.into())) };
    for form in [Form::Original, Form::Decoded] {
        if let Ok(stream) = put_together(file(bytes.to_vec()), form) {
            let _ = stream.take(OUT_BYTES_MAX).read_to_end(&mut Vec::new());
        }
    }
    let whole = file(bytes.to_vec());
    if let Ok(Some(taken)) = take_apart(Path::new("WhatsApp Chat - Anna.zip"), &whole, &[]) {
        let mut stored = Vec::new();
        taken.content(whole).read_to_end(&mut stored).expect("it was proved");
        let mut back = Vec::new();
        let stream = put_together(file(stored), Form::Original);
        stream.and_then(|mut stream| stream.read_to_end(&mut back)).expect("it was proved");
        assert!(back == bytes);
    }
});
