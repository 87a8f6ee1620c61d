//! The paths that a snapshot is asked for, made absolute.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use heirloom_engine::backup::local::{ListFormat, parse_path_list};

use crate::args::snapshot::SnapshotArgs;
use crate::failure::{Failure, InputFailure};

/// All paths, from the command line and from lists, absolute and each once.
pub(super) fn roots(arguments: &SnapshotArgs) -> Result<Vec<PathBuf>, Failure> {
    let mut paths = arguments.paths.clone();
    paths.extend(arguments.command.iter().map(PathBuf::from));
    let input = &arguments.input;
    let lists = [(&input.files_from, ListFormat::Lines), (&input.files_from_raw, ListFormat::Raw)];
    for (files, format) in lists {
        for file in files {
            paths.extend(parse_path_list(&read(file)?, format));
        }
    }
    let mut roots = Vec::with_capacity(paths.len());
    for path in paths {
        let root = absolute(&path)
            .map_err(|source| Failure::Input(InputFailure::File { path, source }))?;
        if !roots.contains(&root) {
            roots.push(root);
        }
    }
    // A typing error should show before anybody is asked for a passphrase, or a repository is made.
    let missing = roots.iter().find_map(|root| fs::symlink_metadata(root).err().map(|e| (root, e)));
    match missing {
        Some((root, source)) if roots.iter().all(|root| fs::symlink_metadata(root).is_err()) => {
            Err(Failure::Input(InputFailure::File { path: root.clone(), source }))
        }
        _ => Ok(roots),
    }
}

/// The paths as the snapshot's record names them: without a slash at the end.
pub(super) fn recorded(roots: &[PathBuf]) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = roots.iter().map(|root| root.components().collect()).collect();
    paths.sort();
    paths.dedup();
    paths
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let result = if file == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(file)
    };
    result.map_err(|source| Failure::Input(InputFailure::File { path: file.to_owned(), source }))
}

/// Keeps links as they are, and a slash at the end, which means "what the link points to".
fn absolute(path: &Path) -> io::Result<PathBuf> {
    if path.components().all(|component| component != Component::ParentDir) {
        return std::path::absolute(path);
    }
    // What `..` leads to depends on links, so only the system knows.
    if path.as_os_str().as_bytes().ends_with(b"..") {
        return fs::canonicalize(path);
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return fs::canonicalize(path);
    };
    let mut whole = fs::canonicalize(parent)?.join(name);
    if path.as_os_str().as_bytes().ends_with(b"/") {
        whole.push("");
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_its_meaning_when_it_becomes_absolute() {
        let here = std::env::current_dir().expect("a current folder");
        assert_eq!(absolute(Path::new("a/./b")).expect("absolute"), here.join("a/b"));
        assert_eq!(absolute(Path::new(".")).expect("absolute"), here);
        let slash = absolute(Path::new("/tmp/")).expect("absolute");
        assert!(slash.as_os_str().as_bytes().ends_with(b"/"));
        assert_eq!(
            absolute(Path::new("/usr/bin/../lib")).expect("it exists").file_name(),
            Some("lib".as_ref())
        );
        assert_eq!(absolute(Path::new("/usr/..")).expect("it exists"), Path::new("/"));
    }

    #[test]
    fn the_record_names_each_path_once_and_without_a_slash() {
        let roots = [PathBuf::from("/b/"), PathBuf::from("/a"), PathBuf::from("/b")];
        assert_eq!(recorded(&roots), [PathBuf::from("/a"), PathBuf::from("/b")]);
        assert!(!recorded(&roots)[1].as_os_str().as_bytes().ends_with(b"/"));
    }
}
