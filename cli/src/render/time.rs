//! Points in time for people and for programs.

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
    fn a_time_beyond_the_calendar_is_not_the_end() {
        assert!(rfc3339(i128::MAX).starts_with("9999-"));
        assert!(rfc3339(i128::MIN).starts_with("-009999-"));
    }
}
