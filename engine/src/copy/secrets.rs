//! Kept secrets go along: a copy of encrypted backups without the key to them would be half a copy.

use super::CopyError;
use crate::progress::Progress;
use crate::repository::Repository;
use crate::secrets::Keeping;

/// Keeps in the destination what the source keeps; returns how many it did not have.
///
/// Those that cannot be read are reported, and the others are copied.
pub fn secrets(
    (from, to): (&Repository, &Repository),
    progress: &dyn Progress,
) -> Result<u64, CopyError> {
    if from.id() == to.id() {
        return Err(CopyError::SameRepository);
    }
    let found = from.kept_secrets().map_err(CopyError::Source)?;
    found.problems.iter().for_each(|problem| progress.problem(problem));
    if found.secrets.is_empty() {
        return Ok(0);
    }
    let there = to.kept_secrets().map_err(CopyError::Destination)?.secrets;
    let mut copied = 0;
    for secret in &found.secrets {
        match to.keep(secret, &there).map_err(CopyError::Destination)? {
            Keeping::Kept(_) => copied += 1,
            Keeping::Present(_) => {}
        }
    }
    Ok(copied)
}
