//! The rules that say which snapshots are kept: flags of every command that forgets by rules.

use std::fmt;

use clap::Args;
use heirloom_engine::retention::{
    Amount, Duration, GroupBy, Percent, Period, Policy, Rule, WordError,
};
use jiff::tz::TimeZone;

/// Rules, and the time zone whose days and weeks they mean.
#[derive(Debug, Args)]
pub(crate) struct KeepArgs {
    #[command(flatten)]
    pub(crate) rules: RuleArgs,

    /// Time zone of the days, weeks and months, such as Europe/Berlin; this machine's if not given
    #[arg(long, value_name = "ZONE", value_parser = time_zone, help_heading = "What to keep")]
    pub(crate) time_zone: Option<TimeZone>,
}

/// Rules. N is a number of periods that have a snapshot, or all; a DURATION is counted back from the newest snapshot:
/// 30d, 8w, 3m, 1y6m, 12h, 90min.
#[derive(Debug, Args)]
#[command(next_help_heading = "What to keep")]
pub(crate) struct RuleArgs {
    /// Keep the newest N snapshots, or all
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) keep_last: Option<Amount>,

    /// Keep the newest of each minute
    #[arg(long, value_name = "N|DURATION", value_parser = amount, allow_negative_numbers = true)]
    pub(crate) keep_minutely: Option<Amount>,

    /// Keep the newest of each hour
    #[arg(long, value_name = "N|DURATION", value_parser = amount, allow_negative_numbers = true)]
    pub(crate) keep_hourly: Option<Amount>,

    /// Keep the newest of each day: 7 days that have a snapshot, or 30d back from the newest
    #[arg(long, value_name = "N|DURATION", value_parser = amount, allow_negative_numbers = true)]
    pub(crate) keep_daily: Option<Amount>,

    /// Keep the newest of each week, Monday to Sunday
    #[arg(long, value_name = "N|DURATION", value_parser = amount, allow_negative_numbers = true)]
    pub(crate) keep_weekly: Option<Amount>,

    /// Keep the newest of each month
    #[arg(long, value_name = "N|DURATION", value_parser = amount, allow_negative_numbers = true)]
    pub(crate) keep_monthly: Option<Amount>,

    /// Keep the newest of each quarter of a year
    #[arg(long, value_name = "N|DURATION", value_parser = amount, allow_negative_numbers = true)]
    pub(crate) keep_quarterly: Option<Amount>,

    /// Keep the newest of each half of a year
    #[arg(long, value_name = "N|DURATION", value_parser = amount, allow_negative_numbers = true)]
    pub(crate) keep_half_yearly: Option<Amount>,

    /// Keep the newest of each year
    #[arg(long, value_name = "N|DURATION", value_parser = amount, allow_negative_numbers = true)]
    pub(crate) keep_yearly: Option<Amount>,

    /// Keep everything so far back from the newest
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_negative_numbers = true)]
    pub(crate) keep_within: Option<Duration>,

    /// Keep one a minute so far back from the newest
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_negative_numbers = true)]
    pub(crate) keep_within_minutely: Option<Duration>,

    /// Keep one an hour so far back from the newest
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_negative_numbers = true)]
    pub(crate) keep_within_hourly: Option<Duration>,

    /// Keep one a day so far back from the newest
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_negative_numbers = true)]
    pub(crate) keep_within_daily: Option<Duration>,

    /// Keep one a week so far back from the newest
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_negative_numbers = true)]
    pub(crate) keep_within_weekly: Option<Duration>,

    /// Keep one a month so far back from the newest
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_negative_numbers = true)]
    pub(crate) keep_within_monthly: Option<Duration>,

    /// Keep one a quarter so far back from the newest
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_negative_numbers = true)]
    pub(crate) keep_within_quarterly: Option<Duration>,

    /// Keep one a half-year so far back from the newest
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_negative_numbers = true)]
    pub(crate) keep_within_half_yearly: Option<Duration>,

    /// Keep one a year so far back from the newest
    #[arg(long, value_name = "DURATION", value_parser = duration, allow_negative_numbers = true)]
    pub(crate) keep_within_yearly: Option<Duration>,

    /// Keep what has this tag, or all tags of a list with commas; may be repeated
    #[arg(long, value_name = "TAG[,TAG]", value_parser = tags)]
    pub(crate) keep_tag: Vec<String>,

    /// Keep the snapshot whose id begins like this; may be repeated
    #[arg(long, value_name = "ID", value_parser = id, allow_negative_numbers = true)]
    pub(crate) keep_id: Vec<String>,

    /// Never leave fewer than N of a group: the newest are added
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) min_keep: Option<u32>,

    /// What makes a group: host, label, paths, tags, client; "" for one group of all [default: host,label,paths]
    #[arg(long, value_name = "LIST", value_parser = group_by)]
    pub(crate) group_by: Option<GroupBy>,

    /// Refuse to drop more of a group in one run than this; 100% permits everything [default: 50%]
    #[arg(long, value_name = "SHARE", value_parser = share, allow_negative_numbers = true)]
    pub(crate) max_drop: Option<Percent>,
}

