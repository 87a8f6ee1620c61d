//! What holds for every policy and every set of snapshots.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

const YEAR_NS: i64 = 365 * 86_400 * 1_000_000_000;
const NOW_NS: i64 = 56 * YEAR_NS;

/// Times lie near borders of periods often, and may be equal or of the future.
fn a_time() -> impl Strategy<Value = i64> {
    let minute = 60_000_000_000_i64;
    prop_oneof![
        4 => (0..3_i64 * 365 * 24).prop_map(move |hours| NOW_NS - hours * 60 * minute),
        4 => (0..60_i64 * 24 * 3).prop_map(move |minutes| NOW_NS - minutes * minute),
        2 => (0..20_i64).prop_map(|days| NOW_NS - days * 86_400_000_000_000),
        1 => (1..30_i64).prop_map(|years| NOW_NS + years * YEAR_NS),
        1 => any::<i64>(),
    ]
}

prop_compose! {
    fn a_snapshot()(
        (time, finished) in (a_time(), option::weighted(0.3, a_time())),
        host in 0..2_u8,
        tags in vec(0..3_u8, 0..3),
        pinned in prop::bool::weighted(0.05),
        keep_until in option::weighted(0.1, a_time()),
        (client, sequence, by_clock) in (0..3_u8, 0..50_u64, any::<bool>()),
    ) -> Record {
        Record {
            time,
            started: if by_clock { time } else { 0 },
            finished: finished.unwrap_or(time),
            host: format!("host{host}"),
            tags: tags.iter().map(|tag| format!("t{tag}")).collect(),
            pinned,
            keep_until,
            client: ClientId([client; 16]),
            sequence,
            ..Record::default()
        }
    }
}

fn snapshots() -> impl Strategy<Value = Vec<Snapshot>> {
    vec(a_snapshot(), 0..40).prop_map(|records| {
        let pairs = records.into_iter().zip(0_u16..);
        pairs
            .map(|(record, number)| {
                let session = numbered(number.wrapping_mul(40_503));
                Snapshot { session, record, record_bytes: Vec::new() }
            })
            .collect()
    })
}

fn a_rule() -> impl Strategy<Value = Rule> {
    let amounts = ["1", "2", "3", "10", "all", "1d", "36h", "2w", "1m", "1y", "90min", "12000y"];
    (0..Period::ALL.len(), prop::sample::select(amounts.to_vec())).prop_map(|(period, amount)| {
        Rule { period: Period::ALL[period], amount: amount.parse().expect("an amount") }
    })
}

prop_compose! {
    fn a_policy()(
        rules in vec(a_rule(), 0..4),
        tags in vec(vec(0..3_u8, 1..3), 0..2),
        ids in vec(0..40_u16, 0..2),
        min_keep in prop_oneof![3 => Just(0_u32), 1 => 0..10_u32],
        by in vec(prop::sample::select(Trait::ALL.to_vec()), 0..3),
    ) -> Policy {
        let tags = tags.into_iter().map(|list| list.iter().map(|tag| format!("t{tag}")).collect());
        let ids = ids.into_iter().map(|number| format!("{:04x}", number.wrapping_mul(40_503)));
        Policy {
            rules,
            tags: tags.collect(),
            ids: ids.collect(),
            min_keep,
            group_by: GroupBy::new(by),
            ..Policy::default()
        }
    }
}

fn a_zone() -> impl Strategy<Value = TimeZone> {
    let names = ["UTC", "Berlin", "StJohns", "LordHowe", "Kiritimati"];
    prop::sample::select(names.to_vec()).prop_map(zone)
}

fn at(now_ns: i64, zone: &TimeZone) -> Zoned {
    let now = Timestamp::from_nanosecond(now_ns.into()).expect("within the calendar");
    now.to_zoned(zone.clone())
}

fn keeps(snapshots: &[Snapshot], policy: &Policy, zone: &TimeZone) -> Vec<SessionId> {
    kept(&evaluate(snapshots, policy, &at(NOW_NS, zone)))
}

