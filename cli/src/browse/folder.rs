//! A folder: as a list, or as a grid with small pictures.

use axum::body::Body;
use axum::http::Response;
use heirloom_engine::snapshot::Snapshot;
use heirloom_engine::tree::{Kind, file_name};
use maud::{Markup, html};

use super::app::App;
use super::listing::{Order, Row};
use super::page::{Page, crumbs, minute, notes, pages};
use crate::render::names::shown;
use crate::render::numbers::{bytes, counted};
use crate::web::ask::{Ask, link};
use crate::web::media::Promise;
use crate::web::sign::sign;

/// Entries of one page.
const PAGE: usize = 240;

pub(super) fn answer(app: &App, ask: &Ask, snapshot: &Snapshot) -> Response<Body> {
    let listing = app.listing(snapshot, &ask.key);
    let order = ask.text("sort");
    let rows = listing.sorted(Order::parse(order));
    let (page, last) = (ask.page(), rows.len().div_ceil(PAGE).max(1));
    let some: Vec<&Row> = rows.iter().copied().skip((page - 1) * PAGE).take(PAGE).collect();
    let pictures = some.iter().filter(|row| is_picture(row)).count();
    let is_grid = match ask.text("view") {
        "grid" => true,
        "list" => false,
        _ => pictures * 2 > some.len(),
    };
    let here = link("f", snapshot.session, &ask.key);
    let view = if is_grid { "grid" } else { "list" };
    let with =
        |view: &str, sort: &str, page: usize| format!("{here}?view={view}&sort={sort}&page={page}");
    let totals = app.view(snapshot).totals(&ask.key).ok();
    let name = shown(file_name(&ask.key));
    let body = html! {
        (crumbs(snapshot, &ask.key))
        div.head {
            h1 { bdi { @if name.is_empty() { "/" } @else { (name) } } }
            p.sum {
                (counted(u64::try_from(rows.len()).unwrap_or(u64::MAX), "entry", "entries"))
                @if let Some(totals) = totals { ", " (bytes(totals.bytes)) " with all below" }
            }
            p.actions {
                a.button href=(with(if is_grid { "list" } else { "grid" }, order, page)) data-key="v" {
                    @if is_grid { "List" } @else { "Grid" }
                }
                a.button href=(link("compare", snapshot.session, &ask.key)) { "Compare" }
                a.button href=(link("zip", snapshot.session, &ask.key)) download { "Download zip" }
            }
        }
        (notes(&listing.notes()))
        @if rows.is_empty() { p.empty { "This folder is empty." } }
        @else {
            p.sort {
                "Sorted by "
                @for (sort, words) in [("", "name"), ("size", "size"), ("time", "time")] {
                    @if sort == order { strong { (words) } } @else { a href=(with(view, sort, 1)) { (words) } }
                    " "
                }
            }
            @if is_grid { (grid(snapshot, &ask.key, &some)) } @else { (list(snapshot, &ask.key, &some)) }
        }
        (pages(page, last, |page| with(view, order, page)))
    };
    let place = Some((snapshot, ask.key.as_slice()));
    Page { base: &app.gate.base, title: &name, place, query: "" }.answer(&body)
}

fn is_picture(row: &Row) -> bool {
    row.kind == Kind::File && Promise::of(&row.name) == Promise::Picture
}

pub(super) fn below(key: &[u8], name: &[u8]) -> Vec<u8> {
    if key.is_empty() { name.to_vec() } else { [key, &[0], name].concat() }
}

fn list(snapshot: &Snapshot, key: &[u8], rows: &[&Row]) -> Markup {
    html! {
        ul.items.rows {
            @for row in rows {
                li {
                    a.item href=(link("f", snapshot.session, &below(key, &row.name))) {
                        (sign(row.kind, Promise::of(&row.name)))
                        span.name { bdi { (shown(&row.name)) } }
                        span.size { @if row.kind == Kind::File { (bytes(row.size)) } }
                        time { (minute(row.mtime_ns)) }
                    }
                }
            }
        }
    }
}

fn grid(snapshot: &Snapshot, key: &[u8], rows: &[&Row]) -> Markup {
    html! {
        ul.items.tiles {
            @for row in rows {
                @let place = below(key, &row.name);
                li {
                    a.item href=(link("f", snapshot.session, &place)) title=(shown(&row.name)) {
                        span.frame {
                            (sign(row.kind, Promise::of(&row.name)))
                            @if is_picture(row) {
                                img src=(link("thumb", snapshot.session, &place)) alt="" loading="lazy"
                                    width="180" height="180";
                            }
                        }
                        span.name { bdi { (shown(&row.name)) } }
                    }
                }
            }
        }
    }
}
