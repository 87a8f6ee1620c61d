//! Points in time for people and for programs.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `2026-11-01T18:30:00.123456789Z`, for JSON. Times that no calendar knows become the nearest one that it does.
pub(crate) fn rfc3339(ns: i128) -> String {
    timestamp(ns).to_string()
}

/// `2026-11-01 18:30:00` in local time.
pub(crate) fn local(ns: i128) -> String {
    in_zone(ns, TimeZone::system())
}

/// As [`local`], in another time zone.
pub(crate) fn in_zone(ns: i128, zone: TimeZone) -> String {
    timestamp(ns).to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// As a form of `strftime` writes it, in local time: `%B %Y` is `November 2026`.
pub(crate) fn named(ns: i128, form: &str) -> String {
    timestamp(ns).to_zoned(TimeZone::system()).strftime(form).to_string()
}

/// For the system. Times that it does not know become the epoch.
pub(crate) fn system(ns: i128) -> SystemTime {
    let span = |ns: u128| {
        let seconds = u64::try_from(ns / 1_000_000_000).ok()?;
        let rest = u32::try_from(ns % 1_000_000_000).ok()?;
        Some(Duration::new(seconds, rest))
    };
    let span = span(ns.unsigned_abs());
    let time = span.and_then(|span| {
        let epoch = SystemTime::UNIX_EPOCH;
        if ns < 0 { epoch.checked_sub(span) } else { epoch.checked_add(span) }
    });
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

fn timestamp(ns: i128) -> Timestamp {
    let nearest = ns.clamp(Timestamp::MIN.as_nanosecond(), Timestamp::MAX.as_nanosecond());
    Timestamp::from_nanosecond(nearest).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact_for_programs_and_short_for_people() {
        let ns = 1_793_557_800_123_456_789;
        assert_eq!(rfc3339(ns), "2026-11-01T18:30:00.123456789Z");
        assert_eq!(in_zone(ns, TimeZone::UTC), "2026-11-01 18:30:00");
    }

    #[test]
    fn the_system_gets_nanoseconds_and_times_before_the_epoch() {
        let before = SystemTime::UNIX_EPOCH - Duration::new(1, 500_000_001);
        assert_eq!(system(-1_500_000_001), before);
        assert_eq!(system(3), SystemTime::UNIX_EPOCH + Duration::from_nanos(3));
        assert_eq!(system(i128::MAX), SystemTime::UNIX_EPOCH);
    }

    #[test]
    fn a_time_beyond_the_calendar_is_not_the_end() {
        assert!(rfc3339(i128::MAX).starts_with("9999-"));
        assert!(rfc3339(i128::MIN).starts_with("-009999-"));
    }
}
