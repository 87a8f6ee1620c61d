//! Against servers that misbehave in every way that a real one might.

mod webdav;

use std::error::Error as _;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use heirloom_engine::error::StorageError;
use heirloom_engine::repository::Storage;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::options::Lookup;
use crate::{Address, Opened, open};

/// A request as it arrived.
struct Asked {
    line: String,
    head: String,
    body: Vec<u8>,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        let mut part = vec![0; 16 << 10];
        let count = stream.read(&mut part).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&part[..count]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let line = head.lines().next().unwrap_or_default().to_owned();
        let mut asked = Asked { line, head, body: bytes.split_off(end + 4) };
        let length = asked.header("content-length").map_or(0, |n| n.parse().unwrap_or(0));
        while asked.body.len() < length {
            let count = stream.read(&mut part).await.ok().filter(|count| *count > 0)?;
            asked.body.extend_from_slice(&part[..count]);
        }
        return Some(asked);
    }
}

/// Answers every request with what `answer` makes of it, and tells its address. One request a connection.
async fn server(answer: impl Fn(Asked) -> String + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let address = listener.local_addr().expect("it has an address").to_string();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let Some(asked) = read_request(&mut stream).await else { return };
                let text = answer(asked);
                let stalls = text.ends_with("STALL");
                let text = text.trim_end_matches("STALL");
                let sent = stream.write_all(text.as_bytes()).await;
                if stalls && sent.is_ok() {
                    tokio::time::sleep(Duration::from_mins(1)).await;
                }
            });
        }
    });
    address
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
}

fn http(settings: &StoreSettings) -> (Http, Arc<Traffic>) {
    let traffic = Arc::new(Traffic::default());
    let http = Http::new(settings, Arc::clone(&traffic)).expect("TLS can be set up");
    (http, traffic)
}

fn get(url: &str) -> http::Request<Bytes> {
    http::Request::get(url)
        .header("authorization", "Bearer secret-token-0123456789")
        .body(Bytes::new())
        .expect("it is a request")
}

async fn refused(http: &Http, request: http::Request<Bytes>) -> HttpError {
    match http.send(RequestKind::Read, request).await {
        Ok(answer) => answer.into_body().collect(1 << 20).await.expect_err("it is refused"),
        Err(error) => error,
    }
}

fn store(address: &str, settings: StoreSettings) -> Opened {
    let variables: Lookup = Arc::new(|name| match name {
        "HEIRLOOM_STORE_ACCESS_KEY_ID" => Some("key-id".to_owned()),
        "HEIRLOOM_STORE_SECRET_ACCESS_KEY" => Some("very-secret-key".to_owned()),
        "HEIRLOOM_STORE_PASSWORD" => Some("very-secret-password".to_owned()),
        _ => None,
    });
    let settings = StoreSettings { environment: variables, ..settings };
    let address = Address::parse(address.as_ref()).expect("it parses");
    open(&address, &settings).expect("it can be opened")
}

fn s3(host: &str) -> Arc<dyn Storage> {
    store(
        &format!("s3://bucket/x?endpoint=http://{host}&retries=0&timeout=1"),
        StoreSettings::default(),
    )
    .storage
}

/// Everything that an error prints, with all that it stands upon.
fn words(error: &StorageError) -> String {
    let mut all = vec![format!("{error} {error:?} {error:#?}")];
    let mut next = error.source();
    while let Some(error) = next {
        all.push(format!("{error} {error:?} {error:#?}"));
        next = error.source();
    }
    all.join(" ")
}

#[tokio::test]
async fn a_redirect_to_another_host_is_refused_and_the_other_host_hears_nothing() {
    let heard = Arc::new(AtomicUsize::new(0));
    let other = server({
        let heard = Arc::clone(&heard);
        move |_| {
            heard.fetch_add(1, Ordering::Relaxed);
            answer("200 OK", "", "")
        }
    })
    .await;
    let target = format!("Location: http://user:pw@{other}/y?token=abc\r\n");
    let host = server(move |_| answer("307 Temporary Redirect", &target, "")).await;
    let (http, traffic) = http(&StoreSettings::default());
    let error = refused(&http, get(&format!("http://{host}/x?sig=1"))).await;
    assert_eq!((error.kind, error.temporary), (ErrorKind::Configuration, false));
    assert!(error.message.contains(&host) && error.message.contains(&other), "{error}");
    assert!(!error.message.contains("abc") && !error.message.contains("pw@"), "{error}");
    assert_eq!(heard.load(Ordering::Relaxed), 0);
    assert_eq!(traffic.total().requests, 1);
}

