//! Why nothing was forgotten and no policy changed, and what to do about it.

use heirloom_engine::id::{PolicyId, SessionId};
use heirloom_engine::retention::DropError;

use super::words;
use crate::exit::Exit;
use crate::explain::Message;
use crate::failure::Failure;
use crate::render::key::short;
use crate::render::names;

/// Why nothing was forgotten and no policy changed.
#[derive(Debug)]
pub(crate) enum KeepingFailure {
    /// Neither snapshots nor rules nor stored policies.
    NoRules,
    /// Snapshots by name and rules at once.
    NamesAndRules,
    /// Flags that say how to apply rules, without a rule.
    NoRule,
    /// A path behind the name of a snapshot.
    Path,
    /// More would be forgotten than is permitted.
    Drops(DropError),
    /// It was said to be lost, and is there.
    NotLost {
        /// The snapshot.
        snapshot: SessionId,
    },
    /// Some stored policies cannot be read.
    PoliciesUnreadable {
        /// Which.
        policies: Vec<PolicyId>,
    },
    /// There is no such policy.
    NoPolicy {
        /// What was asked for, if that was an id.
        id: Option<String>,
    },
    /// Several policies begin with these digits.
    AmbiguousPolicy {
        /// What was asked for.
        id: String,
        /// Whom it fits.
        candidates: Vec<PolicyId>,
    },
}

impl From<KeepingFailure> for Failure {
    fn from(failure: KeepingFailure) -> Self {
        Self::Keeping(failure)
    }
}

/// What to say about it.
pub(crate) fn message(failure: &KeepingFailure) -> Message {
    match failure {
        KeepingFailure::NoRules => Message::new(
            Exit::Usage,
            "nothing says what to forget: no snapshot, no keep rule, and no stored policy",
            "name snapshots, give rules such as --keep-daily 7, \
             or store them with `heirloom policy set --keep-daily 7`",
        ),
        KeepingFailure::NamesAndRules => Message::new(
            Exit::Usage,
            "snapshots were named, and rules or a selection given, too",
            "name the snapshots to forget, or give rules, not both",
        ),
        KeepingFailure::NoRule => Message::new(
            Exit::Usage,
            "--min-keep and --group-by say nothing without a keep rule",
            "add one such as --keep-daily 7",
        ),
        KeepingFailure::Path => Message::new(
            Exit::Usage,
            "snapshots are forgotten as a whole, not a path of them",
            "leave out the colon and the path",
        ),
        KeepingFailure::NotLost { snapshot } => Message::new(
            Exit::Failed,
            format!("snapshot {snapshot} is not lost"),
            "to forget it, name it without --lost",
        ),
        KeepingFailure::Drops(error) => drops(error),
        KeepingFailure::PoliciesUnreadable { policies } => {
            let ids: Vec<String> = policies.iter().map(|id| short(&id.to_string())).collect();
            Message::new(
                Exit::Damage,
                format!(
                    "nothing was forgotten by stored policies, since one of them cannot be read \
                     and may keep what the others drop: {}",
                    ids.join(", ")
                ),
                "set its rules anew and take it away with `heirloom policy remove ID`, \
                 or give the rules as flags",
            )
        }
        KeepingFailure::NoPolicy { id } => {
            let what = match id {
                Some(id) => format!("there is no policy {}", names::shown(id.as_bytes())),
                None => "there is no policy for exactly this label, machine and path".to_owned(),
            };
            Message::new(Exit::Failed, what, "see `heirloom policy show` for those that there are")
        }
        KeepingFailure::AmbiguousPolicy { id, candidates } => {
            let ids: Vec<String> = candidates.iter().map(ToString::to_string).collect();
            Message::new(
                Exit::Failed,
                format!("{id} is the beginning of several policies: {}", ids.join(", ")),
                "write more digits",
            )
        }
    }
}

fn drops(error: &DropError) -> Message {
    match error {
        DropError::KeepsNothing { group, total } => Message::new(
            Exit::Failed,
            format!(
                "nothing was forgotten: the rules keep none of the {total} of {}",
                words::group(group)
            ),
            "add a rule such as --keep-last 1; if all of them shall go, say --max-drop 100%",
        ),
        DropError::TooMany { group, dropped, total, permitted, needed } => Message::new(
            Exit::Failed,
            format!(
                "nothing was forgotten: the rules drop {dropped} of the {total} of {}, \
                 more than {permitted}",
                words::group(group)
            ),
            format!("look at them with --dry-run; if they shall go, say --max-drop {needed}"),
        ),
        _ => Message::bare(Exit::Failed, error.to_string()),
    }
}
