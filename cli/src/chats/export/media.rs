//! Media files of an exported conversation.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use heirloom_chats::merge::Union;
use heirloom_chats::model::Media;

const PART_BYTES: usize = 1 << 20;
const NAME_BYTES_MAX: usize = 120;
/// A browser that opens one of these runs what is in it.
const ACTIVE: [&str; 9] = ["htm", "html", "js", "mht", "mhtml", "shtml", "svg", "xhtml", "xml"];

/// What became of a file that belongs to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Saved {
    /// It lies beside the messages.
    File {
        /// Relative to them.
        path: String,
        /// What it was called.
        name: String,
    },
    /// The snapshot does not have it.
    Missing,
    /// It was not wanted.
    LeftOut,
}

/// The folder that they are written to, each file once.
pub(crate) struct MediaFolder {
    folder: PathBuf,
    names: HashSet<String>,
    known: HashMap<PathBuf, Saved>,
}

impl MediaFolder {
    pub(crate) fn new(target: &Path) -> Self {
        Self { folder: target.join("media"), names: HashSet::new(), known: HashMap::new() }
    }

    pub(crate) fn save(&mut self, union: &Union<'_>, media: &Media) -> io::Result<Saved> {
        if let Some(saved) = media.path.as_ref().and_then(|path| self.known.get(path)) {
            return Ok(saved.clone());
        }
        // A file that cannot be read is not there for whoever reads the export.
        let Some(content) = union.open_media(media).ok().flatten() else {
            return Ok(Saved::Missing);
        };
        fs::create_dir_all(&self.folder)?;
        let original = media
            .path
            .as_deref()
            .and_then(Path::file_name)
            .map(|name| name.to_string_lossy().into_owned());
        let name = original.or_else(|| media.name.clone()).unwrap_or_else(|| "file".to_owned());
        let unique = self.unique(&harmless(&name));
        let path = self.folder.join(&unique);
        let mut file = fs::File::create_new(&path)?;
        let mut at = 0;
        while at < content.size() {
            let Ok(part) = content.read_at(at, PART_BYTES) else { break };
            if part.is_empty() {
                break;
            }
            file.write_all(&part)?;
            at += u64::try_from(part.len()).unwrap_or(u64::MAX);
        }
        if at < content.size() {
            drop(file);
            fs::remove_file(&path)?;
            return Ok(Saved::Missing);
        }
        let saved = Saved::File { path: format!("media/{unique}"), name };
        if let Some(path) = &media.path {
            self.known.insert(path.clone(), saved.clone());
        }
        Ok(saved)
    }

    /// From here on the same path may be another file.
    pub(crate) fn forget_paths(&mut self) {
        self.known.clear();
    }

    /// A name for a folder beside the others.
    pub(crate) fn folder_name(&mut self, name: &str) -> String {
        self.unique(&harmless(name))
    }

    fn unique(&mut self, name: &str) -> String {
        let (stem, ending) = name
            .rsplit_once('.')
            .map_or((name, String::new()), |(stem, ending)| (stem, format!(".{ending}")));
        let names = (1_u64..)
            .map(|n| if n == 1 { name.to_owned() } else { format!("{stem} ({n}){ending}") });
        let mut free = names.filter(|name| self.names.insert(name.to_lowercase()));
        free.next().unwrap_or_default()
    }
}

/// A name that every system takes, and that no browser runs.
fn harmless(name: &str) -> String {
    let is_odd = |c: char| {
        c.is_control()
            || "/\\:*?\"<>|#%&".contains(c)
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
    };
    let clean: String = name.chars().map(|c| if is_odd(c) { '_' } else { c }).collect();
    let clean = clean.trim_matches(|c: char| c == '.' || c.is_whitespace());
    let mut short = clean.to_owned();
    while short.len() > NAME_BYTES_MAX {
        // From the front: the ending says what it is.
        short.remove(0);
    }
    let ending = short.rsplit_once('.').map(|(_, ending)| ending.to_lowercase());
    if ending.is_some_and(|ending| ACTIVE.contains(&ending.as_str())) {
        short.push_str(".txt");
    }
    if short.is_empty() { "file".to_owned() } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_harmless_and_unique() {
        assert_eq!(harmless("../../etc/passwd"), "_.._etc_passwd");
        assert_eq!(harmless("a\u{202e}gpj.exe"), "a_gpj.exe");
        assert_eq!(harmless("evil.SVG"), "evil.SVG.txt");
        assert_eq!(harmless("..."), "file");
        assert!(harmless(&("ä".repeat(300) + ".jpg")).ends_with("ä.jpg"));
        let mut folder = MediaFolder::new(Path::new("/nowhere"));
        let names = ["a.jpg", "A.jpg", "a.jpg"].map(|name| folder.unique(name));
        assert_eq!(names, ["a.jpg", "A (2).jpg", "a (3).jpg"]);
    }
}
