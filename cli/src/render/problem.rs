//! Words, names and weights for what went wrong with one item and did not stop the operation.

use std::path::Path;

use heirloom_engine::error::{Problem, ReadError};
use serde_json::{Value, json};

use super::names;
use crate::exit::Exit;
use crate::explain;

/// How much a problem weighs in the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// Worth a remark; everything was done that could be asked for.
    Remark,
    /// Something small is missing.
    Warning,
    /// Something is missing that was asked for.
    Missing,
    /// The repository is not what it was.
    Rollback,
}

impl Weight {
    /// How a command ends whose heaviest problem this was.
    pub(crate) const fn exit(self) -> Exit {
        match self {
            Self::Remark => Exit::Success,
            Self::Warning => Exit::Warnings,
            Self::Missing => Exit::Partial,
            Self::Rollback => Exit::Rollback,
        }
    }
}

/// What there is to say about a problem.
#[derive(Debug)]
pub(crate) struct Description {
    /// A name that never changes, for `--json`.
    pub(crate) id: &'static str,
    pub(crate) weight: Weight,
    pub(crate) text: String,
    pub(crate) fields: Value,
}

/// What there is to say about a problem.
pub(crate) fn describe(problem: &Problem) -> Description {
    let shown = |path: &Path| names::path(path);
    let (id, weight, path, text) = match problem {
        Problem::Unreadable { path, source } => {
            let text = format!("left out {}: {}", shown(path), explain::io(source));
            ("source.unreadable", Weight::Missing, path, text)
        }
        Problem::NotOnThisMachine { path } => {
            let text = format!(
                "left out {}: only iCloud has it; download it, and take the snapshot again",
                shown(path)
            );
            ("source.not-downloaded", Weight::Missing, path, text)
        }
        Problem::AttributeUnreadable { path, attribute, source } => {
            let text = format!("{attribute} of {} not read: {}", shown(path), explain::io(source));
            ("source.attribute-unreadable", Weight::Warning, path, text)
        }
        Problem::ChangedWhileRead { path } => {
            let text = format!("{} kept changing while it was read", shown(path));
            ("source.changed", Weight::Warning, path, text)
        }
        Problem::TooLarge { path } => {
            let text = format!("left out {}: its path or attributes are too long", shown(path));
            ("source.too-large", Weight::Missing, path, text)
        }
        Problem::NotRestored { path, source } => {
            let text = format!("{} not restored: {}", shown(path), explain::io(source));
            ("target.not-restored", Weight::Missing, path, text)
        }
        Problem::AttributeNotRestored { path, attribute, source } => {
            let text = format!("{attribute} of {} not set: {}", shown(path), explain::io(source));
            ("target.attribute-not-restored", Weight::Warning, path, text)
        }
        Problem::Unsafe { path } => {
            let text = format!("{} not restored: its name or kind is not safe", shown(path));
            ("target.unsafe", Weight::Missing, path, text)
        }
        Problem::Exists { path } => {
            let text = format!("{} exists, differs and was left as it is", shown(path));
            ("target.exists", Weight::Warning, path, text)
        }
        Problem::Differs { path } => {
            let text = format!("{} differs from the snapshot", shown(path));
            ("target.differs", Weight::Missing, path, text)
        }
        Problem::ContentDamaged { path, source } => {
            let why = explain::read(source).what;
            let text = if matches!(**source, ReadError::Transform { .. }) {
                format!("{} cannot be had: {why}", shown(path))
            } else {
                format!("the content of {} is damaged: {why}", shown(path))
            };
            ("repository.content-damaged", Weight::Missing, path, text)
        }
        Problem::TreeDamaged { after, source } => {
            let why = explain::read(source).what;
            let after_text = shown(after);
            let text =
                format!("the list of files after {after_text} is damaged, some are missing: {why}");
            ("repository.tree-damaged", Weight::Missing, after, text)
        }
        Problem::ObjectDamaged { .. }
        | Problem::ForeignObject { .. }
        | Problem::NotDeleted { .. }
        | Problem::DisputedIncomplete { .. }
        | Problem::Rollback { .. }
        | _ => return repository_problem(problem),
    };
    about(id, weight, path, text)
}

