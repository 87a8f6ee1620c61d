//! Golden transcripts, taken from the documentation; bytes that are no frames.

use super::*;
use crate::message::{
    Ability, ErrorBody, ErrorKind, HostHello, Listed, Log, PROTOCOL, PluginHello, Request,
    Response, encode,
};

/// Lines of the blocks marked `frames`: direction, name, length, type, stream, payload.
fn documented() -> Vec<(String, Vec<u8>)> {
    let page = include_str!("../../../../docs/plugins.md");
    let blocks = page.split("```frames\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap_or_default().lines());
    lines.map(parse_line).collect()
}

fn parse_line(line: &str) -> (String, Vec<u8>) {
    let mut parts = line.split_whitespace();
    let mut next = || parts.next().expect("direction, name, length, type, stream");
    let (direction, name) = (next(), next());
    let mut bytes: Vec<u8> = (0..3).flat_map(|_| from_hex(next())).collect();
    let rest = line.splitn(2, next_of(line)).last().unwrap_or_default();
    let payload = rest.trim();
    if let Some(hex) = payload.strip_prefix("x ") {
        bytes.extend(from_hex(&hex.replace(' ', "")));
    } else {
        bytes.extend(payload.bytes());
    }
    (format!("{direction} {name}"), bytes)
}

/// The stream's eight digits, after which the payload begins.
fn next_of(line: &str) -> &str {
    line.split_whitespace().nth(4).expect("a stream")
}

fn from_hex(digits: &str) -> Vec<u8> {
    let digit = |at: usize| digits.get(at..at + 2).expect("pairs of digits");
    let pairs = (0..digits.len()).step_by(2).map(digit);
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal")).collect()
}

fn json(kind: FrameKind, stream: u32, message: &impl serde::Serialize) -> Frame {
    Frame::new(kind, stream, encode(message))
}

fn bare(kind: FrameKind, stream: u32) -> Frame {
    Frame::new(kind, stream, Vec::new())
}

fn hellos() -> Vec<(&'static str, Frame)> {
    let pair = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
    let host = HostHello {
        protocol: PROTOCOL.into(),
        versions: vec![1],
        host: "heirloom 0.1.0".into(),
        target: "/srv/backup".into(),
        config: pair("region", "north"),
        secrets: pair("token", "hunter2"),
        window: 1 << 20,
    };
    let ability =
        Ability { atomic_put: true, durable: true, size: true, parallel: 8, ..Ability::default() };
    let plugin = PluginHello {
        version: Some(1),
        name: "folder".into(),
        plugin_version: "0.1.0".into(),
        window: 1 << 20,
        capabilities: ability,
        error: None,
    };
    let refusal = ErrorBody {
        kind: ErrorKind::Configuration,
        message: "no such folder".into(),
        temporary: false,
        retry_after_ms: None,
    };
    let refused = PluginHello { window: 1 << 20, error: Some(refusal), ..PluginHello::default() };
    vec![
        (">", json(FrameKind::Hello, 0, &host)),
        ("<", json(FrameKind::Hello, 0, &plugin)),
        ("<", json(FrameKind::Hello, 0, &refused)),
    ]
}

fn calls() -> Vec<(&'static str, Frame)> {
    use FrameKind::{Credit, Data, End, Request as Ask, Response as Answer};
    let name = || "packs/00ff".to_owned();
    let size = |size| Response { size: Some(size), error: None };
    let data = |stream, bytes: &[u8]| Frame::new(Data, stream, bytes.to_vec());
    let limited = ErrorBody {
        kind: ErrorKind::RateLimited,
        message: "too many requests".into(),
        temporary: true,
        retry_after_ms: Some(1500),
    };
    let listed = [Listed { name: name(), size: 11 }, Listed { name: "packs/0100".into(), size: 4 }];
    let read = Request::Read { name: name(), offset: Some(6), length: Some(5) };
    let whole = Request::Read { name: name(), offset: None, length: None };
    let failure = Response { size: None, error: Some(limited) };
    vec![
        (">", json(Ask, 1, &Request::Put { name: name(), size: 11 })),
        (">", data(1, b"hello world")),
        (">", bare(End, 1)),
        ("<", Frame::credit(1, 11)),
        ("<", json(Answer, 1, &Response::default())),
        (">", json(Ask, 2, &read)),
        ("<", json(Answer, 2, &size(5))),
        ("<", data(2, b"world")),
        ("<", bare(End, 2)),
        (">", Frame::new(Credit, 2, vec![0, 0, 0, 5])),
        (">", json(Ask, 3, &Request::List { prefix: "packs/".into() })),
        ("<", json(Answer, 3, &Response::default())),
        ("<", json(Data, 3, &listed)),
        ("<", bare(End, 3)),
        (">", json(Ask, 4, &Request::Delete { name: name() })),
        ("<", json(Answer, 4, &Response::default())),
        (">", json(Ask, 5, &Request::Size { name: "packs/0100".into() })),
        ("<", json(Answer, 5, &size(4))),
        (">", json(Ask, 6, &whole)),
        ("<", json(Answer, 6, &failure)),
        (">", bare(FrameKind::Cancel, 7)),
    ]
}

fn others() -> Vec<(&'static str, Frame)> {
    let log = Log { level: "warn".into(), message: "slow today".into() };
    vec![
        (">", Frame::new(FrameKind::Ping, 0, b"?".to_vec())),
        ("<", Frame::new(FrameKind::Pong, 0, b"?".to_vec())),
        ("<", json(FrameKind::Log, 0, &log)),
        (">", bare(FrameKind::Bye, 0)),
    ]
}

#[test]
fn every_frame_of_the_documentation_is_what_the_code_sends() {
    let frames = [hellos(), calls(), others()].concat();
    let expected: Vec<_> = frames
        .iter()
        .map(|(way, frame)| (format!("{way} {}", frame.kind.name()), frame.encode()))
        .collect();
    let documented = documented();
    for ((title, bytes), (expected_title, expected)) in documented.iter().zip(&expected) {
        assert_eq!(title, expected_title);
        let shown = |bytes: &[u8]| bytes.escape_ascii().to_string();
        assert_eq!(shown(bytes), shown(expected), "{title}");
    }
    assert_eq!(documented.len(), expected.len());
    for kind in FrameKind::ALL {
        assert!(frames.iter().any(|(_, frame)| frame.kind == kind), "{kind:?} has no example");
    }
}

#[test]
fn what_was_encoded_is_decoded_byte_by_byte_and_at_once() {
    let frames: Vec<Frame> =
        [hellos(), calls(), others()].concat().into_iter().map(|(_, frame)| frame).collect();
    let bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
    assert_eq!(Decoder::new().push(&bytes), Ok(frames.clone()));
    let mut decoder = Decoder::new();
    let mut found = Vec::new();
    for byte in &bytes {
        found.extend(decoder.push(&[*byte]).expect("frames"));
    }
    assert_eq!(found, frames);
    assert_eq!(decoder.excerpt(), b"");
}

#[test]
fn what_is_no_frame_is_refused_for_good_and_shown() {
    let mut decoder = Decoder::new();
    let error = decoder.push(b"Traceback (most recent call last)").expect_err("text");
    assert_eq!(error, FrameError::Length { length: 0x5472_6163 });
    assert_eq!(decoder.excerpt(), b"Traceback (most recent call last)");
    assert_eq!(decoder.push(&bare(FrameKind::Bye, 0).encode()), Err(error));
}

#[test]
fn a_frame_has_the_type_stream_and_size_that_it_must_have() {
    let push = |bytes: &[u8]| Decoder::new().push(bytes).expect_err("no frame");
    let payload_bytes = 1;
    for (bytes, error) in [
        (&[0, 0, 0, 4][..], FrameError::Length { length: 4 }),
        (&[0, 16, 0, 6], FrameError::Length { length: (1 << 20) + 6 }),
        (&[0, 0, 0, 5, 11], FrameError::Kind { code: 11 }),
        (&[0, 0, 0, 5, 3], FrameError::Payload { kind: FrameKind::Data, payload_bytes: 0 }),
        (&[0, 0, 0, 6, 4], FrameError::Payload { kind: FrameKind::End, payload_bytes }),
        (&[0, 0, 0, 6, 5], FrameError::Payload { kind: FrameKind::Credit, payload_bytes }),
        (&[0, 0, 0, 6, 10], FrameError::Payload { kind: FrameKind::Bye, payload_bytes }),
        (&[0, 0, 0, 5, 4, 0, 0, 0, 0], FrameError::Stream { kind: FrameKind::End, stream: 0 }),
        (&[0, 0, 0, 5, 7, 0, 0, 0, 1], FrameError::Stream { kind: FrameKind::Ping, stream: 1 }),
    ] {
        assert_eq!(push(bytes), error, "{bytes:?}");
    }
}

#[test]
fn the_largest_frame_is_a_frame() {
    let frame = Frame::new(FrameKind::Data, u32::MAX, vec![7; PAYLOAD_BYTES_MAX]);
    assert_eq!(Decoder::new().push(&frame.encode()), Ok(vec![frame]));
    assert_eq!(header(FrameKind::Data, 1, PAYLOAD_BYTES_MAX + 1), None);
}
