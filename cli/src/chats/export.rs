//! `heirloom chats export`: a conversation as files that anybody can open, today and in thirty years.

mod html;
mod media;
mod plain;

use std::fs;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use heirloom_chats::error::ChatError;
use heirloom_chats::merge::Union;
use heirloom_chats::model::{Conversation, Message};
use heirloom_chats::reader::Range;
use serde_json::json;

use self::html::Pages;
pub(crate) use self::media::{MediaFolder, Saved};
use super::{ChatsFailure, Opened, words};
use crate::args::chats::ChatsExportArgs;
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Event;
use crate::render::numbers::counted;
use crate::settings::Settings;

/// How a conversation is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Pages that any browser opens
    Html,
    /// One JSON object a line
    Json,
    /// As WhatsApp exports it
    Txt,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default)]
struct Written {
    messages: u64,
    media: u64,
    missing: u64,
}

pub(super) fn run(settings: &Settings, arguments: &ChatsExportArgs) -> Result<Exit, Failure> {
    let opened = Opened::new(settings, (&arguments.place.snapshot, true), &arguments.place.keys)?;
    let one = opened.seen.one(&arguments.chat)?;
    let (union, told) = opened.seen.union(settings.output, one);
    let conversation = &one.conversation;
    let target = Target::new(&arguments.target)?;
    let range = super::show::range(conversation, (arguments.since, arguments.until), None);
    let mut media = (!arguments.no_media).then(|| MediaFolder::new(&target.0));
    let mut sink = target.sink(arguments.format, conversation)?;
    let mut written = Written::default();
    let read = write(&union, range, &mut |message| {
        let mut saved = Vec::with_capacity(message.media.len());
        for one in &message.media {
            let file =
                media.as_mut().map_or(Ok(Saved::LeftOut), |folder| folder.save(&union, one))?;
            written.media += u64::from(matches!(file, Saved::File { .. }));
            written.missing += u64::from(matches!(file, Saved::Missing));
            saved.push(file);
        }
        written.messages += 1;
        sink.message(&message, &saved)
    });
    let fault = read.map_err(|error| target.failure(error))?;
    sink.finish().map_err(|error| target.failure(error))?;
    let exit = choose::worse(told, words::tell_fault(settings.output, fault));
    tell(settings, &opened, (conversation, &target.0), written)?;
    Ok(choose::worse(opened.exit, exit))
}

/// What could not be read ends the export where it is; what could not be written is no export.
fn write(
    union: &Union<'_>,
    range: Range,
    take: &mut dyn FnMut(Message) -> io::Result<()>,
) -> io::Result<Option<ChatError>> {
    let mut broken = None;
    let read = union.messages(range, &mut |message| {
        broken = take(message).err();
        broken.is_none()
    });
    broken.map_or(Ok(read.err()), Err)
}

fn tell(
    settings: &Settings,
    opened: &Opened,
    (conversation, target): (&Conversation, &Path),
    written: Written,
) -> Result<(), Failure> {
    let output = settings.output;
    let mut parts = vec![counted(written.messages, "message", "messages")];
    if written.media + written.missing > 0 {
        parts.push(counted(written.media, "media file", "media files"));
    }
    if written.missing > 0 {
        parts.push(format!("{} that the snapshot does not have", written.missing));
    }
    let text = parts.join(", ");
    output.done(&format!("{text} in {}\n", crate::render::names::path(target)))?;
    opened.store.tell_traffic(output)?;
    let fields = json!({
        "conversation": conversation.id,
        "target": target.to_string_lossy(),
        "messages": written.messages,
        "media": written.media,
        "missing": written.missing,
    });
    output.event(Event::Summary, "chats.exported", opened.store.with_traffic(fields))
}

/// The snapshot that messages come from, where there are several.
pub(crate) struct Origin {
    /// Its id.
    pub(crate) snapshot: String,
    /// In words.
    pub(crate) words: String,
}

/// A folder that was empty, or was not there.
pub(crate) struct Target(pub(crate) PathBuf);

impl Target {
    pub(crate) fn new(path: &Path) -> Result<Self, Failure> {
        let target = Self(path.to_owned());
        let made = fs::create_dir_all(path).and_then(|()| fs::read_dir(path)?.next().transpose());
        match made {
            Ok(None) => Ok(target),
            Ok(Some(_)) => Err(ChatsFailure::NotEmpty { path: path.to_owned() }.into()),
            Err(error) => Err(target.failure(error)),
        }
    }

    pub(crate) fn failure(&self, source: io::Error) -> Failure {
        ChatsFailure::Export { path: self.0.clone(), source }.into()
    }

    pub(crate) fn sink(
        &self,
        format: ExportFormat,
        conversation: &Conversation,
    ) -> Result<Box<dyn Sink>, Failure> {
        let file = |name: &str| {
            let made = fs::File::create_new(self.0.join(name)).map(BufWriter::new);
            made.map_err(|error| self.failure(error))
        };
        Ok(match format {
            ExportFormat::Html => Box::new(Pages::new(&self.0, conversation)),
            ExportFormat::Json => {
                Box::new(plain::Lines::new(file("messages.jsonl")?, conversation))
            }
            ExportFormat::Txt => Box::new(plain::Text::new(file("_chat.txt")?)),
        })
    }
}

/// Takes messages in order.
pub(crate) trait Sink {
    /// The messages from here on come from this snapshot, which is not the one that the others come from.
    fn origin(&mut self, origin: &Origin) -> io::Result<()>;

    fn message(&mut self, message: &Message, media: &[Saved]) -> io::Result<()>;

    fn finish(&mut self) -> io::Result<()>;
}

fn flush(out: &mut BufWriter<fs::File>) -> io::Result<()> {
    out.flush()?;
    out.get_ref().sync_all()
}
