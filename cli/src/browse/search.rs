//! Search by name: in a folder of a snapshot, or in all snapshots, each version once.

use std::cell::Cell;

use globset::{GlobBuilder, GlobMatcher};
use heirloom_engine::id::NodeId;
use heirloom_engine::snapshot::Snapshot;
use heirloom_engine::tree::{EntryView, Kind, file_name, path_from_key};
use heirloom_engine::view::{Found, find};
use maud::html;

use super::app::App;
use super::page::{Answer, Page, caption, crumbs, minute, notes};
use crate::render::numbers::{bytes, count, counted};
use crate::render::{names, problem};
use crate::web::ask::{Ask, encoded, link};
use crate::web::media::Promise;
use crate::web::sign::sign;

/// Found entries that are shown.
const HITS_MAX: usize = 500;
/// Entries that are looked at before a search gives up.
const LOOKS_MAX: usize = 5_000_000;

pub(super) fn answer(app: &App, ask: &Ask) -> Answer {
    let query = ask.text("q");
    let scope = ask.session.map(|session| app.snapshot(Some(session))).transpose()?;
    let all = app.snapshots()?;
    let mut among: Vec<&Snapshot> = match &scope {
        Some(snapshot) => vec![snapshot],
        None => all.iter().collect(),
    };
    among.sort_by_key(|one| std::cmp::Reverse((one.record.time, one.session)));
    let found = if query.is_empty() { Hits::default() } else { look(app, ask, &among, query) };
    let everywhere = format!("search?q={}", encoded(query));
    let body = html! {
        @if let Some(snapshot) = &scope { (crumbs(snapshot, &ask.key)) }
        div.head {
            h1 { "Search" }
            p.sum {
                @if query.is_empty() { "Write a part of a name above; * stands for anything." }
                @else { (counted(u64::try_from(found.hits.len()).unwrap_or(u64::MAX), "match", "matches")) " for " strong { bdi { (names::shown(query.as_bytes())) } } }
            }
            @if scope.is_some() && !query.is_empty() {
                p.actions { a.button href=(everywhere) { "Search all snapshots" } }
            }
        }
        (notes(&found.notes))
        ul.items.rows.hits {
            @for (snapshot, Found { key, entry, holders }) in &found.hits {
                li {
                    a.item href=(link("f", snapshot.session, key)) {
                        (sign(entry.kind, Promise::of(file_name(key))))
                        span.name { bdi { (names::path(&path_from_key(key))) } }
                        span.size { @if entry.kind == Kind::File { (bytes(entry.size)) } }
                        time { (minute(entry.mtime_ns)) }
                        @if scope.is_none() {
                            span.more {
                                (caption(snapshot))
                                @if holders.count() > 1 { " and " (holders.count() - 1) " before" }
                            }
                        }
                    }
                }
            }
        }
    };
    let place = scope.as_ref().map(|snapshot| (snapshot, ask.key.as_slice()));
    Ok(Page { base: &app.gate.base, title: "Search", place, query }.answer(&body))
}

/// Versions of entries with such a name, and the newest snapshot that has each.
#[derive(Default)]
struct Hits<'a> {
    hits: Vec<(&'a Snapshot, Found)>,
    notes: Vec<String>,
}

fn look<'a>(app: &App, ask: &Ask, newest_first: &[&'a Snapshot], query: &str) -> Hits<'a> {
    let (pattern, looks) = (Pattern::new(query), Cell::new(0_usize));
    let roots: Vec<NodeId> = newest_first.iter().map(|one| one.record.root).collect();
    let wanted = |key: &[u8], _: &EntryView| {
        looks.set(looks.get() + 1);
        // The last look ends the search below.
        looks.get() > LOOKS_MAX || pattern.matches(file_name(key))
    };
    let mut found = Hits::default();
    let Hits { hits, notes } = &mut found;
    let visit = &mut |version: Found| {
        let holder = version.holders.positions().next().and_then(|first| newest_first.get(first));
        if let Some(holder) = holder.filter(|_| looks.get() <= LOOKS_MAX) {
            hits.push((*holder, version));
        }
        looks.get() <= LOOKS_MAX && hits.len() < HITS_MAX
    };
    find(&app.reader, (&roots, &ask.key), &wanted, visit, &mut |found| {
        if notes.len() < 10 {
            notes.push(problem::describe(&found).text);
        }
    });
    if found.hits.len() >= HITS_MAX {
        let most = count(u64::try_from(HITS_MAX).unwrap_or(u64::MAX));
        found.notes.push(format!("only the first {most} are shown; write more of the name"));
    } else if looks.get() > LOOKS_MAX {
        found.notes.push("there is too much to search at once; open a folder first".to_owned());
    }
    found
}

/// A part of a name, or with `*` and `?` all of it; upper and lower case are the same.
enum Pattern {
    Part(String),
    Whole(GlobMatcher),
}

impl Pattern {
    fn new(query: &str) -> Self {
        let glob = query.contains(['*', '?']).then(|| {
            GlobBuilder::new(query).case_insensitive(true).backslash_escape(true).build().ok()
        });
        match glob.flatten() {
            Some(glob) => Self::Whole(glob.compile_matcher()),
            None => Self::Part(query.to_lowercase()),
        }
    }

    fn matches(&self, name: &[u8]) -> bool {
        use std::os::unix::ffi::OsStrExt as _;
        match self {
            Self::Part(part) => String::from_utf8_lossy(name).to_lowercase().contains(part),
            Self::Whole(glob) => glob.is_match(std::ffi::OsStr::from_bytes(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_a_part_of_a_name_or_a_pattern_for_all_of_it() {
        for (query, name, expected) in [
            ("holiday", &b"Our HOLIDAY.jpg"[..], true),
            ("\u{c4}pfel", "\u{e4}pfel.txt".as_bytes(), true),
            ("*.jpg", b"a.JPG", true),
            ("*.jpg", b"a.jpg.txt", false),
            ("a?c", b"abc", true),
            ("[", b"a[b", true),
            ("*[", b"a*[b", true),
            ("x", b"\xff\xfex", true),
            ("x", b"abc", false),
        ] {
            assert_eq!(Pattern::new(query).matches(name), expected, "{query}");
        }
    }
}
