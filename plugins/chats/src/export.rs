//! Conversations that somebody exported as text: from WhatsApp, on any telephone, in any language; and from Signal.
//!
//! Such a text says nothing about itself. Its first pass tells which number of a date is the day, who wrote, and where every thousandth message lies; after that
//! messages are read as they are asked for. Times are those of the telephone, in no zone.

mod body;
mod file_name;
mod lines;
mod name;
mod raw;
mod scan;
mod words;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::body::Context;
use self::raw::Raws;
use self::scan::Scan;
use crate::error::{ChatError, Fault};
use crate::files::{Files, Item, ReadAt, find_file, open_found};
use crate::model::{
    App, Conversation, ConversationKind, Found, Media, Message, MessageKind, Participant, Remark,
    Time,
};
use crate::reader::{Chats, Format, Interest, Range, Window};
use crate::stamp::dates;
use crate::stamp::header::{self, Frame};

/// Texts of this format.
pub const FORMAT: Format = Format { interest, open };

/// No text is longer: it would have a hundred million messages.
const TEXT_BYTES_MAX: u64 = 8 << 30;

/// So much of a text tells whether it is an export.
const SNIFF_BYTES: usize = 64 << 10;

/// WhatsApp exports at most so many messages, with and without files: the newest.
const CUTS: [u64; 2] = [10_000, 40_000];

fn interest(item: &Item) -> Interest {
    let is_text = item.path.extension().is_some_and(|end| end.eq_ignore_ascii_case("txt"));
    let is_hidden =
        item.path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("._"));
    if !is_text || is_hidden || item.size == 0 || item.size > TEXT_BYTES_MAX {
        return Interest::No;
    }
    if is_named(&item.path) { Interest::Named } else { Interest::Perhaps }
}

/// Whether a file is called what only exports are called.
pub(crate) fn is_named_like_one(path: &Path) -> bool {
    is_named(path)
}

/// Whether a text begins as an export does.
pub(crate) fn is_text_of_one(text: &Arc<dyn ReadAt>) -> io::Result<bool> {
    Ok(sniff(text, false)?.is_some())
}

/// Whether a text or an archive is called as an export is.
pub(crate) fn is_called_export(path: &Path) -> bool {
    let has_end = |end| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(end));
    has_end("txt") && is_named(path) || has_end("zip") && name::is_of_export(path)
}

/// Whether a file is called as the app calls what lies beside an export: `IMG-20220323-WA0002.jpg`,
/// `00000035-PHOTO-2022-03-27-21-41-55.jpg`.
pub(crate) fn is_called_attachment(name: &str) -> bool {
    file_name::is_of_app(name) || file_name::is_numbered(name)
}

/// What such a file is, by its name.
pub(crate) fn kind_of_attachment(name: &str) -> MessageKind {
    file_name::kind(name)
}

/// Whether the file is called what only exports are called.
fn is_named(path: &Path) -> bool {
    let name =
        path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    name.starts_with("_chat")
        || name.ends_with("_chat.txt")
        || name.contains("whatsapp") && name::from_path(path).is_some()
}

fn open(
    files: &Arc<dyn Files>,
    items: &[Item],
    report: &mut dyn FnMut(ChatError),
) -> Vec<Box<dyn Chats>> {
    let mut chats: Vec<Box<dyn Chats>> = Vec::new();
    for item in items {
        match Export::open(files, &item.path) {
            Ok(Some(export)) => chats.push(Box::new(export)),
            Ok(None) if is_named(&item.path) => {
                report(ChatError {
                    path: item.path.clone(),
                    fault: Fault::Unrecognised {
                        expected: "exported conversation: no line begins with a time",
                    },
                });
            }
            Ok(None) => {}
            Err(error) => report(error),
        }
    }
    chats
}

/// One exported conversation.
#[derive(Debug)]
struct Export {
    found: Found,
    files: Arc<dyn Files>,
    folder: PathBuf,
    file: Arc<dyn ReadAt>,
    scan: Scan,
    conversation: Conversation,
}

