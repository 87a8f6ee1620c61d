//! From flags to a filter of snapshots and the scope of a policy.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use heirloom_engine::retention::Scope;
use heirloom_engine::snapshot::Filter;

use super::KeepingFailure;
use crate::args::keep::RuleArgs;
use crate::args::pick::PickArgs;
use crate::args::policy::ScopeArgs;
use crate::failure::{Failure, InputFailure};

/// Which snapshots the flags mean.
pub(crate) fn filter(arguments: &PickArgs) -> Result<Filter, Failure> {
    Ok(Filter {
        hosts: arguments.host.clone(),
        labels: arguments.label.clone(),
        tags: arguments.tag.clone(),
        paths: arguments.path.iter().map(|path| recorded(path)).collect::<Result<_, _>>()?,
    })
}

/// Whom a policy is for.
pub(super) fn scope(arguments: &ScopeArgs) -> Result<Scope, Failure> {
    Ok(Scope {
        label: arguments.label.clone(),
        host: arguments.host.clone(),
        path: arguments.path.as_deref().map(recorded).transpose()?,
    })
}

/// A path as snapshots record it.
fn recorded(path: &Path) -> Result<Vec<u8>, Failure> {
    let absolute = std::path::absolute(path)
        .map_err(|source| Failure::Input(InputFailure::File { path: path.to_owned(), source }))?;
    let plain: PathBuf = absolute.components().collect();
    Ok(plain.as_os_str().as_bytes().to_vec())
}

impl RuleArgs {
    /// Refuses flags that would silently do nothing.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.qualifies() && self.policy().is_none() {
            return Err(KeepingFailure::NoRule.into());
        }
        Ok(())
    }
}
