//! Small pictures of pictures, made when they are looked at.
//!
//! How large a picture is and how long it takes are bounded, and few are decoded at once.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode};
use heirloom_engine::tree::{Entry, Kind};
use quick_cache::Weighter;

use super::app::{App, Bounded, place_hash};
use super::page::{Answer, Fault};
use crate::web::ask::Ask;
use crate::web::parts::confine;
use crate::web::shrink::shrink;

/// Larger files are no pictures to make small.
const FILE_BYTES_MAX: u64 = 48 << 20;
/// What is remembered.
const REMEMBERED_BYTES_MAX: u64 = 32 << 20;
/// Nobody waits longer for a small picture.
const PATIENCE: Duration = Duration::from_secs(20);

/// Small pictures, as heavy as their bytes.
pub(super) type Thumbnails = Bounded<Bytes, Length>;

/// As heavy as its bytes.
#[derive(Debug, Clone)]
pub(super) struct Length;

impl Weighter<[u8; 32], Bytes> for Length {
    fn weight(&self, _name: &[u8; 32], picture: &Bytes) -> u64 {
        u64::try_from(picture.len()).unwrap_or(u64::MAX).max(1)
    }
}

pub(super) fn thumbnails() -> Thumbnails {
    Thumbnails::with_weighter(1024, REMEMBERED_BYTES_MAX, Length)
}

/// Whoever leaves the page before it is his turn costs nothing.
pub(super) async fn answer(app: &Arc<App>, ask: Ask) -> Answer {
    let busy = || {
        let hint = "load the page again";
        Fault::new(StatusCode::SERVICE_UNAVAILABLE, "this picture takes too long", hint)
    };
    let work = async {
        let permit = app.decoders.acquire().await.map_err(|_closed| busy())?;
        let app = Arc::clone(app);
        let made = tokio::task::spawn_blocking(move || make(&app, &ask)).await;
        drop(permit);
        made.map_err(|_panicked| no_picture())?
    };
    let picture = tokio::time::timeout(PATIENCE, work).await.map_err(|_late| busy())??;
    let is_png = picture.starts_with(b"\x89PNG");
    let mime = HeaderValue::from_static(if is_png { "image/png" } else { "image/jpeg" });
    let mut answer = Response::new(Body::from(picture));
    answer.headers_mut().insert(CONTENT_TYPE, mime);
    confine(answer.headers_mut());
    Ok(answer)
}

fn no_picture() -> Fault {
    let hint = "open it, or download it and use another program";
    Fault::new(StatusCode::NOT_FOUND, "no small picture of this file can be made", hint)
}

fn make(app: &App, ask: &Ask) -> Result<Bytes, Fault> {
    let snapshot = app.snapshot(ask.session)?;
    let name = place_hash(&snapshot, &ask.key);
    if let Some(made) = app.thumbnails.get(&name) {
        return Ok(made);
    }
    let entry = app.entry(&snapshot, &ask.key)?;
    let made = shrink(&picture_bytes(app, &entry)?).map_err(|_undecodable| no_picture())?;
    app.thumbnails.insert(name, made.clone());
    Ok(made)
}

fn picture_bytes(app: &App, entry: &Entry) -> Result<Bytes, Fault> {
    if entry.kind != Kind::File || entry.size > FILE_BYTES_MAX {
        return Err(no_picture());
    }
    let length = usize::try_from(entry.size).unwrap_or_default();
    Ok(app.reader.open(entry).read(0, length)?)
}
