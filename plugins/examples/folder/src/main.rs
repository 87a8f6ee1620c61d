//! An example of a storage plugin in Rust: objects as files of a folder, `plugin+folder:/absolute/folder`.
//!
//! An object is written to a temporary file, synced, renamed, and the folder is synced too; only then is it acknowledged.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use heirloom_plugin::{
    Ability, Content, ErrorKind, Found, Opened, PluginError, Setup, StorePlugin, serve,
};

/// Where writes begin. No object's name begins with a dot.
const TEMPORARY: &str = ".tmp";

struct Folder {
    root: PathBuf,
    writes: AtomicU64,
}

fn main() -> ExitCode {
    serve("folder", env!("CARGO_PKG_VERSION"), |setup| {
        let ability = Ability {
            atomic_put: true,
            durable: true,
            size: true,
            parallel: 8,
            ..Ability::default()
        };
        Ok((Folder::open(setup)?, ability))
    })
}

impl Folder {
    fn open(setup: &Setup) -> Result<Self, PluginError> {
        let root = PathBuf::from(&setup.target);
        if !root.is_absolute() {
            let what = "write plugin+folder:/absolute/folder";
            return Err(PluginError::new(ErrorKind::Configuration, what));
        }
        let folder = Self { root, writes: AtomicU64::new(0) };
        folder.sweep();
        Ok(folder)
    }

    /// Removes what interrupted writes left behind, unless another client may be writing it just now.
    fn sweep(&self) {
        for entry in fs::read_dir(self.root.join(TEMPORARY)).into_iter().flatten().flatten() {
            let age = entry.metadata().and_then(|data| data.modified()).map(|time| time.elapsed());
            if age.is_ok_and(|age| age.is_ok_and(|age| age.as_secs() > 24 * 60 * 60)) {
                fs::remove_file(entry.path()).ok();
            }
        }
    }

    /// A new file; leftovers and files of other programs keep theirs.
    fn create_temporary(&self) -> io::Result<(PathBuf, File)> {
        let folder = self.root.join(TEMPORARY);
        make_durably(&folder)?;
        loop {
            let number = self.writes.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("{}.{number}", std::process::id()));
            match File::create_new(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                created => return Ok((path, created?)),
            }
        }
    }
}

impl StorePlugin for Folder {
    fn put(&self, name: &str, _size: u64, content: &mut Content<'_>) -> Result<(), PluginError> {
        let target = self.root.join(name);
        let folder = target.parent().unwrap_or(&self.root);
        make_durably(folder)?;
        let (temporary, mut file) = self.create_temporary()?;
        let placed = io::copy(content, &mut file)
            .and_then(|_| file.sync_all())
            .and_then(|()| fs::rename(&temporary, &target));
        if placed.is_err() {
            fs::remove_file(&temporary).ok();
        }
        placed?;
        Ok(sync(folder)?)
    }

    fn read(&self, name: &str, offset: u64, length: Option<u64>) -> Result<Opened, PluginError> {
        let mut file = File::open(self.root.join(name))?;
        let data = file.metadata()?;
        if !data.is_file() {
            return Err(PluginError::not_found());
        }
        let rest = data.len().checked_sub(offset);
        let bytes = rest.filter(|rest| length.is_none_or(|length| length <= *rest));
        let Some(rest) = bytes else {
            let what = "the range reaches beyond the end of the object";
            return Err(PluginError::new(ErrorKind::Protocol, what));
        };
        file.seek(SeekFrom::Start(offset))?;
        let bytes = length.unwrap_or(rest);
        Ok(Opened { bytes, content: Box::new(file.take(bytes)) })
    }

    fn list(&self, prefix: &str, found: &mut Found<'_>) -> Result<(), PluginError> {
        let entries = match fs::read_dir(self.root.join(prefix)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            // An object may be deleted while we look.
            let Some(data) = entry.metadata().ok().filter(fs::Metadata::is_file) else { continue };
            if let Some(file) = entry.file_name().to_str() {
                found.add(&format!("{prefix}{file}"), data.len())?;
            }
        }
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<(), PluginError> {
        match fs::remove_file(self.root.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => Ok(removed?),
        }
    }

    fn size(&self, name: &str) -> Result<u64, PluginError> {
        let path = self.root.join(name);
        let file = File::open(&path)?;
        // We may have been killed between the rename and the sync of the folder.
        file.sync_all()?;
        sync(path.parent().unwrap_or(&self.root))?;
        Ok(file.metadata()?.len())
    }
}

/// Makes a folder and its missing parents, each synced into its own parent.
fn make_durably(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let Some(parent) = folder.parent() else { return Ok(()) };
    make_durably(parent)?;
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync(parent),
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
