//! Golden cases: a policy, snapshots, and what must come out for each.

use super::*;

/// Name; policy, with `zone=` and `now=` in front where they matter; snapshots as `WORDS -> REASONS`.
type Case = (&'static str, &'static str, &'static [&'static str]);

#[test]
fn every_case_comes_out_as_written() {
    let mut names = Vec::new();
    for (name, words, lines) in CASES {
        let mut place = TimeZone::UTC;
        let mut today = "2030-01-01T00:00";
        let mut rules = Vec::new();
        for word in words.split_whitespace() {
            match word.split_once('=') {
                Some(("zone", name)) => place = zone(name),
                Some(("now", time)) => today = time,
                _ => rules.push(word),
            }
        }
        let numbered = lines.iter().zip(1_u16..).map(|(line, number)| {
            let (words, expected) = line.split_once("->").expect("an arrow");
            (snapshot(number, words, &place), expected.trim())
        });
        let (snapshots, expected): (Vec<Snapshot>, Vec<&str>) = numbered.unzip();
        let groups = evaluate(&snapshots, &policy(&rules.join(" ")), &now(today, &place));
        for (snapshot, expected) in snapshots.iter().zip(expected) {
            let mut verdicts = groups.iter().flat_map(|group| &group.verdicts);
            let verdict = verdicts.find(|one| one.snapshot.session == snapshot.session);
            assert_eq!(shown(verdict.expect("each has one")), expected, "{name}: {lines:?}");
        }
        names.push(*name);
    }
    assert!(names.len() >= 60, "{}", names.len());
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), CASES.len(), "every name once");
}

#[test]
fn verdicts_are_oldest_first_and_groups_in_order() {
    let lines = ["2026-03-01T10:00 host=b", "2026-01-01T10:00 host=a", "2026-02-01T10:00 host=a"];
    let snapshots: Vec<Snapshot> = lines
        .iter()
        .zip(1..)
        .map(|(line, number)| snapshot(number, line, &TimeZone::UTC))
        .collect();
    let groups = evaluate(&snapshots, &policy("last=1"), &now("2027-01-01T00:00", &TimeZone::UTC));
    let order: Vec<(Option<&str>, i8)> = groups
        .iter()
        .flat_map(|group| group.verdicts.iter().map(|one| (group.key.host.as_deref(), one)))
        .map(|(host, one)| (host, at_month(one)))
        .collect();
    assert_eq!(order, [(Some("a"), 1), (Some("a"), 2), (Some("b"), 3)]);
    let dropped: Vec<SessionId> =
        groups.iter().flat_map(Group::dropped).map(|one| one.session).collect();
    assert_eq!(dropped, [snapshots[1].session]);
}

fn at_month(verdict: &Verdict<'_>) -> i8 {
    let at = Timestamp::from_nanosecond(verdict.snapshot.record.time.into()).expect("a time");
    at.to_zoned(TimeZone::UTC).month()
}

/// What the limit says of a policy for a group of so many.
fn limited(total: u16, words: &str) -> Result<(), DropError> {
    let snapshots: Vec<Snapshot> = (0..total)
        .map(|number| {
            let time = format!("2026-{:02}-{:02}T12:00", number / 28 + 1, number % 28 + 1);
            snapshot(number, &time, &TimeZone::UTC)
        })
        .collect();
    let policy = policy(words);
    let groups = evaluate(&snapshots, &policy, &now("2027-01-01T00:00", &TimeZone::UTC));
    check_drops(&groups, policy.max_drop)
}

