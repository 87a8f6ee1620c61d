//! What a policy keeps of ten thousand snapshots of one machine, one an hour.

use criterion::Criterion;
use heirloom_engine::id::SessionId;
use heirloom_engine::retention::{Policy, Rule, evaluate};
use heirloom_engine::snapshot::{Record, Snapshot};
use jiff::Timestamp;
use jiff::tz::TimeZone;

const SNAPSHOTS: u64 = 10_000;
const HOUR_NS: u64 = 3_600_000_000_000;
const FIRST_NS: u64 = 1_700_000_000_000_000_000;

pub(crate) fn benches(c: &mut Criterion) {
    let snapshots: Vec<_> = (0..SNAPSHOTS).map(snapshot).collect();
    let rules = [("hourly", "24"), ("daily", "30"), ("weekly", "52"), ("monthly", "all")];
    let rule = |(period, amount): (&str, &str)| Rule {
        period: period.parse().expect("a period"),
        amount: amount.parse().expect("an amount"),
    };
    let policy = Policy { rules: rules.into_iter().map(rule).collect(), ..Policy::default() };
    let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a zone");
    let now = Timestamp::from_nanosecond(i128::from(time_of(SNAPSHOTS)))
        .expect("not far away")
        .to_zoned(zone);
    let mut group = c.benchmark_group("retention");
    group.sample_size(20);
    group.bench_function("a policy of four rules over 10,000 snapshots", |b| {
        b.iter(|| {
            let groups = evaluate(&snapshots, &policy, &now);
            groups.iter().map(|group| group.dropped().count()).sum::<usize>()
        });
    });
}

fn time_of(n: u64) -> i64 {
    i64::try_from(FIRST_NS + n * HOUR_NS).expect("fits until 2262")
}

fn snapshot(n: u64) -> Snapshot {
    let time = time_of(n);
    let record =
        Record { time, started: time, finished: time, host: "laptop".into(), ..Record::default() };
    Snapshot::new(SessionId(u128::from(n).to_be_bytes()), record)
}
