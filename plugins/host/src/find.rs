//! Finds plugins in folders, and refuses programs that somebody else could have put there or changed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use heirloom_plugin::FILE_PREFIX;

const GROUP_WRITABLE: u32 = 0o020;
const WORLD_WRITABLE: u32 = 0o002;
const EXECUTABLE: u32 = 0o111;

/// Why there is no plugin of that name, or none that may be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// A name is made of `[a-z0-9-]`.
    #[error("\"{}\" cannot be the name of a plugin: names are made of a-z, 0-9 and -", name.escape_default())]
    Name {
        /// The name.
        name: String,
    },
    /// No folder has it.
    #[error("there is no {FILE_PREFIX}{name} in {}", list(folders))]
    NotFound {
        /// The name.
        name: String,
        /// Where it was looked for.
        folders: Vec<PathBuf>,
    },
    /// Somebody else could have changed it.
    #[error("{} may not be started: {problem}", path.display())]
    Unsafe {
        /// The plugin, or the folder that it lies in.
        path: PathBuf,
        /// What is wrong with it.
        problem: Unsafe,
    },
    /// It cannot be looked at.
    #[error("{} cannot be looked at", path.display())]
    Io {
        /// The plugin, or the folder that it lies in.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What is wrong with a program or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsafe {
    /// The members of its group can change it.
    #[error("its group can change it (chmod g-w)")]
    GroupWritable,
    /// Everybody can change it.
    #[error("everybody can change it (chmod o-w)")]
    WorldWritable,
    /// It belongs to somebody else.
    #[error(
        "it belongs to the user {uid}, who is neither you nor root (chown, or install it yourself)"
    )]
    Owner {
        /// The owner.
        uid: u32,
    },
    /// It is no program.
    #[error("it is no executable file (chmod +x)")]
    NotExecutable,
}

/// A plugin that lies in one of the folders.
#[derive(Debug)]
pub struct Installed {
    /// What stands for NAME in `plugin+NAME:`.
    pub name: String,
    /// The program.
    pub path: PathBuf,
    /// Why it may not be started.
    pub refused: Option<FindError>,
}

/// Whether a plugin can have this name.
pub fn is_plugin_name(name: &str) -> bool {
    let known = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    !name.is_empty() && name.len() <= 64 && name.bytes().all(known)
}

/// The program of a plugin: the first in the folders, in their order. Folders that are not absolute are passed over.
pub fn find(name: &str, folders: &[PathBuf]) -> Result<PathBuf, FindError> {
    if !is_plugin_name(name) {
        return Err(FindError::Name { name: name.to_owned() });
    }
    let absolute = folders.iter().filter(|folder| folder.is_absolute());
    let candidate = absolute
        .map(|folder| folder.join(format!("{FILE_PREFIX}{name}")))
        .find(|path| fs::metadata(path).is_ok_and(|data| data.is_file()));
    match candidate {
        Some(path) => check(&path),
        None => Err(FindError::NotFound { name: name.to_owned(), folders: folders.to_vec() }),
    }
}

/// Every plugin in the folders, by name; of several with one name the first.
pub fn installed(folders: &[PathBuf]) -> Vec<Installed> {
    let mut names = BTreeMap::new();
    for folder in folders.iter().filter(|folder| folder.is_absolute()) {
        // A folder that is missing or closed has no plugins for us.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let file = entry.file_name();
            let name = file.to_str().and_then(|file| file.strip_prefix(FILE_PREFIX));
            let is_file = || fs::metadata(entry.path()).is_ok_and(|data| data.is_file());
            if let Some(name) = name.filter(|name| is_plugin_name(name) && is_file()) {
                names.entry(name.to_owned()).or_insert_with(|| entry.path());
            }
        }
    }
    let judge = |(name, path): (String, PathBuf)| match check(&path) {
        Ok(path) => Installed { name, path, refused: None },
        Err(error) => Installed { name, path, refused: Some(error) },
    };
    names.into_iter().map(judge).collect()
}

/// The program and its folder, and behind links the real ones too, belong to the user or root and to nobody else.
fn check(path: &Path) -> Result<PathBuf, FindError> {
    let failed = |source| FindError::Io { path: path.to_owned(), source };
    let real = fs::canonicalize(path).map_err(failed)?;
    check_folder(path)?;
    check_folder(&real)?;
    let data = fs::metadata(&real).map_err(failed)?;
    check_owner(&real, &data)?;
    if data.mode() & EXECUTABLE == 0 {
        return Err(FindError::Unsafe { path: real, problem: Unsafe::NotExecutable });
    }
    Ok(real)
}

