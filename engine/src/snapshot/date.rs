//! Days and minutes of the calendar, as far as snapshot names need them.

const MINUTE_NS: i128 = 60 * 1_000_000_000;
const DAY_MINUTES: i64 = 24 * 60;

/// A day, or a minute of a day, in the caller's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Year, 1 to 9999.
    pub year: u16,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, from 1.
    pub day: u8,
    /// Hour and minute; the whole day without.
    pub time: Option<(u8, u8)>,
}

impl Moment {
    /// Reads `2026-11-01` or `2026-11-01T12:00` from the start of a text; also gives what follows.
    pub(super) fn parse_start(text: &[u8]) -> Option<(Self, &[u8])> {
        let (year, text) = digits::<4>(text)?;
        let (month, text) = digits::<2>(text.strip_prefix(b"-")?)?;
        let (day, mut text) = digits::<2>(text.strip_prefix(b"-")?)?;
        let mut time = None;
        if let Some(rest) = text.strip_prefix(b"T") {
            let (hour, rest) = digits::<2>(rest)?;
            let (minute, rest) = digits::<2>(rest.strip_prefix(b":")?)?;
            time = Some((u8::try_from(hour).ok()?, u8::try_from(minute).ok()?));
            text = rest;
        }
        let (month, day) = (u8::try_from(month).ok()?, u8::try_from(day).ok()?);
        let moment = Self { year, month, day, time };
        moment.exists().then_some((moment, text))
    }

    /// The first nanosecond after it, since 1970; `offset_seconds` is how far the caller's clocks are ahead of UTC.
    pub fn end_ns(self, offset_seconds: i32) -> i128 {
        let minutes = match self.time {
            Some((hour, minute)) => i64::from(hour) * 60 + i64::from(minute) + 1,
            None => DAY_MINUTES,
        };
        let minutes = self.days() * DAY_MINUTES + minutes;
        i128::from(minutes) * MINUTE_NS - i128::from(offset_seconds) * 1_000_000_000
    }

    /// Days since 1970-01-01.
    fn days(self) -> i64 {
        let year = i64::from(self.year);
        let before = year - 1;
        let leap_days = before / 4 - before / 100 + before / 400;
        let months = (1..self.month).map(|month| i64::from(days_in(self.year, month)));
        before * 365 + leap_days + months.sum::<i64>() + i64::from(self.day) - 1 - 719_162
    }

    fn exists(self) -> bool {
        self.year >= 1
            && (1..=12).contains(&self.month)
            && (1..=days_in(self.year, self.month)).contains(&self.day)
            && self.time.is_none_or(|(hour, minute)| hour < 24 && minute < 60)
    }
}

fn days_in(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u8::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A number of exactly `N` digits.
fn digits<const N: usize>(text: &[u8]) -> Option<(u16, &[u8])> {
    let (number, rest) = text.split_first_chunk::<N>()?;
    let mut value = 0_u16;
    for digit in number {
        value = value * 10 + u16::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
    }
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end_seconds(text: &str, offset: i32) -> Option<i128> {
        let (moment, rest) = Moment::parse_start(text.as_bytes())?;
        rest.is_empty().then(|| moment.end_ns(offset) / 1_000_000_000)
    }

    #[test]
    fn days_and_minutes_end_where_the_next_begins() {
        assert_eq!(end_seconds("1969-12-31", 0), Some(0));
        assert_eq!(end_seconds("1970-01-01T00:00", 0), Some(60));
        assert_eq!(end_seconds("2026-11-01", 0), Some(1_793_577_600));
        assert_eq!(end_seconds("2026-11-01T12:00", 0), Some(1_793_534_460));
        assert_eq!(end_seconds("2026-11-01", 3600), Some(1_793_574_000));
        assert_eq!(end_seconds("2000-02-29", 0), Some(951_868_800));
        assert_eq!(end_seconds("2400-02-29", 0), Some(13_574_649_600));
        assert_eq!(end_seconds("0001-01-01", 0), Some(-62_135_510_400));
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for bad in [
            "2026-02-29",
            "2100-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-01-00",
            "2026-04-31",
            "0000-01-01",
            "2026-1-01",
            "2026-01-01T24:00",
            "2026-01-01T23:60",
            "2026-01-01T",
            "2026-01-01T1:00",
            "26-01-01",
        ] {
            assert_eq!(end_seconds(bad, 0), None, "{bad}");
        }
    }
}
