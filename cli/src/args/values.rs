//! Values that people write on the command line: sizes, times, durations.

use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use heirloom_engine::id::SessionId;
use heirloom_engine::prune::Limit;
use heirloom_engine::retention;
use heirloom_engine::snapshot::Selector;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

/// The name of a snapshot, and perhaps a path in it. Paths need not be text.
pub(crate) fn selector() -> impl TypedValueParser<Value = Selector> {
    OsStringValueParser::new().try_map(Selector::parse)
}

/// What a snapshot is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Side {
    /// Another snapshot.
    Snapshot(Selector),
    /// A folder or file of this machine.
    Folder(PathBuf),
}

/// A folder of this machine begins with a dot or has a slash, the name of a snapshot does not.
pub(crate) fn side() -> impl TypedValueParser<Value = Side> {
    OsStringValueParser::new().try_map(|text| {
        let bytes = text.as_encoded_bytes();
        let name = bytes.split(|byte| *byte == b':').next().unwrap_or_default();
        if name.starts_with(b".") || name.contains(&b'/') {
            Ok(Side::Folder(text.into()))
        } else {
            Selector::parse(text).map(Side::Snapshot)
        }
    })
}

/// Why a value makes no sense; clap prints it behind the name of the flag.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ValueError {
    Size,
    Rate,
    Option,
    Time,
    TimeOrDuration,
    Duration,
    Limit,
    Session,
    SizeRange,
    Blake3,
}

impl std::fmt::Display for ValueError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Size => "expected a size such as 500, 10K, 4M or 1.5G (powers of 1024)",
            Self::Rate => "expected bytes a second such as 500K or 2M, above 0",
            Self::Option => "expected KEY=VALUE",
            Self::Time => {
                "expected a time such as 2026-11-01, \"2026-11-01 18:30\" or 2026-11-01T18:30:00Z"
            }
            Self::Session => "expected the 32 hexadecimal digits of a whole id",
            Self::SizeRange => "expected sizes such as 10M (at least), -10M (at most) or 1M..2M",
            Self::Blake3 => "expected 64 hexadecimal digits, as b3sum prints them",
            Self::Duration => "expected a duration such as 90min, 2h, 3d or 1w",
            Self::Limit => "expected a share such as 5%, a size such as 500M, or unlimited",
            Self::TimeOrDuration => {
                "expected a date such as 2030-01-01, or a duration such as 10y, 1y6m or 30d: \
                 y, m (months), w, d, h or min"
            }
        })
    }
}

impl std::error::Error for ValueError {}

/// Bytes, with the units of 1024 that restic uses; `10M`, `10MB` and `10MiB` are the same.
pub(crate) fn size(text: &str) -> Result<u64, ValueError> {
    let text = text.trim();
    let digits_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits_end);
    let exponent = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        _ => return Err(ValueError::Size),
    };
    let factor = 1_u64 << (10 * exponent);
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor).ok_or(ValueError::Size);
    }
    fraction(number, factor).ok_or(ValueError::Size)
}

/// From the first to the second number of bytes.
pub(crate) type SizeRange = RangeInclusive<u64>;

/// At least, at most, or between two sizes.
pub(crate) fn size_range(text: &str) -> Result<SizeRange, ValueError> {
    let size = |text| size(text).or(Err(ValueError::SizeRange));
    match (text.split_once(".."), text.strip_prefix('-')) {
        (Some((least, most)), _) => Ok(size(least)?..=size(most)?),
        (None, Some(most)) => Ok(0..=size(most)?),
        (None, None) => Ok(size(text.strip_prefix('+').unwrap_or(text))?..=u64::MAX),
    }
}

/// The hash of some content.
pub(crate) fn blake3(text: &str) -> Result<[u8; 32], ValueError> {
    blake3::Hash::from_hex(text).map(Into::into).or(Err(ValueError::Blake3))
}

