//! Lists of exclude patterns over whole paths.
//!
//! A pattern is a run of components that may fit anywhere in a path, or from its start if it begins with `/`; `**` is
//! any number of components. The last pattern of a list that fits decides. Invariant used throughout: a pattern that
//! fits a path fits everything below it, so only the fits that end at the last component are new.

use std::borrow::Cow;
use std::collections::HashMap;

use super::glob::Glob;

/// A pattern that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed pattern {}", String::from_utf8_lossy(.pattern))]
pub struct PatternError {
    /// The pattern as it was given.
    pub pattern: Vec<u8>,
}

impl PatternError {
    pub(super) fn new(pattern: &[u8]) -> Self {
        Self { pattern: pattern.to_vec() }
    }
}

/// The patterns in a file: one a line, blanks around them dropped, without empty lines and comments (`#`).
pub fn parse_exclude_file(text: &[u8]) -> Vec<Vec<u8>> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    text.split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
        .map(<[u8]>::to_vec)
        .collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Sensitive,
    Folded,
}

#[derive(Debug, Clone)]
struct Pattern {
    negated: bool,
    anchored: bool,
    /// All components but the last, of which none is `**`.
    before: Vec<Part>,
    /// `None` only for `/` and `**`, which fit everything.
    last: Option<Glob>,
}

#[derive(Debug, Clone)]
enum Part {
    One(Glob),
    /// `**`
    AnyNumber,
}

/// Patterns in the order in which they were given.
#[derive(Debug, Clone)]
pub(super) struct PatternList {
    case: Case,
    patterns: Vec<Pattern>,
    /// Patterns whose last component is plain, by that component; ascending.
    by_name: HashMap<Vec<u8>, Vec<usize>>,
    /// All others; ascending.
    others: Vec<usize>,
}

impl PatternList {
    pub(super) fn new(case: Case) -> Self {
        Self { case, patterns: Vec::new(), by_name: HashMap::new(), others: Vec::new() }
    }

    pub(super) fn add(&mut self, text: &[u8]) -> Result<(), PatternError> {
        let folded = self.fold(text);
        if text.is_empty() {
            return Ok(());
        }
        let pattern = Pattern::parse(&folded).ok_or_else(|| PatternError::new(text))?;
        let ordinal = self.patterns.len();
        match &pattern.last {
            Some(Glob::Literal(name)) => {
                self.by_name.entry(name.clone()).or_default().push(ordinal);
            }
            _ => self.others.push(ordinal),
        }
        self.patterns.push(pattern);
        Ok(())
    }

    /// The last pattern that fits `folder`/`name`, given the last one that fits the folder.
    pub(super) fn last_match(
        &self,
        above: Option<usize>,
        folder: &[u8],
        name: &[u8],
    ) -> Option<usize> {
        if self.patterns.is_empty() {
            return None;
        }
        let name = self.fold(name);
        let named = self.by_name.get(name.as_ref()).map_or(&[][..], Vec::as_slice);
        let fits = |ordinal: &&usize| {
            let later = above.is_none_or(|above| **ordinal > above);
            later && self.patterns.get(**ordinal).is_some_and(|p| self.fits(p, folder, &name))
        };
        let last_named = named.iter().rev().find(fits).copied();
        let last_other = self.others.iter().rev().find(fits).copied();
        above.max(last_named).max(last_other)
    }

    pub(super) fn rejects(&self, last: Option<usize>) -> bool {
        last.and_then(|ordinal| self.patterns.get(ordinal)).is_some_and(|pattern| !pattern.negated)
    }

    fn fits(&self, pattern: &Pattern, folder: &[u8], name: &[u8]) -> bool {
        pattern.last.as_ref().is_none_or(|last| {
            last.matches(name) && self.ends_with(folder, &pattern.before, pattern.anchored)
        })
    }

    /// Whether the path with this key ends with the parts; an anchored pattern must use up all of it.
    fn ends_with(&self, key: &[u8], parts: &[Part], anchored: bool) -> bool {
        let Some((last, before)) = parts.split_last() else {
            return !anchored || key.is_empty();
        };
        match last {
            Part::One(glob) => split_key(key).is_some_and(|(above, name)| {
                glob.matches(&self.fold(name)) && self.ends_with(above, before, anchored)
            }),
            Part::AnyNumber => {
                let mut key = key;
                loop {
                    if self.ends_with(key, before, anchored) {
                        return true;
                    }
                    let Some((above, _)) = split_key(key) else { return false };
                    key = above;
                }
            }
        }
    }

    fn fold<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        match self.case {
            Case::Sensitive => Cow::Borrowed(bytes),
            Case::Folded => Cow::Owned(match str::from_utf8(bytes) {
                Ok(text) => text.to_lowercase().into_bytes(),
                Err(_) => bytes.to_ascii_lowercase(),
            }),
        }
    }
}

/// The key of the folder above and the last component; `None` for the empty key.
fn split_key(key: &[u8]) -> Option<(&[u8], &[u8])> {
    if key.is_empty() {
        return None;
    }
    let mut parts = key.rsplitn(2, |byte| *byte == 0);
    let name = parts.next()?;
    Some((parts.next().unwrap_or_default(), name))
}

impl Pattern {
    /// `None` for a malformed pattern.
    fn parse(text: &[u8]) -> Option<Self> {
        let negated = text.first() == Some(&b'!');
        let text = text.get(usize::from(negated)..)?;
        if text.is_empty() {
            return None;
        }
        let anchored = text.starts_with(b"/");
        let mut components = clean(text, anchored);
        // What fits a folder fits all below, so `**` at the end adds nothing; nor does it at an open start.
        while components.last() == Some(&b"**".as_slice()) {
            components.pop();
        }
        let mut parts = Vec::with_capacity(components.len());
        for component in components {
            match component {
                b"**" if matches!(parts.last(), Some(Part::AnyNumber)) => {}
                b"**" if parts.is_empty() && !anchored => {}
                b"**" => parts.push(Part::AnyNumber),
                _ => parts.push(Part::One(Glob::parse(component)?)),
            }
        }
        let last = match parts.pop() {
            Some(Part::One(glob)) => Some(glob),
            Some(Part::AnyNumber) | None => None,
        };
        Some(Self { negated, anchored, before: parts, last })
    }
}

/// Components without empty ones, `.` and, where possible, `..`.
fn clean(text: &[u8], anchored: bool) -> Vec<&[u8]> {
    let mut components: Vec<&[u8]> = Vec::new();
    for component in text.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => match components.last() {
                None if anchored => {}
                None | Some(&b"..") => components.push(component),
                Some(_) => {
                    components.pop();
                }
            },
            _ => components.push(component),
        }
    }
    components
}
