//! Which snapshots a stored policy is for.

use std::cmp::Reverse;

use crate::snapshot::Snapshot;

/// Which snapshots a stored policy is for; what is absent does not restrict.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Scope {
    /// Those with this label.
    pub label: Option<String>,
    /// Those of this machine.
    pub host: Option<String>,
    /// Those that have this path.
    pub path: Option<Vec<u8>>,
}

impl Scope {
    /// Whether the snapshot is meant.
    pub fn accepts(&self, snapshot: &Snapshot) -> bool {
        let record = &snapshot.record;
        let has = |path: &Vec<u8>| record.paths.iter().any(|own| own == path);
        self.label.as_ref().is_none_or(|label| record.label.as_ref() == Some(label))
            && self.host.as_ref().is_none_or(|host| record.host == *host)
            && self.path.as_ref().is_none_or(has)
    }

    /// Sorts the more specific first: more fields win, then label, then host, then path.
    pub(super) fn specificity(&self) -> Reverse<(u8, bool, bool, bool)> {
        let fields = [self.label.is_some(), self.host.is_some(), self.path.is_some()];
        let [label, host, path] = fields;
        Reverse((fields.into_iter().map(u8::from).sum(), label, host, path))
    }
}
