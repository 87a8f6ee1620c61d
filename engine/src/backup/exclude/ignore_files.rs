//! Ignore rules from files in the tree, in the syntax of `.gitignore`.
//!
//! The rules of a folder apply to everything below it; those of deeper folders take precedence.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The rules of one folder, and those of the folders above it.
#[derive(Debug)]
pub(in crate::backup) struct IgnoreScope {
    rules: Gitignore,
    /// Where the path relative to the folder begins in the key of an entry below it.
    base: usize,
    above: Option<Arc<Self>>,
}

impl IgnoreScope {
    /// Adds the rules of the folder with this key, weakest first. Lines that make no sense go to `malformed`.
    pub(in crate::backup) fn below(
        above: Option<Arc<Self>>,
        folder: &[u8],
        texts: &[Vec<u8>],
        malformed: &mut dyn FnMut(ignore::Error),
    ) -> Option<Arc<Self>> {
        let mut builder = GitignoreBuilder::new("");
        for line in texts.iter().flat_map(|text| text.split(|byte| *byte == b'\n')) {
            // A line that is not UTF-8 becomes a pattern with replacement characters, which fits nothing.
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
            if let Err(error) = builder.add_line(None, &line) {
                malformed(error);
            }
        }
        match builder.build() {
            Ok(rules) if rules.is_empty() => above,
            Ok(rules) => {
                let base = if folder.is_empty() { 0 } else { folder.len() + 1 };
                Some(Arc::new(Self { rules, base, above }))
            }
            Err(error) => {
                malformed(error);
                above
            }
        }
    }

    /// Whether the rules leave out the entry with this key.
    pub(in crate::backup) fn rejects(&self, key: &[u8], is_folder: bool) -> bool {
        let path: Vec<u8> = key.iter().map(|byte| if *byte == 0 { b'/' } else { *byte }).collect();
        let mut scope = Some(self);
        while let Some(current) = scope {
            let relative = OsStr::from_bytes(path.get(current.base..).unwrap_or_default());
            match current.rules.matched(relative, is_folder) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => scope = current.above.as_deref(),
            }
        }
        false
    }
}
