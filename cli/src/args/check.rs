//! `heirloom check`.

use std::fmt;

use clap::Args;
use heirloom_engine::check::Choice;
use jiff::Span;

use super::values;

/// Verify the repository: every index segment, every snapshot's list of files, and that all their data is there.
///
/// Without --read-data the content of packs is believed; with it, packs are read whole and every byte is verified.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Read packs whole and verify every byte
    #[arg(long)]
    pub(crate) read_data: bool,

    /// Read only some packs: part 2/7 of a plan, a random share (5%) or size (10G), or those not read for long
    /// (stale:30d)
    #[arg(long, value_name = "SUBSET", value_parser = subset)]
    pub(crate) subset: Option<Subset>,

    /// Stop reading after this time (90min, 2h); the next check goes on with what was not read for the longest time
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) time_budget: Option<Span>,

    /// Read so many files back as a restore would, picked at random from all snapshots
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) restore_test: u64,
}

/// Some of the packs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subset {
    /// As the engine takes it.
    Choice(Choice),
    /// Those that were not read for so long.
    Stale(Span),
}

/// Why this is no subset.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoSubset;

impl fmt::Display for NoSubset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "expected a part such as 2/7, a share such as 5%, a size such as 10G, or stale:30d",
        )
    }
}

impl std::error::Error for NoSubset {}

fn subset(text: &str) -> Result<Subset, NoSubset> {
    if let Some(age) = text.strip_prefix("stale:") {
        return values::duration(age).map(Subset::Stale).or(Err(NoSubset));
    }
    let choice = if let Some((n, m)) = text.split_once('/') {
        match (n.parse(), m.parse()) {
            (Ok(n), Ok(m)) if (1..=m).contains(&n) => Choice::Part { n, m },
            _ => return Err(NoSubset),
        }
    } else if let Some(percent) = text.strip_suffix('%') {
        Choice::Share { per_million: per_million(percent.trim()).ok_or(NoSubset)? }
    } else {
        Choice::Bytes(values::size(text).or(Err(NoSubset))?)
    };
    Ok(Subset::Choice(choice))
}

/// `2.5` percent are 25,000 of a million.
fn per_million(percent: &str) -> Option<u64> {
    let (whole, decimals) = percent.split_once('.').unwrap_or((percent, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || decimals.len() > 4 || !digits(whole) || !digits(decimals) {
        return None;
    }
    let scaled: u64 = format!("{whole}{decimals:0<4}").parse().ok()?;
    (1..=1_000_000).contains(&scaled).then_some(scaled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subsets_are_parts_shares_sizes_and_ages() {
        for (text, choice) in [
            ("1/1", Choice::Part { n: 1, m: 1 }),
            ("2/7", Choice::Part { n: 2, m: 7 }),
            ("5%", Choice::Share { per_million: 50_000 }),
            ("0.01%", Choice::Share { per_million: 100 }),
            ("100%", Choice::Share { per_million: 1_000_000 }),
            ("10G", Choice::Bytes(10 << 30)),
        ] {
            assert!(matches!(subset(text), Ok(Subset::Choice(found)) if found == choice), "{text}");
        }
        assert!(matches!(subset("stale:30d"), Ok(Subset::Stale(_))));
    }

    #[test]
    fn nonsense_is_no_subset() {
        for text in ["", "0/7", "8/7", "a/b", "0%", "101%", "-1%", "1.23456%", "%", "stale:", "x"] {
            assert!(subset(text).is_err(), "{text}");
        }
    }
}
