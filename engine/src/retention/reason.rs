//! Why a snapshot is kept.

use std::fmt;

use super::{Duration, Period};

/// Why a snapshot is kept. Shown as a short label such as `daily 2026-11-02`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reason {
    /// One of the newest of its group.
    Last {
        /// 1 for the newest.
        position: usize,
    },
    /// Younger than that, counted from the newest of its group.
    Within {
        /// How far back.
        duration: Duration,
    },
    /// The newest of a period.
    Period {
        /// Of what kind.
        period: Period,
        /// Which one: `2026-W45`.
        slot: String,
        /// How far back the rule reaches, if that is a duration.
        within: Option<Duration>,
    },
    /// The oldest of its group, while a rule has not reached its end.
    Oldest {
        /// The period of the rule.
        period: Period,
    },
    /// It has these tags.
    Tags {
        /// As the policy lists them.
        tags: Vec<String>,
    },
    /// Its id begins like this.
    Id {
        /// As the policy has it.
        prefix: String,
    },
    /// Somebody pinned it.
    Pinned,
    /// It said so itself.
    Until {
        /// A day of the calendar.
        date: String,
    },
    /// It stands for a time that has not come yet, so nothing can be said about it.
    Future,
    /// The clock of its writer went back: which snapshot is the newest cannot be told from their times.
    ClockWentBack,
    /// Too few would be left without it.
    Minimum,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last { position } => write!(f, "last {position}"),
            Self::Within { duration } => write!(f, "within {duration}"),
            Self::Period { period, slot, within: None } => write!(f, "{} {slot}", period.name()),
            Self::Period { period, slot, within: Some(duration) } => {
                write!(f, "{} {slot} within {duration}", period.name())
            }
            Self::Oldest { period } => write!(f, "oldest for {}", period.name()),
            Self::Tags { tags } => write!(f, "tag {}", tags.join(",")),
            Self::Id { prefix } => write!(f, "id {prefix}"),
            Self::Pinned => f.write_str("pinned"),
            Self::Until { date } => write!(f, "until {date}"),
            Self::Future => f.write_str("in the future"),
            Self::ClockWentBack => f.write_str("clock went back"),
            Self::Minimum => f.write_str("minimum"),
        }
    }
}
