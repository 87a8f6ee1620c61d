//! What a check says.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

use heirloom_engine::check::{
    Affected, CheckReport, Fault, Finding, ReadPacks, Standing, Touched, Weight,
};
use heirloom_engine::error::ErrorKind;
use serde_json::{Map, Value, json};

use crate::explain;
use crate::failure::Failure;
use crate::output::{Event, Output};
use crate::render::key::short;
use crate::render::numbers::{bytes, count, counted, took};
use crate::render::{names, time};

/// Places of a snapshot that people are shown; `--json` has all.
const SHOWN: usize = 20;

const fn weight(weight: Weight) -> &'static str {
    match weight {
        Weight::Remark => "remark",
        Weight::Warning => "warning",
        Weight::Damage => "damage",
    }
}

fn line(output: Output, mut text: String) -> Result<(), Failure> {
    text.push('\n');
    output.text(&text)
}

/// One thing that is odd, as a line or an event.
pub(super) fn finding(finding: &Finding, output: Output) -> Result<(), Failure> {
    let (id, what) = fault(finding);
    let object = &finding.object;
    let mut fields = json!({ "object": object, "weight": weight(finding.weight), "message": what });
    if let (Fault::Pack { unreadable, pieces, .. }, Some(fields)) =
        (&finding.fault, fields.as_object_mut())
    {
        fields.insert("unreadable".to_owned(), json!(unreadable));
        fields.insert("pieces".to_owned(), json!(pieces));
    }
    output.event(Event::Finding, id, fields)?;
    let object = names::shown(object.as_bytes());
    if finding.weight == Weight::Remark && output.quiet {
        return Ok(());
    }
    line(output, format!("{}: {object} {what}", weight(finding.weight)))
}

fn fault(finding: &Finding) -> (&'static str, String) {
    let is_note = finding.object.contains('.');
    match &finding.fault {
        Fault::Damaged(source) => {
            ("check.damaged", format!("is damaged: {}", explain::format(source)))
        }
        Fault::Unreadable(ErrorKind::PermissionDenied) => {
            ("check.unreadable", "may not be read".to_owned())
        }
        Fault::Unreadable(_) => {
            ("check.unreadable", "is there, and the store does not give it out".to_owned())
        }
        Fault::Missing => ("check.missing", "is missing".to_owned()),
        Fault::Pack { what, unreadable: 0, .. } => {
            let why = explain::format(what);
            ("check.pack", format!("is damaged, and none of its data is lost: {why}"))
        }
        Fault::Pack { what, unreadable, pieces } => {
            let (lost, all) = (count(*unreadable), count(*pieces));
            let why = explain::format(what);
            ("check.pack", format!("is damaged: {lost} of its {all} pieces are lost ({why})"))
        }
        Fault::Contradicted => {
            ("check.contradicted", "is not what the index says it is".to_owned())
        }
        Fault::Foreign => ("check.foreign", "does not belong into the repository".to_owned()),
        Fault::Unindexed if finding.weight > Weight::Remark => {
            ("check.unindexed", "is needed, and the index does not list it".to_owned())
        }
        Fault::Unindexed => (
            "check.unindexed",
            "is in no index: left behind by a program that did not end, or is still running"
                .to_owned(),
        ),
        Fault::OldSession { started_ns } => {
            let since = time::local((*started_ns).into());
            ("check.old-session", format!("is a program that writes since {since}, or died then"))
        }
        Fault::Disputed => (
            "check.disputed",
            "is disputed: its program was declared dead while it ended".to_owned(),
        ),
        Fault::Alone if is_note => ("check.alone", "describes a key that is gone".to_owned()),
        Fault::Alone => ("check.alone", "is a key without a description".to_owned()),
        Fault::Rollback => (
            "check.rollback",
            "was here and is gone, and nobody forgot it: the store went back in time, or somebody \
             deleted it there"
                .to_owned(),
        ),
        Fault::Reclaimed => {
            ("check.reclaimed", "was forgotten, and part of it is gone by now".to_owned())
        }
        _ => ("check.other", "is odd".to_owned()),
    }
}

const fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Taken => "taken",
        Standing::Disputed => "disputed",
        Standing::Forgotten => "forgotten",
    }
}

