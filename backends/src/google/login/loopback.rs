//! Waits on this machine for the browser to come back with a code (RFC 8252).

use std::io;

use futures::stream::{FuturesUnordered, StreamExt as _};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Duration, Instant, sleep_until, timeout};
use url::Url;

/// Longer requests are not from a browser that was sent here.
const REQUEST_BYTES_MAX: u64 = 16 << 10;

/// Browsers open connections that they do not use.
const CONNECTIONS_MAX: usize = 64;

const CONNECTION_TIME: Duration = Duration::from_secs(30);

/// What the browser brings.
pub(super) enum Redirected {
    Code(SecretString),
    /// One of the words of RFC 6749.
    Denied(String),
}

/// Waits until somebody comes who knows the state; others get nothing. `None` when the time is up.
pub(super) async fn wait(
    listener: &TcpListener,
    state: &SecretString,
    page: &str,
    deadline: Instant,
) -> io::Result<Option<Redirected>> {
    let mut connections = FuturesUnordered::new();
    loop {
        tokio::select! {
            () = sleep_until(deadline) => return Ok(None),
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => {
                let (stream, _) = accepted?;
                connections.push(timeout(CONNECTION_TIME, serve(stream, state, page)));
            }
            Some(served) = connections.next() => {
                // What goes wrong with one connection does not matter to the others.
                if let Ok(Ok(Some(redirected))) = served {
                    return Ok(Some(redirected));
                }
            }
        }
    }
}

async fn serve(
    mut stream: TcpStream,
    state: &SecretString,
    page: &str,
) -> io::Result<Option<Redirected>> {
    let mut request = Vec::new();
    let mut head = (&mut stream).take(REQUEST_BYTES_MAX);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.read_buf(&mut request).await? == 0 {
            return Ok(None);
        }
    }
    let redirected = parse(&request, state);
    let (status, page) = match &redirected {
        Some(_) => ("200 OK", page),
        None => ("404 Not Found", ""),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
    // The code counts, not whether the browser shows the page.
    drop(stream.write_all(answer.as_bytes()).await);
    drop(stream.shutdown().await);
    Ok(redirected)
}

/// `GET /?state=...&code=... HTTP/1.1`
fn parse(request: &[u8], state: &SecretString) -> Option<Redirected> {
    let line = request.split(|byte| *byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let target = (words.next()? == "GET").then(|| words.next())??;
    let url = Url::parse("http://127.0.0.1/").ok()?.join(target).ok()?;
    let value = |key: &str| {
        let mut pairs = url.query_pairs();
        pairs.find(|(name, _)| name == key).map(|(_, value)| value.into_owned())
    };
    if url.path() != "/" || value("state")? != state.expose_secret() {
        return None;
    }
    match value("code") {
        Some(code) => Some(Redirected::Code(SecretString::from(code))),
        None => value("error").map(Redirected::Denied),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_knows_the_state_is_heard() {
        let state = SecretString::from("s1");
        let code = |line: &str| match parse(format!("{line}\r\n\r\n").as_bytes(), &state) {
            Some(Redirected::Code(code)) => Some(code.expose_secret().to_owned()),
            Some(Redirected::Denied(why)) => Some(format!("denied: {why}")),
            None => None,
        };
        assert_eq!(code("GET /?state=s1&code=4%2Fx HTTP/1.1").as_deref(), Some("4/x"));
        let denied = code("GET /?error=access_denied&state=s1 HTTP/1.1");
        assert_eq!(denied.as_deref(), Some("denied: access_denied"));
        for bad in [
            "GET /?state=s2&code=x HTTP/1.1",
            "GET /?code=x HTTP/1.1",
            "GET /favicon.ico HTTP/1.1",
            "GET /x?state=s1&code=x HTTP/1.1",
            "POST /?state=s1&code=x HTTP/1.1",
            "GET",
            "",
        ] {
            assert_eq!(code(bad), None, "{bad}");
        }
    }
}
