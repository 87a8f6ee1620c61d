//! What a snapshot leaves out, from flags and files.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use heirloom_engine::backup::exclude::{
    CacheFolders, Excludes, MountPoints, PatternError, Tag, parse_exclude_file,
};

use crate::args::filters::FilterArgs;
use crate::failure::{Failure, InputFailure};
use crate::without::Without;

/// Everything that the flags say. What lies in `own` folders is heirloom's, and is never backed up.
pub(super) fn build(
    arguments: &FilterArgs,
    roots: &[PathBuf],
    own: &[&Path],
    without: Option<&Arc<Without>>,
) -> Result<Excludes, Failure> {
    let caches = if arguments.no_exclude_caches { CacheFolders::Keep } else { CacheFolders::Skip };
    let mut excludes = Excludes::new(caches);
    patterns(&mut excludes, arguments)?;
    for text in &arguments.exclude_if_present {
        excludes.add_tag(Tag::parse(text.as_bytes()).map_err(|error| in_file(error, None))?);
    }
    excludes.larger_than = arguments.exclude_larger_than;
    if let Some(rule) = without.map(Arc::clone) {
        excludes.by_content = Some(rule);
    }
    if arguments.one_file_system {
        excludes.mount_points = MountPoints::Skip;
    }
    if arguments.ignore_files {
        // The first one added is the strongest of the two.
        excludes.add_ignore_file(b".ignore");
        excludes.add_ignore_file(b".gitignore");
    }
    // Last, so that no pattern takes it in again: a repository that holds itself would never stop growing.
    for folder in own {
        for name in names_of(folder, roots) {
            let pattern = literally(name.as_os_str());
            excludes.add_pattern(&pattern).map_err(|error| in_file(error, None))?;
        }
    }
    Ok(excludes)
}

/// What the walk may call this folder: by its real path, or by way of a root that leads through a link.
fn names_of(folder: &Path, roots: &[PathBuf]) -> Vec<PathBuf> {
    let Some(real) = real_path(folder) else { return Vec::new() };
    let through = roots.iter().filter_map(|root| {
        let target = fs::canonicalize(root).ok()?;
        let below = real.strip_prefix(&target).ok()?;
        Some(root.join(below).components().collect::<PathBuf>())
    });
    let mut names: Vec<PathBuf> = through.collect();
    names.push(real);
    names.sort();
    names.dedup();
    names
}

/// The path without links, also if its end does not exist yet: the first snapshot makes the default repository.
fn real_path(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    path.ancestors().find_map(|above| {
        let real = fs::canonicalize(above).ok()?;
        Some(real.join(path.strip_prefix(above).ok()?).components().collect())
    })
}

fn patterns(excludes: &mut Excludes, arguments: &FilterArgs) -> Result<(), Failure> {
    type Add = fn(&mut Excludes, &[u8]) -> Result<(), PatternError>;
    let lists: [(Add, _, _); 2] = [
        (Excludes::add_pattern, &arguments.exclude_file, &arguments.exclude),
        (Excludes::add_folded_pattern, &arguments.iexclude_file, &arguments.iexclude),
    ];
    for (add, files, patterns) in lists {
        for file in files {
            let text = fs::read(file).map_err(|source| {
                Failure::Input(InputFailure::File { path: file.clone(), source })
            })?;
            for pattern in parse_exclude_file(&text) {
                add(excludes, &pattern).map_err(|error| in_file(error, Some(file)))?;
            }
        }
        for pattern in patterns {
            add(excludes, pattern.as_bytes()).map_err(|error| in_file(error, None))?;
        }
    }
    Ok(())
}

fn in_file(error: PatternError, file: Option<&Path>) -> Failure {
    Failure::Input(InputFailure::Pattern { pattern: error.pattern, file: file.map(Path::to_owned) })
}

/// A pattern that fits exactly this path.
fn literally(path: &OsStr) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(path.len());
    for byte in path.as_bytes() {
        if matches!(byte, b'*' | b'?' | b'[' | b'\\') {
            pattern.push(b'\\');
        }
        pattern.push(*byte);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_does_not_exist_yet_has_a_real_path_and_names_through_links() {
        let folder = tempfile::tempdir().expect("a folder");
        let real = fs::canonicalize(folder.path()).expect("it exists");
        let link = real.join("link");
        fs::create_dir(real.join("home")).expect("made");
        std::os::unix::fs::symlink(real.join("home"), &link).expect("made");
        let missing = link.join("share/repository");
        assert_eq!(real_path(&missing), Some(real.join("home/share/repository")));
        let names = names_of(&missing, &[link.join("")]);
        assert_eq!(names, [real.join("home/share/repository"), link.join("share/repository")]);
    }

    #[test]
    fn a_path_as_a_pattern_means_nothing_but_itself() {
        assert_eq!(literally("/a*b[c]\\d?".as_ref()), b"/a\\*b\\[c]\\\\d\\?");
    }
}
