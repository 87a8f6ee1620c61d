//! The kit against a host that speaks in frames.

use std::io::{PipeReader, PipeWriter};
use std::sync::Mutex;
use std::thread::{self, JoinHandle};

use super::*;
use crate::message::{Listed, Request, Response};

/// Objects in memory.
#[derive(Default)]
struct Memory(Mutex<BTreeMap<String, Vec<u8>>>);

impl StorePlugin for Memory {
    fn put(&self, name: &str, _: u64, content: &mut Content<'_>) -> Result<(), PluginError> {
        assert_ne!(name, "panic");
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        self.0.lock().expect("nobody panics").insert(name.to_owned(), bytes);
        Ok(())
    }

    fn read(&self, name: &str, offset: u64, _: Option<u64>) -> Result<Opened, PluginError> {
        let objects = self.0.lock().expect("nobody panics");
        let object = objects.get(name).ok_or_else(PluginError::not_found)?;
        let from = usize::try_from(offset).expect("small").min(object.len());
        let part = object[from..].to_vec();
        let bytes = u64::try_from(part.len()).expect("small");
        Ok(Opened { bytes, content: Box::new(io::Cursor::new(part)) })
    }

    fn list(&self, prefix: &str, found: &mut Found<'_>) -> Result<(), PluginError> {
        for (name, bytes) in self.0.lock().expect("nobody panics").iter() {
            if name.starts_with(prefix) {
                found.add(name, u64::try_from(bytes.len()).expect("small"))?;
            }
        }
        found.add("Not A Name", 1)
    }

    fn delete(&self, name: &str) -> Result<(), PluginError> {
        self.0.lock().expect("nobody panics").remove(name);
        Ok(())
    }
}

struct Host {
    to: PipeWriter,
    from: Incoming<PipeReader>,
    plugin: JoinHandle<Result<(), ServeError>>,
}

impl Host {
    fn new(hello: &str) -> Self {
        let (input, to) = io::pipe().expect("a pipe");
        let (from, output) = io::pipe().expect("a pipe");
        let plugin = thread::spawn(move || {
            serve_on(input, output, ("memory", "1"), |setup| {
                if setup.target == "nowhere" {
                    return Err(PluginError::new(ErrorKind::Configuration, "nowhere is no place"));
                }
                Ok((Memory::default(), Ability { parallel: 2, ..Ability::default() }))
            })
        });
        let mut host = Self { to, from: Incoming::new(from), plugin };
        host.send(FrameKind::Hello, 0, hello.as_bytes());
        host
    }

