//! Where trees are made, and how much of a suite is run.

use std::env;
use std::io;
use std::path::Path;

use tempfile::TempDir;

/// A new folder in memory if the machine has such a place, else among the temporary files.
pub fn scratch_folder() -> io::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }
}

/// Whether suites are to run in full, however long that takes: `HEIRLOOM_THOROUGH` is set.
#[expect(clippy::disallowed_methods, reason = "a suite has no command line of its own")]
pub fn is_thorough() -> bool {
    env::var_os("HEIRLOOM_THOROUGH").is_some()
}

/// Whether a build machine runs the suites: `CI` is set.
#[expect(clippy::disallowed_methods, reason = "a suite has no command line of its own")]
pub fn is_continuous_integration() -> bool {
    env::var_os("CI").is_some()
}
