//! Which minute, hour, day, week, month, quarter, half-year or year of a calendar a time lies in.

use jiff::Zoned;

use super::Period;

/// The name of the period; two times lie in one period if they give the same name. Empty for [`Period::Each`].
///
/// When clocks are put back, an hour comes twice with the same digits: the two are told apart by their offset from UTC.
pub(super) fn slot(period: Period, at: &Zoned) -> String {
    let (year, month, day) = (at.year(), at.month(), at.day());
    match period {
        Period::Each => String::new(),
        Period::Minute => {
            format!("{} {:02}:{:02}{}", at.date(), at.hour(), at.minute(), offset(at))
        }
        Period::Hour => format!("{} {:02}:00{}", at.date(), at.hour(), offset(at)),
        Period::Day => format!("{year:04}-{month:02}-{day:02}"),
        Period::Week => {
            let week = at.date().iso_week_date();
            format!("{:04}-W{:02}", week.year(), week.week())
        }
        Period::Month => format!("{year:04}-{month:02}"),
        Period::Quarter => format!("{year:04}-Q{}", (month - 1) / 3 + 1),
        Period::HalfYear => format!("{year:04}-H{}", (month - 1) / 6 + 1),
        Period::Year => format!("{year:04}"),
    }
}

/// Nothing, unless these digits come twice on that day.
fn offset(at: &Zoned) -> String {
    let zone = at.time_zone();
    // The whole hour counts as coming twice if any of it does.
    let start = at.date().at(at.hour(), 0, 0, 0);
    let end = at.date().at(at.hour(), 59, 59, 0);
    let twice = [at.datetime(), start, end].into_iter().any(|time| {
        matches!(zone.to_ambiguous_zoned(time).offset(), jiff::tz::AmbiguousOffset::Fold { .. })
    });
    if twice { at.strftime("%:z").to_string() } else { String::new() }
}
