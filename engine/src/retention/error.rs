//! Why a rule makes no sense, and why a policy is refused.

use super::group::GroupKey;
use super::policy::Percent;

/// Why a word of a policy cannot be understood. Each names the word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WordError {
    /// Nothing was given.
    #[error("nothing is given")]
    Empty,
    /// Below zero.
    #[error("{word} is negative")]
    Negative {
        /// The word.
        word: String,
    },
    /// Zero keeps nothing.
    #[error("{word} is zero")]
    Zero {
        /// The word.
        word: String,
    },
    /// Beyond every calendar.
    #[error("{word} is too large")]
    TooLarge {
        /// The word.
        word: String,
    },
    /// A duration whose number has no unit.
    #[error("{word} has no unit")]
    NoUnit {
        /// The word.
        word: String,
    },
    /// A unit that does not exist, or that has no number.
    #[error("{word} is no duration")]
    UnknownUnit {
        /// What stands where a unit should.
        word: String,
    },
    /// A unit that stands in a duration twice.
    #[error("{word} is given twice")]
    Twice {
        /// The unit.
        word: String,
    },
    /// Neither a number nor a duration nor `all`.
    #[error("{word} is no amount")]
    UnknownAmount {
        /// The word.
        word: String,
    },
    /// No period that rules know.
    #[error("{word} is no period")]
    UnknownPeriod {
        /// The word.
        word: String,
    },
    /// Nothing that snapshots are grouped by.
    #[error("{word} is nothing to group by")]
    UnknownTrait {
        /// The word.
        word: String,
    },
    /// No share in percent from 0 to 100.
    #[error("{word} is no share")]
    UnknownShare {
        /// The word.
        word: String,
    },
    /// Not the beginning of an id.
    #[error("{word} is not the beginning of an id")]
    UnknownId {
        /// The word.
        word: String,
    },
    /// A list of tags with a gap.
    #[error("{word} has an empty tag")]
    EmptyTag {
        /// The list.
        word: String,
    },
}

/// Why the verdicts must not be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DropError {
    /// Nothing of a group would be left.
    #[error("all {total} snapshots of a group would be dropped")]
    KeepsNothing {
        /// The group.
        group: Box<GroupKey>,
        /// How many it has.
        total: usize,
    },
    /// More of a group would be dropped than is permitted.
    #[error("{dropped} of {total} snapshots of a group would be dropped, more than {permitted}")]
    TooMany {
        /// The group.
        group: Box<GroupKey>,
        /// How many would be dropped.
        dropped: usize,
        /// How many it has.
        total: usize,
        /// The share that may be dropped.
        permitted: Percent,
        /// The smallest share that would permit it.
        needed: Percent,
    },
}