#[test]
fn the_limit_refuses_too_much_and_names_the_group_and_the_counts() {
    for (total, words) in [
        (1, "last=1"),
        (2, "last=1"),
        (4, "last=2"),
        (100, "last=50"),
        (5, "last=4 drop=10%"),
        (5, "last=4 drop=0%"),
        (3, "last=1 drop=67%"),
        (100, "last=1 drop=99%"),
        (100, "last=1 drop=100%"),
        (7, "tag=none drop=100%"),
        (0, "tag=none"),
        (10, "daily=all"),
    ] {
        assert_eq!(limited(total, words), Ok(()), "{total} {words}");
    }
    for (total, words, lost, needed) in [
        (3, "last=1", 2, 67),
        (100, "last=49", 51, 51),
        (100, "last=1 drop=98%", 99, 99),
        (1000 / 3, "last=1 drop=99%", 332, 100),
        (5, "last=3 drop=0%", 2, 40),
    ] {
        let Err(DropError::TooMany { group, dropped, total: all, permitted, needed: share }) =
            limited(total, words)
        else {
            panic!("{total} {words} was let through");
        };
        assert_eq!((dropped, all), (lost, usize::from(total)), "{words}");
        assert_eq!((share.get(), permitted), (needed, policy(words).max_drop), "{words}");
        assert_eq!(group.host.as_deref(), Some("desk"));
    }
    for (total, words) in [(1, "tag=none"), (7, "tag=none"), (7, "id=ffff drop=99%")] {
        let error = limited(total, words).expect_err("keeps nothing");
        assert!(
            matches!(error, DropError::KeepsNothing { total: all, .. } if all == usize::from(total))
        );
    }
}

