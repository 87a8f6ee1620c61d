//! The beginning of a line that begins a message: when, in any language and order.
//!
//! `[18/03/22, 14:56:01] `, `3/18/22, 2:56 PM - `, `14:56:01, 18/3/22`, `2022/3/18 下午2:56 - ` and so on.
//! What the three numbers of a date mean is told from the whole file, see [`super::dates`].

use super::clock::{Words, time_of_day};
use crate::needle::is_mark;

/// What sets the time apart from what was said. One telephone writes one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    /// `[...] `, as iOS does.
    Bracket,
    /// `... - `, as Android does.
    Dash,
    /// `...: `, as iOS did before 2017.
    Colon,
}

/// How years are counted, if it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    /// It is not said; the year itself tells.
    Unsaid,
    /// Since 2019, in Japan.
    Reiwa,
    /// From 1989 to 2019, in Japan.
    Heisei,
    /// Since 1912, in Taiwan.
    Minguo,
}

/// Everything about a date but the numbers: lines of one shape have one order of day, month and year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Between the numbers.
    pub separator: char,
    /// Follows the date.
    pub follows: char,
    /// The year is the first number, and has more than two digits or a name.
    pub year_is_first: bool,
    /// The year is the last number, and has more than two digits or a name.
    pub year_is_last: bool,
    /// Hours are counted up to 12.
    pub has_halves: bool,
    /// Time comes first.
    pub time_is_first: bool,
}

/// When, as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The three numbers of the date.
    pub numbers: [u32; 3],
    /// How years are counted.
    pub era: Era,
    /// The rest of the date.
    pub shape: Shape,
    /// The time of the day, in ms.
    pub millis: i64,
    /// Whether there are seconds.
    pub has_seconds: bool,
    /// What sets it apart.
    pub frame: Frame,
}

/// The beginning of a message, and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header<'a> {
    /// When.
    pub stamp: Stamp,
    /// Whether the line begins with a mark that nobody sees: iOS does that where there is a file.
    pub is_marked: bool,
    /// Who and what.
    pub rest: &'a str,
}

/// Reads the beginning of a line; `None` if it goes on with a message.
pub(crate) fn parse(line: &str) -> Option<Header<'_>> {
    let is_marked = line.starts_with(is_mark);
    let mut cursor = Cursor { rest: line };
    let is_bracketed = cursor.eat('[');
    cursor.blanks();
    let (date, time, time_is_first) = cursor.date_and_time()?;
    // What follows: whether it is before or after noon, or which era it is.
    let mut words = time.words;
    let frame = cursor.end(
        if is_bracketed { Some(Frame::Bracket) } else { time.has_seconds.then_some(Frame::Colon) },
        &mut words,
    )?;
    let (millis, has_halves) = time_of_day(time.numbers, &words)?;
    let [first, _, last] = date.digits;
    if first < 2 && last < 2 && date.era == Era::Unsaid {
        return None;
    }
    let era = [date.era, era_of(&words.text)]
        .into_iter()
        .find(|&era| era != Era::Unsaid)
        .unwrap_or(Era::Unsaid);
    let shape = Shape {
        separator: date.separator,
        follows: if time_is_first { ' ' } else { date.follows },
        year_is_first: first > 2 || date.era_is_first,
        year_is_last: last > 2 || era != Era::Unsaid && !date.era_is_first,
        has_halves,
        time_is_first,
    };
    let stamp =
        Stamp { numbers: date.numbers, era, shape, millis, has_seconds: time.has_seconds, frame };
    Some(Header { stamp, is_marked, rest: cursor.rest })
}

/// A number written with the digits of any script.
fn digit(character: char) -> Option<u32> {
    /// Zeros of the scripts that phones write numbers in.
    const ZEROS: [u32; 14] = [
        0x30, 0x660, 0x6f0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xe50, 0x1040, 0x17e0,
        0xff10,
    ];
    let code = u32::from(character);
    if code < 0x80 {
        return character.to_digit(10);
    }
    ZEROS.iter().find_map(|zero| code.checked_sub(*zero).filter(|digit| *digit < 10))
}

