//! Where real files lie that are no part of the project.

use std::path::PathBuf;

/// A path in the folder that `HEIRLOOM_FIXTURES` names. Says so if it is not set.
#[expect(clippy::disallowed_methods, reason = "tests are told where the files are")]
pub(crate) fn folder(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("HEIRLOOM_FIXTURES");
    if root.is_none() {
        eprintln!("HEIRLOOM_FIXTURES is not set: nothing was tested");
    }
    root.map(|root| PathBuf::from(root).join(path))
}
