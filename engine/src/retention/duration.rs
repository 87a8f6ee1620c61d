//! Durations of the calendar: `1y6m7d12h`, `2w`, `90min`.

use std::fmt;
use std::str::FromStr;

use jiff::{Span, Timestamp, Zoned};

use super::WordError;

/// A duration above zero. A month before 31 March is the last day of February; a day before a change of clocks is the
/// same time of the day before, 23 or 25 hours earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Duration {
    years: u32,
    months: u32,
    weeks: u32,
    days: u32,
    hours: u32,
    minutes: u32,
}

impl Duration {
    /// The point in time that lies this far before another; `None` if no calendar knows it.
    pub fn before(&self, at: &Zoned) -> Option<Timestamp> {
        let span = self.span()?;
        at.checked_sub(span).ok().map(|then| then.timestamp())
    }

    /// The point in time that lies this far after another; `None` if no calendar knows it.
    pub fn after(&self, at: &Zoned) -> Option<Timestamp> {
        let span = self.span()?;
        at.checked_add(span).ok().map(|then| then.timestamp())
    }

    /// `None` beyond the limits of the calendar.
    fn span(&self) -> Option<Span> {
        Span::new()
            .try_years(self.years)
            .and_then(|span| span.try_months(self.months))
            .and_then(|span| span.try_weeks(self.weeks))
            .and_then(|span| span.try_days(self.days))
            .and_then(|span| span.try_hours(self.hours))
            .and_then(|span| span.try_minutes(self.minutes))
            .ok()
    }

    fn unit(&mut self, word: &str) -> Option<&mut u32> {
        Some(match word {
            "y" | "year" | "years" => &mut self.years,
            "m" | "mo" | "month" | "months" => &mut self.months,
            "w" | "week" | "weeks" => &mut self.weeks,
            "d" | "day" | "days" => &mut self.days,
            "h" | "hour" | "hours" => &mut self.hours,
            "min" | "minute" | "minutes" => &mut self.minutes,
            _ => return None,
        })
    }
}

impl FromStr for Duration {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let whole = || text.trim().to_owned();
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(WordError::Empty);
        }
        if rest.starts_with('-') {
            return Err(WordError::Negative { word: whole() });
        }
        let mut duration = Self::default();
        while !rest.is_empty() {
            let (number, after) = split(rest, |c| c.is_ascii_digit());
            let (unit, after) = split(after.trim_start(), char::is_alphabetic);
            if number.is_empty() {
                let word = if unit.is_empty() { after } else { unit };
                return Err(WordError::UnknownUnit { word: word.to_owned() });
            }
            if unit.is_empty() {
                let Some(strange) = after.chars().next() else {
                    return Err(WordError::NoUnit { word: number.to_owned() });
                };
                return Err(WordError::UnknownUnit { word: format!("{number}{strange}") });
            }
            let number: u32 =
                number.parse().map_err(|_too_many_digits| WordError::TooLarge { word: whole() })?;
            let unknown = || WordError::UnknownUnit { word: unit.to_owned() };
            let field = duration.unit(unit).ok_or_else(unknown)?;
            if *field != 0 {
                return Err(WordError::Twice { word: unit.to_owned() });
            }
            *field = number;
            rest = after.trim_start();
        }
        if duration == Self::default() {
            return Err(WordError::Zero { word: whole() });
        }
        if duration.span().is_none() {
            return Err(WordError::TooLarge { word: whole() });
        }
        Ok(duration)
    }
}

/// What begins a text and is of one kind, and the rest.
fn split(text: &str, of_kind: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !of_kind(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

impl fmt::Display for Duration {
    /// As it can be read again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [
            (self.years, "y"),
            (self.months, "m"),
            (self.weeks, "w"),
            (self.days, "d"),
            (self.hours, "h"),
            (self.minutes, "min"),
        ];
        units
            .iter()
            .filter(|(number, _)| *number > 0)
            .try_for_each(|(number, unit)| write!(f, "{number}{unit}"))
    }
}