#[tokio::test]
async fn a_redirect_to_the_same_host_is_followed_three_times_for_reading_only() {
    let host = server(|asked| {
        let at: usize =
            asked.line.split(['/', ' ']).nth(2).and_then(|n| n.parse().ok()).unwrap_or(0);
        match at {
            0 => answer("200 OK", "", "arrived"),
            n => answer("302 Found", &format!("Location: /{}\r\n", n - 1), ""),
        }
    })
    .await;
    let (http, traffic) = http(&StoreSettings::default());
    let body = http.send(RequestKind::Read, get(&format!("http://{host}/3"))).await;
    let body = body.expect("three are followed").into_body().collect(10).await;
    assert_eq!(body.expect("it is short"), "arrived");
    assert_eq!(traffic.of(RequestKind::Read).requests, 4);
    assert!(refused(&http, get(&format!("http://{host}/4"))).await.message.contains("circles"));
    let mut put = get(&format!("http://{host}/1"));
    *put.method_mut() = http::Method::PUT;
    assert!(refused(&http, put).await.message.contains("redirects a PUT"));
}

#[tokio::test]
async fn requests_to_slow_down_are_told_from_other_refusals() {
    let (http, _) = http(&StoreSettings::default());
    let drive = r#"{"error":{"code":403,"message":"User Rate Limit Exceeded. Rate of requests","errors":[{"reason":"userRateLimitExceeded"}]}}"#;
    let s3 = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>m</Message></Error>";
    let date =
        "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:47 GMT\r\n";
    for (status, headers, body, wait) in [
        ("429 Too Many Requests", "Retry-After: 7\r\n", "", Some(7)),
        ("429 Too Many Requests", "", "slow", None),
        ("503 Service Unavailable", date, "", Some(10)),
        ("503 Service Unavailable", "", s3, None),
        ("403 Forbidden", "", drive, None),
        ("403 Forbidden", "", "Rate limit exceeded", None),
    ] {
        let text = answer(status, headers, body);
        let host = server(move |_| text.clone()).await;
        let error = refused(&http, get(&format!("http://{host}/"))).await;
        assert_eq!((error.kind, error.temporary), (ErrorKind::RateLimited, true), "{body}");
        assert_eq!(error.retry_after, wait.map(Duration::from_secs), "{status} {body}");
    }
    let denied = answer("403 Forbidden", "", "no, and this is the whole answer");
    let host = server(move |_| denied.clone()).await;
    let passed = http.send(RequestKind::Read, get(&format!("http://{host}/"))).await;
    let passed = passed.expect("it is an answer like any other");
    let body = passed.into_body().collect(100).await.expect("it is short");
    assert_eq!(body, "no, and this is the whole answer");
}