fn is_blank(character: char) -> bool {
    character.is_whitespace()
}

struct Date {
    numbers: [u32; 3],
    digits: [u8; 3],
    era: Era,
    era_is_first: bool,
    separator: char,
    follows: char,
}

struct Clock {
    numbers: [u32; 3],
    has_seconds: bool,
    words: Words,
}

#[derive(Clone, Copy)]
struct Cursor<'a> {
    rest: &'a str,
}

impl Cursor<'_> {
    /// The next character that is seen.
    fn peek(&mut self) -> Option<char> {
        let first = self.rest.chars().next()?;
        if !is_mark(first) {
            return Some(first);
        }
        self.rest = self.rest.trim_start_matches(is_mark);
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        let mut rest = self.rest.chars();
        rest.next();
        self.rest = rest.as_str();
        Some(character)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let is_next = self.peek() == Some(wanted);
        if is_next {
            self.next();
        }
        is_next
    }

    fn blanks(&mut self) -> bool {
        let mut any = false;
        while self.peek().is_some_and(is_blank) {
            self.next();
            any = true;
        }
        any
    }

    /// A number of at most so many digits, and how many it has.
    fn number(&mut self, digits_max: u8) -> Option<(u32, u8)> {
        let mut value = 0_u32;
        let mut digits = 0;
        while let Some(digit) = self.peek().and_then(digit) {
            if digits == digits_max {
                return None;
            }
            value = value * 10 + digit;
            digits += 1;
            self.next();
        }
        (digits > 0).then_some((value, digits))
    }

    fn date_and_time(&mut self) -> Option<(Date, Clock, bool)> {
        let mut time_first = *self;
        if let Some(mut clock) = time_first.clock(true) {
            let (words, _) = time_first.words_before_number()?;
            clock.words.text.push_str(&words.text);
            let date = time_first.date()?;
            *self = time_first;
            return Some((date, clock, true));
        }
        let mut date = self.date()?;
        let (words, follows) = self.words_before_number()?;
        date.follows = follows;
        let mut clock = self.clock(false)?;
        clock.words = words;
        Some((date, clock, false))
    }

    fn date(&mut self) -> Option<Date> {
        let first_era = self.era();
        let (first, first_digits) = self.number(4)?;
        let separator = self.separator()?;
        let (second, second_digits) = self.number(2)?;
        let again = self.separator()?;
        let kind = |separator: char| matches!(separator, '年' | '月' | '년' | '월');
        if again != separator && !(kind(separator) && kind(again)) {
            return None;
        }
        let last_era = self.era();
        let (third, third_digits) = self.number(4)?;
        let era = if first_era == Era::Unsaid { last_era } else { first_era };
        Some(Date {
            numbers: [first, second, third],
            digits: [first_digits, second_digits, third_digits],
            era,
            era_is_first: first_era != Era::Unsaid,
            separator,
            follows: ' ',
        })
    }

    /// The name of an era before the number of a year.
    fn era(&mut self) -> Era {
        for (name, era) in [
            ("R", Era::Reiwa),
            ("令和", Era::Reiwa),
            ("H", Era::Heisei),
            ("平成", Era::Heisei),
            ("民國", Era::Minguo),
            ("民国", Era::Minguo),
        ] {
            let after = self.rest.strip_prefix(name);
            if let Some(after) =
                after.filter(|after| after.starts_with(|next| digit(next).is_some()))
            {
                self.rest = after;
                return era;
            }
        }
        Era::Unsaid
    }

    /// What stands between two numbers of a date.
    fn separator(&mut self) -> Option<char> {
        let is_blank = self.blanks();
        match self.peek()? {
            found @ ('/' | '.' | '-' | '年' | '月' | '년' | '월') => {
                self.next();
                self.blanks();
                Some(found)
            }
            '\u{2010}' | '\u{2011}' => {
                self.next();
                Some('-')
            }
            next => (is_blank && digit(next).is_some()).then_some(' '),
        }
    }

    /// Everything before the next number, and its first sign that is no dot of an abbreviation.
    fn words_before_number(&mut self) -> Option<(Words, char)> {
        let mut words = Words::default();
        let mut follows = None;
        let mut any = false;
        while let Some(next) = self.peek() {
            if digit(next).is_some() {
                return any.then(|| (words, follows.unwrap_or(' ')));
            }
            any = true;
            match next {
                ',' | '،' | '、' | ';' => {
                    follows.get_or_insert(next);
                }
                '日' | '일' | '.' | '\'' | '’' => {}
                _ if is_blank(next) => {}
                _ if is_letter(next) => words.push(next)?,
                _ => return None,
            }
            self.next();
        }
        None
    }

    /// Hours and minutes, and seconds if there are.
    fn clock(&mut self, only_colons: bool) -> Option<Clock> {
        let (hour, _) = self.number(2)?;
        let between = match self.peek()? {
            found @ (':' | '.' | '：') if found != '.' || !only_colons => {
                self.next();
                found
            }
            // As in French Canada: 14 h 56.
            _ if !only_colons => {
                self.blanks();
                if !self.eat('h') {
                    return None;
                }
                self.blanks();
                'h'
            }
            _ => return None,
        };
        let (minute, digits) = self.number(2)?;
        if digits != 2 {
            return None;
        }
        let mut numbers = [hour, minute, 0];
        let mut after = *self;
        let has_seconds =
            after.eat(between) && after.peek().is_some_and(|next| digit(next).is_some());
        if has_seconds {
            *self = after;
            let (second, digits) = self.number(2)?;
            if digits != 2 {
                return None;
            }
            numbers = [hour, minute, second];
        }
        Some(Clock { numbers, has_seconds, words: Words::default() })
    }

    /// What ends the header, a dash if nothing else is expected; letters before it are added to the words.
    fn end(&mut self, expected: Option<Frame>, words: &mut Words) -> Option<Frame> {
        let is_bracketed = expected == Some(Frame::Bracket);
        let mut is_after_blank = false;
        while let Some(next) = self.peek() {
            match next {
                ']' if is_bracketed => {
                    self.next();
                    self.one_blank();
                    return Some(Frame::Bracket);
                }
                '-' | '–' | '—' if !is_bracketed && is_after_blank => {
                    self.next();
                    return (self.one_blank() || self.rest.is_empty()).then_some(Frame::Dash);
                }
                ':' if expected == Some(Frame::Colon) => {
                    self.next();
                    return self.one_blank().then_some(Frame::Colon);
                }
                '.' | '\'' | '’' => {}
                _ if is_blank(next) => {}
                _ if is_letter(next) => words.push(next)?,
                _ => return None,
            }
            is_after_blank = is_blank(next);
            self.next();
        }
        None
    }

    /// One blank is part of the header; more belong to what was said.
    fn one_blank(&mut self) -> bool {
        let mut rest = self.rest.chars();
        let is_blank = rest.next().is_some_and(is_blank);
        if is_blank {
            self.rest = rest.as_str();
        }
        is_blank
    }
}