fn repository_problem(problem: &Problem) -> Description {
    let (id, weight, text, fields) = match problem {
        Problem::ObjectDamaged { object, source } => (
            "repository.object-damaged",
            Weight::Warning,
            format!("{object} was passed over: {}", explain::format(source)),
            json!({ "object": object }),
        ),
        Problem::ForeignObject { object } => (
            "repository.foreign-object",
            Weight::Remark,
            format!("{object} does not belong into the repository and was passed over"),
            json!({ "object": object }),
        ),
        Problem::NotDeleted { object, source } => (
            "repository.not-deleted",
            Weight::Remark,
            format!(
                "{}; nobody needs it any more, and a prune by somebody who may delete takes it away",
                explain::read(&ReadError::Storage(source.copy())).what
            ),
            json!({ "object": object }),
        ),
        Problem::DisputedIncomplete { snapshot } => (
            "repository.disputed-incomplete",
            Weight::Warning,
            format!(
                "snapshot {snapshot} is disputed and lacks data: its program was declared dead while it wrote; \
                 forget it, or see what is left of it with `heirloom repair snapshots`"
            ),
            json!({ "snapshot": snapshot.to_string() }),
        ),
        Problem::Rollback { snapshot } => (
            "repository.rollback",
            Weight::Rollback,
            format!(
                "snapshot {snapshot} was here and is gone, and nobody forgot it: \
                 the store went back in time, or somebody deleted it there"
            ),
            json!({ "snapshot": snapshot.to_string() }),
        ),
        Problem::Unreadable { .. }
        | Problem::NotOnThisMachine { .. }
        | Problem::AttributeUnreadable { .. }
        | Problem::ChangedWhileRead { .. }
        | Problem::TooLarge { .. }
        | Problem::NotRestored { .. }
        | Problem::AttributeNotRestored { .. }
        | Problem::Unsafe { .. }
        | Problem::Exists { .. }
        | Problem::Differs { .. }
        | Problem::ContentDamaged { .. }
        | Problem::TreeDamaged { .. }
        | _ => ("other", Weight::Warning, problem.to_string(), json!({})),
    };
    Description { id, weight, text, fields }
}

fn about(id: &'static str, weight: Weight, path: &Path, text: String) -> Description {
    use std::os::unix::ffi::OsStrExt as _;
    let fields = Value::Object(names::path_fields(path.as_os_str().as_bytes()));
    Description { id, weight, text, fields }
}

#[cfg(test)]
mod tests {
    use std::io;

    use heirloom_engine::error::{ErrorKind, FormatError, StorageError};
    use heirloom_engine::id::SessionId;

    use super::*;

    #[test]
    fn a_problem_names_its_path_and_reason_and_weighs_what_is_missing() {
        let description = describe(&Problem::Unreadable {
            path: "/home/me/a\x1bb".into(),
            source: io::ErrorKind::PermissionDenied.into(),
        });
        assert_eq!(description.text, "left out /home/me/a\\x1bb: permission denied");
        assert_eq!(description.weight, Weight::Missing);
        assert_eq!(description.fields["path"], "/home/me/a\u{1b}b");
    }

    #[test]
    fn the_documentation_knows_every_problem() {
        let page = include_str!("../../../docs/json.md");
        let path = || "/a".into();
        let source = || io::ErrorKind::PermissionDenied.into();
        let denied = || StorageError {
            kind: ErrorKind::PermissionDenied,
            temporary: false,
            operation: "delete",
            object: "sessions/0".to_owned(),
            source: None,
        };
        let lost = || Box::new(ReadError::Missing { prefix: "00".to_owned() });
        for problem in [
            Problem::Unreadable { path: path(), source: source() },
            Problem::NotOnThisMachine { path: path() },
            Problem::AttributeUnreadable { path: path(), attribute: "flags", source: source() },
            Problem::ChangedWhileRead { path: path() },
            Problem::TooLarge { path: path() },
            Problem::NotRestored { path: path(), source: source() },
            Problem::AttributeNotRestored { path: path(), attribute: "flags", source: source() },
            Problem::ContentDamaged { path: path(), source: lost() },
            Problem::TreeDamaged { after: path(), source: lost() },
            Problem::Unsafe { path: path() },
            Problem::Exists { path: path() },
            Problem::Differs { path: path() },
            Problem::ObjectDamaged { object: "index/0".to_owned(), source: FormatError::Truncated },
            Problem::ForeignObject { object: "x".to_owned() },
            Problem::NotDeleted { object: "sessions/0".to_owned(), source: denied() },
            Problem::Rollback { snapshot: SessionId([0; 16]) },
        ] {
            let id = describe(&problem).id;
            assert!(page.contains(&format!("`{id}`")), "{id}");
        }
    }

    #[test]
    fn weights_grow_with_what_is_lost() {
        assert!(Weight::Remark < Weight::Warning);
        assert!(Weight::Warning < Weight::Missing);
        assert!(Weight::Missing < Weight::Rollback);
    }
}
