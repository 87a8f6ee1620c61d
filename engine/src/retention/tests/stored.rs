//! Stored policies: their records, which of them count, and for whom.

use super::*;
use crate::error::FormatError;
use crate::id::PolicyId;

fn stored(number: u8, scope: &str, time: i64) -> StoredPolicy {
    let mut limits = Scope::default();
    for word in scope.split_whitespace() {
        match word.split_once('=') {
            Some(("label", label)) => limits.label = Some(label.to_owned()),
            Some(("host", host)) => limits.host = Some(host.to_owned()),
            Some(("path", path)) => limits.path = Some(path.as_bytes().to_vec()),
            _ => panic!("{word}"),
        }
    }
    StoredPolicy {
        id: PolicyId([number; 16]),
        scope: limits,
        policy: policy("last=3 daily=7 weekly=2m tag=a,b id=3fa9 min=2 group=host drop=70%"),
        time,
        host: "desk".to_owned(),
        user: "me".to_owned(),
        replaces: Vec::new(),
    }
}

#[test]
fn a_stored_policy_survives_a_round_trip() {
    let mut policy = stored(1, "label=papers host=desk path=/home/me", -5);
    policy.scope.path = Some(b"/home/\xff".to_vec());
    policy.replaces = vec![PolicyId([2; 16])];
    assert_eq!(StoredPolicy::parse(&policy.encode(), policy.id), Ok(policy.clone()));
    let nothing = stored(3, "", 0);
    assert_eq!(StoredPolicy::parse(&nothing.encode(), nothing.id), Ok(nothing));
    let elsewhere = StoredPolicy::parse(&policy.encode(), PolicyId([9; 16]));
    assert_eq!(elsewhere, Err(FormatError::OutOfBounds { what: "name of a policy" }));
}

#[test]
fn a_record_with_a_word_that_nobody_knows_is_refused_as_a_whole() {
    let policy = stored(1, "", 0);
    let good = policy.encode();
    let replaced = |from: &[u8], to: &[u8]| {
        let at = good.windows(from.len()).position(|part| part == from).expect("it is there");
        let mut bad = good.clone();
        bad[at..at + to.len()].copy_from_slice(to);
        StoredPolicy::parse(&bad, policy.id)
    };
    let refused = Err(FormatError::Unrecognised { expected: "policy" });
    assert_eq!(replaced(b"daily", b"lunar"), refused);
    assert_eq!(replaced(b"min_keep", b"max_keep"), refused);
}

#[test]
fn the_newest_of_several_policies_for_one_scope_counts_and_the_id_decides_between_equals() {
    let policies =
        [stored(1, "host=a", 5), stored(2, "host=a", 7), stored(3, "host=a", 7), stored(4, "", 1)];
    let standings: Vec<Standing> = policies.iter().map(|one| one.standing(&policies)).collect();
    let expected = [Standing::Overruled, Standing::Overruled, Standing::InForce, Standing::InForce];
    assert_eq!(standings, expected);
}

#[test]
fn a_replaced_policy_does_not_count_even_if_a_wrong_clock_made_it_the_newest() {
    let mut policies = [stored(1, "host=a", 1_000), stored(2, "host=a", 5)];
    policies[1].replaces = vec![PolicyId([1; 16]), PolicyId([2; 16])];
    assert_eq!(policies[0].standing(&policies), Standing::Replaced);
    assert_eq!(policies[1].standing(&policies), Standing::InForce, "nobody replaces itself");
}

#[test]
fn the_most_specific_policy_gets_the_snapshot() {
    let policies = [
        stored(1, "", 0),
        stored(2, "path=/home", 0),
        stored(3, "host=desk", 0),
        stored(4, "label=papers", 0),
        stored(5, "host=desk path=/home", 0),
        stored(6, "label=papers path=/home", 0),
        stored(7, "label=papers host=desk", 0),
        stored(8, "label=papers host=desk path=/home", 0),
    ];
    let everything = "2026-11-02T18:30 @papers host=desk path=/etc,/home";
    for (words, order) in [
        (everything, vec![8, 7, 6, 5, 4, 3, 2, 1]),
        ("2026-11-02T18:30 host=desk path=/home", vec![5, 3, 2, 1]),
        ("2026-11-02T18:30 @papers host=tower path=/x", vec![4, 1]),
        ("2026-11-02T18:30 @other host=tower path=/home/me", vec![1]),
    ] {
        let snapshot = snapshot(1, words, &TimeZone::UTC);
        let mut left = policies.to_vec();
        for number in order {
            let assignments = assign([&snapshot], &left);
            let responsible = assignments.iter().find(|one| !one.snapshots.is_empty());
            let id = responsible.and_then(|one| one.policy).map(|policy| policy.id);
            assert_eq!(id, Some(PolicyId([number; 16])), "{words}");
            left.retain(|policy| Some(policy.id) != id);
        }
        let assignments = assign([&snapshot], &left);
        let last = assignments.last().expect("somebody gets it");
        assert_eq!((last.policy, last.snapshots.len()), (None, 1), "{words}");
    }
}

#[test]
fn policies_that_do_not_count_get_nothing() {
    let mut policies = [stored(1, "host=desk", 1), stored(2, "host=desk", 2), stored(3, "", 3)];
    policies[2].replaces = vec![PolicyId([2; 16])];
    let snapshot = snapshot(1, "2026-11-02T18:30", &TimeZone::UTC);
    let assignments = assign([&snapshot], &policies);
    let ids: Vec<_> = assignments
        .iter()
        .map(|one| (one.policy.map(|p| p.id.0[0]), one.snapshots.len()))
        .collect();
    assert_eq!(ids, [(Some(1), 1), (Some(3), 0)]);
}
