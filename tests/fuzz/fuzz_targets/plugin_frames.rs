//! Whatever a plugin or host sends: no panic, no more memory than an unfinished frame, and the same frames in any pieces.
#![no_main]

use heirloom_plugin::message::{HostHello, Listed, Log, PluginHello, Request, Response, decode};
use heirloom_plugin::{Decoder, Frame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    for part in bytes.chunks(7) {
        match decoder.push(part) {
            Ok(more) => frames.extend(more),
            Err(error) => {
                assert_eq!(decoder.push(b"more"), Err(error));
                break;
            }
        }
    }
    for frame in &frames {
        let _ = decode::<HostHello>(&frame.payload);
        let _ = decode::<PluginHello>(&frame.payload);
        let _ = decode::<Request>(&frame.payload);
        let _ = decode::<Response>(&frame.payload);
        let _ = decode::<Vec<Listed>>(&frame.payload);
        let _ = decode::<Log>(&frame.payload);
    }
    let encoded: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
    assert_eq!(bytes.get(..encoded.len()), Some(encoded.as_slice()));
});
