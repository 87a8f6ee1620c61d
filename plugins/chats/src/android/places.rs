//! Where what lies on a phone: the app's folder, however it was copied, and the files in it.

use std::path::{Path, PathBuf};

use crate::error::ChatError;
use crate::files::{Files, Item, find_file};
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

/// What is in these belongs to messages. Stickers, pictures of profiles and status messages need not.
const MEDIA_FOLDERS: &[&str] =
    &["Images", "Video", "Audio", "Documents", "Voice Notes", "Video Notes", "Animated Gifs"];

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

    /// Where a file that a message has is, wherever the folder of the app was copied to.
    pub(super) fn find_media(
        &self,
        files: &dyn Files,
        media: &Media,
    ) -> Result<Option<Item>, ChatError> {
        let Some(path) = &media.path else { return Ok(None) };
        for folder in self.app_folders() {
            let found = find_file(files, &folder.join(path))?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The folders of the nearest app in which it keeps what was sent and received.
    pub(super) fn media_folders(&self, files: &dyn Files) -> Vec<PathBuf> {
        let is_folder =
            |path: &PathBuf| files.find(path).ok().flatten().is_some_and(|item| item.is_folder);
        let media = self.app_folders().map(|folder| folder.join("Media")).find(is_folder);
        let Some(media) = media else { return Vec::new() };
        let app = if self.is_business { "WhatsApp Business" } else { "WhatsApp" };
        let folders = MEDIA_FOLDERS.iter().map(|kind| media.join(format!("{app} {kind}")));
        folders.filter(is_folder).collect()
    }

    /// Wherever the app's folder may be, the nearest first.
    fn app_folders(&self) -> impl Iterator<Item = PathBuf> {
        self.folder.ancestors().take(LEVELS).flat_map(|folder| {
            let nested =
                APP_FOLDERS.iter().filter(|app| self.may_be(app)).map(|app| folder.join(app));
            std::iter::once(folder.to_owned()).chain(nested)
        })
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
