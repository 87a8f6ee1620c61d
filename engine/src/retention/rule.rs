//! A single rule: one snapshot a period, for so many periods or so far back.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use super::{Duration, WordError};

/// How often a rule keeps a snapshot: the newest of each period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// Every snapshot is a period of its own.
    Each,
    /// Minute of the clock.
    Minute,
    /// Hour of the clock.
    Hour,
    /// Day.
    Day,
    /// Monday to Sunday (ISO 8601).
    Week,
    /// Month.
    Month,
    /// January to March, and so on.
    Quarter,
    /// January to June, July to December.
    HalfYear,
    /// Year.
    Year,
}

impl Period {
    /// From short to long.
    pub const ALL: [Self; 9] = [
        Self::Each,
        Self::Minute,
        Self::Hour,
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Quarter,
        Self::HalfYear,
        Self::Year,
    ];

    /// What rules call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Each => "last",
            Self::Minute => "minutely",
            Self::Hour => "hourly",
            Self::Day => "daily",
            Self::Week => "weekly",
            Self::Month => "monthly",
            Self::Quarter => "quarterly",
            Self::HalfYear => "half-yearly",
            Self::Year => "yearly",
        }
    }
}

impl FromStr for Period {
    type Err = WordError;

    fn from_str(word: &str) -> Result<Self, WordError> {
        let unknown = || WordError::UnknownPeriod { word: word.to_owned() };
        Self::ALL.into_iter().find(|period| period.name() == word).ok_or_else(unknown)
    }
}

/// How far a rule reaches back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Amount {
    /// So many periods that have a snapshot.
    Count(NonZeroU32),
    /// Younger than this, counted back from the newest snapshot of the group.
    For(Duration),
    /// Without end.
    All,
}

impl FromStr for Amount {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let word = text.trim();
        let digits = word.strip_prefix('-').unwrap_or(word);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        match word {
            "" => Err(WordError::Empty),
            "all" | "unlimited" => Ok(Self::All),
            _ if word.starts_with('-') => Err(WordError::Negative { word: word.to_owned() }),
            _ if is_number => {
                let number: u32 = word
                    .parse()
                    .map_err(|_too_many_digits| WordError::TooLarge { word: word.to_owned() })?;
                let zero = || WordError::Zero { word: word.to_owned() };
                NonZeroU32::new(number).map(Self::Count).ok_or_else(zero)
            }
            _ if !word.starts_with(|c: char| c.is_ascii_digit()) => {
                Err(WordError::UnknownAmount { word: word.to_owned() })
            }
            _ => word.parse().map(Self::For),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::For(duration) => duration.fmt(f),
            Self::All => f.write_str("all"),
        }
    }
}

/// Keeps the newest snapshot of each period, as far back as the amount reaches. While it does not reach its end, it
/// also keeps the oldest snapshot of all, so that the first period is not cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// How often.
    pub period: Period,
    /// How far back.
    pub amount: Amount,
}

impl fmt::Display for Rule {
    /// `daily 7`, `within 30d`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.period, self.amount) {
            (Period::Each, Amount::For(duration)) => write!(f, "within {duration}"),
            (period, amount) => write!(f, "{} {amount}", period.name()),
        }
    }
}