impl RuleArgs {
    /// The policy that the flags make; `None` if no flag says what to keep.
    pub(crate) fn policy(&self) -> Option<Policy> {
        let within = |duration: Option<Duration>| duration.map(Amount::For);
        let amounts = [
            (Period::Each, self.keep_last),
            (Period::Minute, self.keep_minutely),
            (Period::Hour, self.keep_hourly),
            (Period::Day, self.keep_daily),
            (Period::Week, self.keep_weekly),
            (Period::Month, self.keep_monthly),
            (Period::Quarter, self.keep_quarterly),
            (Period::HalfYear, self.keep_half_yearly),
            (Period::Year, self.keep_yearly),
            (Period::Each, within(self.keep_within)),
            (Period::Minute, within(self.keep_within_minutely)),
            (Period::Hour, within(self.keep_within_hourly)),
            (Period::Day, within(self.keep_within_daily)),
            (Period::Week, within(self.keep_within_weekly)),
            (Period::Month, within(self.keep_within_monthly)),
            (Period::Quarter, within(self.keep_within_quarterly)),
            (Period::HalfYear, within(self.keep_within_half_yearly)),
            (Period::Year, within(self.keep_within_yearly)),
        ];
        let rule =
            |(period, amount): (Period, Option<Amount>)| Some(Rule { period, amount: amount? });
        let mut policy =
            Policy { rules: amounts.into_iter().filter_map(rule).collect(), ..Policy::default() };
        for list in &self.keep_tag {
            policy.keep_tags(list).ok()?;
        }
        for beginning in &self.keep_id {
            policy.keep_id(beginning).ok()?;
        }
        policy.min_keep = self.min_keep.unwrap_or_default();
        policy.group_by = self.group_by.clone().unwrap_or_default();
        policy.max_drop = self.max_drop.unwrap_or(policy.max_drop);
        (!policy.is_empty()).then_some(policy)
    }

    /// Whether there are flags that only mean something beside a rule.
    pub(crate) fn qualifies(&self) -> bool {
        self.min_keep.is_some() || self.group_by.is_some()
    }
}

/// Why a word makes no sense; clap prints it behind the name of the flag.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum KeepError {
    Word(WordError),
    LastDuration,
    TimeZone(String),
}

impl From<WordError> for KeepError {
    fn from(error: WordError) -> Self {
        Self::Word(error)
    }
}

impl fmt::Display for KeepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: &str = "write y, m (months), w, d, h or min, as in 1y6m or 30d";
        match self {
            Self::LastDuration => {
                f.write_str("expected a number or all; for a duration there is --keep-within")
            }
            Self::TimeZone(name) => {
                write!(f, "{name} is no time zone; write one such as Europe/Berlin or UTC")
            }
            Self::Word(error) => match error {
                WordError::Empty => f.write_str("expected a number, a duration or all"),
                WordError::Negative { .. } => {
                    write!(f, "{error}; write a number above 0, or all")
                }
                WordError::Zero { .. } => {
                    write!(f, "{error} and keeps nothing; leave the flag out")
                }
                WordError::NoUnit { .. } | WordError::UnknownUnit { .. } => {
                    write!(f, "{error}; {UNITS}")
                }
                WordError::UnknownAmount { .. } => {
                    write!(f, "{error}; write a number, a duration such as 30d, or all")
                }
                WordError::UnknownTrait { .. } => {
                    write!(f, "{error}; write some of host, label, paths, tags, client")
                }
                WordError::UnknownShare { .. } => {
                    write!(f, "{error} in percent; write 0% to 100%")
                }
                WordError::UnknownId { .. } => {
                    write!(f, "{error}; write 4 to 32 hexadecimal digits")
                }
                WordError::EmptyTag { .. } => {
                    write!(f, "\"{error}\"; write the tags with commas between them")
                }
                WordError::Twice { .. }
                | WordError::TooLarge { .. }
                | WordError::UnknownPeriod { .. }
                | _ => error.fmt(f),
            },
        }
    }
}

