//! What differs between two snapshots, a page at a time.

use heirloom_engine::id::SessionId;
use heirloom_engine::snapshot::Snapshot;
use heirloom_engine::tree::{file_name, path_from_key};
use heirloom_engine::view::{Compared, Difference, Differs, compare};
use maud::{Markup, html};

use super::app::App;
use super::page::{Answer, Page, caption, crumbs, notes, pages};
use crate::render::names;
use crate::render::numbers::{bytes, count};
use crate::render::problem;
use crate::web::ask::{Ask, link};
use crate::web::media::Promise;
use crate::web::sign::sign;

/// Differences of one page.
const PAGE: usize = 200;
/// Two snapshots that have nothing in common differ in everything: nobody pages through that.
const SEEN_MAX: usize = 100_000;
/// Snapshots to choose from.
const CHOICES_MAX: usize = 500;

pub(super) fn answer(app: &App, ask: &Ask) -> Answer {
    let after = app.snapshot(ask.session)?;
    let mut all: Vec<Snapshot> = app.snapshots()?.to_vec();
    all.sort_by_key(|one| std::cmp::Reverse((one.record.time, one.session)));
    let other = SessionId::from_hex(ask.text("with"));
    let before = all.iter().find(|one| Some(one.session) == other);
    let before = before.or_else(|| previous(&all, &after));
    let found = before.map(|before| find(app, ask, before, &after));
    let here = link("compare", after.session, &ask.key);
    let to = |page: usize| {
        let with = before.map(|before| before.session.to_string()).unwrap_or_default();
        format!("{here}?with={with}&page={page}")
    };
    let body = html! {
        (crumbs(&after, &ask.key))
        div.head { h1 { "Compare" } }
        form.compare action=(here) {
            label for="with" { "What changed from" }
            select name="with" id="with" {
                @for one in all.iter().take(CHOICES_MAX) {
                    option value=(one.session.to_string())
                        selected[before.is_some_and(|before| before.session == one.session)] { (caption(one)) }
                }
            }
            span { "to " strong { (caption(&after)) } }
            button.button type="submit" { "Compare" }
        }
        @match (&found, before) {
            (Some(found), Some(before)) => {
                (sums(found))
                (notes(&found.notes))
                @if found.rows.is_empty() { p.empty { "Nothing differs here." } }
                ul.items.rows.changes {
                    @for difference in &found.rows { li { (row(difference, before, &after)) } }
                }
                (pages(ask.page(), found.seen.div_ceil(PAGE).max(1), to))
            }
            _ => p.empty { "There is no other snapshot to compare with." }
        }
    };
    let place = Some((&after, ask.key.as_slice()));
    Ok(Page { base: &app.gate.base, title: "Compare", place, query: "" }.answer(&body))
}

/// The one before in the same series, else the one before of all; of the first one, the next.
fn previous<'a>(newest_first: &'a [Snapshot], of: &Snapshot) -> Option<&'a Snapshot> {
    let earlier = || newest_first.iter().filter(|one| one.record.time < of.record.time);
    let series = |one: &&Snapshot| {
        (&one.record.host, &one.record.label, &one.record.paths)
            == (&of.record.host, &of.record.label, &of.record.paths)
    };
    let others = || newest_first.iter().rfind(|one| one.session != of.session);
    earlier().find(series).or_else(|| earlier().next()).or_else(others)
}

/// The differences of one page.
struct Found {
    rows: Vec<Difference>,
    seen: usize,
    sums: Compared,
    notes: Vec<String>,
}

fn find(app: &App, ask: &Ask, before: &Snapshot, after: &Snapshot) -> Found {
    let (first, mut seen) = ((ask.page() - 1).saturating_mul(PAGE), 0);
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    let sums = compare(
        app.reader.repository(),
        (before.record.root, after.record.root),
        &ask.key,
        &mut |difference| {
            if (first..first.saturating_add(PAGE)).contains(&seen) {
                rows.push(difference.clone());
            }
            seen += 1;
            seen < SEEN_MAX
        },
        &mut |found| notes.push(problem::describe(&found).text),
    );
    notes.truncate(10);
    if seen == SEEN_MAX {
        let most = count(u64::try_from(SEEN_MAX).unwrap_or(u64::MAX));
        notes.push(format!(
            "only the first {most} differences were counted; `heirloom diff` lists all"
        ));
    }
    Found { rows, seen, sums, notes }
}

fn sums(found: &Found) -> Markup {
    let sums = found.sums;
    let size = |size: u64| if size > 0 { format!(" ({})", bytes(size)) } else { String::new() };
    html! {
        p.sums {
            span.added { (count(sums.added)) " added" (size(sums.added_bytes)) } " "
            span.removed { (count(sums.removed)) " removed" (size(sums.removed_bytes)) } " "
            span.changed { (count(sums.changed + sums.kinds)) " changed" (size(sums.changed_bytes)) } " "
            span.metadata { (count(sums.metadata)) " in metadata only" }
        }
    }
}

fn row(difference: &Difference, before: &Snapshot, after: &Snapshot) -> Markup {
    let (class, words) = match difference.differs {
        Differs::Added => ("added", "added"),
        Differs::Removed => ("removed", "removed"),
        Differs::Kind => ("changed", "of another kind"),
        Differs::Content => ("changed", "changed"),
        Differs::Metadata => ("metadata", "metadata"),
    };
    let key = &difference.key;
    let side = difference.after.as_ref().or(difference.before.as_ref());
    let size_of = |entry: &Option<heirloom_engine::tree::Entry>| {
        entry.as_ref().map_or_else(String::new, |entry| bytes(entry.size))
    };
    let holder = if difference.after.is_some() { after } else { before };
    html! {
        a class={ "item " (class) } href=(link("f", holder.session, key)) {
            span.what { (words) }
            @if let Some(entry) = side { (sign(entry.kind, Promise::of(file_name(key)))) }
            span.name { bdi { (names::path(&path_from_key(key))) } }
            span.size {
                @if difference.differs == Differs::Content { (size_of(&difference.before)) " → " }
                (size_of(if difference.after.is_some() { &difference.after } else { &difference.before }))
            }
        }
    }
}