/// Bytes a second.
pub(crate) fn rate(text: &str) -> Result<NonZeroU64, ValueError> {
    size(text).ok().and_then(NonZeroU64::new).ok_or(ValueError::Rate)
}

/// An option of a store.
pub(crate) fn option(text: &str) -> Result<(String, String), ValueError> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(ValueError::Option),
    }
}

/// `1.5` times the factor, in integers, so that no bits are lost.
fn fraction(number: &str, factor: u64) -> Option<u64> {
    let (whole, decimals) = number.split_once('.')?;
    if decimals.is_empty() || decimals.len() > 9 || decimals.contains('.') {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let scale = 10_u128.checked_pow(u32::try_from(decimals.len()).ok()?)?;
    let part = u128::from(decimals.parse::<u64>().ok()?) * u128::from(factor) / scale;
    whole.checked_mul(factor)?.checked_add(u64::try_from(part).ok()?)
}

/// A point in time; without an offset it is local time.
pub(crate) fn time(text: &str) -> Result<Timestamp, ValueError> {
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp);
    }
    let civil: DateTime = text.parse().or(Err(ValueError::Time))?;
    civil.to_zoned(TimeZone::system()).map(|zoned| zoned.timestamp()).or(Err(ValueError::Time))
}

/// A date, or a duration from now.
#[derive(Debug, Clone)]
pub(crate) enum Until {
    /// A date.
    Date(Timestamp),
    /// A duration from now, written as those of the other `--keep` flags: `3m` are months.
    For(retention::Duration),
}

impl Until {
    /// The point in time, in nanoseconds since 1970.
    pub(crate) fn resolve(&self, now_ns: i128) -> Option<i128> {
        match self {
            Self::Date(timestamp) => Some(timestamp.as_nanosecond()),
            Self::For(duration) => {
                let now = Timestamp::from_nanosecond(now_ns).ok()?;
                let end = duration.after(&Zoned::new(now, TimeZone::system()))?;
                Some(end.as_nanosecond())
            }
        }
    }

    /// The same, a duration being so long ago.
    pub(crate) fn past(&self, now_ns: i128) -> Option<i128> {
        match self {
            Self::Date(timestamp) => Some(timestamp.as_nanosecond()),
            Self::For(duration) => {
                let now = Timestamp::from_nanosecond(now_ns).ok()?;
                let start = duration.before(&Zoned::new(now, TimeZone::system()))?;
                Some(start.as_nanosecond())
            }
        }
    }
}

/// A date, or a duration from now.
pub(crate) fn until(text: &str) -> Result<Until, ValueError> {
    if let Ok(timestamp) = time(text) {
        return Ok(Until::Date(timestamp));
    }
    text.parse().map(Until::For).or(Err(ValueError::TimeOrDuration))
}

/// The whole id of a snapshot.
pub(crate) fn session(text: &str) -> Result<SessionId, ValueError> {
    SessionId::from_hex(text).ok_or(ValueError::Session)
}

/// How long something may take, or takes.
pub(crate) fn duration(text: &str) -> Result<Span, ValueError> {
    let span = text.parse::<Span>().or(Err(ValueError::Duration))?;
    if span.is_negative() { Err(ValueError::Duration) } else { Ok(span) }
}

/// A duration in nanoseconds; of units of the calendar, from now on.
pub(crate) fn nanoseconds(span: Span, now_ns: i128) -> Option<i64> {
    let now = Timestamp::from_nanosecond(now_ns).ok()?;
    let end = Zoned::new(now, TimeZone::UTC).checked_add(span).ok()?.timestamp();
    i64::try_from(end.as_nanosecond() - now_ns).ok()
}

