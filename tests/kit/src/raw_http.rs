//! The smallest HTTP client: one request, one connection, the whole answer. For setting servers up and looking at them.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

/// Longer than any server takes for what a test asks with this.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server's answer, as it came.
#[derive(Debug, Clone)]
pub struct RawAnswer {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// Whatever followed until the connection ended, without chunks.
    pub body: Vec<u8>,
    /// Whether the body has as many bytes as were announced.
    pub complete: bool,
}

impl RawAnswer {
    /// The first header of that name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends a request and reads until the server closes the connection.
pub fn raw_http(
    server: SocketAddr,
    head: (&str, &str),
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<RawAnswer> {
    let (method, path) = head;
    let mut connection = TcpStream::connect_timeout(&server, PATIENCE).context("connect")?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let length = body.len();
    let mut request = format!("{method} {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        write!(request, "host: {server}\r\n")?;
    }
    for (name, value) in headers {
        write!(request, "{name}: {value}\r\n")?;
    }
    write!(request, "content-length: {length}\r\nconnection: close\r\n\r\n")?;
    connection.write_all(request.as_bytes()).context("send")?;
    // A server may answer and close without reading everything; its answer counts.
    let sent = connection.write_all(body);
    let mut answer = Vec::new();
    let received = connection.read_to_end(&mut answer);
    if answer.is_empty() {
        sent.context("send")?;
        received.context("receive")?;
    }
    parse(&answer, method == "HEAD").with_context(|| format!("{method} {path}"))
}

fn parse(answer: &[u8], is_head: bool) -> Result<RawAnswer> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.with_context(|| format!("{} bytes and no end of the headers", answer.len()))?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("a status line")?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let status = status.parse()?;
    let mut parsed =
        RawAnswer { status, headers, body: answer[end + 4..].to_vec(), complete: true };
    if parsed.header("transfer-encoding") == Some("chunked") {
        (parsed.body, parsed.complete) = without_chunks(&parsed.body)?;
    } else if let Some(length) = parsed.header("content-length") {
        parsed.complete = is_head || parsed.body.len() == length.parse::<usize>()?;
    }
    Ok(parsed)
}

fn without_chunks(mut rest: &[u8]) -> Result<(Vec<u8>, bool)> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end])?.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size.trim(), 16)?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Ok((body, true));
        }
        body.extend_from_slice(&rest[..size.min(rest.len())]);
        if rest.len() < size + 2 {
            return Ok((body, false));
        }
        ensure!(&rest[size..size + 2] == b"\r\n", "a chunk does not end where it should");
        rest = &rest[size + 2..];
    }
    Ok((body, false))
}
