//! Snapshots that a policy looks at together.

use std::fmt;
use std::str::FromStr;

use super::{Verdict, WordError};
use crate::id::ClientId;
use crate::snapshot::Snapshot;

/// What snapshots of one group have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trait {
    /// The machine.
    Host,
    /// The series.
    Label,
    /// All paths.
    Paths,
    /// All tags.
    Tags,
    /// The installation that wrote them.
    Client,
}

impl Trait {
    /// All that there are.
    pub const ALL: [Self; 5] = [Self::Host, Self::Label, Self::Paths, Self::Tags, Self::Client];

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Label => "label",
            Self::Paths => "paths",
            Self::Tags => "tags",
            Self::Client => "client",
        }
    }
}

impl FromStr for Trait {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let word = match text.trim() {
            "path" => "paths",
            "tag" => "tags",
            word => word,
        };
        let unknown = || WordError::UnknownTrait { word: word.to_owned() };
        Self::ALL.into_iter().find(|one| one.name() == word).ok_or_else(unknown)
    }
}

/// What makes a group. Without any trait, all snapshots are one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupBy(Vec<Trait>);

impl GroupBy {
    /// Sorted, each once.
    pub fn new(traits: impl IntoIterator<Item = Trait>) -> Self {
        let mut traits: Vec<Trait> = traits.into_iter().collect();
        traits.sort_unstable();
        traits.dedup();
        Self(traits)
    }

    /// Sorted.
    pub fn traits(&self) -> &[Trait] {
        &self.0
    }

    /// The group that a snapshot belongs to.
    pub fn key(&self, snapshot: &Snapshot) -> GroupKey {
        let record = &snapshot.record;
        let mut key = GroupKey::default();
        for one in &self.0 {
            match one {
                Trait::Host => key.host = Some(record.host.clone()),
                Trait::Label => key.label = Some(record.label.clone()),
                Trait::Paths => {
                    let mut paths: Vec<Vec<u8>> =
                        record.paths.iter().map(|path| path.to_vec()).collect();
                    paths.sort_unstable();
                    key.paths = Some(paths);
                }
                Trait::Tags => {
                    let mut tags = record.tags.clone();
                    tags.sort_unstable();
                    key.tags = Some(tags);
                }
                Trait::Client => key.client = Some(record.client),
            }
        }
        key
    }
}

impl Default for GroupBy {
    /// Host, label and paths: two series never thin each other out.
    fn default() -> Self {
        Self::new([Trait::Host, Trait::Label, Trait::Paths])
    }
}

impl FromStr for GroupBy {
    type Err = WordError;

    /// A list with commas; an empty text makes one group of all.
    fn from_str(text: &str) -> Result<Self, WordError> {
        if text.trim().is_empty() {
            return Ok(Self::new([]));
        }
        Ok(Self::new(text.split(',').map(str::parse).collect::<Result<Vec<Trait>, _>>()?))
    }
}

impl fmt::Display for GroupBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|one| one.name()).collect();
        f.write_str(&names.join(","))
    }
}

/// What the snapshots of a group have in common; `None` for what was not asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct GroupKey {
    /// The machine.
    pub host: Option<String>,
    /// The series, if they belong to one.
    #[expect(clippy::option_option, reason = "not asked for is not the same as without a label")]
    pub label: Option<Option<String>>,
    /// All paths, sorted.
    pub paths: Option<Vec<Vec<u8>>>,
    /// All tags, sorted.
    pub tags: Option<Vec<String>>,
    /// The installation that wrote them.
    pub client: Option<ClientId>,
}

/// Snapshots that were looked at together, and what became of each; oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group<'a> {
    /// What they have in common.
    pub key: GroupKey,
    /// One for each snapshot.
    pub verdicts: Vec<Verdict<'a>>,
}

impl<'a> Group<'a> {
    /// Those that are to be forgotten, oldest first.
    pub fn dropped(&self) -> impl Iterator<Item = &'a Snapshot> + '_ {
        self.verdicts.iter().filter(|verdict| !verdict.keep).map(|verdict| verdict.snapshot)
    }
}