/// Which snapshots and which of their files damage touches.
pub(super) fn affected(report: &CheckReport, output: Output) -> Result<(), Failure> {
    for affected in report.affected.iter().filter(|one| one.standing != Standing::Forgotten) {
        let places = u64::try_from(affected.touched.len()).unwrap_or(u64::MAX) + affected.more;
        let fields = json!({
            "snapshot": affected.snapshot.to_string(),
            "standing": standing(affected.standing),
            "lost": affected.lost,
            "places": places,
        });
        output.event(Event::Finding, "snapshot.affected", fields)?;
        for touched in &affected.touched {
            output.event(Event::File, "file.affected", place_fields(affected, touched))?;
        }
        let disputed =
            if affected.standing == Standing::Disputed { "Disputed snapshot" } else { "Snapshot" };
        let id = format!("{disputed} {}", short(&affected.snapshot.to_string()));
        if affected.lost {
            line(output, format!("{id} is lost: nothing of it can be listed"))?;
            continue;
        }
        line(output, format!("{id} is not whole, at {}:", counted(places, "place", "places")))?;
        let shown = if output.verbose > 0 { affected.touched.len() } else { SHOWN };
        for touched in affected.touched.iter().take(shown) {
            line(output, format!("  {}", place(touched)))?;
        }
        let rest = places.saturating_sub(u64::try_from(shown).unwrap_or(u64::MAX));
        if rest > 0 {
            line(output, format!("  and {} more", count(rest)))?;
        }
    }
    Ok(())
}

pub(super) fn place(touched: &Touched) -> String {
    match touched {
        Touched::Content(path) => names::path(path),
        Touched::Attributes(path) => format!("{} (attributes only)", names::path(path)),
        Touched::Entries { after, entries: Some(entries) } => {
            let entries = counted(*entries, "entry", "entries");
            format!("{entries} after {}", names::path(after))
        }
        Touched::Entries { after, entries: None } => {
            format!("everything after {}", names::path(after))
        }
    }
}

pub(super) fn place_fields(affected: &Affected, touched: &Touched) -> Value {
    let (path, what, entries) = match touched {
        Touched::Content(path) => (path, "content", None),
        Touched::Attributes(path) => (path, "attributes", None),
        Touched::Entries { after, entries } => (after, "entries-after", *entries),
    };
    let mut fields = path_fields(path);
    fields.insert("snapshot".to_owned(), json!(affected.snapshot.to_string()));
    fields.insert("what".to_owned(), json!(what));
    fields.insert("entries".to_owned(), json!(entries));
    Value::Object(fields)
}

fn path_fields(path: &Path) -> Map<String, Value> {
    names::path_fields(path.as_os_str().as_bytes())
}

/// Files that could not be read back.
pub(super) fn not_restored(report: &CheckReport, output: Output) -> Result<(), Failure> {
    for failed in report.restore_test.iter().flat_map(|test| &test.failed) {
        let why = explain::read(&failed.source).what;
        let mut fields = path_fields(&failed.path);
        let snapshot = failed.snapshot.to_string();
        fields.insert("snapshot".to_owned(), json!(snapshot));
        fields.insert("message".to_owned(), json!(why));
        output.event(Event::File, "file.not-restored", Value::Object(fields))?;
        let (path, snapshot) = (names::path(&failed.path), short(&snapshot));
        line(output, format!("Not restored: {path} of snapshot {snapshot}: {why}"))?;
    }
    Ok(())
}

/// `99.9 %`, never rounded up.
fn percent(probability: f64) -> String {
    if probability >= 1.0 {
        return "100 %".to_owned();
    }
    format!("{:.1} %", (probability * 1000.0).floor() / 10.0)
}

/// The end for people.
pub(super) fn summary(report: &CheckReport, taken: Duration) -> String {
    let counts = &report.counts;
    let mut text = format!(
        "Checked {}, {} and {} of {} in {}\n",
        counted(counts.snapshots, "snapshot", "snapshots"),
        counted(counts.segments, "index segment", "index segments"),
        counted(counts.packs, "pack", "packs"),
        bytes(counts.pack_bytes),
        took(taken),
    );
    let mut say = |line: String| writeln!(text, "{line}").expect("a String takes it");
    match &report.read {
        None => say("  packs were not read; `--read-data` does that".to_owned()),
        Some(read) => reading(report, read, &mut say),
    }
    if let Some(test) = &report.restore_test {
        let files = counted(test.files, "file", "files");
        let failed = u64::try_from(test.failed.len()).unwrap_or(u64::MAX);
        let failed = if failed > 0 { format!(", {} failed", count(failed)) } else { String::new() };
        let early = if test.out_of_time { "; the time was up" } else { "" };
        say(format!("  read {files} back, {}{failed}{early}", bytes(test.bytes)));
    }
    say(verdict(report).to_owned());
    if let Some(next) = next(report) {
        say(format!("  next: {next}"));
    }
    text
}

