//! Durations, amounts, shares, ids and groupings as people write them.

use super::*;

fn duration(text: &str) -> Result<String, WordError> {
    text.parse::<Duration>().map(|duration| duration.to_string())
}

#[test]
fn durations_are_read_in_every_unit_and_written_in_one_way() {
    for (text, written) in [
        ("1y6m7d12h", "1y6m7d12h"),
        ("2w", "2w"),
        ("30d", "30d"),
        ("90min", "90min"),
        ("3m", "3m"),
        ("3mo", "3m"),
        ("1 year 2 months 3 weeks 4 days 5 hours 6 minutes", "1y2m3w4d5h6min"),
        (" 12h ", "12h"),
        ("12h1d", "1d12h"),
        ("0d5h", "5h"),
        ("007d", "7d"),
        ("9999y", "9999y"),
    ] {
        assert_eq!(duration(text).as_deref(), Ok(written), "{text}");
        assert_eq!(duration(written).as_deref(), Ok(written), "{text}");
    }
}

#[test]
fn what_is_no_duration_is_refused_by_name() {
    let word = |word: &str| word.to_owned();
    for (text, error) in [
        ("", WordError::Empty),
        ("  ", WordError::Empty),
        ("-3d", WordError::Negative { word: word("-3d") }),
        ("0d", WordError::Zero { word: word("0d") }),
        ("0y0m", WordError::Zero { word: word("0y0m") }),
        ("30", WordError::NoUnit { word: word("30") }),
        ("1y6", WordError::NoUnit { word: word("6") }),
        ("5x", WordError::UnknownUnit { word: word("x") }),
        ("1d2fortnights", WordError::UnknownUnit { word: word("fortnights") }),
        ("d", WordError::UnknownUnit { word: word("d") }),
        ("soon", WordError::UnknownUnit { word: word("soon") }),
        ("1.5d", WordError::UnknownUnit { word: word("1.") }),
        ("1d-2h", WordError::UnknownUnit { word: word("-2h") }),
        ("1D", WordError::UnknownUnit { word: word("D") }),
        ("1d2d", WordError::Twice { word: word("d") }),
        ("1d2days", WordError::Twice { word: word("days") }),
        ("99999999999d", WordError::TooLarge { word: word("99999999999d") }),
        ("20000y", WordError::TooLarge { word: word("20000y") }),
        ("4000000000w", WordError::TooLarge { word: word("4000000000w") }),
        ("1\u{66d}d", WordError::UnknownUnit { word: word("1\u{66d}") }),
    ] {
        assert_eq!(duration(text), Err(error), "{text}");
    }
}

#[test]
fn a_duration_that_reaches_beyond_the_calendar_reaches_back_to_everything() {
    let at = now("2026-11-02T18:30", &TimeZone::UTC);
    let ages: Duration = "15000y".parse().expect("a duration");
    assert_eq!(ages.before(&at), None);
    assert_eq!(ages.after(&at), None);
}

#[test]
fn amounts_are_counts_durations_or_everything() {
    let count = |number| Amount::Count(std::num::NonZeroU32::new(number).expect("not zero"));
    assert_eq!("12".parse(), Ok(count(12)));
    assert_eq!("4294967295".parse(), Ok(count(u32::MAX)));
    assert_eq!("3m".parse(), Ok(Amount::For("3m".parse().expect("a duration"))));
    assert_eq!("all".parse(), Ok(Amount::All));
    assert_eq!("unlimited".parse(), Ok(Amount::All));
    let word = |word: &str| word.to_owned();
    for (text, error) in [
        ("", WordError::Empty),
        ("0", WordError::Zero { word: word("0") }),
        ("-1", WordError::Negative { word: word("-1") }),
        ("-3d", WordError::Negative { word: word("-3d") }),
        ("4294967296", WordError::TooLarge { word: word("4294967296") }),
        ("many", WordError::UnknownAmount { word: word("many") }),
        ("ALL", WordError::UnknownAmount { word: word("ALL") }),
        ("+3", WordError::UnknownAmount { word: word("+3") }),
        ("3 apples", WordError::UnknownUnit { word: word("apples") }),
    ] {
        assert_eq!(text.parse::<Amount>(), Err(error), "{text}");
    }
}

#[test]
fn every_period_and_grouping_is_read_as_it_is_written() {
    for period in Period::ALL {
        assert_eq!(period.name().parse(), Ok(period));
    }
    for one in Trait::ALL {
        assert_eq!(one.name().parse(), Ok(one));
    }
    assert!("fortnightly".parse::<Period>().is_err());
    assert!("size".parse::<Trait>().is_err());
    let by: GroupBy = "paths, host,host".parse().expect("traits");
    assert_eq!(by.to_string(), "host,paths");
    assert_eq!("".parse::<GroupBy>().expect("no trait").traits(), []);
    assert_eq!(GroupBy::default().to_string(), "host,label,paths");
    let unknown = WordError::UnknownTrait { word: "colour".to_owned() };
    assert_eq!("host,colour".parse::<GroupBy>(), Err(unknown));
    assert_eq!("host,".parse::<GroupBy>().ok(), None);
}

#[test]
fn shares_lie_between_nothing_and_everything() {
    assert_eq!("50%".parse::<Percent>().map(Percent::get), Ok(50));
    assert_eq!("0".parse::<Percent>().map(Percent::get), Ok(0));
    assert_eq!("100 %".parse::<Percent>().ok(), None);
    for bad in ["", "%", "101%", "-5%", "half", "5.5%", "+5"] {
        assert!(bad.parse::<Percent>().is_err(), "{bad}");
    }
    for (part, whole, percent) in [(0, 7, 0), (1, 3, 34), (2, 3, 67), (7, 7, 100), (1, 1000, 1)] {
        assert_eq!(Percent::of(part, whole).get(), percent, "{part} of {whole}");
    }
}

#[test]
fn tags_and_ids_are_checked_before_they_can_miss_everything() {
    let mut policy = Policy::default();
    for bad in ["", ",", "a,", ",a"] {
        assert!(matches!(policy.keep_tags(bad), Err(WordError::EmptyTag { .. })), "{bad}");
    }
    for bad in ["", "3fa", "xyzw", "latest", &"0".repeat(33)] {
        assert!(matches!(policy.keep_id(bad), Err(WordError::UnknownId { .. })), "{bad}");
    }
    assert!(policy.is_empty());
    policy.keep_id("3FA9").expect("an id");
    assert_eq!(policy.ids, ["3fa9"]);
}

#[test]
fn rules_are_written_as_people_say_them() {
    let rules = ["daily=7", "within=30d", "last=3", "half-yearly=all", "weekly=2m"];
    let written: Vec<String> = rules
        .iter()
        .map(|words| policy(words).rules.first().expect("a rule").to_string())
        .collect();
    assert_eq!(written, ["daily 7", "within 30d", "last 3", "half-yearly all", "weekly 2m"]);
}