impl Export {
    /// Reads all of it once; `None` if it is something else.
    fn open(files: &Arc<dyn Files>, path: &Path) -> Result<Option<Self>, ChatError> {
        let failed = |error| ChatError { path: path.to_owned(), fault: Fault::Read(error) };
        let file = files.open(path).map_err(failed)?;
        let Some(frame) = sniff(&file, is_named(path)).map_err(failed)? else { return Ok(None) };
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let is_file = is_file_in(&**files, &folder);
        let scan = Scan::new(&file, frame, &is_file).map_err(failed)?;
        if scan.messages == 0 {
            return Ok(None);
        }
        let app = if scan.is_signal && !is_named(path) { App::Signal } else { App::WhatsApp };
        let conversation = conversation(&scan, app, path);
        let found =
            Found { path: path.to_owned(), app, form: "export", remarks: remarks(&scan, app) };
        drop(is_file);
        Ok(Some(Self { found, files: Arc::clone(files), folder, file, scan, conversation }))
    }
}

/// Asks whether there is a file of a name beside the text.
fn is_file_in<'a>(files: &'a dyn Files, folder: &'a Path) -> impl Fn(&str) -> bool + 'a {
    move |name| {
        let is_plain = !name.is_empty()
            && name.len() < 256
            && !name.contains(['/', '\\', '\0'])
            && name != "..";
        is_plain
            && files
                .find(&folder.join(name))
                .is_ok_and(|item| item.is_some_and(|item| !item.is_folder))
    }
}

/// How messages begin, if the beginning of a text is that of an export.
fn sniff(file: &Arc<dyn ReadAt>, is_named: bool) -> io::Result<Option<Frame>> {
    let start: Arc<dyn ReadAt> = Arc::new(Start(file.read_at(0, SNIFF_BYTES)?));
    let mut lines = lines::Lines::new(Arc::clone(&start), 0);
    let mut frames = [(Frame::Bracket, 0_u64), (Frame::Dash, 0), (Frame::Colon, 0)];
    let (mut before, mut wants) = (0_u64, false);
    while let Some(line) = lines.next()? {
        let text = String::from_utf8_lossy(line.bytes);
        let header = header::parse(&text).filter(|header| dates::is_possible(&header.stamp));
        match header {
            Some(header) => {
                let speaks = body::split_sender(header.rest, &|_| false);
                wants |= speaks.as_ref().is_some_and(|(name, _)| !is_of_log(name));
                for (frame, count) in &mut frames {
                    *count += u64::from(*frame == header.stamp.frame);
                }
            }
            None if frames.iter().all(|(_, count)| *count == 0) && !text.trim().is_empty() => {
                before += 1;
            }
            None => {}
        }
    }
    let most = frames.into_iter().max_by_key(|(_, count)| *count).filter(|(_, count)| *count > 0);
    // A text of another kind may quote a message somewhere; an export begins with one, or says what it is first.
    let begins = before <= 3 && wants || is_named;
    Ok(most.filter(|_| begins).map(|(frame, _)| frame))
}

/// Programs write lines that look like this, too; whoever speaks there has other names.
fn is_of_log(name: &str) -> bool {
    const LEVELS: &[&str] = &[
        "trace", "debug", "info", "notice", "warn", "warning", "error", "critical", "fatal",
        "severe",
    ];
    let lower = name.to_lowercase();
    LEVELS.iter().any(|level| lower.split(|c: char| !c.is_alphanumeric()).next() == Some(level))
        || name.contains("::")
        || name.contains('[')
        || name.contains('/')
        || name.contains('=')
}

/// The beginning of a file.
#[derive(Debug)]
struct Start(bytes::Bytes);

impl ReadAt for Start {
    fn size(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }

    fn read_at(&self, offset: u64, bytes: usize) -> io::Result<bytes::Bytes> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        Ok(self.0.slice(start..start.saturating_add(bytes).min(self.0.len())))
    }
}

