//! What can happen to an object.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use heirloom_kit::{MemoryStorage, Random, is_thorough};

use super::rich::{Kind, Rich};

/// A kind of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    Missing,
    Truncated,
    Flipped,
    Swapped,
    Emptied,
    Garbage,
    Grown,
}

impl Way {
    pub(crate) const ALL: [Self; 7] = [
        Self::Missing,
        Self::Truncated,
        Self::Flipped,
        Self::Swapped,
        Self::Emptied,
        Self::Garbage,
        Self::Grown,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Truncated => "truncated",
            Self::Flipped => "bit flipped",
            Self::Swapped => "replaced by another of its kind",
            Self::Emptied => "emptied",
            Self::Garbage => "garbage",
            Self::Grown => "grown",
        }
    }

    /// Whether nobody can tell this from a repository that never had the object.
    pub(crate) const fn leaves_no_trace(self, kind: Kind) -> bool {
        matches!(self, Self::Missing)
            && matches!(
                kind,
                Kind::Session
                    | Kind::Forgotten
                    | Kind::Tombstone
                    | Kind::Fence
                    | Kind::Condemned
                    | Kind::Waits
                    | Kind::Policy
                    | Kind::Secret
            )
    }
}

/// A damaged copy of the store for each place where this damage can strike this object.
pub(crate) fn strike(
    rich: &Rich,
    other: &Rich,
    (kind, way): (Kind, Way),
    object: &str,
) -> Result<Vec<Arc<MemoryStorage>>> {
    let whole = rich.store().get(object).with_context(|| object.to_owned())?;
    let with = |bytes: Bytes| {
        let store = rich.store().copy();
        store.set(object, bytes);
        store
    };
    let mut damaged = Vec::new();
    match way {
        Way::Missing => {
            let store = rich.store().copy();
            store.remove(object);
            damaged.push(store);
        }
        Way::Truncated => {
            for keep in [whole.len() - 1, whole.len() / 2, 1] {
                damaged.push(with(whole.slice(..keep)));
            }
        }
        Way::Flipped => {
            let places = if is_thorough() { 64 } else { 5 };
            for place in 0..places {
                let at = (whole.len() - 1) * place / (places - 1);
                let store = rich.store().copy();
                store.flip(object, at, 1 << (place % 8));
                damaged.push(store);
            }
        }
        Way::Swapped => {
            let own = rich.objects(kind).into_iter().find(|name| name != object);
            let bytes = match own {
                Some(name) => rich.store().get(&name),
                None => other.objects(kind).first().and_then(|name| other.store().get(name)),
            };
            damaged.push(with(bytes.context("another of its kind")?));
        }
        Way::Emptied => damaged.push(with(Bytes::new())),
        Way::Garbage => damaged.push(with(Random::new(1).bytes(whole.len()).into())),
        Way::Grown => damaged.push(with([&whole[..], &[7; 100]].concat().into())),
    }
    Ok(damaged)
}
