//! The frame of every page, and the page for what cannot be shown.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode};
use heirloom_engine::error::ReadError;
use heirloom_engine::id::SessionId;
use heirloom_engine::snapshot::Snapshot;
use heirloom_engine::tree::components;
use maud::{DOCTYPE, Markup, html};

use crate::explain;
use crate::failure::Failure;
use crate::render::names::shown;
use crate::render::{key, time};
use crate::web::ask::link;

/// An answer, or why there is none.
pub(super) type Answer = Result<Response<Body>, Fault>;

/// Why something cannot be shown, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) status: StatusCode,
    pub(super) what: String,
    pub(super) hint: String,
}

impl Fault {
    pub(super) fn new(status: StatusCode, what: &str, hint: &str) -> Self {
        Self { status, what: what.to_owned(), hint: hint.to_owned() }
    }

    pub(super) fn absent() -> Self {
        let hint = "go back to the list of the snapshots, and look for it from there";
        Self::new(StatusCode::NOT_FOUND, "there is nothing here", hint)
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        let message = explain::message(&failure);
        let (what, hint) = message.map(|told| (told.what, told.hint)).unwrap_or_default();
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, what, hint: hint.unwrap_or_default() }
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        Failure::from(error).into()
    }
}

/// One page.
#[derive(Debug)]
pub(super) struct Page<'a> {
    pub(super) base: &'a str,
    pub(super) title: &'a str,
    /// What is looked at, for the search; the whole repository without.
    pub(super) place: Option<(&'a Snapshot, &'a [u8])>,
    pub(super) query: &'a str,
}

impl Page<'_> {
    pub(super) fn answer(&self, body: &Markup) -> Response<Body> {
        let action = match self.place {
            Some((snapshot, key)) => link("search", snapshot.session, key),
            None => "search".to_owned(),
        };
        let scope = if self.place.is_some() { "in here" } else { "in all snapshots" };
        let markup = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · Heirloom" }
                    base href=(self.base);
                    link rel="stylesheet" href="style.css";
                    link rel="icon" href="icon.svg" type="image/svg+xml";
                    script src="script.js" defer {}
                }
                body {
                    header.top {
                        a.home href="./" title="All snapshots" {
                            img src="icon.svg" alt="" width="22" height="22";
                            span { "Heirloom" }
                        }
                        form.search action=(action) role="search" {
                            input type="search" name="q" value=(self.query) maxlength="200"
                                placeholder={ "Search by name " (scope) } aria-label="Search by name";
                        }
                    }
                    main { (body) }
                }
            }
        };
        html_answer(StatusCode::OK, markup)
    }
}

pub(super) fn html_answer(status: StatusCode, markup: Markup) -> Response<Body> {
    let mut answer = Response::new(Body::from(markup.into_string()));
    *answer.status_mut() = status;
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, html);
    answer
}

/// What went wrong, as a page.
pub(super) fn fault(base: &str, fault: &Fault) -> Response<Body> {
    let body = html! { div.fault role="alert" { h1 { (capital(&fault.what)) } p { (capital(&fault.hint)) "." } } };
    let page = Page { base, title: "Cannot be shown", place: None, query: "" };
    let mut answer = page.answer(&body);
    *answer.status_mut() = fault.status;
    answer
}

/// For whoever is not let in; nothing of ours is linked to, since it would not be shown.
pub(super) fn refusal(status: StatusCode, what: &str, hint: &str) -> Response<Body> {
    let markup = html! {
        (DOCTYPE)
        html lang="en" { head { title { "Heirloom" } } body { h1 { (what) } p { (hint) } } }
    };
    html_answer(status, markup)
}

pub(super) fn capital(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + characters.as_str()
}

/// Something is missing from what is shown.
pub(super) fn notes(notes: &[String]) -> Markup {
    html! { @for note in notes { p.note role="status" { (capital(note)) } } }
}

/// From the list of the snapshots to a path, with links.
pub(super) fn crumbs(snapshot: &Snapshot, key: &[u8]) -> Markup {
    let mut so_far = Vec::new();
    let names: Vec<(String, String)> = components(key)
        .map(|name| {
            if !so_far.is_empty() {
                so_far.push(0);
            }
            so_far.extend_from_slice(name);
            (shown(name), link("f", snapshot.session, &so_far))
        })
        .collect();
    html! {
        nav.crumbs aria-label="Where this is" {
            a href=(link("f", snapshot.session, b"")) title=(snapshot.session.to_string()) {
                (taken(snapshot))
            }
            @for (position, (name, link)) in names.iter().enumerate() {
                span.slash { "/" }
                @if position + 1 == names.len() {
                    a.here href=(link) aria-current="page" { bdi { (name) } }
                } @else {
                    a href=(link) { bdi { (name) } }
                }
            }
        }
    }
}

/// `2026-11-01 18:30`
pub(super) fn taken(snapshot: &Snapshot) -> String {
    minute(snapshot.record.time.into())
}

pub(super) fn minute(ns: i128) -> String {
    let text = time::local(ns);
    text.get(..16).unwrap_or(&text).to_owned()
}

/// The name of a snapshot for a list to choose from.
pub(super) fn caption(snapshot: &Snapshot) -> String {
    let record = &snapshot.record;
    let label = record.label.as_ref().map(|label| format!(" · {}", shown(label.as_bytes())));
    let host = shown(record.host.as_bytes());
    format!("{} · {host}{}", taken(snapshot), label.unwrap_or_default())
}

pub(super) fn short(session: SessionId) -> String {
    key::short(&session.to_string())
}

/// Links to the page before and the one behind; `link` gives the address of a page.
pub(super) fn pages(page: usize, last: usize, link: impl Fn(usize) -> String) -> Markup {
    html! {
        @if last > 1 {
            nav.pages aria-label="Pages" {
                @if page > 1 { a.button rel="prev" href=(link(page - 1)) { "← Before" } }
                span { "Page " (page) " of " (last) }
                @if page < last { a.button rel="next" href=(link(page + 1)) { "More →" } }
            }
        }
    }
}
