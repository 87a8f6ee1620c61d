//! The proxy: what it passes on is untouched, and every fault is the one that was asked for.

use std::time::{Duration, Instant};

use anyhow::Result;
use heirloom_kit::{DavHabits, Proxy, ProxyFault, RawAnswer, TearingDav, Times, raw_http};

struct Line {
    server: TearingDav,
    proxy: Proxy,
}

impl Line {
    fn new() -> Result<Self> {
        let server = TearingDav::start(DavHabits::default())?;
        let proxy = Proxy::before(server.address())?;
        Ok(Self { server, proxy })
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Result<RawAnswer> {
        raw_http(self.proxy.address(), (method, path), &[], body)
    }

    /// What the server has, whatever the proxy says.
    fn stored(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.server.files().join(name)).ok()
    }
}

fn bytes() -> Vec<u8> {
    (0..50_000_u32).map(|n| u8::try_from(n % 251).expect("below 251")).collect()
}

#[test]
fn requests_and_answers_pass_and_are_written_down() -> Result<()> {
    let line = Line::new()?;
    assert_eq!(line.ask("PUT", "/a?x=1&y=2", &bytes())?.status, 201);
    let answer = line.ask("GET", "/a", b"")?;
    assert!(answer.complete && answer.body == bytes());
    assert_eq!(line.ask("HEAD", "/a", b"")?.header("content-length"), Some("50000"));
    assert_eq!(line.ask("DELETE", "/a", b"")?.status, 204);
    let log = line.proxy.log();
    assert_eq!((log[0].method.as_str(), log[0].path.as_str()), ("PUT", "/a"));
    assert_eq!(log[0].query_keys, ["x", "y"]);
    assert_eq!((log[0].sent_bytes, log[0].status), (50_000, Some(201)));
    assert_eq!((log[1].received_bytes, log.len()), (50_000, 4));
    assert!(!log[0].has_credentials());
    Ok(())
}

#[test]
fn credentials_are_seen_and_not_kept() -> Result<()> {
    let proxy = Proxy::alone()?;
    let header = [("Authorization", "Basic hidden")];
    assert_eq!(raw_http(proxy.address(), ("GET", "/"), &header, b"")?.status, 404);
    raw_http(proxy.address(), ("GET", "/?X-Amz-Signature=hidden"), &[], b"")?;
    assert!(proxy.log().iter().all(heirloom_kit::Exchange::has_credentials));
    assert!(!format!("{:?}", proxy.log()).contains("hidden"));
    Ok(())
}

#[test]
fn answers_are_cut_short_announced_wrongly_and_spoiled() -> Result<()> {
    let line = Line::new()?;
    line.ask("PUT", "/a", &bytes())?;
    let with = |fault: ProxyFault| -> Result<RawAnswer> {
        line.proxy.heal();
        line.proxy.inject(fault, Times::Always, |asked| asked.method == "GET");
        line.ask("GET", "/a", b"")
    };
    let cut = with(ProxyFault::CutAnswer { after: 20_000 })?;
    assert!(!cut.complete && cut.body == bytes()[..20_000]);
    let short = with(ProxyFault::ShortAnswer { keep: 20_000 })?;
    assert!(short.complete && short.body == bytes()[..20_000]);
    let wrong = with(ProxyFault::WrongLength { announce: 60_000 })?;
    assert!(!wrong.complete && wrong.body == bytes());
    let flipped = with(ProxyFault::FlipAnswer { position: -1 })?;
    assert!(flipped.complete && flipped.body[49_999] == bytes()[49_999] ^ 1);
    assert_eq!(flipped.body[..49_999], bytes()[..49_999]);
    let zeros = with(ProxyFault::ZeroAnswer { keep: 10 })?;
    assert!(zeros.complete && zeros.body.len() == 50_000);
    assert!(zeros.body[10..].iter().all(|byte| *byte == 0));
    Ok(())
}

#[test]
fn a_lost_answer_was_carried_out_and_a_cut_request_was_not() -> Result<()> {
    let line = Line::new()?;
    line.proxy.inject(ProxyFault::LoseAnswer, Times::Always, |asked| asked.path == "/lost");
    let cut = ProxyFault::CutRequest { after: 1000 };
    line.proxy.inject(cut, Times::Always, |asked| asked.path == "/cut");
    assert!(line.ask("PUT", "/lost", &bytes()).is_err());
    assert!(line.ask("PUT", "/cut", &bytes()).is_err());
    assert_eq!(line.stored("lost"), Some(bytes()));
    assert_eq!(line.stored("cut"), None);
    let torn = ProxyFault::TearUpload { keep: 700 };
    line.proxy.inject(torn, Times::Always, |asked| asked.path == "/torn");
    assert_eq!(line.ask("PUT", "/torn", &bytes())?.status, 201);
    assert_eq!(line.stored("torn").map(|bytes| bytes.len()), Some(700));
    Ok(())
}

#[test]
fn a_storm_ends_and_a_slow_line_is_slow() -> Result<()> {
    let line = Line::new()?;
    line.proxy.inject(ProxyFault::status(503), Times::Share { bad: 2, of: 3 }, |_| true);
    let statuses: Vec<u16> =
        (0..6).map(|_| Ok(line.ask("PUT", "/a", b"x")?.status)).collect::<Result<_>>()?;
    assert_eq!(statuses, [503, 503, 201, 503, 503, 204]);
    line.proxy.heal();
    line.proxy.inject(ProxyFault::slow_down(7), Times::First(1), |_| true);
    let refused = line.ask("PUT", "/a", b"x")?;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("7")));
    line.proxy.set_latency(Duration::from_millis(80));
    line.proxy.set_bandwidth(500_000.0);
    let started = Instant::now();
    line.ask("PUT", "/a", &bytes())?;
    assert!(started.elapsed() >= Duration::from_millis(170), "{:?}", started.elapsed());
    Ok(())
}
