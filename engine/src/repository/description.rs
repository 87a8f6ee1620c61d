//! `heirloom.json`: what anybody may know about a repository.

use serde::{Deserialize, Serialize};

use super::RepositoryError;
use crate::error::FormatError;
use crate::id::RepositoryId;

/// Name of the object.
pub(super) const DESCRIPTION: &str = "heirloom.json";

/// The only version there is.
const VERSION: u32 = 1;

/// Larger descriptions are refused.
const BYTES_MAX: usize = 64 << 10;

#[derive(Serialize, Deserialize)]
struct Wire {
    format: String,
    version: u32,
    repository: String,
    #[serde(default)]
    features: Features,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Features {
    #[serde(default)]
    read: Vec<String>,
    #[serde(default)]
    write: Vec<String>,
    #[serde(default)]
    delete: Vec<String>,
}

/// A parsed `heirloom.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Description {
    /// Name of the repository.
    pub(super) repository: RepositoryId,
    /// A feature that forbids this program to write, if there is one.
    pub(super) read_only_because: Option<String>,
    /// A feature that forbids this program to delete.
    pub(super) may_not_delete_because: Option<String>,
}

impl Description {
    /// Describes a new repository.
    pub(super) fn new(repository: RepositoryId) -> Self {
        Self { repository, read_only_because: None, may_not_delete_because: None }
    }

    /// One line of JSON.
    pub(super) fn encode(&self) -> Vec<u8> {
        let wire = Wire {
            format: "heirloom".into(),
            version: VERSION,
            repository: self.repository.to_string(),
            features: Features::default(),
        };
        let mut bytes = serde_json::to_vec(&wire).expect("plain strings and numbers serialise");
        bytes.push(b'\n');
        bytes
    }

    /// Parses the object and refuses what this program cannot read.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, RepositoryError> {
        let damaged = || RepositoryError::damaged(DESCRIPTION);
        if bytes.len() > BYTES_MAX {
            return Err(damaged()(FormatError::OutOfBounds { what: "size" }));
        }
        let unrecognised = FormatError::Unrecognised { expected: "repository description" };
        let Ok(wire) = serde_json::from_slice::<Wire>(bytes) else {
            return Err(damaged()(unrecognised));
        };
        if wire.format != "heirloom" {
            return Err(damaged()(unrecognised));
        }
        if wire.version > VERSION {
            return Err(damaged()(FormatError::Newer { version: wire.version }));
        }
        if let Some(feature) = wire.features.read.into_iter().next() {
            return Err(RepositoryError::UnknownFeature { feature });
        }
        let repository =
            RepositoryId::from_hex(&wire.repository).ok_or_else(|| damaged()(unrecognised))?;
        let Features { write, delete, .. } = wire.features;
        let read_only_because = write.into_iter().next();
        let may_not_delete_because = read_only_because.clone().or(delete.into_iter().next());
        Ok(Self { repository, read_only_because, may_not_delete_because })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_survives_a_round_trip() {
        let description = Description::new(RepositoryId([7; 16]));
        assert_eq!(Description::parse(&description.encode()).expect("own output"), description);
    }

    #[test]
    fn newer_versions_and_unknown_features_are_refused_by_name() {
        let newer =
            br#"{"format":"heirloom","version":2,"repository":"00000000000000000000000000000000"}"#;
        assert!(matches!(
            Description::parse(newer),
            Err(RepositoryError::Newer { version: 2, .. })
        ));
        let feature = br#"{"format":"heirloom","version":1,"repository":"00000000000000000000000000000000","features":{"read":["lepton"]}}"#;
        assert!(
            matches!(Description::parse(feature), Err(RepositoryError::UnknownFeature { feature }) if feature == "lepton")
        );
        let write = br#"{"format":"heirloom","version":1,"repository":"00000000000000000000000000000000","features":{"write":["x"]}}"#;
        assert_eq!(
            Description::parse(write).expect("readable").read_only_because.as_deref(),
            Some("x")
        );
    }

    #[test]
    fn anything_else_is_damage() {
        for bad in
            [&b""[..], b"{}", b"[]", b"\xff", br#"{"format":"restic","version":1,"repository":""}"#]
        {
            assert!(matches!(Description::parse(bad), Err(RepositoryError::Damaged { .. })));
        }
    }
}
