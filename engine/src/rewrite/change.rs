//! What of a record somebody may change, and when two records say the same.

use crate::snapshot::Record;

/// What becomes of something that a record may have or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Update<T> {
    /// It stays.
    #[default]
    Keep,
    /// There is none any more.
    Clear,
    /// It becomes this.
    Set(T),
}

impl<T: Clone> Update<T> {
    fn apply(&self, value: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *value = None,
            Self::Set(new) => *value = Some(new.clone()),
        }
    }
}

/// What is to change in a record. By default nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// These tags instead of all others.
    pub set_tags: Option<Vec<String>>,
    /// These tags as well.
    pub add_tags: Vec<String>,
    /// Not these tags.
    pub remove_tags: Vec<String>,
    /// Another label, or none.
    pub label: Update<String>,
    /// Whether retention never drops it.
    pub pinned: Option<bool>,
    /// Until when retention keeps it, or no longer; in ns since 1970.
    pub keep_until: Update<i64>,
}

impl Change {
    /// Changes the record.
    pub fn apply(&self, record: &mut Record) {
        if let Some(tags) = &self.set_tags {
            record.tags.clone_from(tags);
        }
        record.tags.extend(self.add_tags.iter().cloned());
        record.tags.retain(|tag| !self.remove_tags.contains(tag));
        record.tags.sort();
        record.tags.dedup();
        self.label.apply(&mut record.label);
        record.pinned = self.pinned.unwrap_or(record.pinned);
        self.keep_until.apply(&mut record.keep_until);
    }

    /// Whether it would leave the record as it is.
    pub fn changes_nothing(&self, record: &Record) -> bool {
        let mut changed = record.clone();
        self.apply(&mut changed);
        says_the_same(&changed, record)
    }
}

/// Whether two records are about the same files and say the same about them, whoever committed them and when.
pub(super) fn says_the_same(a: &Record, b: &Record) -> bool {
    (a.root, a.time, a.started, a.keep_until, a.pinned)
        == (b.root, b.time, b.started, b.keep_until, b.pinned)
        && (&a.host, &a.user, &a.paths) == (&b.host, &b.user, &b.paths)
        && (&a.label, &a.tags) == (&b.label, &b.tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn tags_are_set_then_added_then_removed() {
        let mut record = Record { tags: words(&["a", "b"]), ..Record::default() };
        let add = Change { add_tags: words(&["c", "a"]), ..Change::default() };
        add.apply(&mut record);
        assert_eq!(record.tags, ["a", "b", "c"]);
        let mixed = Change {
            set_tags: Some(words(&["x", "y"])),
            add_tags: words(&["b"]),
            remove_tags: words(&["y"]),
            ..Change::default()
        };
        mixed.apply(&mut record);
        assert_eq!(record.tags, ["b", "x"]);
    }

    #[test]
    fn a_change_that_changes_nothing_says_so() {
        let record = Record { tags: words(&["a"]), pinned: true, ..Record::default() };
        let same = Change { add_tags: words(&["a"]), pinned: Some(true), ..Change::default() };
        assert!(same.changes_nothing(&record));
        assert!(!Change { pinned: Some(false), ..Change::default() }.changes_nothing(&record));
        assert!(
            !Change { label: Update::Set("l".into()), ..Change::default() }
                .changes_nothing(&record)
        );
        assert!(
            !Change { keep_until: Update::Set(1), ..Change::default() }.changes_nothing(&record)
        );
    }
}
