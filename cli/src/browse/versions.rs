//! All versions of one file: the snapshots that have it, with those that have the same together.

use heirloom_engine::snapshot::Snapshot;
use heirloom_engine::tree::{Entry, file_name};
use maud::html;

use super::app::App;
use super::page::{Answer, Page, caption, crumbs, minute, notes};
use crate::explain;
use crate::failure::Failure;
use crate::render::names::shown;
use crate::render::numbers::{bytes, counted};
use crate::web::ask::{Ask, link};

/// The newest snapshots that are looked at.
const SNAPSHOTS_MAX: usize = 2000;

pub(super) fn answer(app: &App, ask: &Ask) -> Answer {
    let snapshot = app.snapshot(ask.session)?;
    let all = app.snapshots()?;
    let mut newest: Vec<&Snapshot> = all.iter().collect();
    newest.sort_by_key(|one| std::cmp::Reverse((one.record.time, one.session)));
    newest.truncate(SNAPSHOTS_MAX);
    let (mut found, mut problems): (Vec<(&Snapshot, Entry)>, _) = (Vec::new(), Vec::new());
    for one in newest {
        match app.view(one).entry(&ask.key) {
            Ok(entry) => found.extend(entry.map(|entry| (one, entry))),
            Err(error) => {
                let why = explain::message(&Failure::from(error)).map(|message| message.what);
                problems.push(format!("{}: {}", caption(one), why.unwrap_or_default()));
            }
        }
    }
    let is_same = |(_, a): &(&Snapshot, Entry), (_, b): &(&Snapshot, Entry)| {
        (a.kind, a.size, a.mtime_ns, &a.content) == (b.kind, b.size, b.mtime_ns, &b.content)
    };
    let versions: Vec<_> = found.chunk_by(is_same).collect();
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let body = html! {
        (crumbs(&snapshot, &ask.key))
        div.head {
            h1 { "Versions of " bdi { (shown(file_name(&ask.key))) } }
            p.sum {
                (counted(number(versions.len()), "version", "versions")) " in "
                (counted(number(found.len()), "snapshot", "snapshots"))
            }
        }
        (notes(&problems))
        ul.items.rows.versions {
            @for version in versions {
                @if let [(first, entry), ..] = version {
                    li {
                        a.item href=(link("f", first.session, &ask.key)) {
                            span.name { "Modified " (minute(entry.mtime_ns)) }
                            span.size { (bytes(entry.size)) }
                            span.more {
                                (caption(first))
                                @if version.len() > 1 { " and " (version.len() - 1) " before" }
                            }
                        }
                    }
                }
            }
        }
    };
    let place = Some((&snapshot, ask.key.as_slice()));
    Ok(Page { base: &app.gate.base, title: "Versions", place, query: "" }.answer(&body))
}
