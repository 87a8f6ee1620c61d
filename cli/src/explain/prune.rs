//! What to say when a prune ends early. In all cases nothing was deleted that could not be proved unneeded.

use heirloom_engine::prune::PruneError;

use super::{Message, chain, repository, tidy};
use crate::exit::Exit;
use crate::render::problem;

/// What to say when a prune ends early.
pub(super) fn message(error: &PruneError) -> Message {
    match error {
        PruneError::Repository(error) => repository::message(error),
        PruneError::MayNotDelete { feature } => Message::new(
            Exit::NewerFormat,
            format!(
                "nothing was deleted: the repository uses the feature {feature}, which this program does not know"
            ),
            "use a newer version of heirloom",
        ),
        PruneError::UnknownSnapshots { problems } => Message::new(
            Exit::Damage,
            format!(
                "nothing was deleted: {}; what a snapshot needs that cannot be read is not known",
                listed(problems)
            ),
            "see `heirloom check`, and `heirloom repair snapshots` for what can be done",
        ),
        PruneError::Rollback { snapshots } => {
            let ids: Vec<String> = snapshots.iter().map(ToString::to_string).collect();
            Message::new(
                Exit::Rollback,
                format!("nothing was deleted: snapshots have disappeared: {}", ids.join(", ")),
                "find out who removed them; if that was right, say so with `heirloom forget --lost ID`",
            )
        }
        PruneError::Incomplete { lost, unreadable } => {
            let first =
                unreadable.first().map(|error| format!(": {}", repository::read(error).what));
            Message::new(
                Exit::Damage,
                format!(
                    "nothing was deleted: {lost} blobs that snapshots need are lost and {} cannot be read{}",
                    unreadable.len(),
                    first.unwrap_or_default()
                ),
                "see `heirloom check` for the files, and `heirloom repair snapshots` for what can be done",
            )
        }
        PruneError::UnknownCondemned { problems } => Message::new(
            Exit::Damage,
            format!(
                "nothing was deleted: {}, which an earlier prune wrote, while others are writing",
                listed(problems)
            ),
            "run the command again when no other program uses the repository",
        ),
        other => Message::bare(Exit::Failed, tidy(&chain(other))),
    }
}

fn listed(problems: &[heirloom_engine::error::Problem]) -> String {
    let texts: Vec<String> =
        problems.iter().take(3).map(|problem| problem::describe(problem).text).collect();
    let more = problems.len().saturating_sub(texts.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", texts.join("; "))
}