fn remarks(scan: &Scan, app: App) -> Vec<Remark> {
    let mut remarks = Vec::new();
    // The first message of a conversation that is whole is the app's own.
    let is_cut = CUTS.iter().any(|cut| {
        scan.messages == *cut || !scan.begins_with_app && scan.messages.abs_diff(*cut) <= 5
    });
    if is_cut && app == App::WhatsApp {
        remarks.push(Remark::ProbablyCut { messages: scan.messages });
    }
    if scan.orders.is_ambiguous {
        remarks.push(Remark::AmbiguousDates);
    }
    if scan.orders.is_mixed {
        remarks.push(Remark::MixedDates);
    }
    if scan.lines_before > 0 {
        remarks.push(Remark::LinesBefore { lines: scan.lines_before });
    }
    if scan.invalid > 0 {
        remarks.push(Remark::InvalidText { messages: scan.invalid });
    }
    if scan.cut > 0 {
        remarks.push(Remark::LongText { messages: scan.cut });
    }
    remarks
}

fn conversation(scan: &Scan, app: App, path: &Path) -> Conversation {
    let participants: Vec<Participant> = scan
        .senders
        .iter()
        .filter(|name| Some(*name) != scan.speaks_for_app.as_ref())
        .map(|name| Participant { id: name.clone(), name: Some(name.clone()), is_self: false })
        .collect();
    let named = name::from_path(path)
        .or_else(|| path.parent().and_then(name::from_path))
        .or_else(|| scan.speaks_for_app.clone())
        .or_else(|| scan.title.as_deref().and_then(name::from_words));
    let kind = match participants.len() {
        0 => ConversationKind::Unknown,
        1 | 2 if scan.speaks_for_app.is_some() => ConversationKind::Group,
        1 | 2 => ConversationKind::Person,
        _ => ConversationKind::Group,
    };
    let joined =
        || participants.iter().take(4).map(|who| who.id.as_str()).collect::<Vec<_>>().join(", ");
    Conversation {
        id: named.clone().unwrap_or_else(|| path.to_string_lossy().into_owned()),
        app,
        name: named.unwrap_or_else(joined),
        kind,
        messages: scan.messages,
        media: scan.media,
        first: scan.first.map(Time::Local),
        last: scan.last.map(Time::Local),
        participants,
        is_archived: false,
    }
}

impl Chats for Export {
    fn found(&self) -> &Found {
        &self.found
    }

    fn conversations(&self) -> Result<Vec<Conversation>, ChatError> {
        Ok(vec![self.conversation.clone()])
    }

    fn messages(
        &self,
        conversation: &str,
        range: Range,
        visit: &mut dyn FnMut(Message) -> bool,
    ) -> Result<(), ChatError> {
        if conversation != self.conversation.id {
            return Ok(());
        }
        let failed = |error| ChatError { path: self.found.path.clone(), fault: Fault::Read(error) };
        let mark = self.scan.mark_for(range);
        let mut raws = Raws::new(Arc::clone(&self.file), mark.offset, Some(self.scan.frame));
        let (mut position, mut before) = (mark.message, mark.before);
        let is_file = is_file_in(&*self.files, &self.folder);
        let is_sender = |name: &str| self.scan.is_sender(name);
        let context = Context {
            is_sender: &is_sender,
            is_file: &is_file,
            speaks_for_app: self.scan.speaks_for_app.as_deref(),
        };
        let mut window = Window::new(range, visit);
        while let Some(raw) = raws.next().map_err(failed)? {
            let mut message = body::read(&raw, position, &context);
            message.time = self.scan.orders.resolve(&raw.stamp, &mut before).map(Time::Local);
            if message.kind == MessageKind::System {
                message.sender = None;
            }
            position += 1;
            if !window.push(message) {
                break;
            }
        }
        window.finish();
        Ok(())
    }

    fn find_media(&self, media: &Media) -> Result<Option<Item>, ChatError> {
        let name = media.path.as_deref().and_then(Path::to_str);
        match name.filter(|name| is_file_in(&*self.files, &self.folder)(name)) {
            Some(name) => find_file(self.files.as_ref(), &self.folder.join(name)),
            None => Ok(None),
        }
    }

    fn open_media(&self, media: &Media) -> Result<Option<Arc<dyn ReadAt>>, ChatError> {
        open_found(self.files.as_ref(), self.find_media(media)?)
    }
}
