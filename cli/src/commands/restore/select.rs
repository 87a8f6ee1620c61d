//! Which entries `--include` and `--exclude` mean.
//!
//! As for a snapshot: a pattern that begins with `/` fits from the root of the snapshot, any other fits anywhere, and
//! what fits a folder fits everything below it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use globset::{Candidate, GlobBuilder, GlobSet, GlobSetBuilder};
use heirloom_engine::restore::{Select, Selection};
use heirloom_engine::tree::Kind;

use crate::failure::{Failure, InputFailure};

/// Patterns of both kinds.
#[derive(Debug)]
pub(crate) struct Patterns {
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Patterns {
    /// `None` if there are none.
    pub(crate) fn new(include: &[String], exclude: &[String]) -> Result<Option<Self>, Failure> {
        if include.is_empty() && exclude.is_empty() {
            return Ok(None);
        }
        let includes = set(include)?;
        let include = (!include.is_empty()).then_some(includes);
        Ok(Some(Self { include, exclude: set(exclude)? }))
    }

    pub(super) fn boxed(self) -> Box<dyn Select> {
        Box::new(self)
    }
}

impl Select for Patterns {
    fn select(&self, key: &[u8], _kind: Kind) -> Selection {
        let mut path = Vec::with_capacity(key.len() + 1);
        path.push(b'/');
        path.extend(key.iter().map(|byte| if *byte == 0 { b'/' } else { *byte }));
        let candidate = Candidate::new(OsStr::from_bytes(&path));
        if self.exclude.is_match_candidate(&candidate) {
            return Selection::LeaveAll;
        }
        match &self.include {
            Some(include) if !include.is_match_candidate(&candidate) => Selection::Leave,
            _ => Selection::Take,
        }
    }
}

fn set(patterns: &[String]) -> Result<GlobSet, Failure> {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        let failure = |_| {
            Failure::Input(InputFailure::Pattern { pattern: pattern.clone().into(), file: None })
        };
        let trimmed = pattern.trim_end_matches('/');
        let anywhere = if trimmed.starts_with('/') { "" } else { "/**/" };
        for below in ["", "/**"] {
            let glob = GlobBuilder::new(&format!("{anywhere}{trimmed}{below}"))
                .literal_separator(true)
                .backslash_escape(true)
                .build()
                .map_err(failure)?;
            builder.add(glob);
        }
    }
    let failure = |_| {
        Failure::Input(InputFailure::Pattern { pattern: patterns.join(" ").into(), file: None })
    };
    builder.build().map_err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(include: &[&str], exclude: &[&str], key: &[u8]) -> Selection {
        let owned = |patterns: &[&str]| -> Vec<String> {
            patterns.iter().map(|pattern| (*pattern).to_owned()).collect()
        };
        let patterns = Patterns::new(&owned(include), &owned(exclude)).expect("valid");
        patterns.expect("some").select(key, Kind::File)
    }

    #[test]
    fn what_fits_a_folder_fits_everything_below_it() {
        assert_eq!(verdict(&["/home/me"], &[], b"home\0me\0a\0b"), Selection::Take);
        assert_eq!(verdict(&["/home/me"], &[], b"home\0me"), Selection::Take);
        assert_eq!(verdict(&["/home/me"], &[], b"home"), Selection::Leave);
        assert_eq!(verdict(&["/home/me"], &[], b"home\0men"), Selection::Leave);
    }

    #[test]
    fn a_pattern_without_a_slash_at_its_start_fits_anywhere() {
        assert_eq!(verdict(&["*.jpg"], &[], b"a\0b.jpg"), Selection::Take);
        assert_eq!(verdict(&["*.jpg"], &[], b"b.jpg"), Selection::Take);
        assert_eq!(verdict(&["b/c"], &[], b"a\0b\0c\0d"), Selection::Take);
        assert_eq!(verdict(&["/*.jpg"], &[], b"a\0b.jpg"), Selection::Leave);
    }

    #[test]
    fn an_exclusion_wins_and_closes_the_folder() {
        assert_eq!(verdict(&["a"], &["*.tmp"], b"a\0b.tmp"), Selection::LeaveAll);
        assert_eq!(verdict(&[], &["cache/"], b"a\0cache"), Selection::LeaveAll);
        assert_eq!(verdict(&[], &["cache"], b"a\0\xff"), Selection::Take);
    }

    #[test]
    fn an_unfinished_class_is_no_pattern() {
        let bad = ["a[".to_owned()];
        assert!(matches!(
            Patterns::new(&bad, &[]),
            Err(Failure::Input(InputFailure::Pattern { .. }))
        ));
    }
}