/// A share, a size, or no limit.
pub(crate) fn limit(text: &str) -> Result<Limit, ValueError> {
    if text == "unlimited" {
        return Ok(Limit::Unlimited);
    }
    if let Some(percent) = text.strip_suffix('%') {
        let percent: f64 = percent.trim().parse().or(Err(ValueError::Limit))?;
        let sensible = percent.is_finite() && percent >= 0.0;
        return if sensible { Ok(Limit::Percent(percent)) } else { Err(ValueError::Limit) };
    }
    size(text).map(Limit::Bytes).or(Err(ValueError::Limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_of_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("500", 500),
            ("10K", 10 << 10),
            ("10kb", 10 << 10),
            ("4 MiB", 4 << 20),
            ("1.5G", 3 << 29),
            (".5k", 512),
            ("2t", 2 << 40),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn ranges_of_sizes_have_one_end_or_two() {
        assert_eq!(size_range("1K"), Ok(1024..=u64::MAX));
        assert_eq!(size_range("+1K"), Ok(1024..=u64::MAX));
        assert_eq!(size_range("-1K"), Ok(0..=1024));
        assert_eq!(size_range("1K..2K"), Ok(1024..=2048));
        assert_eq!(size_range("1K.."), Err(ValueError::SizeRange));
    }

    #[test]
    fn nonsense_is_not_a_size() {
        for text in ["", "K", "-1", "1.2.3M", "1.", "10X", "99999999999T", "1.0000000001"] {
            assert_eq!(size(text), Err(ValueError::Size), "{text}");
        }
    }

    #[test]
    fn options_have_a_key_and_rates_are_above_zero() {
        assert_eq!(option("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(option("a="), Ok(("a".to_owned(), String::new())));
        for text in ["", "a", "=b"] {
            assert_eq!(option(text), Err(ValueError::Option), "{text}");
        }
        assert_eq!(rate("1K").map(NonZeroU64::get), Ok(1024));
        assert_eq!(rate("0"), Err(ValueError::Rate));
    }

    #[test]
    fn limits_are_shares_sizes_or_none_and_never_negative() {
        assert_eq!(limit("5%"), Ok(Limit::Percent(5.0)));
        assert_eq!(limit("0.5 %"), Ok(Limit::Percent(0.5)));
        assert_eq!(limit("1M"), Ok(Limit::Bytes(1 << 20)));
        assert_eq!(limit("unlimited"), Ok(Limit::Unlimited));
        for text in ["", "%", "-1%", "-1", "nan%", "inf%", "some", "1X"] {
            assert_eq!(limit(text), Err(ValueError::Limit), "{text}");
        }
        assert_eq!(nanoseconds(duration("2h").expect("a duration"), 0), Some(7_200_000_000_000));
        assert_eq!(nanoseconds(duration("0s").expect("a duration"), 0), Some(0));
        assert_eq!(duration("-3d").map(|_span| ()), Err(ValueError::Duration));
    }

    #[test]
    fn a_time_with_an_offset_is_that_instant() {
        let at = time("2026-11-01T12:00:00+01:00").expect("a time");
        assert_eq!(at, "2026-11-01T11:00:00Z".parse().expect("a time"));
        assert!(time("2026-11-01").is_ok());
        assert!(time("2026-11-01 18:30").is_ok());
        assert_eq!(time("yesterday-ish"), Err(ValueError::Time));
    }

    #[test]
    fn a_duration_counts_from_now() {
        let now = 1_793_000_000_000_000_000;
        let week = until("1w").expect("a duration").resolve(now).expect("in range");
        let day = 24 * 3600 * 1_000_000_000_i128;
        assert!((week - now - 7 * day).abs() <= day / 12, "{week}");
        let months = until("3m").expect("a duration").resolve(now).expect("in range");
        assert!(months - now > 80 * day, "months, as in --keep-within: {months}");
        assert!(matches!(until("2030-01-01"), Ok(Until::Date(_))));
        for text in ["-1w", "soon", "0d", "30s", "10"] {
            assert_eq!(until(text).map(|_| ()), Err(ValueError::TimeOrDuration), "{text}");
        }
    }
}