#[tokio::test]
async fn statuses_and_codes_become_decisions() {
    let code = |code: &str| format!("<Error><Code>{code}</Code><Message>words</Message></Error>");
    for (status, body, kind, temporary) in [
        ("507 Insufficient Storage", String::new(), ErrorKind::NoSpace, false),
        ("403 Forbidden", code("QuotaExceeded"), ErrorKind::NoSpace, false),
        ("401 Unauthorized", String::new(), ErrorKind::PermissionDenied, false),
        ("403 Forbidden", code("SignatureDoesNotMatch"), ErrorKind::PermissionDenied, false),
        ("403 Forbidden", code("RequestTimeTooSkewed"), ErrorKind::PermissionDenied, false),
        ("404 Not Found", code("NoSuchBucket"), ErrorKind::Configuration, false),
        ("404 Not Found", code("NoSuchKey"), ErrorKind::NotFound, false),
        ("301 Moved Permanently", code("PermanentRedirect"), ErrorKind::Configuration, false),
        ("400 Bad Request", code("ExpiredToken"), ErrorKind::PermissionDenied, false),
        ("408 Request Timeout", String::new(), ErrorKind::Unreachable, true),
        ("423 Locked", String::new(), ErrorKind::Unreachable, true),
        ("500 Internal Server Error", code("InternalError"), ErrorKind::Unreachable, true),
        ("502 Bad Gateway", "<html>".to_owned(), ErrorKind::Unreachable, true),
        ("416 Range Not Satisfiable", String::new(), ErrorKind::Protocol, false),
        ("501 Not Implemented", String::new(), ErrorKind::Unsupported, false),
    ] {
        let text = answer(status, "", &body);
        let host = server(move |_| text.clone()).await;
        let error = s3(&host).read("packs/a", Some(0..4)).await.expect_err("it is an error");
        assert_eq!((error.kind, error.temporary), (kind, temporary), "{status} {body}: {error:?}");
        if status.starts_with("403") {
            let code = body.split(['<', '>']).nth(4).unwrap_or_default();
            assert!(words(&error).contains(code), "{code}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_sends_other_bytes_than_asked_for_is_not_believed() {
    let ranged = |range: &str, body: &str| {
        answer("206 Partial Content", &format!("Content-Range: {range}\r\n"), body)
    };
    let chunked = "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Range: bytes 2-5/9\r\n\
                   Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
    for (text, temporary) in [
        (ranged("bytes 0-3/9", "abcd"), false),
        (ranged("bytes 2-4/5", "abc"), false),
        (ranged("bytes 2-5/9", "abc"), false),
        (ranged("nonsense", "abcd"), false),
        (answer("206 Partial Content", "", "abcd"), false),
        (answer("200 OK", "", "abcde"), false),
        (chunked.to_owned(), false),
        (ranged("bytes 2-5/9", "abcd").replace("Length: 4", "Length: 400"), false),
        (answer("200 OK", "", "ab").replace("Length: 2", "Length: 20"), true),
    ] {
        let host = server({
            let text = text.clone();
            move |_| text.clone()
        })
        .await;
        match s3(&host).read("packs/a", Some(2..6)).await {
            Err(error) => assert_eq!(
                (error.kind, error.temporary),
                (ErrorKind::Protocol, temporary),
                "{text}: {error:?}"
            ),
            // Four bytes came, as many as were wanted; what was to follow nobody needs.
            Ok(read) => assert!(read == "abcd" && text.contains("400"), "{text}: {read:?}"),
        }
    }
    let whole = answer("200 OK", "", "0123456789");
    let host = server(move |_| whole.clone()).await;
    let read = s3(&host).read("packs/a", Some(2..6)).await.expect("the right part is cut out");
    assert_eq!(read, "2345");
}

#[tokio::test]
async fn a_listing_of_names_outside_the_folder_is_an_error_or_empty() {
    for key in ["y", "", "x/packs/../../etc", "x/other/a", "x/packs"] {
        let body = format!(
            "<?xml version=\"1.0\"?><ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated>\
             <Contents><Key>{key}</Key><Size>1</Size><LastModified>2020-01-01T00:00:00Z</LastModified>\
             </Contents></ListBucketResult>"
        );
        let text = answer("200 OK", "", &body);
        let host = server(move |_| text.clone()).await;
        let listed = s3(&host).list("packs/").try_collect::<Vec<_>>().await;
        match listed {
            Ok(listed) => assert_eq!(listed, [], "{key}"),
            Err(error) => assert_eq!(error.kind, ErrorKind::Protocol, "{key}"),
        }
    }
}

#[tokio::test]
async fn a_line_on_which_nothing_moves_is_given_up() {
    let (http, _) = http(&StoreSettings::default());
    let tuning = Tuning { timeout: Duration::from_millis(300), ..Tuning::default() };
    let http = http.tuned(&tuning).expect("nothing else is wanted");
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcSTALL";
    for text in ["STALL", half] {
        let host = server(move |_| text.to_owned()).await;
        let error = refused(&http, get(&format!("http://{host}/"))).await;
        assert_eq!((error.kind, error.temporary), (ErrorKind::Unreachable, true));
        assert!(
            error.message.contains("no byte moved") && error.message.contains(&host),
            "{error}"
        );
    }
}

#[tokio::test]
async fn bytes_are_counted_and_the_servers_clock_is_compared() {
    let host = server(|asked| {
        let body = String::from_utf8_lossy(&asked.body).to_uppercase();
        answer("200 OK", "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", &body)
    })
    .await;
    let (http, traffic) = http(&StoreSettings::default());
    for _ in 0..2 {
        let mut put = get(&format!("http://{host}/"));
        *put.body_mut() = Bytes::from(vec![b'a'; 100_000]);
        let answer = http.send(RequestKind::Put, put).await.expect("it is answered");
        let body = answer.into_body().collect(1 << 20).await.expect("it is short");
        assert_eq!(body.len(), 100_000);
    }
    let counted = traffic.of(RequestKind::Put);
    assert_eq!((counted.requests, counted.sent, counted.received), (2, 200_000, 200_000));
    assert!(traffic.clock_skew().expect("it told its time").seconds_ahead < -800_000_000);
}

#[tokio::test]
async fn limits_are_kept_far_above_and_far_below_the_size_of_a_part() {
    let host = server(|asked| {
        let size = asked.header("x-size").map_or(0, |size| size.parse().unwrap_or(0));
        answer("200 OK", "", &"a".repeat(size))
    })
    .await;
    for (limit, size) in [(20_000, 20_000), (2_000_000, 2_000_000)] {
        for upload in [true, false] {
            let (up, down) = if upload { (size, 0) } else { (0, size) };
            let limit = NonZeroU64::new(limit);
            let settings =
                StoreSettings { upload_limit: limit, download_limit: limit, ..Default::default() };
            let (http, _) = http(&settings);
            let mut request = get(&format!("http://{host}/"));
            *request.body_mut() = Bytes::from(vec![b'a'; up]);
            request.headers_mut().insert("x-size", down.into());
            let started = now();
            let answer = http.send(RequestKind::Put, request).await.expect("it is answered");
            answer.into_body().collect(1 << 24).await.expect("it is short");
            let took = started.elapsed().as_secs_f64();
            // A busy machine may take longer; the limit is what was promised.
            assert!((0.8..3.0).contains(&took), "{size} bytes took {took} s");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the speed of a line is measured")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test]
async fn nothing_that_a_hostile_server_repeats_gets_into_an_error() {
    for status in ["403 Forbidden", "400 Bad Request", "500 Internal Server Error", "404 Not Found"]
    {
        let host = server(move |asked| {
            let said = format!("very-secret-key {} {}\u{1b}[31m", asked.head, asked.line);
            let body = format!("<Error><Code>X{said}</Code><Message>{said}</Message></Error>");
            answer(status, "X-Amz-Bucket-Region: very-secret-key\r\n", &body)
        })
        .await;
        let storage = s3(&host);
        let errors = [
            storage.put("packs/a", Bytes::from_static(b"x")).await.expect_err("it fails"),
            storage.read("packs/a", None).await.expect_err("it fails"),
            storage.list("packs/").try_collect::<Vec<_>>().await.expect_err("it fails"),
        ];
        for error in errors {
            let words = words(&error);
            let words = words.replace("Signature=*", "");
            for secret in ["very-secret-key", "Signature=", "list-type=2&", "\u{1b}"] {
                assert!(!words.contains(secret), "{secret} in {words}");
            }
        }
    }
}

#[test]
fn words_are_short_and_hold_no_secret() {
    let words = Words::new(Arc::from([SecretString::from("hunter2".to_owned())]), Vec::new());
    assert_eq!(words.clean("a\r\n b\u{7} hunter2x"), "a b ***x");
    assert_eq!(words.clean("see https://u:p@h/x?sig=1#f now"), "see https://h/x now");
    assert_eq!(words.clean(&"ä".repeat(1000)).chars().count(), 203);
}

#[tokio::test]
async fn a_server_without_tls_is_not_asked_again_and_a_closed_port_is() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let host = listener.local_addr().expect("it has an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut hello = [0; 100];
            if stream.read(&mut hello).await.is_ok() {
                stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("it is sent");
            }
        }
    });
    let (http, _) = http(&StoreSettings::default());
    let error = refused(&http, get(&format!("https://{host}/x?sig=1"))).await;
    assert_eq!((error.kind, error.temporary), (ErrorKind::Unreachable, false), "{error}");
    let error = refused(&http, get("http://127.0.0.1:1/x?sig=1")).await;
    assert_eq!((error.kind, error.temporary), (ErrorKind::Unreachable, true), "{error}");
    assert!(!error.message.contains("sig") && error.message.contains("127.0.0.1:1"), "{error}");
}

#[test]
fn a_file_without_certificates_is_refused() {
    let (http, _) = http(&StoreSettings::default());
    let ca = Some("/dev/null".into());
    let error = http.tuned(&Tuning { ca, ..Tuning::default() }).expect_err("it is empty");
    assert_eq!(error.kind, ErrorKind::Configuration);
    assert!(error.message.contains("/dev/null"), "{error}");
}
