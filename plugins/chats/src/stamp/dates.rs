//! Which number of a date is the day and which the month: told from all dates of a file.
//!
//! An order that makes a date impossible is none; of those that are left, the one is right in which time goes back least often.
//! Where that does not tell, both readings are possible, and whoever reads the conversation is told so.

use super::header::{Era, Shape, Stamp};

/// The order of day, month and year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    DayMonthYear,
    MonthDayYear,
    YearMonthDay,
}

const ORDERS: [Order; 3] = [Order::DayMonthYear, Order::MonthDayYear, Order::YearMonthDay];

/// So many shapes of dates are told apart; a file that has more was not written by a telephone.
const SHAPES_MAX: usize = 64;

/// Counts what speaks for each order, shape by shape.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    shapes: Vec<(Shape, Tally)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    orders: [OrderTally; 3],
    /// Dates with two readings.
    undecided: u64,
    /// Dates that are only possible with the day, or with the month, in front.
    decided: [u64; 2],
    /// Which of these was last, and how many dates with two readings came since.
    last_decided: Option<usize>,
    undecided_since: u64,
    /// There are dates with two readings between those that are only possible one way and those only possible the other way.
    is_torn: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct OrderTally {
    impossible: u64,
    steps_back: u64,
    last: Option<i64>,
}

/// What is known of the orders of a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Orders {
    shapes: Vec<(Shape, Settled)>,
    /// Some dates have two readings, and nothing tells which is right.
    pub is_ambiguous: bool,
    /// Day and month change places within the file.
    pub is_mixed: bool,
}

#[derive(Debug, Clone, Copy)]
enum Settled {
    /// All dates have it.
    One(Order),
    /// No order suits all dates; where a date has several readings, the nearest to the one before is taken, and else this.
    Mixed(Order),
}

impl Tallies {
    /// Counts one date; false if it is none in any order.
    pub(crate) fn add(&mut self, stamp: &Stamp) -> bool {
        let days = ORDERS.map(|order| day(stamp, order));
        if days.iter().all(Option::is_none) {
            return false;
        }
        let at = self
            .shapes
            .iter()
            .position(|(shape, _)| *shape == stamp.shape)
            .unwrap_or(self.shapes.len());
        if at == self.shapes.len() {
            if at == SHAPES_MAX {
                return false;
            }
            self.shapes.push((stamp.shape, Tally::default()));
        }
        if let Some((_, tally)) = self.shapes.get_mut(at) {
            tally.add(days);
        }
        true
    }

    /// Decides.
    pub(crate) fn settle(&self) -> Orders {
        let mut orders = Orders::default();
        let mut has_order = [false; 2];
        for (shape, tally) in &self.shapes {
            let (settled, is_ambiguous) = tally.settle(shape);
            orders.is_ambiguous |= is_ambiguous;
            match settled {
                Settled::One(Order::DayMonthYear) => has_order[0] |= !is_ambiguous,
                Settled::One(Order::MonthDayYear) => has_order[1] |= !is_ambiguous,
                Settled::One(Order::YearMonthDay) => {}
                Settled::Mixed(_) => {
                    has_order = [
                        has_order[0] || tally.decided[0] > 0,
                        has_order[1] || tally.decided[1] > 0,
                    ];
                }
            }
            orders.shapes.push((*shape, settled));
        }
        orders.is_mixed = has_order == [true, true];
        orders
    }
}