impl std::error::Error for KeepError {}

/// A number of periods, a duration, or everything.
fn amount(text: &str) -> Result<Amount, KeepError> {
    Ok(text.parse()?)
}

/// A number, or everything.
fn count(text: &str) -> Result<Amount, KeepError> {
    match text.parse()? {
        Amount::For(_) => Err(KeepError::LastDuration),
        amount @ (Amount::Count(_) | Amount::All) => Ok(amount),
    }
}

fn duration(text: &str) -> Result<Duration, KeepError> {
    Ok(text.parse()?)
}

fn tags(text: &str) -> Result<String, KeepError> {
    Policy::default().keep_tags(text)?;
    Ok(text.to_owned())
}

fn id(text: &str) -> Result<String, KeepError> {
    Policy::default().keep_id(text)?;
    Ok(text.to_owned())
}

fn group_by(text: &str) -> Result<GroupBy, KeepError> {
    Ok(text.parse()?)
}

fn share(text: &str) -> Result<Percent, KeepError> {
    Ok(text.parse()?)
}

fn time_zone(text: &str) -> Result<TimeZone, KeepError> {
    TimeZone::get(text).map_err(|_unknown| KeepError::TimeZone(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

    fn parse(flags: &[&str]) -> Result<KeepArgs, clap::Error> {
        let all = ["heirloom", "forget"].iter().chain(flags);
        let Command::Forget(arguments) = Cli::try_parse_from(all)?.command else {
            panic!("not forget");
        };
        Ok(arguments.keep)
    }

    #[test]
    fn every_flag_is_a_rule() {
        let mut flags: Vec<String> = Vec::new();
        for period in Period::ALL {
            flags.push(format!("--keep-{}=3", period.name()));
            let within = if period == Period::Each {
                "--keep-within=30d".to_owned()
            } else {
                format!("--keep-within-{}=30d", period.name())
            };
            flags.push(within);
        }
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let policy = parse(&flags).expect("parses").rules.policy().expect("a policy");
        let mut rules: Vec<String> = policy.rules.iter().map(ToString::to_string).collect();
        rules.sort_unstable();
        let mut expected: Vec<String> = Period::ALL
            .into_iter()
            .flat_map(|period| ["3", "30d"].map(|amount| format!("{} {amount}", period.name())))
            .map(|rule| rule.replace("last 30d", "within 30d"))
            .collect();
        expected.sort_unstable();
        assert_eq!(rules, expected);
    }

    #[test]
    fn a_period_takes_numbers_durations_and_all() {
        for value in ["7", "30d", "1y6m7d12h", "all", "unlimited"] {
            assert!(parse(&["--keep-daily", value]).is_ok(), "{value}");
        }
        assert!(parse(&["--keep-last", "all"]).is_ok());
        assert!(parse(&["--keep-last", "3", "--keep-last", "4"]).is_err());
    }

    #[test]
    fn nonsense_is_refused_and_named() {
        for (flags, word) in [
            (["--keep-daily", "-3"], "-3 is negative"),
            (["--keep-last", "0"], "0 is zero"),
            (["--keep-last", "7d"], "--keep-within"),
            (["--keep-weekly", "5x"], "x is no duration"),
            (["--keep-within", "30"], "30 has no unit"),
            (["--keep-within", "soon"], "soon is no duration"),
            (["--keep-yearly", "99999999999"], "99999999999 is too large"),
            (["--keep-monthly", "many"], "many is no amount"),
            (["--group-by", "colour"], "colour is nothing to group by"),
            (["--max-drop", "150%"], "150% is no share"),
            (["--max-drop", "-1"], "-1 is negative"),
            (["--keep-tag", "a,,b"], "a,,b has an empty tag"),
            (["--keep-id", "xy"], "xy is not the beginning"),
            (["--time-zone", "Mars/Olympus"], "Mars/Olympus is no time zone"),
            (["--min-keep", "few"], "few"),
        ] {
            let error = parse(&flags).expect_err("nonsense").to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn flags_that_qualify_a_rule_are_none() {
        let arguments = parse(&["--min-keep", "3", "--group-by", ""]).expect("parses");
        assert!(arguments.rules.policy().is_none());
        assert!(arguments.rules.qualifies());
        let arguments = parse(&["--max-drop", "90%"]).expect("parses");
        assert!(!arguments.rules.qualifies());
        let tagged = parse(&["--keep-tag", "a,b", "--keep-tag", "c"]).expect("parses");
        let policy = tagged.rules.policy().expect("a policy");
        assert_eq!(policy.tags, [vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()]]);
    }
}
