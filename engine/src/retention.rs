//! Which snapshots a policy keeps, and why: a pure function of records, rules and a point in time.
//!
//! [`evaluate`] sorts snapshots into groups and gives a verdict with reasons on each; [`check_drops`] refuses to drop
//! more than was permitted; [`assign`] tells which stored policy is responsible for which snapshot. Nothing here reads
//! a clock or forgets anything. Periods are those of the calendar in the time zone of the caller. `docs/retention.md`
//! has the rules in words.
#![deny(clippy::indexing_slicing, clippy::as_conversions)]

mod calendar;
mod duration;
mod error;
mod evaluate;
mod group;
mod limit;
mod policy;
mod reason;
mod rule;
mod scope;
mod stored;
#[cfg(test)]
mod tests;

pub use self::duration::Duration;
pub use self::error::{DropError, WordError};
pub use self::evaluate::{Verdict, evaluate};
pub use self::group::{Group, GroupBy, GroupKey, Trait};
pub use self::limit::check_drops;
pub use self::policy::{MAX_DROP, Percent, Policy};
pub use self::reason::Reason;
pub use self::rule::{Amount, Period, Rule};
pub use self::scope::Scope;
pub use self::stored::{Assignment, Standing, StoredPolicy, assign};