impl Tally {
    fn add(&mut self, days: [Option<i64>; 3]) {
        for (tally, day) in self.orders.iter_mut().zip(days) {
            match day {
                None => tally.impossible += 1,
                Some(day) => {
                    tally.steps_back += u64::from(tally.last.is_some_and(|last| day < last));
                    tally.last = Some(day);
                }
            }
        }
        let [day_first, month_first, _] = days;
        match (day_first, month_first) {
            (Some(one), Some(other)) if one != other => {
                self.undecided += 1;
                self.undecided_since += 1;
            }
            (Some(_), None) => self.decide(0),
            (None, Some(_)) => self.decide(1),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    fn decide(&mut self, which: usize) {
        if let Some(count) = self.decided.get_mut(which) {
            *count += 1;
        }
        self.is_torn |=
            self.last_decided.is_some_and(|last| last != which) && self.undecided_since > 0;
        self.last_decided = Some(which);
        self.undecided_since = 0;
    }

    fn settle(&self, shape: &Shape) -> (Settled, bool) {
        let possible =
            || ORDERS.into_iter().zip(self.orders).filter(|(_, tally)| tally.impossible == 0);
        let Some(fewest) = possible().map(|(_, tally)| tally.steps_back).min() else {
            let order = if self.decided[1] > self.decided[0] {
                Order::MonthDayYear
            } else {
                Order::DayMonthYear
            };
            return (Settled::Mixed(order), self.is_torn);
        };
        let best: Vec<Order> = possible()
            .filter(|(_, tally)| tally.steps_back == fewest)
            .map(|(order, _)| order)
            .collect();
        let has = |order| best.contains(&order);
        let usual = usual_order(shape);
        let order = if has(usual) { usual } else { best.first().copied().unwrap_or(usual) };
        // Dots stand behind ordinal numbers: no language writes the month first with them.
        let is_ambiguous = has(Order::DayMonthYear)
            && has(Order::MonthDayYear)
            && self.undecided > 0
            && shape.separator != '.';
        (Settled::One(order), is_ambiguous)
    }
}

/// What is most common where nothing else tells.
fn usual_order(shape: &Shape) -> Order {
    if shape.year_is_first {
        Order::YearMonthDay
    } else if shape.separator == '/' && shape.has_halves && !shape.year_is_last {
        Order::MonthDayYear
    } else {
        Order::DayMonthYear
    }
}

impl Orders {
    /// Whether some dates are read by those around them.
    pub(crate) fn needs_neighbours(&self) -> bool {
        self.shapes.iter().any(|(_, settled)| matches!(settled, Settled::Mixed(_)))
    }

    /// The time in ms on the clock of the telephone; `before` is the day of the message before, and becomes the day of this one.
    pub(crate) fn resolve(&self, stamp: &Stamp, before: &mut Option<i64>) -> Option<i64> {
        let settled = self
            .shapes
            .iter()
            .find(|(shape, _)| *shape == stamp.shape)
            .map(|(_, settled)| *settled)?;
        let found = match settled {
            Settled::One(order) => day(stamp, order)?,
            Settled::Mixed(usual) => nearest(stamp, usual, *before)?,
        };
        *before = Some(found);
        Some(found * 86_400_000 + stamp.millis)
    }
}

fn nearest(stamp: &Stamp, usual: Order, before: Option<i64>) -> Option<i64> {
    let Some(before) = before else {
        return day(stamp, usual)
            .or_else(|| ORDERS.into_iter().find_map(|order| day(stamp, order)));
    };
    // Messages seldom come before earlier ones, so a step back counts as a long one.
    let distance = |day: i64| if day < before { (before - day) * 4 } else { day - before };
    ORDERS.into_iter().filter_map(|order| day(stamp, order)).min_by_key(|day| distance(*day))
}

/// Whether there is such a day at all.
pub(crate) fn is_possible(stamp: &Stamp) -> bool {
    ORDERS.into_iter().any(|order| day(stamp, order).is_some())
}

/// The day that a date is, counted from 1970-01-01.
fn day(stamp: &Stamp, order: Order) -> Option<i64> {
    let [first, second, third] = stamp.numbers;
    let (day, month, year) = match order {
        Order::YearMonthDay if stamp.shape.year_is_last => return None,
        Order::DayMonthYear | Order::MonthDayYear if stamp.shape.year_is_first => return None,
        Order::DayMonthYear => (first, second, third),
        Order::MonthDayYear => (second, first, third),
        Order::YearMonthDay => (third, second, first),
    };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (day, month, year) = (i64::from(day), i64::from(month), i64::from(year));
    match (stamp.era, year) {
        (Era::Reiwa, 1..=60) => gregorian(year + 2018, month, day),
        (Era::Heisei, 1..=31) => gregorian(year + 1988, month, day),
        (Era::Minguo, 90..=150) | (Era::Unsaid, 98..=150) => gregorian(year + 1911, month, day),
        (Era::Unsaid, 0..=50) => gregorian(year + 2000, month, day),
        // The Buddhist year 2565 was 2022, and is written 65, too.
        (Era::Unsaid, 51..=89) => gregorian(year + 2500 - 543, month, day),
        (Era::Unsaid, 1380..=1429) => persian(year, month, day),
        (Era::Unsaid, 1430..=1500) => islamic(year, month, day),
        (Era::Unsaid, 1970..=2150) => gregorian(year, month, day),
        (Era::Unsaid, 2540..=2600) => gregorian(year - 543, month, day),
        _ => None,
    }
}

fn gregorian(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if day > length {
        return None;
    }
    // Years that begin in March have their odd day at the end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    Some(days - 719_468)
}

/// Leap years come every 4 or 5 years in 33.
fn persian(year: i64, month: i64, day: i64) -> Option<i64> {
    let length = if month <= 6 { 31 } else { 30 };
    if day > length {
        return None;
    }
    let leaps = (8 * year + 21) / 33;
    let months = if month <= 7 { 31 * (month - 1) } else { 30 * (month - 1) + 6 };
    // 1348-10-11 was 1970-01-01.
    let days = 365 * (year - 1) + leaps + months + day;
    Some(days - (365 * 1347 + (8 * 1348 + 21) / 33 + 30 * 9 + 6 + 11))
}

/// As astronomers count, which is at most a day from what is seen and from what Saudi Arabia computes.
fn islamic(year: i64, month: i64, day: i64) -> Option<i64> {
    if day > 30 {
        return None;
    }
    let days = (year - 1) * 354 + (3 + 11 * year) / 30 + (59 * (month - 1) + 1) / 2 + day;
    // 1389-10-23 was 1970-01-01.
    Some(days - (1388 * 354 + (3 + 11 * 1389) / 30 + (59 * 9 + 1) / 2 + 23))
}

#[cfg(test)]
mod tests {
    use super::super::header;
    use super::*;

    fn resolve(stamps: &[&str]) -> (Vec<String>, Orders) {
        let stamps: Vec<Stamp> = stamps
            .iter()
            .map(|stamp| header::parse(&format!("{stamp}, 10:00 - A: b")).unwrap().stamp)
            .collect();
        let mut tallies = Tallies::default();
        for stamp in &stamps {
            assert!(tallies.add(stamp));
        }
        let orders = tallies.settle();
        let mut before = None;
        let dates = stamps
            .iter()
            .map(|stamp| {
                let millis = orders.resolve(stamp, &mut before).unwrap();
                jiff::Timestamp::from_millisecond(millis).unwrap().strftime("%F").to_string()
            })
            .collect();
        (dates, orders)
    }

    #[test]
    fn a_day_above_twelve_tells_the_order_of_all_dates() {
        assert_eq!(resolve(&["1/2/20", "1/13/20"]).0, ["2020-01-02", "2020-01-13"]);
        assert_eq!(resolve(&["1/2/2020", "13/2/2020"]).0, ["2020-02-01", "2020-02-13"]);
        assert_eq!(resolve(&["2020/1/2"]).0, ["2020-01-02"]);
    }

    #[test]
    fn time_that_goes_on_tells_the_order_of_dates_that_have_two_readings() {
        let (dates, orders) = resolve(&["11/1/20", "12/1/20", "1/2/20"]);
        assert_eq!(dates, ["2020-01-11", "2020-01-12", "2020-02-01"]);
        assert!(!orders.is_ambiguous);
        assert_eq!(
            resolve(&["1/11/20", "1/12/20", "2/1/20"]).0,
            ["2020-01-11", "2020-01-12", "2020-02-01"]
        );
    }

    #[test]
    fn two_readings_that_nothing_tells_apart_are_ambiguous() {
        assert!(resolve(&["1/2/20", "1/3/20"]).1.is_ambiguous);
        assert!(!resolve(&["1/1/20", "2/2/20"]).1.is_ambiguous, "both readings are the same");
        assert!(!resolve(&["1.2.20", "1.3.20"]).1.is_ambiguous, "dots");
        assert!(!resolve(&["2020-02-01"]).1.is_ambiguous);
    }

    #[test]
    fn two_orders_in_a_file_are_told_apart_by_shape_or_by_neighbours() {
        let (dates, orders) = resolve(&["6/30/23", "30/6/2023", "1/7/2023"]);
        assert_eq!(dates, ["2023-06-30", "2023-06-30", "2023-07-01"]);
        assert!(orders.is_mixed && !orders.is_ambiguous);
        let (dates, orders) = resolve(&["6/30/23", "30/6/23", "1/7/23"]);
        assert_eq!(dates, ["2023-06-30", "2023-06-30", "2023-07-01"]);
        assert!(orders.is_mixed && !orders.is_ambiguous);
        assert!(resolve(&["6/30/23", "7/8/23", "30/8/23"]).1.is_ambiguous);
    }

    #[test]
    fn years_of_other_calendars_are_understood() {
        assert_eq!(resolve(&["3/18/2565"]).0, ["2022-03-18"]);
        assert_eq!(resolve(&["18/3/65"]).0, ["2022-03-18"]);
        assert_eq!(resolve(&["3/18/R4"]).0, ["2022-03-18"]);
        assert_eq!(resolve(&["R4/3/18"]).0, ["2022-03-18"]);
        assert_eq!(resolve(&["1400/12/27"]).0, ["2022-03-18"]);
        assert_eq!(resolve(&["1401/1/1"]).0, ["2022-03-21"]);
        assert_eq!(resolve(&["1443/8/15"]).0, ["2022-03-18"]);
        assert_eq!(resolve(&["111/3/18"]).0, ["2022-03-18"]);
    }

    #[test]
    fn a_date_that_is_none_in_any_order_is_not_counted() {
        let stamp = header::parse("40/40/40, 10:00 - A: b").unwrap().stamp;
        assert!(!Tallies::default().add(&stamp));
    }
}
