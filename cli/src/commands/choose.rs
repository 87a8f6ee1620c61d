//! Which snapshot a name on the command line means.

use heirloom_engine::error::Problem;
use heirloom_engine::id::SessionId;
use heirloom_engine::repository::{Repository, Snapshots};
use heirloom_engine::snapshot::{Moment, Pick, SelectError, Selector, Snapshot, select};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::exit::Exit;
use crate::failure::{ChoiceFailure, Failure};
use crate::output::Output;
use crate::render::problem::{self, Weight};

/// All snapshots, and the exit code that what is odd about them calls for.
pub(crate) fn all(repository: &Repository, output: Output) -> Result<(Snapshots, Exit), Failure> {
    let snapshots = repository.snapshots()?;
    let exit = report(&snapshots.problems, output);
    Ok((snapshots, exit))
}

/// The snapshot that a name means.
pub(crate) fn one<'a>(
    snapshots: &'a [Snapshot],
    selector: &Selector,
) -> Result<&'a Snapshot, Failure> {
    let offset = match &selector.pick {
        Pick::Until(moment) => offset_seconds(*moment),
        Pick::Latest { .. } | Pick::Prefix(_) => 0,
    };
    select(snapshots, selector, offset).map_err(|error| match error {
        SelectError::Ambiguous { prefix, candidates } => ambiguous(prefix, candidates),
        SelectError::NotFound | _ if snapshots.is_empty() => {
            Failure::Choice(ChoiceFailure::NoSnapshots)
        }
        SelectError::NotFound | _ => {
            Failure::Choice(ChoiceFailure::NoSnapshot { name: name(selector) })
        }
    })
}

/// Several snapshots begin with these digits.
pub(crate) fn ambiguous(name: String, candidates: Vec<SessionId>) -> Failure {
    Failure::Choice(ChoiceFailure::Ambiguous { name, candidates })
}

/// How far this machine's clock was ahead of UTC at the end of that day or minute.
fn offset_seconds(moment: Moment) -> i32 {
    let (hour, minute) = moment.time.unwrap_or((23, 59));
    let signed = |number: u8| i8::try_from(number).unwrap_or_default();
    DateTime::new(
        i16::try_from(moment.year).unwrap_or_default(),
        signed(moment.month),
        signed(moment.day),
        signed(hour),
        signed(minute),
        0,
        0,
    )
    .and_then(|civil| civil.to_zoned(TimeZone::system()))
    .map_or(0, |zoned| zoned.offset().seconds())
}

/// The name as somebody would write it.
fn name(selector: &Selector) -> String {
    let pick = match &selector.pick {
        Pick::Latest { back: 0 } => "latest".to_owned(),
        Pick::Latest { back } => format!("latest~{back}"),
        Pick::Prefix(prefix) => prefix.clone(),
        Pick::Until(Moment { year, month, day, time }) => {
            let day = format!("{year:04}-{month:02}-{day:02}");
            time.map_or(day.clone(), |(hour, minute)| format!("{day}T{hour:02}:{minute:02}"))
        }
    };
    match &selector.label {
        Some(label) => format!("{label}@{pick}"),
        None => pick,
    }
}

/// Says what is odd.
pub(crate) fn report(problems: &[Problem], output: Output) -> Exit {
    let mut heaviest = None;
    for problem in problems {
        let description = problem::describe(problem);
        heaviest = heaviest.max(Some(description.weight));
        if description.weight > Weight::Remark || output.verbose > 0 {
            output.warning(description.id, &description.text, description.fields);
        }
    }
    heaviest.map_or(Exit::Success, Weight::exit)
}

/// Says what is odd but no reason to call anything less than a success.
pub(crate) fn mention(problems: &[Problem], output: Output) {
    for problem in problems {
        let description = problem::describe(problem);
        output.warning(description.id, &description.text, description.fields);
    }
}

/// The heavier of two endings of a command that did what it was asked to.
pub(crate) fn worse(a: Exit, b: Exit) -> Exit {
    let order = [Exit::Success, Exit::NothingToDo, Exit::Warnings, Exit::Partial];
    // What is not in the list weighs most.
    let rank = |exit| order.iter().position(|other| *other == exit).unwrap_or(order.len());
    if rank(b) > rank(a) { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_said_back_as_it_was_written() {
        for text in ["latest", "latest~2", "3fa9", "2026-11-01", "2026-11-01T18:30", "home@latest"]
        {
            assert_eq!(name(&Selector::parse(text).expect("a name")), text);
        }
    }

    #[test]
    fn the_heavier_ending_counts() {
        assert_eq!(worse(Exit::Success, Exit::Warnings), Exit::Warnings);
        assert_eq!(worse(Exit::Rollback, Exit::Partial), Exit::Rollback);
        assert_eq!(worse(Exit::NothingToDo, Exit::Success), Exit::NothingToDo);
    }
}