    fn greeted() -> Self {
        let mut host =
            Self::new(r#"{"protocol":"heirloom-store","versions":[1,7],"window":4096,"new":1}"#);
        let hello: PluginHello = decode(&host.next().payload).expect("a HELLO");
        assert_eq!((hello.version, hello.capabilities.parallel), (Some(1), 2));
        host
    }

    fn send(&mut self, kind: FrameKind, stream: u32, payload: &[u8]) {
        let frame = Frame::new(kind, stream, payload.to_vec());
        self.to.write_all(&frame.encode()).expect("the plugin reads");
    }

    fn ask(&mut self, stream: u32, request: &Request) {
        self.send(FrameKind::Request, stream, &encode(request));
    }

    fn next(&mut self) -> Frame {
        self.from.next().expect("frames").expect("another frame")
    }

    fn response(&mut self, stream: u32) -> Response {
        loop {
            let frame = self.next();
            if frame.kind == FrameKind::Response {
                assert_eq!(frame.stream, stream);
                return decode(&frame.payload).expect("a RESPONSE");
            }
        }
    }

    fn put(&mut self, stream: u32, name: &str, bytes: &[u8]) -> Response {
        let size = u64::try_from(bytes.len()).expect("small");
        self.ask(stream, &Request::Put { name: name.into(), size });
        for part in bytes.chunks(1000) {
            self.send(FrameKind::Data, stream, part);
        }
        self.send(FrameKind::End, stream, b"");
        self.response(stream)
    }

    fn kind(response: Response) -> Option<ErrorKind> {
        response.error.map(|error| error.kind)
    }
}

fn put(name: &str, size: u64) -> Request {
    Request::Put { name: name.into(), size }
}

fn read(name: &str) -> Request {
    Request::Read { name: name.into(), offset: None, length: None }
}

#[test]
fn objects_come_and_go() {
    let mut host = Host::greeted();
    assert_eq!(host.put(1, "packs/a", b"hello"), Response::default());
    host.ask(2, &Request::List { prefix: "packs/".into() });
    assert_eq!(host.response(2), Response::default());
    let listed: Vec<Listed> = decode(&host.next().payload).expect("entries");
    assert_eq!(listed, [Listed { name: "packs/a".into(), size: 5 }]);
    assert_eq!(host.next().kind, FrameKind::End);
    host.ask(3, &Request::Delete { name: "packs/a".into() });
    assert_eq!(host.response(3), Response::default());
    host.ask(4, &read("packs/a"));
    assert_eq!(Host::kind(host.response(4)), Some(ErrorKind::NotFound));
    host.send(FrameKind::Ping, 0, b"12");
    assert_eq!(host.next(), Frame::new(FrameKind::Pong, 0, b"12".to_vec()));
    host.send(FrameKind::Bye, 0, b"");
    assert!(host.plugin.join().expect("no panic").is_ok());
}

#[test]
fn a_plugin_sends_no_more_than_it_has_credit_for() {
    let mut host = Host::greeted();
    host.put(1, "a", &[7; 10_000]);
    host.ask(2, &read("a"));
    assert_eq!(host.response(2).size, Some(10_000));
    let mut got = 0;
    while got < 4096 {
        got += host.next().payload.len();
    }
    assert_eq!(got, 4096);
    // The other worker is free: its answer is the next frame, so no DATA was on its way.
    assert_eq!(host.put(3, "b", b"b"), Response::default());
    host.send(FrameKind::Credit, 2, &8192_u32.to_be_bytes());
    while got < 10_000 {
        let frame = host.next();
        assert_eq!((frame.kind, frame.stream), (FrameKind::Data, 2));
        got += frame.payload.len();
    }
    assert_eq!(host.next().kind, FrameKind::End);
}

#[test]
fn a_cancelled_put_leaves_nothing_and_a_cancelled_read_is_over() {
    let mut host = Host::greeted();
    host.put(1, "a", &[7; 10_000]);
    host.ask(2, &put("b", 10));
    host.send(FrameKind::Data, 2, b"12345");
    host.send(FrameKind::Cancel, 2, b"");
    host.ask(3, &read("a"));
    host.send(FrameKind::Cancel, 3, b"");
    host.ask(4, &read("b"));
    let found = loop {
        let frame = host.next();
        if frame.stream == 4 {
            break frame;
        }
    };
    let response: Response = decode(&found.payload).expect("a RESPONSE");
    assert_eq!(Host::kind(response), Some(ErrorKind::NotFound));
}

#[test]
fn content_that_is_shorter_or_longer_than_announced_is_no_object() {
    let mut host = Host::greeted();
    for (stream, announced) in [(1, 4), (2, 6)] {
        host.ask(stream, &put("a", announced));
        host.send(FrameKind::Data, stream, b"12345");
        host.send(FrameKind::End, stream, b"");
        assert!(host.response(stream).error.is_some());
    }
    host.ask(3, &read("a"));
    assert_eq!(Host::kind(host.response(3)), Some(ErrorKind::NotFound));
}

#[test]
fn bad_names_unknown_operations_and_panics_are_answered() {
    let mut host = Host::greeted();
    host.ask(1, &read("../../etc/passwd"));
    assert_eq!(Host::kind(host.response(1)), Some(ErrorKind::Configuration));
    host.send(FrameKind::Request, 2, br#"{"op":"rename","from":"a","to":"b"}"#);
    assert_eq!(Host::kind(host.response(2)), Some(ErrorKind::Unsupported));
    host.ask(3, &put("panic", 0));
    assert_eq!(Host::kind(host.response(3)), Some(ErrorKind::Unreachable));
    assert_eq!(host.put(4, "a", b"still there"), Response::default());
    host.ask(5, &Request::Size { name: "a".into() });
    assert_eq!(Host::kind(host.response(5)), Some(ErrorKind::Unsupported));
}

#[test]
fn a_host_of_another_time_or_with_a_bad_target_is_told_so() {
    for (hello, kind) in [
        (r#"{"protocol":"heirloom-store","versions":[2]}"#, ErrorKind::Unsupported),
        (
            r#"{"protocol":"heirloom-store","versions":[1],"target":"nowhere"}"#,
            ErrorKind::Configuration,
        ),
    ] {
        let mut host = Host::new(hello);
        let hello: PluginHello = decode(&host.next().payload).expect("a HELLO");
        assert_eq!(hello.error.map(|error| error.kind), Some(kind));
        assert!(matches!(host.plugin.join().expect("no panic"), Err(ServeError::NotOpened)));
    }
    let stranger = Host::new(r#"{"hello":"world"}"#);
    assert!(matches!(stranger.plugin.join().expect("no panic"), Err(ServeError::NotTheHost)));
}

#[test]
fn a_host_that_sends_more_than_it_may_is_left() {
    let mut host = Host::greeted();
    host.ask(1, &put("panic", 1));
    host.response(1);
    host.ask(2, &put("a", 4 << 20));
    host.ask(3, &put("b", 4 << 20));
    // Both workers are busy, so nobody takes the data of the third and no credit is given.
    host.ask(4, &put("c", 4 << 20));
    let mebibyte = Frame::new(FrameKind::Data, 4, vec![0; 1 << 20]).encode();
    host.to.write_all(&mebibyte).expect("within the window");
    host.to.write_all(&Frame::new(FrameKind::Data, 4, vec![0]).encode()).ok();
    let ended = host.plugin.join().expect("no panic");
    assert!(matches!(ended, Err(ServeError::Unexpected(FrameKind::Data))), "{ended:?}");
}