fn reading(report: &CheckReport, read: &ReadPacks, say: &mut impl FnMut(String)) {
    let all = counted(report.counts.packs, "pack", "packs");
    let what = if read.packs == report.counts.packs {
        format!("read all {all}, every byte")
    } else {
        format!("read {} of {all}, {}", count(read.packs), bytes(read.bytes))
    };
    let seed = read.seed.map(|seed| format!("; seed {seed:016x}")).unwrap_or_default();
    say(format!("  {what}{seed}"));
    if read.out_of_time {
        let left = count(read.chosen.saturating_sub(read.packs));
        say(format!("  the time was up; {left} are left for the next check"));
    }
    if read.packs < report.counts.packs {
        let one_percent = report.counts.packs.div_ceil(100);
        let odds = |damaged| percent(report.odds(damaged).unwrap_or_default());
        say(format!(
            "  had one pack been damaged, this would have found it with {}; had 1 % been, with {}",
            odds(1),
            odds(one_percent)
        ));
        if read.never > 0 {
            say(format!("  {} were never read by this machine", count(read.never)));
        }
    }
}

fn verdict(report: &CheckReport) -> &'static str {
    if report.is_rolled_back() {
        return "The repository went back in time, or lost snapshots";
    }
    match report.weight() {
        None | Some(Weight::Remark) => "No damage found",
        Some(Weight::Warning) => "No data is damaged; see the warnings",
        Some(Weight::Damage) => "The repository is damaged",
    }
}

/// What to do about the first thing that something can be done about.
fn next(report: &CheckReport) -> Option<&'static str> {
    let heavy = || report.findings.iter().filter(|finding| finding.weight > Weight::Remark);
    let any = |folder: &str| heavy().any(|finding| finding.object.starts_with(folder));
    let slot =
        |finding: &Finding| finding.object.starts_with("keys/") && !finding.object.contains('.');
    let broken = |finding: &Finding| matches!(finding.fault, Fault::Pack { .. });
    let of_packs = |finding: &Finding| finding.object.starts_with("packs/") && !broken(finding);
    if heavy().any(slot) {
        return Some("heirloom key add a new key, then heirloom key remove the damaged one");
    }
    let folders = ["index/", "sessions/", "condemned/", "policies/", "keys/", "heirloom.json"];
    if folders.into_iter().any(any) || heavy().any(of_packs) {
        return Some("heirloom repair index");
    }
    if heavy().any(broken) {
        return Some("heirloom repair packs");
    }
    let touched = report.affected.iter().any(|one| one.standing == Standing::Taken);
    (touched || any("snapshots/") || any("tombstones/")).then_some("heirloom repair snapshots")
}

/// The end as the fields of a summary.
pub(super) fn fields(report: &CheckReport, taken: Duration) -> Value {
    let counts = &report.counts;
    let of = |weight| report.findings.iter().filter(|finding| finding.weight == weight).count();
    let touched = report.affected.iter().filter(|one| one.standing == Standing::Taken);
    json!({
        "keys": counts.keys,
        "snapshots": counts.snapshots,
        "forgotten": counts.forgotten,
        "segments": counts.segments,
        "packs": counts.packs,
        "pack_bytes": counts.pack_bytes,
        "blobs": counts.blobs,
        "lost_blobs": counts.lost_blobs,
        "damage": of(Weight::Damage),
        "warnings": of(Weight::Warning),
        "remarks": of(Weight::Remark),
        "affected": touched.count(),
        "read": report.read.as_ref().map(|read| read_fields(report, read)),
        "restore_test": report.restore_test.as_ref().map(|test| json!({
            "files": test.files,
            "bytes": test.bytes,
            "failed": test.failed.len(),
            "out_of_time": test.out_of_time,
        })),
        "next": next(report),
        "seconds": taken.as_secs_f64(),
    })
}

fn read_fields(report: &CheckReport, read: &ReadPacks) -> Value {
    json!({
        "chosen": read.chosen,
        "packs": read.packs,
        "bytes": read.bytes,
        "damaged": read.damaged,
        "seed": read.seed.map(|seed| format!("{seed:016x}")),
        "out_of_time": read.out_of_time,
        "never": read.never,
        "oldest": read.oldest_ns.map(|oldest| time::rfc3339(oldest.into())),
        "odds_one_pack": report.odds(1),
        "odds_one_percent": report.odds(report.counts.packs.div_ceil(100)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_are_never_rounded_up() {
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.9999), "99.9 %");
        assert_eq!(percent(0.0), "0.0 %");
    }
}
