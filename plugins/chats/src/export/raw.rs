//! Lines put together to messages: a line that begins with a time begins a message, all others go on with it.

use std::io;
use std::sync::Arc;

use super::lines::{Line, Lines};
use crate::files::ReadAt;
use crate::stamp::dates;
use crate::stamp::header::{self, Frame, Stamp};

/// No message is longer; what is beyond is left out.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// A message as it lies in the file.
#[derive(Debug)]
pub(super) struct Raw {
    /// Where its first line begins.
    pub offset: u64,
    /// When.
    pub stamp: Stamp,
    /// Whether its first line begins with a mark that nobody sees.
    pub is_marked: bool,
    /// Who and what.
    pub text: String,
    /// Some bytes were no text.
    pub is_invalid: bool,
    /// It was longer than any message is.
    pub is_cut: bool,
}

/// Reads messages from a file.
#[derive(Debug)]
pub(super) struct Raws {
    lines: Lines,
    frame: Option<Frame>,
    next: Option<Raw>,
    /// Lines before the first message.
    pub lines_before: u64,
    /// The first of them that says something.
    pub title: Option<String>,
}

impl Raws {
    /// From an offset on, where a message begins. Only lines with this frame begin messages; without, that of the first.
    pub(super) fn new(file: Arc<dyn ReadAt>, offset: u64, frame: Option<Frame>) -> Self {
        Self { lines: Lines::new(file, offset), frame, next: None, lines_before: 0, title: None }
    }

    /// The next message; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Raw>> {
        while let Some(line) = self.lines.next()? {
            let text = String::from_utf8_lossy(line.bytes);
            let is_invalid = matches!(text, std::borrow::Cow::Owned(_));
            if let Some(raw) = begin(&line, &text, self.frame) {
                self.frame = Some(raw.stamp.frame);
                if let Some(done) = self.next.replace(Raw { is_invalid, ..raw }) {
                    return Ok(Some(done));
                }
            } else if let Some(message) = &mut self.next {
                message.is_invalid |= is_invalid;
                message.is_cut |= line.is_cut;
                message.go_on(&text);
            } else if !text.trim().is_empty() {
                self.lines_before += 1;
                self.title.get_or_insert_with(|| text.trim().chars().take(200).collect());
            }
        }
        Ok(self.next.take())
    }
}

fn begin(line: &Line<'_>, text: &str, frame: Option<Frame>) -> Option<Raw> {
    let header = header::parse(text)?;
    if frame.is_some_and(|frame| frame != header.stamp.frame) || !dates::is_possible(&header.stamp)
    {
        return None;
    }
    Some(Raw {
        offset: line.offset,
        stamp: header.stamp,
        is_marked: header.is_marked,
        text: header.rest.to_owned(),
        is_invalid: false,
        is_cut: line.is_cut,
    })
}

impl Raw {
    fn go_on(&mut self, text: &str) {
        if self.text.len() + text.len() > TEXT_BYTES_MAX {
            self.is_cut = true;
            return;
        }
        self.text.push('\n');
        self.text.push_str(text);
    }
}
