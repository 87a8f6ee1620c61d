//! The snapshots on a line of time, newest first.

use std::fmt::Write as _;

use heirloom_engine::snapshot::Snapshot;
use maud::{Markup, html};

use super::app::{App, home};
use super::page::{Answer, Page, pages, short, taken};
use crate::render::names::shown;
use crate::render::numbers::{bytes, counted};
use crate::render::time;
use crate::web::ask::{Ask, encoded, link};

/// Snapshots of one page.
const PAGE: usize = 150;

pub(super) fn answer(app: &App, ask: &Ask) -> Answer {
    let all = app.snapshots()?;
    let filters = [("host", "Machine"), ("label", "Label"), ("tag", "Tag")];
    let chosen: Vec<_> = filters
        .into_iter()
        .map(|(name, words)| (name, words, ask.text(name)))
        .filter(|(.., value)| !value.is_empty())
        .collect();
    let mut found: Vec<&Snapshot> = all
        .iter()
        .filter(|one| chosen.iter().all(|(name, _, value)| has(one, name, value)))
        .collect();
    found.sort_by_key(|one| std::cmp::Reverse((one.record.time, one.session)));
    let (page, last) = (ask.page(), found.len().div_ceil(PAGE).max(1));
    let mut query = String::new();
    for (name, _, value) in &chosen {
        write!(query, "&{name}={}", encoded(value)).expect("a String takes it");
    }
    let some: Vec<_> = found.iter().copied().skip((page - 1) * PAGE).take(PAGE).collect();
    let body = html! {
        div.head {
            h1 { "Snapshots" }
            p.sum { (counted(u64::try_from(found.len()).unwrap_or(u64::MAX), "snapshot", "snapshots")) }
        }
        @for (_, words, value) in &chosen {
            p.chosen { (words) " " strong { bdi { (shown(value.as_bytes())) } } " " a href="./" { "Show all" } }
        }
        @if found.is_empty() {
            p.empty { "There is no snapshot here yet. Make one with " code { "heirloom snapshot FOLDER" } ", and load this page again." }
        }
        (line(&some))
        (pages(page, last, |page| format!("?page={page}{query}").replacen('?', "./?", 1)))
    };
    Ok(Page { base: &app.gate.base, title: "Snapshots", place: None, query: "" }.answer(&body))
}

fn has(snapshot: &Snapshot, name: &str, value: &str) -> bool {
    let record = &snapshot.record;
    match name {
        "host" => record.host == value,
        "label" => record.label.as_deref() == Some(value),
        _ => record.tags.iter().any(|tag| tag == value),
    }
}

/// In months, and these in days.
fn line(snapshots: &[&Snapshot]) -> Markup {
    let part = |snapshot: &Snapshot, bytes: usize| {
        let day = time::local(snapshot.record.time.into());
        day.get(..bytes).unwrap_or(&day).to_owned()
    };
    html! {
        @for month in snapshots.chunk_by(|a, b| part(a, 7) == part(b, 7)) {
            section.month {
                h2 { (month.first().map(|one| time::named(one.record.time.into(), "%B %Y")).unwrap_or_default()) }
                ol.line {
                    @for day in month.chunk_by(|a, b| part(a, 10) == part(b, 10)) {
                        li.day {
                            h3 { (day.first().map(|one| time::named(one.record.time.into(), "%a %-d")).unwrap_or_default()) }
                            ul.items.cards { @for snapshot in day { li { (card(snapshot)) } } }
                        }
                    }
                }
            }
        }
    }
}

fn card(snapshot: &Snapshot) -> Markup {
    let record = &snapshot.record;
    let paths: Vec<String> = record.paths.iter().map(|path| shown(path)).collect();
    let clock = taken(snapshot).get(11..).unwrap_or_default().to_owned();
    html! {
        article.card {
            a.item href=(link("f", snapshot.session, &home(snapshot))) {
                time { (clock) }
                span.paths { bdi { (paths.join(", ")) } }
            }
            p.facts {
                a.chip href={ "./?host=" (encoded(&record.host)) } { bdi { (shown(record.host.as_bytes())) } }
                @if let Some(label) = &record.label {
                    a.chip.label href={ "./?label=" (encoded(label)) } { bdi { (shown(label.as_bytes())) } }
                }
                @for tag in &record.tags {
                    a.chip href={ "./?tag=" (encoded(tag)) } { "#" bdi { (shown(tag.as_bytes())) } }
                }
                @if record.pinned { span.chip { "pinned" } }
                span { (counted(record.stats.files, "file", "files")) }
                span { (bytes(record.stats.content_bytes)) }
                span.more { "stored " (bytes(record.stats.stored_bytes)) }
                @if record.stats.problems > 0 {
                    span.warn { (counted(record.stats.problems, "problem", "problems")) }
                }
                a.more href=(link("compare", snapshot.session, b"")) { "Compare" }
                code.more { (short(snapshot.session)) }
            }
        }
    }
}
