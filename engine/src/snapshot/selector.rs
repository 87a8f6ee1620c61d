//! The names that people give to snapshots: `latest~2`, an id's beginning, a date, `label@latest`, `latest:/sub/path`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use crate::id::SessionId;
use crate::tree::key_from_path;

use super::{Moment, Snapshot};

/// Fewer digits of an id are no name.
const PREFIX_DIGITS_MIN: usize = 4;

/// A snapshot, and perhaps a path in it, as somebody named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// Only snapshots with this label.
    pub label: Option<String>,
    /// Which of them.
    pub pick: Pick,
    /// The part after the colon.
    pub path: Option<PathBuf>,
}

/// Which snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick {
    /// The newest but this many.
    Latest {
        /// 0 for the newest.
        back: usize,
    },
    /// The one whose id begins like this, in lower-case hexadecimal.
    Prefix(String),
    /// The newest at the end of this day or minute.
    Until(Moment),
}

/// Why a text does not name a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectorError {
    /// It is none of the forms.
    #[error("{name} is not a snapshot name")]
    Unrecognised {
        /// The text.
        name: String,
    },
    /// The beginning of an id has less than 4 digits.
    #[error("{name} is too short for the beginning of a snapshot id")]
    TooShort {
        /// The text.
        name: String,
    },
}

/// Why no snapshot was selected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// None fits.
    #[error("no such snapshot")]
    NotFound,
    /// The beginning of an id fits several.
    #[error("{} snapshots begin with {prefix}", candidates.len())]
    Ambiguous {
        /// The beginning.
        prefix: String,
        /// All that fit, in the order of their ids.
        candidates: Vec<SessionId>,
    },
}

impl Selector {
    /// The newest snapshot of all.
    pub fn latest() -> Self {
        Self { label: None, pick: Pick::Latest { back: 0 }, path: None }
    }

    /// Reads a name. A label may hold anything but a colon.
    pub fn parse(text: impl AsRef<OsStr>) -> Result<Self, SelectorError> {
        let text = text.as_ref().as_bytes();
        let colon = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
        let (head, _) = text.split_at(colon);
        let at = head.iter().rposition(|byte| *byte == b'@');
        let (label, name) = match at.and_then(|at| text.split_at_checked(at)) {
            Some((label, name)) => (Some(label), name.strip_prefix(b"@").unwrap_or(name)),
            None => (None, text),
        };
        let unrecognised =
            || SelectorError::Unrecognised { name: String::from_utf8_lossy(text).into_owned() };
        let label = label.map(|label| String::from_utf8(label.to_vec()));
        let label = label.transpose().map_err(|_not_utf8| unrecognised())?;
        let (pick, path) = match Moment::parse_start(name) {
            Some((moment, rest)) => (Pick::Until(moment), rest),
            None => parse_word(name)?,
        };
        let path = match path.split_first() {
            None | Some((b':', [])) => None,
            Some((b':', path)) => Some(PathBuf::from(OsStr::from_bytes(path))),
            Some(_) => return Err(unrecognised()),
        };
        Ok(Self { label, pick, path })
    }

    /// The key of the path in the snapshot's tree; empty for everything.
    pub fn key(&self) -> Vec<u8> {
        self.path.as_deref().map(key_from_path).unwrap_or_default()
    }
}

/// `latest`, `latest~N` or hexadecimal digits; and what follows from a colon on.
fn parse_word(name: &[u8]) -> Result<(Pick, &[u8]), SelectorError> {
    let end = name.iter().position(|byte| *byte == b':').unwrap_or(name.len());
    let (word, rest) = name.split_at(end);
    let text = String::from_utf8_lossy(word).into_owned();
    if let Some(back) = text.strip_prefix("latest") {
        let back = match back.strip_prefix('~') {
            None if back.is_empty() => Some(0),
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                digits.parse().ok()
            }
            _ => None,
        };
        let back = back.ok_or(SelectorError::Unrecognised { name: text })?;
        return Ok((Pick::Latest { back }, rest));
    }
    let is_hexadecimal = text.bytes().all(|digit| digit.is_ascii_hexdigit());
    if text.is_empty() || !is_hexadecimal || text.len() > SessionId::BYTES * 2 {
        return Err(SelectorError::Unrecognised { name: text });
    }
    if text.len() < PREFIX_DIGITS_MIN {
        return Err(SelectorError::TooShort { name: text });
    }
    Ok((Pick::Prefix(text.to_ascii_lowercase()), rest))
}

/// The snapshot that a name means; `offset_seconds` is how far the caller's clocks are ahead of UTC on that day.
///
/// The newest is the one that stands for the latest time, not the one that was written last.
pub fn select<'a>(
    snapshots: impl IntoIterator<Item = &'a Snapshot>,
    selector: &Selector,
    offset_seconds: i32,
) -> Result<&'a Snapshot, SelectError> {
    let mut fitting: Vec<&Snapshot> = snapshots
        .into_iter()
        .filter(|snapshot| selector.label.is_none() || snapshot.record.label == selector.label)
        .collect();
    fitting.sort_unstable_by_key(|snapshot| {
        (snapshot.record.time, snapshot.record.finished, snapshot.session)
    });
    let found = match &selector.pick {
        Pick::Latest { back } => fitting.iter().rev().nth(*back),
        Pick::Until(moment) => {
            let end = moment.end_ns(offset_seconds);
            fitting.iter().rfind(|snapshot| i128::from(snapshot.record.time) < end)
        }
        Pick::Prefix(prefix) => {
            fitting.retain(|snapshot| snapshot.session.to_string().starts_with(prefix));
            if fitting.len() > 1 {
                let mut candidates: Vec<SessionId> =
                    fitting.iter().map(|snapshot| snapshot.session).collect();
                candidates.sort_unstable();
                return Err(SelectError::Ambiguous { prefix: prefix.clone(), candidates });
            }
            fitting.first()
        }
    };
    found.copied().ok_or(SelectError::NotFound)
}

/// Which snapshots somebody wants to see. What is empty does not restrict.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// One of these hosts.
    pub hosts: Vec<String>,
    /// One of these labels.
    pub labels: Vec<String>,
    /// All of these tags.
    pub tags: Vec<String>,
    /// All of these paths, as they were given to the backup.
    pub paths: Vec<Vec<u8>>,
}

impl Filter {
    /// Whether the snapshot is wanted.
    pub fn accepts(&self, snapshot: &Snapshot) -> bool {
        let record = &snapshot.record;
        let label = |wanted: &String| record.label.as_ref() == Some(wanted);
        (self.hosts.is_empty() || self.hosts.contains(&record.host))
            && (self.labels.is_empty() || self.labels.iter().any(label))
            && self.tags.iter().all(|tag| record.tags.contains(tag))
            && self.paths.iter().all(|path| record.paths.iter().any(|has| has == path))
    }
}