fn check_folder(file: &Path) -> Result<(), FindError> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    let data =
        fs::metadata(folder).map_err(|source| FindError::Io { path: folder.to_owned(), source })?;
    check_owner(folder, &data)
}

fn check_owner(path: &Path, data: &fs::Metadata) -> Result<(), FindError> {
    let user = rustix::process::geteuid().as_raw();
    let problem = if data.uid() != user && data.uid() != 0 {
        Unsafe::Owner { uid: data.uid() }
    } else if data.mode() & WORLD_WRITABLE != 0 {
        Unsafe::WorldWritable
    } else if data.mode() & GROUP_WRITABLE != 0 {
        Unsafe::GroupWritable
    } else {
        return Ok(());
    };
    Err(FindError::Unsafe { path: path.to_owned(), problem })
}

fn list(folders: &[PathBuf]) -> String {
    let names: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn folder_with(name: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        fs::write(&path, "#!/bin/sh\n").expect("written");
        set_mode(&path, 0o755);
        set_mode(folder.path(), 0o755);
        (folder, path)
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    }

    fn problem(error: &FindError) -> Option<Unsafe> {
        if let FindError::Unsafe { problem, .. } = error { Some(*problem) } else { None }
    }

    #[test]
    fn the_first_folder_wins_and_relative_ones_do_not_count() {
        let (first, path) = folder_with("heirloom-store-x");
        let (second, _) = folder_with("heirloom-store-x");
        let folders = [".".into(), first.path().into(), second.path().into()];
        let found = find("x", &folders).expect("it is there");
        assert_eq!(found, fs::canonicalize(path).expect("it is there"));
        assert!(found.is_absolute());
    }

    #[test]
    fn what_is_not_found_is_listed_with_its_places() {
        let error = find("nobody", &["/nowhere/a".into(), "/nowhere/b".into()]).expect_err("none");
        let text = "there is no heirloom-store-nobody in /nowhere/a, /nowhere/b";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn a_name_is_never_a_path() {
        for name in ["", "../x", "a/b", "A", "a b", "a_b", "a\n", ".", &"a".repeat(65)] {
            assert!(matches!(find(name, &[]), Err(FindError::Name { .. })), "{name:?}");
        }
    }

    #[test]
    fn a_plugin_that_others_can_change_is_refused() {
        let (folder, path) = folder_with("heirloom-store-x");
        let folders = [folder.path().to_owned()];
        for (mode, expected) in [
            (0o775, Unsafe::GroupWritable),
            (0o757, Unsafe::WorldWritable),
            (0o644, Unsafe::NotExecutable),
        ] {
            set_mode(&path, mode);
            assert_eq!(problem(&find("x", &folders).expect_err("refused")), Some(expected));
        }
        set_mode(&path, 0o755);
        set_mode(folder.path(), 0o775);
        let error = find("x", &folders).expect_err("refused");
        assert!(error.to_string().contains("chmod g-w"), "{error}");
        assert_eq!(problem(&error), Some(Unsafe::GroupWritable));
    }

    #[test]
    fn a_link_does_not_hide_the_folder_behind_it() {
        let (behind, path) = folder_with("program");
        let (front, _) = folder_with("heirloom-store-other");
        symlink(&path, front.path().join("heirloom-store-x")).expect("made");
        let folders = [front.path().to_owned()];
        assert!(find("x", &folders).is_ok());
        set_mode(behind.path(), 0o757);
        assert_eq!(
            problem(&find("x", &folders).expect_err("refused")),
            Some(Unsafe::WorldWritable)
        );
    }

    #[test]
    fn the_list_has_every_plugin_once_and_says_which_are_refused() {
        let (first, path) = folder_with("heirloom-store-a");
        let (second, _) = folder_with("heirloom-store-b");
        fs::write(first.path().join("heirloom-store-B_"), "").expect("written");
        fs::write(first.path().join("other"), "").expect("written");
        set_mode(&path, 0o777);
        let found = installed(&[first.path().into(), second.path().into(), first.path().into()]);
        let names: Vec<_> =
            found.iter().map(|plugin| (plugin.name.as_str(), plugin.refused.is_some())).collect();
        assert_eq!(names, [("a", true), ("b", false)]);
    }
}