fn is_subset(some: &[SessionId], all: &[SessionId]) -> bool {
    some.iter().all(|one| all.contains(one))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// With a minimum, what was kept for the minimum alone may be another one: then no fewer are kept.
    #[test]
    fn a_further_rule_never_drops_what_was_kept_without_it(
        snapshots in snapshots(),
        policy in a_policy(),
        rule in a_rule(),
        zone in a_zone(),
    ) {
        let before = keeps(&snapshots, &policy, &zone);
        let mut more = policy.clone();
        more.rules.push(rule);
        let after = keeps(&snapshots, &more, &zone);
        prop_assert!(after.len() >= before.len());
        if policy.min_keep == 0 {
            prop_assert!(is_subset(&before, &after));
        }
    }

    #[test]
    fn a_further_tag_id_or_minimum_never_drops_what_was_kept_without_it(
        snapshots in snapshots(),
        mut policy in a_policy(),
        minimum in 0..20_u32,
        zone in a_zone(),
    ) {
        policy.min_keep = 0;
        let before = keeps(&snapshots, &policy, &zone);
        let mut tagged = policy.clone();
        tagged.tags.push(vec!["t1".to_owned()]);
        tagged.ids.push("0000".to_owned());
        prop_assert!(is_subset(&before, &keeps(&snapshots, &tagged, &zone)));
        policy.min_keep = minimum;
        prop_assert!(is_subset(&before, &keeps(&snapshots, &policy, &zone)));
    }

    #[test]
    fn what_was_kept_is_kept_the_next_time(
        snapshots in snapshots(),
        policy in a_policy(),
        zone in a_zone(),
    ) {
        let first = keeps(&snapshots, &policy, &zone);
        let left: Vec<Snapshot> =
            snapshots.iter().filter(|one| first.contains(&one.session)).cloned().collect();
        prop_assert_eq!(keeps(&left, &policy, &zone), first);
    }

    #[test]
    fn the_order_of_the_snapshots_does_not_matter(
        snapshots in snapshots(),
        policy in a_policy(),
        zone in a_zone(),
        turn in any::<prop::sample::Index>(),
    ) {
        let now = at(NOW_NS, &zone);
        let groups = evaluate(&snapshots, &policy, &now);
        let mut other = snapshots.clone();
        other.reverse();
        other.rotate_left(turn.index(snapshots.len().max(1)).min(snapshots.len()));
        prop_assert_eq!(&groups, &evaluate(&other, &policy, &now));
        let total: usize = groups.iter().map(|group| group.verdicts.len()).sum();
        prop_assert_eq!(total, snapshots.len(), "each has one verdict");
    }

    /// A clock that is behind makes snapshots look as if they were of the future; one that is ahead changes nothing but
    /// what asked to be kept until some day.
    #[test]
    fn a_wrong_clock_here_never_drops_more(
        mut snapshots in snapshots(),
        policy in a_policy(),
        zone in a_zone(),
        years in -40..40_i64,
    ) {
        for snapshot in &mut snapshots {
            snapshot.record.keep_until = None;
            snapshot.record.time = snapshot.record.time.min(NOW_NS);
            snapshot.record.started = 1;
        }
        let right = keeps(&snapshots, &policy, &zone);
        let wrong = kept(&evaluate(&snapshots, &policy, &at(NOW_NS + years * YEAR_NS, &zone)));
        if years >= 0 {
            prop_assert_eq!(right, wrong);
        } else if policy.min_keep == 0 && snapshots.iter().all(|one| one.record.time > NOW_NS - YEAR_NS) {
            prop_assert_eq!(wrong.len(), snapshots.len());
        }
    }

    /// Whoever can only add snapshots of times to come cannot push others out.
    #[test]
    fn snapshots_of_the_future_take_nobodys_place(
        snapshots in snapshots(),
        mut policy in a_policy(),
        zone in a_zone(),
    ) {
        policy.min_keep = 0;
        let is_real = |one: &&Snapshot| one.record.time <= NOW_NS;
        let real: Vec<Snapshot> = snapshots.iter().filter(is_real).cloned().collect();
        let with = keeps(&snapshots, &policy, &zone);
        prop_assert!(is_subset(&keeps(&real, &policy, &zone), &with));
    }

    #[test]
    fn words_are_read_without_panic_and_written_as_they_are_read(text in "[-0-9a-z .%\u{e9}]{0,12}") {
        if let Ok(amount) = text.parse::<Amount>() {
            prop_assert_eq!(amount.to_string().parse::<Amount>(), Ok(amount));
        }
        drop(text.parse::<Percent>());
        drop(text.parse::<GroupBy>());
    }
}
