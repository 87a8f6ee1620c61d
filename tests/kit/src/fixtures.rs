//! Where real files lie that are no part of the project.

use std::path::PathBuf;

/// What stands at a path in the folder that `HEIRLOOM_FIXTURES` names; says so and gives `None` where nobody named one.
///
/// # Panics
///
/// If nothing is there, and in CI also if no folder is named: what was not tried must not look as if it had passed.
pub fn fixtures(path: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("HEIRLOOM_FIXTURES") else {
        assert!(std::env::var_os("CI").is_none(), "HEIRLOOM_FIXTURES must name the real files");
        eprintln!("HEIRLOOM_FIXTURES is not set: nothing was tested");
        return None;
    };
    let found = PathBuf::from(root).join(path);
    assert!(found.exists(), "{} is missing", found.display());
    Some(found)
}
