//! A policy: rules that together say which snapshots are kept.

use std::fmt;
use std::str::FromStr;

use super::{GroupBy, Rule, WordError};

/// A share from 0 to 100 in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u8);

/// So much of a group may be dropped unless somebody says otherwise.
pub const MAX_DROP: Percent = Percent(50);

impl Percent {
    /// Everything.
    pub const ALL: Self = Self(100);

    /// `None` above 100.
    pub fn new(percent: u8) -> Option<Self> {
        (percent <= 100).then_some(Self(percent))
    }

    /// The number.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The smallest share of the whole that has the part in it.
    pub fn of(part: usize, whole: usize) -> Self {
        let percent = part.saturating_mul(100).div_ceil(whole.max(1));
        Self(u8::try_from(percent.min(100)).unwrap_or(100))
    }
}

impl FromStr for Percent {
    type Err = WordError;

    /// `50%` or `50`.
    fn from_str(text: &str) -> Result<Self, WordError> {
        let word = text.trim();
        if word.starts_with('-') {
            return Err(WordError::Negative { word: word.to_owned() });
        }
        let digits = word.strip_suffix('%').unwrap_or(word);
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| is_number);
        number.and_then(Self::new).ok_or_else(|| WordError::UnknownShare { word: word.to_owned() })
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// Rules that together say which snapshots are kept: whatever one of them keeps, and whatever is pinned or asked to
/// be kept until a later date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// One snapshot a period.
    pub rules: Vec<Rule>,
    /// Snapshots that have all tags of one of these lists.
    pub tags: Vec<Vec<String>>,
    /// Snapshots whose ids begin with one of these.
    pub ids: Vec<String>,
    /// So many of a group stay at least; the newest are added.
    pub min_keep: u32,
    /// What makes a group.
    pub group_by: GroupBy,
    /// How much of a group one run may drop.
    pub max_drop: Percent,
}

impl Default for Policy {
    /// Keeps nothing but what is pinned, and so is refused everywhere until it has a rule.
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            tags: Vec::new(),
            ids: Vec::new(),
            min_keep: 0,
            group_by: GroupBy::default(),
            max_drop: MAX_DROP,
        }
    }
}

impl Policy {
    /// Whether no rule keeps anything.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.tags.is_empty() && self.ids.is_empty()
    }
}

/// Reads a list of tags that a snapshot must all have.
pub(super) fn check_tags(tags: &[String]) -> Result<(), WordError> {
    if tags.is_empty() || tags.iter().any(String::is_empty) {
        return Err(WordError::EmptyTag { word: tags.join(",") });
    }
    Ok(())
}

impl Policy {
    /// Adds a list of tags with commas; a snapshot that has all of them is kept.
    pub fn keep_tags(&mut self, list: &str) -> Result<(), WordError> {
        let tags: Vec<String> = list.split(',').map(|tag| tag.trim().to_owned()).collect();
        check_tags(&tags)?;
        self.tags.push(tags);
        Ok(())
    }

    /// Adds the beginning of an id, four digits at least.
    pub fn keep_id(&mut self, beginning: &str) -> Result<(), WordError> {
        let digits = beginning.trim().to_ascii_lowercase();
        check_id(&digits)?;
        self.ids.push(digits);
        Ok(())
    }
}

pub(super) fn check_id(digits: &str) -> Result<(), WordError> {
    let is_hexadecimal =
        digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if is_hexadecimal && (4..=32).contains(&digits.len()) {
        return Ok(());
    }
    Err(WordError::UnknownId { word: digits.to_owned() })
}
