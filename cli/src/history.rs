//! Snapshots of snapshots: brought back, pinned, tagged, rewritten, copied, measured and compared.

mod change;
pub(crate) mod copy;
pub(crate) mod diff;
mod failure;
mod folder;
mod growth;
pub(crate) mod pin;
pub(crate) mod rewrite;
pub(crate) mod stats;
pub(crate) mod tag;
pub(crate) mod unforget;
mod words;

use heirloom_engine::rewrite::Author;
use heirloom_engine::snapshot::{Selector, Snapshot};

pub(crate) use self::failure::{HistoryFailure, message};
use crate::args::pick::PickArgs;
use crate::commands::choose;
use crate::failure::Failure;
use crate::keeping;
use crate::settings::user_name;
use crate::system::host_name;

const PROGRAM: &str = concat!("heirloom ", env!("CARGO_PKG_VERSION"));

fn author(command: &str) -> Author {
    let (host, user) = (host_name(), user_name());
    Author { host, user, program: PROGRAM.to_owned(), command: command.to_owned() }
}

/// The snapshots with these names that the flags do not rule out, oldest first; without a name, all of them.
pub(crate) fn picked<'a>(
    snapshots: &'a [Snapshot],
    names: &[Selector],
    pick: &PickArgs,
) -> Result<Vec<&'a Snapshot>, Failure> {
    let filter = keeping::filter(pick)?;
    let mut picked: Vec<&Snapshot> =
        if names.is_empty() { snapshots.iter().collect() } else { named(snapshots, names)? };
    picked.retain(|snapshot| filter.accepts(snapshot));
    Ok(picked)
}

/// The snapshots with these names, oldest first, each once.
fn named<'a>(snapshots: &'a [Snapshot], names: &[Selector]) -> Result<Vec<&'a Snapshot>, Failure> {
    whole(names)?;
    let found = names.iter().map(|name| choose::one(snapshots, name));
    let mut found = found.collect::<Result<Vec<_>, _>>()?;
    found.sort_unstable_by_key(|snapshot| (snapshot.record.time, snapshot.session));
    found.dedup_by_key(|snapshot| snapshot.session);
    Ok(found)
}

/// Refuses a path behind the name of a snapshot where only whole snapshots make sense.
fn whole(names: &[Selector]) -> Result<(), Failure> {
    if names.iter().any(|name| name.path.is_some()) {
        return Err(HistoryFailure::Path.into());
    }
    Ok(())
}
