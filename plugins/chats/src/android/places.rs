//! Where what lies on a phone: the app's folder, however it was copied, and the files in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{ChatError, Fault};
use crate::files::{Files, ReadAt};
use crate::model::Media;
use crate::sqlite::Database;

/// What the app's folders are called, wherever they are.
const APP_FOLDERS: &[&str] = &[
    "WhatsApp",
    "WhatsApp Business",
    "Android/media/com.whatsapp/WhatsApp",
    "Android/media/com.whatsapp.w4b/WhatsApp Business",
    "media/com.whatsapp/WhatsApp",
    "media/com.whatsapp.w4b/WhatsApp Business",
    "sdcard/WhatsApp",
    "sdcard/WhatsApp Business",
    "sdcard/Android/media/com.whatsapp/WhatsApp",
    "sdcard/Android/media/com.whatsapp.w4b/WhatsApp Business",
    "Internal storage/Android/media/com.whatsapp/WhatsApp",
    "Internal storage/Android/media/com.whatsapp.w4b/WhatsApp Business",
];

/// The book of contacts, from a message store's folder on.
const CONTACTS: &[&str] =
    &["wa.db", "../Backups/wa.db", "../databases/wa.db", "Backups/wa.db", "databases/wa.db"];

/// Folders above a message store in which the app's folder is looked for.
const LEVELS: usize = 8;

/// Where the files of one message store are.
#[derive(Debug)]
pub(super) struct Places {
    folder: PathBuf,
    is_business: bool,
}

impl Places {
    /// Around a message store.
    pub(super) fn of(store: &Path) -> Self {
        let is_business = store.iter().any(|part| {
            let part = part.to_string_lossy();
            part == "com.whatsapp.w4b" || part == "WhatsApp Business"
        });
        let folder = store.parent().unwrap_or(Path::new("")).to_owned();
        Self { folder, is_business }
    }

    /// Whether it is the app for businesses, as far as names of folders tell.
    pub(super) fn is_business(&self) -> bool {
        self.is_business
    }

    /// The book of contacts. It is of use only if it can be read: what is wrong with it is reported.
    pub(super) fn contacts(
        &self,
        files: &dyn Files,
        report: &mut dyn FnMut(ChatError),
    ) -> Option<Database> {
        let paths = CONTACTS.iter().filter_map(|path| within(&self.folder, path));
        for path in paths {
            if !is_file(files, &path) {
                continue;
            }
            match Database::open(files, &path) {
                Ok(Some(database)) if database.table("wa_contacts").is_some() => {
                    return Some(database);
                }
                Ok(_) => {}
                Err(error) => report(error),
            }
        }
        None
    }

    /// The bytes of a file that a message has, wherever the folder of the app was copied to.
    pub(super) fn open_media(
        &self,
        files: &dyn Files,
        media: &Media,
    ) -> Result<Option<Arc<dyn ReadAt>>, ChatError> {
        let Some(path) = &media.path else { return Ok(None) };
        for folder in self.folder.ancestors().take(LEVELS) {
            let nested =
                APP_FOLDERS.iter().filter(|app| self.may_be(app)).map(|app| folder.join(app));
            for candidate in std::iter::once(folder.to_owned()).chain(nested) {
                let candidate = candidate.join(path);
                if is_file(files, &candidate) {
                    let fail =
                        |error| ChatError { path: candidate.clone(), fault: Fault::Read(error) };
                    return files.open(&candidate).map(Some).map_err(fail);
                }
            }
        }
        Ok(None)
    }

    /// Two apps on one phone have files of the same names.
    fn may_be(&self, folder: &str) -> bool {
        folder.ends_with("WhatsApp Business") == self.is_business
    }
}

fn is_file(files: &dyn Files, path: &Path) -> bool {
    files.find(path).ok().flatten().is_some_and(|item| !item.is_folder)
}

/// A path below a folder or, with dots, beside it; `None` if that leads out of the tree.
fn within(folder: &Path, path: &str) -> Option<PathBuf> {
    match path.strip_prefix("../") {
        Some(path) => Some(folder.parent()?.join(path)),
        None => Some(folder.join(path)),
    }
}
