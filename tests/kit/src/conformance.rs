//! The contract of [`Storage`], for suites: every check on an empty store.

use std::sync::Arc;

use anyhow::{Result, ensure};
use heirloom_backends::conformance;
use heirloom_engine::repository::Storage;

use crate::block_on;

/// Puts a new store to every check, and fails with all that it did wrong.
pub fn storage_conformance(make: impl FnOnce() -> Result<Arc<dyn Storage>>) -> Result<()> {
    let store = make()?;
    let mut failures = Vec::new();
    let outcomes = block_on(conformance::run(store, &mut |outcome| {
        let conformance::Outcome { name, result, took } = outcome;
        // Shown with a failure, or by `--no-capture`: which check takes how long on which store.
        println!("{:6.2} s  {name}", took.as_secs_f64());
        if let Err(words) = result {
            failures.push(format!("{name}: {words}"));
        }
    }));
    ensure!(failures.is_empty(), "the store breaks its contract:\n{}", failures.join("\n"));
    ensure!(outcomes.len() == conformance::check_count(), "not every check was made");
    Ok(())
}