/// Letters, and the signs that some scripts put on them.
fn is_letter(character: char) -> bool {
    character.is_alphabetic() || matches!(character, '\u{900}'..='\u{e7f}' | '\u{300}'..='\u{36f}')
}

fn era_of(words: &str) -> Era {
    match words {
        "r" => Era::Reiwa,
        "h" => Era::Heisei,
        "minguo" | "roc" => Era::Minguo,
        _ => Era::Unsaid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> ([u32; 3], i64, Frame, &str) {
        let header = parse(line).unwrap_or_else(|| panic!("no header: {line:?}"));
        (header.stamp.numbers, header.stamp.millis / 1000, header.stamp.frame, header.rest)
    }

    const AFTERNOON: i64 = 14 * 3600 + 56 * 60;

    #[test]
    fn a_header_is_read_in_every_form_that_phones_write() {
        for (line, numbers, seconds) in [
            ("[18/03/22, 14:56:01] A: b", [18, 3, 22], AFTERNOON + 1),
            ("\u{200e}[3/18/22, 14:56:01] A: b", [3, 18, 22], AFTERNOON + 1),
            ("[3/18/22, 2:56:01\u{202f}PM] A: b", [3, 18, 22], AFTERNOON + 1),
            ("[18.03.22, 2:56:01 PM] A: b", [18, 3, 22], AFTERNOON + 1),
            ("[18.3.22 klo 14.56.01] A: b", [18, 3, 22], AFTERNOON + 1),
            ("[3/18/22 14.56.01] A: b", [3, 18, 22], AFTERNOON + 1),
            (
                "[\u{200f}18\u{200f}/3\u{200f}/2022\u{60c} 14:56:01] A: b",
                [18, 3, 2022],
                AFTERNOON + 1,
            ),
            ("[١٨/٣/٢٠٢٢، ٢:٥٦:٠١ م] A: b", [18, 3, 2022], AFTERNOON + 1),
            ("[14:56:01, 3/18/22] A: b", [3, 18, 22], AFTERNOON + 1),
            ("[3/18/2565 BE, 14:56:01] A: b", [3, 18, 2565], AFTERNOON + 1),
            ("[3/18/R4, 14:56:01] A: b", [3, 18, 4], AFTERNOON + 1),
            ("[2022/3/18 下午2:56:01] A: b", [2022, 3, 18], AFTERNOON + 1),
            ("18/03/2022, 14:56 - A: b", [18, 3, 2022], AFTERNOON),
            ("18/03/2022 14:56 – A: b", [18, 3, 2022], AFTERNOON),
            ("3/18/22, 2:56\u{a0}p.\u{a0}m. - A: b", [3, 18, 22], AFTERNOON),
            ("03/18/2022, 02:56 p. m. - A: b", [3, 18, 2022], AFTERNOON),
            ("2022-03-18, 2:56 p.m. - A: b", [2022, 3, 18], AFTERNOON),
            ("2022-03-18 14 h 56 - A: b", [2022, 3, 18], AFTERNOON),
            ("18. 3. 2022. 14:56 - A: b", [18, 3, 2022], AFTERNOON),
            ("2022. 3. 18. 오후 2:56 - A: b", [2022, 3, 18], AFTERNOON),
            ("2022년 3월 18일 오후 2:56 - A: b", [2022, 3, 18], AFTERNOON),
            ("18/3/22 2:56 μ.μ. - A: b", [18, 3, 22], AFTERNOON),
            ("18.03.22 г., 14:56 ч. - A: b", [18, 3, 22], AFTERNOON),
            ("24/3/14, 14:56:00: A: b", [24, 3, 14], AFTERNOON),
            ("१८/३/२२, १४:५६ - A: b", [18, 3, 22], AFTERNOON),
        ] {
            let (found, time, _, rest) = read(line);
            assert_eq!((found, time, rest), (numbers, seconds, "A: b"), "{line:?}");
        }
    }

    #[test]
    fn midnight_and_noon_are_where_twelve_hour_clocks_have_them() {
        assert_eq!(read("1/1/20, 12:00 AM - A: b").1, 0);
        assert_eq!(read("1/1/20, 12:00 PM - A: b").1, 12 * 3600);
        assert_eq!(read("1/1/20, 00:08 a. m. - A: b").1, 8 * 60);
    }

    #[test]
    fn what_only_begins_like_a_header_is_none() {
        for line in [
            "",
            "12/12 we meet",
            "12/12/2020 we meet at 10:00",
            "10:30 - 11:30 lunch",
            "1.2.3 is released, 10:00 - yes",
            "[18/03, 14:56] A: b",
            "18/03/2022, 14:56",
            "18/03/2022, 25:56 - A",
            "99999999999999999999/1/1, 10:00 - A: b",
            "2020-01-01 10:00:00,123 - module: text",
            "+49 170 1234567",
        ] {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }
}
