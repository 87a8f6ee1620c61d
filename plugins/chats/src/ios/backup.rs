//! A backup that Finder or iTunes made of an iPhone: files under names that say nothing, and a list of them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::ChatError;
use crate::files::{Files, Item, ReadAt};
use crate::sqlite::Database;

/// Where WhatsApp keeps its files, and WhatsApp Business.
const DOMAINS: &[&str] = &[
    "AppDomainGroup-group.net.whatsapp.WhatsApp.shared",
    "AppDomainGroup-group.net.whatsapp.WhatsAppSMB.shared",
];

/// The numbers for files in the list.
const FILE: i64 = 1;

/// The files of one app in a backup, by the names that they had on the phone, below the folder of the backup.
#[derive(Debug)]
pub(super) struct Backup {
    files: Arc<dyn Files>,
    folder: PathBuf,
    /// The name on the phone, and the name in the backup.
    names: BTreeMap<PathBuf, String>,
}

/// Whether a database is the list of a backup.
pub(crate) fn is_list(database: &Database) -> bool {
    ["fileid", "domain", "relativepath"].iter().all(|column| database.has("files", column))
}

impl Backup {
    /// The apps that a list names, each with the place of its files.
    pub(super) fn read(
        files: &Arc<dyn Files>,
        list: &Database,
    ) -> Result<Vec<(PathBuf, Self)>, ChatError> {
        let folder = list.path().parent().unwrap_or(Path::new("")).to_owned();
        let columns = list.columns("files", &["fileid", "relativepath", "flags"]);
        let mut all = Vec::new();
        for domain in DOMAINS {
            let place = folder.join(domain);
            let mut names = BTreeMap::new();
            let sql = format!("SELECT {columns} FROM files WHERE domain = ?1");
            list.each(&sql, [domain], &mut |row| {
                let is_file = row.integer(2).is_none_or(|flags| flags == FILE);
                if let (Some(id), Some(path), true) = (row.text(0), row.text(1), is_file) {
                    names.insert(place.join(path), id);
                }
                true
            })?;
            if !names.is_empty() {
                let files = Arc::clone(files);
                all.push((place, Self { files, folder: folder.clone(), names }));
            }
        }
        Ok(all)
    }

    /// Where a file lies: since iOS 10 in folders of the first two letters.
    fn place(&self, path: &Path) -> io::Result<Option<Item>> {
        let Some(id) = self.names.get(path) else { return Ok(None) };
        // The list is not trusted: its names lead nowhere else.
        if !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(None);
        }
        let letters = id.get(..2).unwrap_or_default();
        match self.files.find(&self.folder.join(letters).join(id))? {
            Some(item) => Ok(Some(item)),
            None => self.files.find(&self.folder.join(id)),
        }
    }
}

impl Files for Backup {
    fn walk(&self, folder: &Path, visit: &mut dyn FnMut(&Item)) -> io::Result<()> {
        for path in self.names.keys().filter(|path| path.starts_with(folder)) {
            if let Some(item) = self.find(path)? {
                visit(&item);
            }
        }
        Ok(())
    }

    fn find(&self, path: &Path) -> io::Result<Option<Item>> {
        let item = self.place(path)?.filter(|item| !item.is_folder);
        Ok(item.map(|item| Item { path: path.to_owned(), ..item }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadAt>> {
        match self.place(path)? {
            Some(item) => self.files.open(&item.path),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}
