//! Exports for programs, and for everything that reads what WhatsApp itself exports.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};

use heirloom_chats::model::{Conversation, Message};
use heirloom_chats::reader::Counts;
use serde_json::{Value, json};

use super::{Origin, Saved, Sink, flush};
use crate::chats::words;

/// One JSON object a line: the conversation, then its messages.
pub(super) struct Lines {
    out: BufWriter<File>,
    conversation: String,
    heading: Option<Value>,
    origin: Option<String>,
}

impl Lines {
    pub(super) fn new(out: BufWriter<File>, conversation: &Conversation) -> Self {
        let heading = Some(words::conversation_fields(conversation, Counts::Exact, &[]));
        Self { out, conversation: conversation.id.clone(), heading, origin: None }
    }

    fn heading(&mut self) -> io::Result<()> {
        self.heading.take().map_or(Ok(()), |heading| writeln!(self.out, "{heading}"))
    }
}

impl Sink for Lines {
    fn origin(&mut self, origin: &Origin) -> io::Result<()> {
        self.origin = Some(origin.snapshot.clone());
        Ok(())
    }

    fn message(&mut self, message: &Message, media: &[Saved]) -> io::Result<()> {
        self.heading()?;
        let mut fields = words::message_fields(&self.conversation, message);
        let files: Vec<Value> = media
            .iter()
            .map(|saved| match saved {
                Saved::File { path, .. } => json!(path),
                Saved::Missing | Saved::LeftOut => Value::Null,
            })
            .collect();
        if let (Value::Object(fields), Some(origin)) = (&mut fields, &self.origin) {
            fields.insert("snapshot".to_owned(), json!(origin));
        }
        if let (Value::Object(fields), false) = (&mut fields, files.iter().all(Value::is_null)) {
            fields.insert("files".to_owned(), Value::Array(files));
        }
        writeln!(self.out, "{fields}")
    }

    fn finish(&mut self) -> io::Result<()> {
        self.heading()?;
        flush(&mut self.out)
    }
}

/// The form of WhatsApp's own exports from an iPhone, but with dates that have one reading.
pub(super) struct Text(BufWriter<File>);

impl Text {
    pub(super) fn new(out: BufWriter<File>) -> Self {
        Self(out)
    }
}

impl Sink for Text {
    fn origin(&mut self, origin: &Origin) -> io::Result<()> {
        writeln!(self.0, "-- {} --", origin.words)
    }

    fn message(&mut self, message: &Message, media: &[Saved]) -> io::Result<()> {
        let files = media.iter().filter_map(|saved| match saved {
            Saved::File { path, .. } => Some(path.as_str()),
            Saved::Missing | Saved::LeftOut => None,
        });
        write!(self.0, "{}", words::exported(message, files))
    }

    fn finish(&mut self) -> io::Result<()> {
        flush(&mut self.0)
    }
}
