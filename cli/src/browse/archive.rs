//! A folder as one file to download, written while it is sent.

use std::io::{self, Write};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, Response};
use futures::stream;
use heirloom_engine::tree::file_name;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::app::App;
use super::page::{Answer, taken};
use crate::looking::archive::{Format, write};
use crate::render::problem;
use crate::web::ask::Ask;
use crate::web::parts::disposition;

/// What is sent at once, and how many of these may wait for the browser.
const PART_BYTES: usize = 128 << 10;
const PARTS_MAX: usize = 8;

pub(super) fn answer(app: &Arc<App>, ask: &Ask) -> Answer {
    let snapshot = app.snapshot(ask.session)?;
    app.entry(&snapshot, &ask.key)?;
    let name = match file_name(&ask.key) {
        b"" => format!("snapshot {}.zip", taken(&snapshot).replace(':', "-")).into_bytes(),
        name => [name, b".zip"].concat(),
    };
    let (sender, receiver) = mpsc::channel(PARTS_MAX);
    let (reader, output, key) = (app.reader.clone(), app.output, ask.key.clone());
    // Not one of the pages' permits: it lives as long as the download.
    tokio::task::spawn_blocking(move || {
        let mut out = Parts { sender, part: Vec::with_capacity(PART_BYTES) };
        let report = &mut |found| {
            let found = problem::describe(&found);
            output.warning(found.id, &found.text, found.fields);
        };
        let done = write(&reader, snapshot.record.root, &key, Format::Zip, &mut out, report);
        let done = done.map_err(|_told_by_the_cut| io::Error::from(io::ErrorKind::InvalidData));
        if let Err(error) = done.and_then(|_written| out.flush()) {
            // Cuts the connection; whoever went away already does not care.
            out.sender.blocking_send(Err(error)).ok();
        }
    });
    let mut answer = Response::new(body(receiver));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    headers.insert(CONTENT_DISPOSITION, disposition(&name, false));
    Ok(answer)
}

fn body(receiver: Receiver<io::Result<Bytes>>) -> Body {
    Body::from_stream(stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|part| (part, receiver))
    }))
}

/// The writer's end.
struct Parts {
    sender: Sender<io::Result<Bytes>>,
    part: Vec<u8>,
}

impl Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.part.extend_from_slice(bytes);
        if self.part.len() >= PART_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let part = std::mem::replace(&mut self.part, Vec::with_capacity(PART_BYTES));
        if part.is_empty() {
            return Ok(());
        }
        let gone = |_gone| io::Error::from(io::ErrorKind::BrokenPipe);
        self.sender.blocking_send(Ok(part.into())).map_err(gone)
    }
}
