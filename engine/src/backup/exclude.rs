//! What to leave out of a backup: the rules, without any access to files.
//!
//! Patterns mean what they mean to restic. A rule that rejects a folder rejects everything below it, because the walk
//! does not enter it: a later `!` cannot bring back what lies inside.

mod glob;
mod ignore_files;
mod pattern;

use std::fmt::Debug;
use std::sync::Arc;

pub(super) use self::ignore_files::IgnoreScope;
use self::pattern::{Case, PatternList};
pub use self::pattern::{PatternError, parse_exclude_file};

/// The first bytes of a file `CACHEDIR.TAG` that marks a cache folder (<https://bford.info/cachedir/>).
const CACHE_TAG_SIGNATURE: &[u8; 43] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// Whether the content of folders that are tagged as caches is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CacheFolders {
    /// Only the folder and its tag are kept.
    #[default]
    Skip,
    /// They are like any folder.
    Keep,
}

/// Whether the walk enters other file systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MountPoints {
    /// Mounted file systems are part of the backup.
    #[default]
    Enter,
    /// Mount points are kept as empty folders.
    Skip,
}

/// A file whose presence keeps the rest of its folder out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Name of the file.
    pub name: Vec<u8>,
    /// The bytes that it must start with; empty: any.
    pub header: Vec<u8>,
}

impl Tag {
    /// Reads `FILE[:HEADER]`.
    pub fn parse(text: &[u8]) -> Result<Self, PatternError> {
        let mut parts = text.splitn(2, |byte| *byte == b':');
        let name = parts.next().unwrap_or_default();
        if name.is_empty() || name.contains(&b'/') {
            return Err(PatternError::new(text));
        }
        Ok(Self { name: name.to_vec(), header: parts.next().unwrap_or_default().to_vec() })
    }
}

/// A rule that wants to see how a file begins.
pub trait ByContent: Send + Sync + Debug {
    /// So many bytes of the beginning are enough.
    fn head_bytes(&self) -> u64;

    /// Whether a file that has this name, begins so and is so large is left out.
    fn rejects(&self, name: &[u8], head: &[u8], bytes: u64) -> bool;
}

/// Everything that decides what stays out of a backup.
#[derive(Debug, Clone)]
pub struct Excludes {
    patterns: PatternList,
    folded_patterns: PatternList,
    tags: Vec<Tag>,
    /// Files of more bytes are left out.
    pub larger_than: Option<u64>,
    /// Asked last, of each file that nothing else leaves out and that has content.
    pub by_content: Option<Arc<dyn ByContent>>,
    /// Whether other file systems are entered.
    pub mount_points: MountPoints,
    /// Names of files with ignore rules in the syntax of `.gitignore`; later names take precedence.
    pub ignore_files: Vec<Vec<u8>>,
}

impl Default for Excludes {
    fn default() -> Self {
        Self::new(CacheFolders::default())
    }
}

impl Excludes {
    /// No rules but `.heirloomignore` files and, if wanted, cache folders.
    pub fn new(cache_folders: CacheFolders) -> Self {
        let tags = match cache_folders {
            CacheFolders::Skip => {
                vec![Tag { name: b"CACHEDIR.TAG".to_vec(), header: CACHE_TAG_SIGNATURE.to_vec() }]
            }
            CacheFolders::Keep => Vec::new(),
        };
        Self {
            patterns: PatternList::new(Case::Sensitive),
            folded_patterns: PatternList::new(Case::Folded),
            tags,
            larger_than: None,
            by_content: None,
            mount_points: MountPoints::default(),
            ignore_files: vec![b".heirloomignore".to_vec()],
        }
    }

    /// Adds a pattern; of those that fit a path the last one decides, and `!` at its start means "keep".
    pub fn add_pattern(&mut self, pattern: &[u8]) -> Result<(), PatternError> {
        self.patterns.add(pattern)
    }

    /// Adds a pattern that ignores upper and lower case. These are a list of their own.
    pub fn add_folded_pattern(&mut self, pattern: &[u8]) -> Result<(), PatternError> {
        self.folded_patterns.add(pattern)
    }

    /// Leaves out what lies beside a file of this kind.
    pub fn add_tag(&mut self, tag: Tag) {
        self.tags.push(tag);
    }

    /// Adds a name of ignore files, weaker than those before it and than `.heirloomignore`.
    pub fn add_ignore_file(&mut self, name: &[u8]) {
        self.ignore_files.insert(0, name.to_vec());
    }

    /// The files whose presence keeps the rest of their folder out.
    pub fn tags(&self) -> &[Tag] {
        &self.tags
    }

    /// What the patterns say of an entry, given what they said of its folder. `folder` is the folder's key.
    pub(super) fn judge(&self, above: Verdict, folder: &[u8], name: &[u8]) -> Verdict {
        Verdict {
            last: self.patterns.last_match(above.last, folder, name),
            last_folded: self.folded_patterns.last_match(above.last_folded, folder, name),
        }
    }

    /// Whether the patterns leave out what was judged so.
    pub(super) fn rejects(&self, verdict: Verdict) -> bool {
        self.patterns.rejects(verdict.last) || self.folded_patterns.rejects(verdict.last_folded)
    }
}

/// The last patterns of both lists that fit a path. What fits a folder fits everything below it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    last: Option<usize>,
    last_folded: Option<usize>,
}

#[cfg(test)]
mod tests;
