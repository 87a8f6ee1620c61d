//! One file: a preview of it, what is known about it, and the way to its neighbours.

use axum::body::Body;
use axum::http::Response;
use heirloom_engine::snapshot::Snapshot;
use heirloom_engine::tree::{Entry, Kind, file_name, parent_key};
use maud::{Markup, html};

use super::app::App;
use super::folder::below;
use super::listing::Row;
use super::page::{Answer, Fault, Page, capital, crumbs, minute};
use crate::render::entry::mode;
use crate::render::names::shown;
use crate::render::numbers::{bytes, count};
use crate::web::ask::{Ask, link};
use crate::web::media::{HEAD_BYTES, Media, readable};

/// Of a text only so much is shown.
const TEXT_BYTES: usize = 256 << 10;

pub(super) fn answer(app: &App, ask: &Ask, snapshot: &Snapshot, entry: &Entry) -> Response<Body> {
    let folder = parent_key(&ask.key).unwrap_or_default();
    let name = file_name(&ask.key);
    let listing = app.listing(snapshot, folder);
    let (before, behind) = listing.neighbours(name);
    let to = |row: &Row| link("f", snapshot.session, &below(folder, &row.name));
    let body = html! {
        (crumbs(snapshot, &ask.key))
        div.head {
            h1 { bdi { (shown(name)) } }
            p.sum { (bytes(entry.size)) ", " (minute(entry.mtime_ns)) }
            p.actions {
                @if let Some(row) = before { a.button rel="prev" href=(to(row)) title=(shown(&row.name)) { "← Previous" } }
                @if let Some(row) = behind { a.button rel="next" href=(to(row)) title=(shown(&row.name)) { "Next →" } }
                a.button href=(link("versions", snapshot.session, &ask.key)) { "All versions" }
                a.button.main href=(link("save", snapshot.session, &ask.key)) download { "Download" }
            }
        }
        (preview(app, ask, snapshot, entry))
        (details(entry))
        a hidden rel="up" href=(link("f", snapshot.session, folder)) {}
    };
    let place = Some((snapshot, folder));
    let title = shown(name);
    Page { base: &app.gate.base, title: &title, place, query: "" }.answer(&body)
}

fn preview(app: &App, ask: &Ask, snapshot: &Snapshot, entry: &Entry) -> Markup {
    let raw = link("raw", snapshot.session, &ask.key);
    let file = app.reader.open(entry);
    let head = match file.read(0, HEAD_BYTES) {
        Ok(head) => head,
        Err(error) => return damaged(&error.into()),
    };
    let alternative = shown(file_name(&ask.key));
    match Media::of(&head) {
        _ if entry.size == 0 => html! { p.empty { "This file is empty." } },
        Media::Picture(_) => html! { div.stage { img src=(raw) alt=(alternative); } },
        Media::Video(_) => html! {
            div.stage { video src=(raw) controls preload="metadata" aria-label=(alternative) {} }
        },
        Media::Audio(_) => html! { div.sound { audio src=(raw) controls preload="metadata" {} } },
        Media::Text => match file.read(0, TEXT_BYTES) {
            Ok(text) => html! {
                pre.text tabindex="0" { (readable(&text)) }
                @if text.len() < usize::try_from(entry.size).unwrap_or(usize::MAX) {
                    p.note { "This is the beginning. Download the file to see all of it." }
                }
            },
            Err(error) => damaged(&error.into()),
        },
        Media::Other => html! { p.empty { "There is no preview of this kind of file." } },
    }
}

/// The file cannot be read; the page can still say which it is.
fn damaged(fault: &Fault) -> Markup {
    html! {
        div.fault role="alert" {
            h2 { "The content of this file cannot be read" }
            p { (capital(&fault.what)) "." }
            p { (capital(&fault.hint)) "." }
        }
    }
}

/// What the snapshot says about an entry.
fn details(entry: &Entry) -> Markup {
    let owner = |name: Option<&[u8]>, id: u32| name.map_or_else(|| id.to_string(), shown);
    let facts = [
        ("Size", format!("{} bytes", count(entry.size))),
        ("Modified", minute(entry.mtime_ns)),
        ("Owner", owner(entry.user.as_deref(), entry.uid)),
        ("Group", owner(entry.group.as_deref(), entry.gid)),
        ("Permissions", mode(entry)),
        ("Attributes", count(u64::try_from(entry.xattrs.len()).unwrap_or(u64::MAX))),
    ];
    html! {
        dl.details { @for (name, value) in facts { div { dt { (name) } dd { (value) } } } }
    }
}

/// What has no content: a link, a pipe, a device.
pub(super) fn other(app: &App, ask: &Ask, snapshot: &Snapshot, entry: &Entry) -> Answer {
    let folder = parent_key(&ask.key).unwrap_or_default();
    let what = match entry.kind {
        Kind::Symlink => "A symbolic link",
        Kind::Fifo => "A named pipe",
        Kind::Socket => "A socket",
        Kind::CharDevice | Kind::BlockDevice => "A device",
        Kind::File | Kind::Folder => return Err(Fault::absent()),
    };
    let body = html! {
        (crumbs(snapshot, &ask.key))
        div.head { h1 { bdi { (shown(file_name(&ask.key))) } } p.sum { (what) } }
        @if let Some(target) = &entry.target { p.empty { "It leads to " code { bdi { (shown(target)) } } } }
        (details(entry))
        a hidden rel="up" href=(link("f", snapshot.session, folder)) {}
    };
    let place = Some((snapshot, folder));
    Ok(Page { base: &app.gate.base, title: what, place, query: "" }.answer(&body))
}
