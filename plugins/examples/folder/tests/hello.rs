//! The program is built and speaks; `tests/plugins` holds it to the contract.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use heirloom_plugin::message::{PluginHello, decode};
use heirloom_plugin::{Decoder, Frame, FrameKind};

fn greet(target: &str) -> PluginHello {
    let mut plugin = Command::new(env!("CARGO_BIN_EXE_heirloom-store-folder"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let hello = format!(r#"{{"protocol":"heirloom-store","versions":[1],"target":"{target}"}}"#);
    let frame = Frame::new(FrameKind::Hello, 0, hello.into_bytes());
    // Dropped at once: the end of its input ends the plugin.
    plugin.stdin.take().expect("a pipe").write_all(&frame.encode()).expect("it reads");
    let mut bytes = Vec::new();
    plugin.stdout.take().expect("a pipe").read_to_end(&mut bytes).expect("it ends");
    plugin.wait().expect("it ends");
    let frames = Decoder::new().push(&bytes).expect("frames");
    assert_eq!(frames.len(), 1, "{frames:?}");
    decode(&frames.first().expect("one").payload).expect("a HELLO")
}

#[test]
fn it_chooses_the_version_and_says_what_it_can_do() {
    let hello = greet("/nowhere/at/all");
    assert_eq!(hello.version, Some(1));
    assert!(hello.capabilities.atomic_put && hello.capabilities.durable);
}

#[test]
fn a_relative_folder_is_refused() {
    let error = greet("somewhere").error.expect("refused");
    assert_eq!(error.message, "write plugin+folder:/absolute/folder");
}
