//! Which packs a check reads whole, and in which order.

use std::collections::{BTreeMap, HashMap};

use crate::clock::{Clock, random};
use crate::id::PackId;

/// Which packs to read whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// All.
    All,
    /// Part `n` of `m`, from 1: the same packs every time, so that `m` checks read all of them.
    Part {
        /// Which part.
        n: u64,
        /// Of how many.
        m: u64,
    },
    /// So many of a million, at random.
    Share {
        /// Of a million.
        per_million: u64,
    },
    /// At least so many bytes, at random.
    Bytes(u64),
    /// Those that this installation has not read for so long, or never; the oldest first.
    Stale {
        /// How long, in ns.
        age_ns: i128,
    },
}

/// Packs to be read, in this order.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    pub(crate) packs: Vec<PackId>,
    pub(crate) seed: Option<u64>,
}

impl Choice {
    /// Chooses among the packs of a store, by their sizes and when they were last read.
    pub(crate) fn choose(
        self,
        stored: &BTreeMap<PackId, u64>,
        ledger: &HashMap<PackId, i64>,
        clock: &dyn Clock,
    ) -> Chosen {
        let mut chosen = Chosen { packs: stored.keys().copied().collect(), seed: None };
        match self {
            Self::All => {}
            Self::Part { n, m } => {
                chosen.packs.retain(|pack| first_half(pack) % m.max(1) == n.saturating_sub(1));
            }
            Self::Share { per_million } => {
                chosen.shuffle(clock);
                let all = u128::try_from(chosen.packs.len()).unwrap_or(u128::MAX);
                let share = all.saturating_mul(u128::from(per_million)).div_ceil(1_000_000);
                chosen.packs.truncate(usize::try_from(share).unwrap_or(usize::MAX));
                return chosen;
            }
            Self::Bytes(wanted) => {
                chosen.shuffle(clock);
                let mut bytes = 0_u64;
                chosen.packs.retain(|pack| {
                    let is_wanted = bytes < wanted;
                    bytes = bytes.saturating_add(stored.get(pack).copied().unwrap_or(0));
                    is_wanted
                });
                return chosen;
            }
            Self::Stale { age_ns } => {
                let since = clock.now_ns() - age_ns;
                let is_fresh =
                    |pack: &PackId| ledger.get(pack).is_some_and(|time| i128::from(*time) > since);
                chosen.packs.retain(|pack| !is_fresh(pack));
            }
        }
        // Whatever ends before all are read, the next check goes on with what was left.
        chosen.packs.sort_by_key(|pack| ledger.get(pack).copied().unwrap_or(i64::MIN));
        chosen
    }
}

impl Chosen {
    /// The same order for the same seed and packs, on every machine.
    fn shuffle(&mut self, clock: &dyn Clock) {
        let seed = u64::from_le_bytes(random(clock));
        let place = |pack: &PackId| {
            *blake3::hash(&[&seed.to_le_bytes()[..], pack.as_bytes()].concat()).as_bytes()
        };
        self.packs.sort_by_cached_key(place);
        self.seed = Some(seed);
    }
}

/// Ids are hashes, so any of their bytes will do.
fn first_half(pack: &PackId) -> u64 {
    pack.0.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct At(i128);

    impl Clock for At {
        fn now_ns(&self) -> i128 {
            self.0
        }

        fn fill_random(&self, bytes: &mut [u8]) {
            bytes.fill(9);
        }

        fn sleep(&self, _: std::time::Duration) {}
    }

    fn packs(count: u64) -> BTreeMap<PackId, u64> {
        let id = |n: u64| PackId(*blake3::hash(&n.to_le_bytes()).as_bytes());
        (0..count).map(|n| (id(n), 1000)).collect()
    }

    fn chosen(choice: Choice, stored: &BTreeMap<PackId, u64>) -> Vec<PackId> {
        choice.choose(stored, &HashMap::new(), &At(0)).packs
    }

    #[test]
    fn the_parts_of_a_plan_are_all_packs_once() {
        let stored = packs(1000);
        let mut all = Vec::new();
        for n in 1..=7 {
            let part = chosen(Choice::Part { n, m: 7 }, &stored);
            assert!((100..200).contains(&part.len()), "{}", part.len());
            all.extend(part);
        }
        all.sort();
        assert_eq!(all, stored.keys().copied().collect::<Vec<_>>());
    }

    #[test]
    fn shares_and_sizes_are_rounded_up() {
        let stored = packs(1000);
        for (per_million, count) in [(0, 0), (1, 1), (25_000, 25), (25_001, 26), (1_000_000, 1000)]
        {
            assert_eq!(chosen(Choice::Share { per_million }, &stored).len(), count);
        }
        for (bytes, count) in [(0, 0), (1, 1), (1000, 1), (1001, 2), (u64::MAX, 1000)] {
            assert_eq!(chosen(Choice::Bytes(bytes), &stored).len(), count);
        }
        let some = Choice::Bytes(5000).choose(&stored, &HashMap::new(), &At(0));
        assert_eq!(some.seed, Some(0x0909_0909_0909_0909));
    }

    #[test]
    fn the_stalest_come_first_and_fresh_ones_not_at_all() {
        let stored = packs(4);
        let ids: Vec<_> = stored.keys().copied().collect();
        let ledger = HashMap::from([(ids[0], 90), (ids[1], 10), (ids[2], 40)]);
        let stale = Choice::Stale { age_ns: 50 }.choose(&stored, &ledger, &At(100));
        assert_eq!(stale.packs, [ids[3], ids[1], ids[2]]);
        let all = Choice::All.choose(&stored, &ledger, &At(100));
        assert_eq!(all.packs, [ids[3], ids[1], ids[2], ids[0]]);
    }
}