const CASES: &[Case] = &[
    // Counts.
    (
        "last counts from the newest",
        "last=2",
        &["2026-11-01T10:00 -> drop", "2026-11-02T10:00 -> last 2", "2026-11-03T10:00 -> last 1"],
    ),
    ("last may be more than there are", "last=9", &["2026-11-01T10:00 -> last 1"]),
    (
        "all are kept on request",
        "last=all",
        &["1999-11-01T10:00 -> last 2", "2026-11-01T10:00 -> last 1"],
    ),
    ("nothing is kept without a rule", "", &["2026-11-01T10:00 -> drop"]),
    (
        "the newest of a day is kept",
        "daily=1",
        &["2026-11-02T00:00 -> drop", "2026-11-02T23:59:59.999999999 -> daily 2026-11-02"],
    ),
    (
        "midnight belongs to the day that begins",
        "daily=1",
        &["2026-11-01T23:59:59.999999999 -> drop", "2026-11-02T00:00 -> daily 2026-11-02"],
    ),
    (
        "days without snapshots cost nothing",
        "daily=3",
        &[
            "2026-01-01T10:00 -> drop",
            "2026-03-01T10:00 -> daily 2026-03-01",
            "2026-06-01T10:00 -> daily 2026-06-01",
            "2026-11-02T10:00 -> daily 2026-11-02",
        ],
    ),
    (
        "the oldest is kept while the days last",
        "daily=3",
        &[
            "2026-11-01T08:00 -> oldest for daily",
            "2026-11-01T09:00 -> drop",
            "2026-11-01T10:00 -> daily 2026-11-01",
            "2026-11-02T10:00 -> daily 2026-11-02",
        ],
    ),
    (
        "the oldest is not kept beyond them",
        "daily=2",
        &[
            "2026-11-01T08:00 -> drop",
            "2026-11-01T10:00 -> daily 2026-11-01",
            "2026-11-02T10:00 -> daily 2026-11-02",
        ],
    ),
    (
        "the oldest counts as one of them",
        "yearly=2",
        &[
            "2026-01-01T08:00 -> oldest for yearly",
            "2026-05-01T10:00 -> drop",
            "2026-11-02T10:00 -> yearly 2026",
        ],
    ),
    (
        "minutes",
        "minutely=2",
        &[
            "2026-11-02T09:59:59 -> drop",
            "2026-11-02T10:00:00 -> drop",
            "2026-11-02T10:00:59 -> minutely 2026-11-02 10:00",
            "2026-11-02T10:01:00 -> minutely 2026-11-02 10:01",
        ],
    ),
    (
        "hours",
        "hourly=2",
        &[
            "2026-11-02T08:59:59 -> drop",
            "2026-11-02T09:00 -> hourly 2026-11-02 09:00",
            "2026-11-02T10:00 -> drop",
            "2026-11-02T10:59:59 -> hourly 2026-11-02 10:00",
        ],
    ),
    (
        "the same hour of two days is two hours",
        "hourly=2",
        &[
            "2026-11-01T10:00 -> hourly 2026-11-01 10:00",
            "2026-11-02T10:00 -> hourly 2026-11-02 10:00",
        ],
    ),
    (
        "months",
        "monthly=2",
        &[
            "2026-09-30T23:59 -> drop",
            "2026-10-01T00:00 -> drop",
            "2026-10-31T23:59 -> monthly 2026-10",
            "2026-11-01T00:00 -> monthly 2026-11",
        ],
    ),
    (
        "the same month of two years is two months",
        "monthly=2",
        &["2025-11-01T10:00 -> monthly 2025-11", "2026-11-01T10:00 -> monthly 2026-11"],
    ),
    (
        "quarters",
        "quarterly=4",
        &[
            "2025-12-31T23:59 -> drop",
            "2026-01-01T00:00 -> drop",
            "2026-03-31T23:59 -> quarterly 2026-Q1",
            "2026-04-01T00:00 -> quarterly 2026-Q2",
            "2026-09-30T23:59 -> quarterly 2026-Q3",
            "2026-10-01T00:00 -> drop",
            "2026-12-31T23:59 -> quarterly 2026-Q4",
        ],
    ),
    (
        "half-years",
        "half-yearly=2",
        &[
            "2025-12-31T23:59 -> drop",
            "2026-01-01T00:00 -> drop",
            "2026-06-30T23:59 -> half-yearly 2026-H1",
            "2026-07-01T00:00 -> half-yearly 2026-H2",
        ],
    ),
    (
        "years",
        "yearly=2",
        &[
            "2024-12-31T23:59 -> drop",
            "2025-12-31T23:59 -> yearly 2025",
            "2026-01-01T00:00 -> yearly 2026",
        ],
    ),
    (
        "years before the common epoch of computers",
        "yearly=2",
        &["1901-02-03T10:00 -> yearly 1901", "1969-12-31T23:59 -> yearly 1969"],
    ),
    // Weeks.
    (
        "weeks begin on Monday",
        "weekly=2",
        &[
            "2026-10-25T23:59 -> drop",
            "2026-10-26T00:00 -> drop",
            "2026-11-01T23:59 -> weekly 2026-W44",
            "2026-11-02T00:00 -> weekly 2026-W45",
        ],
    ),
    (
        "a year of 53 weeks",
        "weekly=3",
        &[
            "2026-12-27T10:00 -> weekly 2026-W52",
            "2026-12-28T10:00 -> drop",
            "2027-01-03T23:59 -> weekly 2026-W53",
            "2027-01-04T00:00 -> weekly 2027-W01",
        ],
    ),
    (
        "the last days of December may belong to the next year",
        "weekly=2",
        &[
            "2024-12-29T10:00 -> weekly 2024-W52",
            "2024-12-30T10:00 -> drop",
            "2025-01-05T10:00 -> weekly 2025-W01",
        ],
    ),
    (
        "the first days of January may belong to the last year",
        "weekly=2",
        &[
            "2020-12-31T10:00 -> drop",
            "2021-01-03T10:00 -> weekly 2020-W53",
            "2021-01-04T10:00 -> weekly 2021-W01",
        ],
    ),
    (
        "the same week of two years is two weeks",
        "weekly=2",
        &["2025-11-05T10:00 -> weekly 2025-W45", "2026-11-05T10:00 -> weekly 2026-W45"],
    ),
    // Leap days.
    (
        "a leap day is a day",
        "daily=3",
        &[
            "2028-02-28T10:00 -> daily 2028-02-28",
            "2028-02-29T10:00 -> daily 2028-02-29",
            "2028-03-01T10:00 -> daily 2028-03-01",
        ],
    ),
    (
        "a year before a leap day is the last of February",
        "within=1y now=2030-01-01T00:00",
        &[
            "2027-02-28T10:00 -> drop",
            "2027-02-28T10:00:01 -> within 1y",
            "2028-02-29T10:00 -> within 1y",
        ],
    ),
    (
        "a month before the end of March is the last of February",
        "within=1m",
        &[
            "2026-02-28T10:00 -> drop",
            "2026-02-28T10:00:00.000000001 -> within 1m",
            "2026-03-31T10:00 -> within 1m",
        ],
    ),
    (
        "a month before the end of March is the leap day",
        "within=1m",
        &[
            "2028-02-29T10:00 -> drop",
            "2028-03-01T10:00 -> within 1m",
            "2028-03-31T10:00 -> within 1m",
        ],
    ),
    // Durations.
    (
        "durations are counted back from the newest",
        "within=7d",
        &[
            "2020-01-01T10:00 -> drop",
            "2020-01-01T10:00:01 -> within 7d",
            "2020-01-08T10:00 -> within 7d",
        ],
    ),
    (
        "a week of daily snapshots is seven",
        "within=1w",
        &[
            "2026-11-01T03:00 -> drop",
            "2026-11-02T03:00 -> within 1w",
            "2026-11-03T03:00 -> within 1w",
            "2026-11-04T03:00 -> within 1w",
            "2026-11-05T03:00 -> within 1w",
            "2026-11-06T03:00 -> within 1w",
            "2026-11-07T03:00 -> within 1w",
            "2026-11-08T03:00 -> within 1w",
        ],
    ),
    (
        "a mixed duration",
        "within=1m1d1h1min",
        &[
            "2026-10-01T08:58 -> drop",
            "2026-10-01T08:59 -> drop",
            "2026-10-01T09:00 -> within 1m1d1h1min",
            "2026-11-02T10:00 -> within 1m1d1h1min",
        ],
    ),
    (
        "one a day for three days",
        "daily=3d",
        &[
            "2026-10-30T10:00 -> drop",
            "2026-10-30T12:00 -> drop",
            "2026-10-31T10:00 -> daily 2026-10-31 within 3d",
            "2026-11-01T10:00 -> drop",
            "2026-11-01T11:00 -> daily 2026-11-01 within 3d",
            "2026-11-02T12:00 -> daily 2026-11-02 within 3d",
        ],
    ),
    (
        "within a duration, the oldest of all is kept",
        "daily=30d",
        &[
            "2026-11-02T10:00 -> oldest for daily",
            "2026-11-02T11:00 -> drop",
            "2026-11-02T12:00 -> daily 2026-11-02 within 30d",
        ],
    ),
    (
        "weeks in months",
        "weekly=1m",
        &[
            "2026-10-02T10:00 -> drop",
            "2026-10-09T10:00 -> weekly 2026-W41 within 1m",
            "2026-10-12T10:00 -> drop",
            "2026-10-18T10:00 -> weekly 2026-W42 within 1m",
            "2026-11-08T10:00 -> weekly 2026-W45 within 1m",
        ],
    ),
    (
        "count and duration of one period add up",
        "daily=1 daily=2d",
        &[
            "2026-10-31T10:00 -> drop",
            "2026-11-01T10:00 -> daily 2026-11-01 within 2d",
            "2026-11-02T10:00 -> daily 2026-11-02, daily 2026-11-02 within 2d",
        ],
    ),
    (
        "twelve are not twelve months",
        "monthly=2 monthly=3m",
        &[
            "2026-01-15T10:00 -> drop",
            "2026-08-15T10:00 -> drop",
            "2026-09-15T10:00 -> monthly 2026-09 within 3m",
            "2026-11-15T10:00 -> monthly 2026-11, monthly 2026-11 within 3m",
            "2026-10-15T10:00 -> monthly 2026-10, monthly 2026-10 within 3m",
        ],
    ),
    (
        "a duration beyond the calendar keeps everything",
        "within=15000y",
        &["1700-01-01T00:00 -> within 15000y", "2026-11-02T10:00 -> within 15000y"],
    ),
    (
        "a long pause drops nothing that was young before it",
        "now=2060-01-01T00:00 within=7d",
        &["2026-11-01T10:00 -> within 7d", "2026-11-02T10:00 -> within 7d"],
    ),
    // Clocks that change.
    (
        "the hour that is missing in spring",
        "zone=Berlin hourly=2",
        &[
            "2026-03-29T00:30 -> drop",
            "2026-03-29T01:59 -> hourly 2026-03-29 01:00",
            "2026-03-29T03:00 -> hourly 2026-03-29 03:00",
        ],
    ),
    (
        "the hour that comes twice in autumn",
        "zone=Berlin hourly=3",
        &[
            "2026-10-25T01:30+02:00 -> drop",
            "2026-10-25T02:30+02:00 -> hourly 2026-10-25 02:00+02:00",
            "2026-10-25T02:15+01:00 -> hourly 2026-10-25 02:00+01:00",
            "2026-10-25T03:15+01:00 -> hourly 2026-10-25 03:00",
        ],
    ),
    (
        "the minute that comes twice in autumn",
        "zone=Berlin minutely=2",
        &[
            "2026-10-25T02:30+02:00 -> minutely 2026-10-25 02:30+02:00",
            "2026-10-25T02:30+01:00 -> minutely 2026-10-25 02:30+01:00",
        ],
    ),
    (
        "a day of 23 hours is a day",
        "zone=Berlin daily=2",
        &[
            "2026-03-28T23:30 -> daily 2026-03-28",
            "2026-03-29T00:30 -> drop",
            "2026-03-29T23:30 -> daily 2026-03-29",
        ],
    ),
    (
        "a day of 25 hours is a day",
        "zone=Berlin daily=2",
        &[
            "2026-10-24T23:59 -> daily 2026-10-24",
            "2026-10-25T00:00 -> drop",
            "2026-10-25T23:59 -> daily 2026-10-25",
        ],
    ),
    (
        "a day back over spring is the same time of day",
        "zone=Berlin within=1d",
        &[
            "2026-03-28T12:00 -> drop",
            "2026-03-28T12:01 -> within 1d",
            "2026-03-29T12:00 -> within 1d",
        ],
    ),
    (
        "24 hours back over spring are one hour more",
        "zone=Berlin within=24h",
        &[
            "2026-03-28T11:00 -> drop",
            "2026-03-28T11:01 -> within 24h",
            "2026-03-29T12:00 -> within 24h",
        ],
    ),
    (
        "a day back over autumn is the same time of day",
        "zone=Berlin within=1d",
        &[
            "2026-10-24T12:00 -> drop",
            "2026-10-24T12:01 -> within 1d",
            "2026-10-25T12:00 -> within 1d",
        ],
    ),
    (
        "24 hours back over autumn are one hour less",
        "zone=Berlin within=24h",
        &[
            "2026-10-24T12:30 -> drop",
            "2026-10-24T13:01 -> within 24h",
            "2026-10-25T12:00 -> within 24h",
        ],
    ),
    (
        "a day back into the hour that is missing",
        "zone=Berlin within=1d",
        &[
            "2026-03-29T01:59 -> drop",
            "2026-03-29T03:31 -> within 1d",
            "2026-03-30T02:30 -> within 1d",
        ],
    ),
    (
        "a day that goes on after midnight was put back",
        "zone=StJohns daily=2",
        &[
            "2026-10-31T23:30-02:30 -> drop",
            "2026-11-01T00:00:30-02:30 -> drop",
            "2026-10-31T23:30-03:30 -> daily 2026-10-31",
            "2026-11-01T12:00-03:30 -> daily 2026-11-01",
        ],
    ),
    (
        "clocks that are put back by half an hour",
        "zone=LordHowe hourly=2",
        &[
            "2026-04-05T01:45+11:00 -> hourly 2026-04-05 01:00+11:00",
            "2026-04-05T01:45+10:30 -> hourly 2026-04-05 01:00+10:30",
        ],
    ),
    (
        "days are those of the time zone",
        "zone=Kiritimati daily=2",
        &[
            "2026-11-01T09:59Z -> daily 2026-11-01",
            "2026-11-01T10:00Z -> drop",
            "2026-11-02T09:59Z -> daily 2026-11-02",
        ],
    ),
    (
        "the same days in another zone",
        "daily=2",
        &[
            "2026-11-01T09:59Z -> drop",
            "2026-11-01T10:00Z -> daily 2026-11-01",
            "2026-11-02T09:59Z -> daily 2026-11-02",
        ],
    ),
    // Equal times.
    (
        "of equal times the one that was finished last is the newest",
        "last=1",
        &[
            "2026-11-02T10:00 finished=2026-11-02T12:00 -> last 1",
            "2026-11-02T10:00 finished=2026-11-02T11:00 -> drop",
        ],
    ),
    (
        "of equal snapshots the greater id is the newest",
        "last=1",
        &["2026-11-02T10:00 -> drop", "2026-11-02T10:00 -> last 1"],
    ),
    (
        "equal times share a period",
        "daily=1",
        &["2026-11-02T10:00 -> drop", "2026-11-02T10:00 -> daily 2026-11-02"],
    ),
    // The future, and clocks that go wrong.
    (
        "a snapshot of the future takes nobody's place",
        "now=2026-11-03T00:00 last=1",
        &[
            "2026-11-01T10:00 -> drop",
            "2026-11-02T10:00 -> last 1",
            "2099-01-01T00:00 -> in the future",
        ],
    ),
    (
        "a snapshot of the future does not move durations",
        "now=2026-11-03T00:00 within=7d",
        &[
            "2026-10-01T10:00 -> drop",
            "2026-11-01T10:00 -> within 7d",
            "2026-11-02T10:00 -> within 7d",
            "2099-01-01T00:00 -> in the future",
        ],
    ),
    (
        "many of the future push nobody out",
        "now=2026-11-03T00:00 daily=2",
        &[
            "2026-11-01T10:00 -> daily 2026-11-01",
            "2026-11-02T10:00 -> daily 2026-11-02",
            "2099-01-01T00:00 -> in the future",
            "2099-01-02T00:00 -> in the future",
            "2099-01-03T00:00 -> in the future",
        ],
    ),
    (
        "now is not the future",
        "now=2026-11-02T10:00 last=1",
        &["2026-11-02T09:00 -> drop", "2026-11-02T10:00 -> last 1"],
    ),
    (
        "a clock here that is far behind drops nothing",
        "now=1970-01-01T00:00 last=1",
        &["2026-11-01T10:00 -> in the future", "2026-11-02T10:00 -> in the future"],
    ),
    (
        "a clock here that is far ahead changes nothing",
        "now=2199-01-01T00:00 within=1d daily=2",
        &[
            "2026-10-31T10:00 -> drop",
            "2026-11-01T10:00 -> daily 2026-11-01",
            "2026-11-02T10:00 -> within 1d, daily 2026-11-02",
        ],
    ),
    (
        "a writer's clock that fell back costs neither its last nor its newest",
        "last=1",
        &[
            "2026-11-01T10:00 clock client=1 seq=7 -> drop",
            "2026-11-02T10:00 clock client=1 seq=8 -> last 1, clock went back",
            "1970-01-01T00:05 clock client=1 seq=9 -> clock went back",
        ],
    ),
    (
        "a clock that was put right again is forgiven",
        "last=1",
        &[
            "1970-01-01T00:05 clock client=1 seq=9 -> drop",
            "2026-11-02T10:00 clock client=1 seq=8 -> drop",
            "2026-11-03T10:00 clock client=1 seq=10 -> last 1",
        ],
    ),
    (
        "times that somebody chose say nothing about clocks",
        "last=1",
        &["2026-11-02T10:00 client=1 seq=1 -> last 1", "2026-11-01T10:00 client=1 seq=2 -> drop"],
    ),
    (
        "another writer's clock is no reason",
        "last=1",
        &[
            "2026-11-02T10:00 clock client=1 seq=1 -> last 1",
            "2026-11-01T10:00 clock client=2 seq=2 -> drop",
        ],
    ),
    // Tags, ids, pins, dates.
    (
        "a tag keeps",
        "tag=keep",
        &["2026-11-01T10:00 #keep -> tag keep", "2026-11-02T10:00 #keeper -> drop"],
    ),
    (
        "all tags of a list are needed",
        "tag=a,b",
        &["2026-11-01T10:00 #a -> drop", "2026-11-02T10:00 #b #c #a -> tag a,b"],
    ),
    (
        "one list of several is enough",
        "tag=a tag=b,c",
        &[
            "2026-11-01T10:00 #a -> tag a",
            "2026-11-02T10:00 #b -> drop",
            "2026-11-03T10:00 #c #b #a -> tag a, tag b,c",
        ],
    ),
    (
        "an id keeps, in whatever group",
        "id=0001 last=1",
        &[
            "2026-11-01T10:00 host=a -> id 0001",
            "2026-11-02T10:00 host=a -> last 1",
            "2026-11-03T10:00 host=b -> last 1",
        ],
    ),
    (
        "an id keeps the snapshot that stands for it now",
        "id=0007 last=1",
        &[
            "2026-11-01T10:00 original=7 -> id 0007",
            "2026-11-02T10:00 original=8 -> drop",
            "2026-11-03T10:00 -> last 1",
        ],
    ),
    (
        "snapshots of snapshots say nothing about clocks",
        "last=1",
        &[
            "2026-11-02T10:00 clock client=1 seq=1 -> last 1",
            "2026-11-01T10:00 clock client=1 seq=2 original=9 -> drop",
        ],
    ),
    (
        "pinned snapshots stay",
        "last=1",
        &["2020-01-01T10:00 pinned -> pinned", "2026-11-02T10:00 -> last 1"],
    ),
    (
        "pinned snapshots take their place in counts, too",
        "last=1",
        &["2026-11-01T10:00 -> drop", "2026-11-02T10:00 pinned -> last 1, pinned"],
    ),
    (
        "until a date that has not come",
        "now=2026-11-03T00:00 last=1",
        &[
            "2026-10-01T10:00 until=2026-11-03T00:00 -> drop",
            "2026-10-02T10:00 until=2026-11-03T00:01 -> until 2026-11-03",
            "2026-11-02T10:00 until=2027-01-01T00:00 -> last 1, until 2027-01-01",
        ],
    ),
    (
        "reasons stand in the order of the rules",
        "weekly=1 daily=1 last=1 tag=x",
        &["2026-11-02T10:00 #x pinned -> weekly 2026-W45, daily 2026-11-02, last 1, tag x, pinned"],
    ),
    // The minimum.
    (
        "too few are filled up with the newest",
        "tag=x min=2",
        &[
            "2026-10-30T10:00 -> drop",
            "2026-10-31T10:00 #x -> tag x",
            "2026-11-01T10:00 -> drop",
            "2026-11-02T10:00 -> minimum",
        ],
    ),
    (
        "enough are not filled up",
        "last=2 min=2",
        &["2026-10-31T10:00 -> drop", "2026-11-01T10:00 -> last 2", "2026-11-02T10:00 -> last 1"],
    ),
    (
        "the minimum is of each group",
        "tag=x min=1",
        &[
            "2026-11-01T10:00 host=a -> drop",
            "2026-11-02T10:00 host=a -> minimum",
            "2026-11-01T10:00 host=b -> minimum",
        ],
    ),
    (
        "a minimum above all keeps all",
        "last=1 min=99",
        &["2026-11-01T10:00 -> minimum", "2026-11-02T10:00 -> last 1"],
    ),
    // Groups.
    (
        "host, label and paths part groups",
        "last=1",
        &[
            "2026-11-01T10:00 -> last 1",
            "2026-11-01T11:00 host=other -> last 1",
            "2026-11-01T12:00 @label -> last 1",
            "2026-11-01T13:00 path=/etc -> last 1",
            "2026-11-01T14:00 @other #tag path=/etc -> last 1",
            "2026-11-01T15:00 @other path=/etc,/home -> last 1",
        ],
    ),
    (
        "tags do not part groups unless asked to",
        "last=1",
        &["2026-11-01T10:00 #a -> drop", "2026-11-02T10:00 #b -> last 1"],
    ),
    (
        "tags part groups when asked to",
        "last=1 group=tags",
        &[
            "2026-11-01T10:00 #a #b host=x -> drop",
            "2026-11-02T10:00 #b #a host=y -> last 1",
            "2026-11-03T10:00 #b -> last 1",
        ],
    ),
    (
        "clients part groups when asked to",
        "last=1 group=client",
        &["2026-11-01T10:00 client=1 -> last 1", "2026-11-02T10:00 client=2 -> last 1"],
    ),
    (
        "without a trait all are one group",
        "last=1 group=",
        &["2026-11-01T10:00 host=a path=/a -> drop", "2026-11-02T10:00 host=b path=/b -> last 1"],
    ),
    (
        "the order of paths does not part groups",
        "last=1",
        &["2026-11-01T10:00 path=/a,/b -> drop", "2026-11-02T10:00 path=/b,/a -> last 1"],
    ),
    (
        "each group has its own newest for durations",
        "within=1d",
        &["2020-01-01T10:00 host=a -> within 1d", "2026-11-02T10:00 host=b -> within 1d"],
    ),
    // As people use it.
    (
        "a common policy",
        "last=2 daily=2 weekly=2 monthly=2 yearly=2",
        &[
            "2025-12-31T10:00 -> yearly 2025",
            "2026-09-30T10:00 -> drop",
            "2026-10-24T10:00 -> drop",
            "2026-10-31T10:00 -> monthly 2026-10",
            "2026-11-01T10:00 -> weekly 2026-W44",
            "2026-11-07T10:00 -> daily 2026-11-07",
            "2026-11-08T09:00 -> last 2",
            "2026-11-08T10:00 -> last 1, daily 2026-11-08, weekly 2026-W45, monthly 2026-11, yearly 2026",
        ],
    ),
];
