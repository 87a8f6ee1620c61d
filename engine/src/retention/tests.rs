//! What policies keep: a table of cases, properties, words, stored policies.

mod cases;
mod properties;
mod stored;
mod words;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_bytes::ByteBuf;

use super::*;
use crate::id::{ClientId, SessionId};
use crate::snapshot::{Record, Snapshot};

/// Rules as words: `daily=7 within=30d tag=a,b id=3fa9 min=2 group=host,label`.
fn policy(words: &str) -> Policy {
    let mut policy = Policy::default();
    for word in words.split_whitespace() {
        let (name, value) = word.split_once('=').expect("NAME=VALUE");
        match name {
            "tag" => policy.keep_tags(value).expect("tags"),
            "id" => policy.keep_id(value).expect("an id"),
            "min" => policy.min_keep = value.parse().expect("a number"),
            "group" => policy.group_by = value.parse().expect("traits"),
            "drop" => policy.max_drop = value.parse().expect("a share"),
            "within" => policy.rules.push(rule("last", value)),
            _ => policy.rules.push(rule(name, value)),
        }
    }
    policy
}

fn rule(period: &str, amount: &str) -> Rule {
    Rule { period: period.parse().expect("a period"), amount: amount.parse().expect("an amount") }
}

fn zone(name: &str) -> TimeZone {
    let rule = match name {
        "UTC" => return TimeZone::UTC,
        "Berlin" => "CET-1CEST,M3.5.0,M10.5.0/3",
        // Clocks are put back from one minute past midnight to the day before, as they were until 2011.
        "StJohns" => "NST3:30NDT,M3.2.0/0:01,M11.1.0/0:01",
        "LordHowe" => "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
        "Kiritimati" => "<+14>-14",
        other => panic!("no zone {other}"),
    };
    TimeZone::posix(rule).expect("a rule")
}

/// With an offset an instant, else local time; of two, the earlier.
fn instant(text: &str, zone: &TimeZone) -> Timestamp {
    text.parse().unwrap_or_else(|_local| {
        let civil: jiff::civil::DateTime = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        civil.to_zoned(zone.clone()).expect("within the calendar").timestamp()
    })
}

fn ns(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).expect("within 64 bits")
}

/// `2026-11-02T18:30 pinned #a @label host=x path=/y until=2027-01-01T00:00 client=2 seq=5 clock`. Its id is its
/// number, twice sixteen bits at the front. `clock` says that its time is that of the writer's clock.
fn snapshot(number: u16, words: &str, zone: &TimeZone) -> Snapshot {
    let mut words = words.split_whitespace();
    let time = ns(instant(words.next().expect("a time"), zone));
    let mut record = Record {
        time,
        finished: time,
        host: "desk".to_owned(),
        paths: vec![ByteBuf::from(b"/home".as_slice())],
        ..Record::default()
    };
    for word in words {
        match word.split_once('=') {
            Some(("host", host)) => host.clone_into(&mut record.host),
            Some(("path", path)) => record.paths = path.split(',').map(ByteBuf::from).collect(),
            Some(("until", until)) => record.keep_until = Some(ns(instant(until, zone))),
            Some(("client", client)) => {
                record.client = ClientId([client.parse().expect("a number"); 16]);
            }
            Some(("seq", number)) => record.sequence = number.parse().expect("a number"),
            Some(("original", id)) => {
                let digits: u16 = id.parse().expect("a number");
                record.original = Some(numbered(digits));
            }
            Some(("finished", at)) => record.finished = ns(instant(at, zone)),
            Some(_) => panic!("{word}"),
            None if word == "pinned" => record.pinned = true,
            None if word == "clock" => record.started = time,
            None => match word.split_at(1) {
                ("#", tag) => record.tags.push(tag.to_owned()),
                ("@", label) => record.label = Some(label.to_owned()),
                _ => panic!("{word}"),
            },
        }
    }
    Snapshot { session: numbered(number), record, record_bytes: Vec::new() }
}

fn numbered(number: u16) -> SessionId {
    let mut id = [0; 16];
    id[..2].copy_from_slice(&number.to_be_bytes());
    SessionId(id)
}

fn now(text: &str, zone: &TimeZone) -> Zoned {
    instant(text, zone).to_zoned(zone.clone())
}

fn shown(verdict: &Verdict<'_>) -> String {
    let reasons: Vec<String> = verdict.reasons.iter().map(ToString::to_string).collect();
    assert_eq!(verdict.keep, !reasons.is_empty());
    if reasons.is_empty() { "drop".to_owned() } else { reasons.join(", ") }
}

fn kept(groups: &[Group<'_>]) -> Vec<SessionId> {
    let verdicts = groups.iter().flat_map(|group| &group.verdicts);
    let mut kept: Vec<SessionId> =
        verdicts.filter(|verdict| verdict.keep).map(|verdict| verdict.snapshot.session).collect();
    kept.sort_unstable();
    kept
}
