//! The way of one request through the proxy.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use bytes::{Bytes, BytesMut};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderValue, Method, Request, Response, StatusCode, request};
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::{Exchange, Fault, Line, Shared, lock};
use crate::listener::Cut;
use crate::pipe::Pipe;

/// How much passes at once where the line is limited.
const PART_BYTES: usize = 16 << 10;

/// An answer before it is spoiled.
struct Answer {
    head: http::response::Parts,
    body: Bytes,
    /// What `Content-Length` says.
    announced: usize,
}

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    Cut,
    Stall,
}

impl Shared {
    pub(super) async fn serve(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Cut> {
        let (place, faults) = self.begin(Exchange::of(&request));
        let line = lock(&self.line).clone();
        sleep(line.latency).await;
        for fault in &faults {
            if let Fault::Delay(delay) = fault {
                sleep(*delay).await;
            }
        }
        let (head, body) = request.into_parts();
        let mut body = self.receive(place, Body::new(body), &line, &faults).await?;
        for fault in &faults {
            match fault {
                Fault::Stall => pending::<()>().await,
                Fault::Answer { status, .. } => {
                    self.note(place, |exchange| exchange.status = Some(*status));
                    return own_answer(fault);
                }
                Fault::TearUpload { keep } => body.truncate(*keep),
                _ => {}
            }
        }
        let is_head = head.method == Method::HEAD;
        let Some(upstream) = self.upstream else {
            self.note(place, |exchange| exchange.status = Some(404));
            return own_answer(&Fault::status(404));
        };
        let mut answer = forward(upstream, head, body).await?;
        if faults.iter().any(|fault| matches!(fault, Fault::LoseAnswer)) {
            return Err(Cut);
        }
        let mut end = End::Whole;
        for fault in &faults {
            end = spoil(&mut answer, fault, end);
        }
        self.note(place, |exchange| {
            exchange.status = Some(answer.head.status.as_u16());
            exchange.received_bytes = answer.body.len() as u64;
        });
        Ok(send(answer, end, line.down, is_head))
    }

    /// The whole body, unless the line breaks before.
    async fn receive(
        &self,
        place: usize,
        body: Body,
        line: &Line,
        faults: &[Fault],
    ) -> Result<Bytes, Cut> {
        let cut_after = faults.iter().find_map(|fault| match fault {
            Fault::CutRequest { after } => Some(*after),
            _ => None,
        });
        let mut received = BytesMut::new();
        let mut parts = body.into_data_stream();
        loop {
            if cut_after.is_some_and(|limit| received.len() >= limit) {
                return Err(Cut);
            }
            let Some(part) = parts.try_next().await.map_err(|_broken| Cut)? else { break };
            if let Some(pipe) = &line.up {
                pipe.pass(part.len()).await;
            }
            received.extend_from_slice(&part);
            self.note(place, |exchange| exchange.sent_bytes = received.len() as u64);
        }
        if cut_after.is_some() { Err(Cut) } else { Ok(received.freeze()) }
    }
}

fn own_answer(fault: &Fault) -> Result<Response<Body>, Cut> {
    let Fault::Answer { status, headers, body } = fault else { return Err(Cut) };
    let mut response = Response::builder().status(*status);
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    response.body(Body::from(body.clone())).map_err(|_odd| Cut)
}

async fn forward(upstream: SocketAddr, head: request::Parts, body: Bytes) -> Result<Answer, Cut> {
    let connection = TcpStream::connect(upstream).await.map_err(|_unreachable| Cut)?;
    let (mut sender, connection) =
        handshake::<_, Body>(TokioIo::new(connection)).await.map_err(|_broken| Cut)?;
    let driver = tokio::spawn(async move {
        // Its end is seen by whoever waits for the answer.
        let _ended = connection.await;
    });
    let mut request = Request::from_parts(head, Body::empty());
    request.headers_mut().remove(TRANSFER_ENCODING);
    if !body.is_empty() || request.headers().contains_key(CONTENT_LENGTH) {
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    *request.body_mut() = Body::from(body);
    let response = sender.send_request(request).await.map_err(|_broken| Cut)?;
    let (head, body) = response.into_parts();
    let body = to_bytes(Body::new(body), usize::MAX).await.map_err(|_broken| Cut)?;
    driver.abort();
    let announced = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let announced = announced.and_then(|length| length.parse().ok()).unwrap_or(body.len());
    Ok(Answer { head, body, announced })
}

fn spoil(answer: &mut Answer, fault: &Fault, end: End) -> End {
    let size = answer.body.len();
    match fault {
        Fault::CutAnswer { after } => {
            answer.body.truncate(*after);
            return End::Cut;
        }
        Fault::StallAnswer { after } => {
            answer.body.truncate(*after);
            return End::Stall;
        }
        Fault::ShortAnswer { keep } => {
            answer.body.truncate(*keep);
            answer.announced = answer.body.len();
        }
        Fault::WrongLength { announce } => {
            answer.announced = *announce;
            // More than announced would be taken for the next answer.
            answer.body.truncate(*announce);
            return if answer.body.len() < *announce { End::Cut } else { end };
        }
        Fault::FlipAnswer { position } if size > 0 => {
            let at = position.unsigned_abs().min(size - 1);
            let at = if *position < 0 { size - at.max(1) } else { at };
            let mut bytes = answer.body.to_vec();
            bytes[at] ^= 1;
            answer.body = bytes.into();
        }
        Fault::ZeroAnswer { keep } => {
            let mut bytes = answer.body.to_vec();
            bytes[size.min(*keep)..].fill(0);
            answer.body = bytes.into();
        }
        _ => {}
    }
    end
}

fn send(answer: Answer, end: End, pipe: Option<Arc<Pipe>>, is_head: bool) -> Response<Body> {
    let Answer { mut head, body, announced } = answer;
    head.headers.remove(TRANSFER_ENCODING);
    let has_body = !matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if has_body {
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(announced));
    }
    if is_head || !has_body {
        return Response::from_parts(head, Body::empty());
    }
    let starts: Vec<usize> = (0..body.len()).step_by(PART_BYTES).collect();
    let parts = stream::iter(starts).then(move |start| {
        let part = body.slice(start..body.len().min(start + PART_BYTES));
        let pipe = pipe.clone();
        async move {
            if let Some(pipe) = pipe {
                pipe.pass(part.len()).await;
            }
            Ok(part)
        }
    });
    let last = async move {
        match end {
            End::Whole => None,
            End::Cut => {
                // What came before is to arrive; an error throws away what is not sent yet.
                sleep(Duration::from_millis(20)).await;
                Some(Err(Cut))
            }
            End::Stall => pending().await,
        }
    };
    let last = stream::once(last).filter_map(|last| async move { last });
    Response::from_parts(head, Body::from_stream(parts.chain(last)))
}
