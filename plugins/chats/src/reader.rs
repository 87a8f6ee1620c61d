//! How conversations are read, whatever they lie in: one trait, and who recognises what.
//!
//! [`open_all`] looks through a tree once. A name only says what is worth a look, content decides.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use crate::archive::Archive;
use crate::error::{ChatError, Fault};
use crate::files::{Files, Item, ReadAt};
use crate::model::{Business, Conversation, Found, Media, Message, Time};
use crate::needle::Needle;
use crate::{discord, export, messenger, telegram, whatsapp};

/// Conversations that were found in one place.
pub trait Chats: Send + Debug {
    /// Where, and what must be said about it.
    fn found(&self) -> &Found;

    /// All of them, with sums over their messages.
    fn conversations(&self) -> Result<Vec<Conversation>, ChatError>;

    /// All of them, for a first look: where that takes reading far less, with numbers that are only about right.
    fn overview(&self) -> Result<Overview, ChatError> {
        Ok(Overview { conversations: self.conversations()?, counts: Counts::Exact })
    }

    /// The messages of one conversation in order, until `visit` returns false. None, if there is no such conversation.
    fn messages(
        &self,
        conversation: &str,
        range: Range,
        visit: &mut dyn FnMut(Message) -> bool,
    ) -> Result<(), ChatError>;

    /// Messages of all conversations whose words, file names or answers contain something, with the id of the conversation, until `visit` returns false.
    fn search(
        &self,
        needle: &Needle,
        visit: &mut dyn FnMut(&str, Message) -> bool,
    ) -> Result<(), ChatError> {
        let mut goes_on = true;
        for conversation in self.conversations()? {
            self.messages(&conversation.id, Range::default(), &mut |message| {
                if needle.is_in_message(&message) {
                    goes_on = visit(&conversation.id, message);
                }
                goes_on
            })?;
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    /// What a business keeps beside its messages.
    fn business(&self) -> Result<Business, ChatError> {
        Ok(Business::default())
    }

    /// Where a file that belongs to a message of these conversations is, without reading it; `None` if it is not here.
    fn find_media(&self, media: &Media) -> Result<Option<Item>, ChatError>;

    /// The bytes of such a file.
    fn open_media(&self, media: &Media) -> Result<Option<Arc<dyn ReadAt>>, ChatError>;

    /// Every file in the folders that hold nothing but such files, whether a message has it or not.
    fn each_media(&self, _visit: &mut dyn FnMut(&Item)) -> Result<(), ChatError> {
        Ok(())
    }

    /// What a database finds wrong with itself. Reads all of it.
    fn check(&self) -> Result<Vec<String>, ChatError> {
        Ok(Vec::new())
    }
}

/// Conversations, for a first look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// All of them. Of people who take part only the obvious are there, if the numbers are not exact.
    pub conversations: Vec<Conversation>,
    /// What the numbers of messages are worth.
    pub counts: Counts,
}

/// What numbers of messages are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    /// Every message was counted.
    Exact,
    /// They are about right; of media nothing is known.
    Estimated,
    /// Nothing is known, and every number is zero.
    Unknown,
}

/// Which messages of a conversation. Times are compared by their numbers: whoever asks knows whether a conversation has local times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Range {
    /// From the first message that is not before this.
    pub since: Option<Time>,
    /// Up to the first message, from there on, that is not before this.
    pub until: Option<Time>,
    /// Only so many, from the end.
    pub last: Option<u64>,
}

/// Cuts a range out of messages that come in order. For readers that cannot jump to it.
pub struct Window<'a> {
    range: Range,
    has_begun: bool,
    kept: VecDeque<Message>,
    visit: &'a mut dyn FnMut(Message) -> bool,
}

impl Debug for Window<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Window").field("range", &self.range).finish_non_exhaustive()
    }
}

impl<'a> Window<'a> {
    /// What is in the range goes to `visit`.
    pub fn new(range: Range, visit: &'a mut dyn FnMut(Message) -> bool) -> Self {
        Self { range, has_begun: range.since.is_none(), kept: VecDeque::new(), visit }
    }

    /// Takes the next message; false if none after it is wanted.
    pub fn push(&mut self, message: Message) -> bool {
        let at_least = |limit: Option<Time>| {
            limit.zip(message.time).is_some_and(|(limit, time)| time.millis() >= limit.millis())
        };
        self.has_begun = self.has_begun || at_least(self.range.since);
        if !self.has_begun {
            return true;
        }
        if at_least(self.range.until) {
            return false;
        }
        let Some(last) = self.range.last else {
            return (self.visit)(message);
        };
        self.kept.push_back(message);
        if u64::try_from(self.kept.len()).is_ok_and(|kept| kept > last) {
            self.kept.pop_front();
        }
        true
    }

    /// Ends: what was held back because only the last ones are wanted is visited now.
    pub fn finish(self) {
        for message in self.kept {
            if !(self.visit)(message) {
                break;
            }
        }
    }
}

/// What a name says about whether a file is worth a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// It is called what only such files are called.
    Named,
    /// Others are called like this, too; its first bytes tell.
    Perhaps,
    /// It is something else.
    No,
}

/// Everything that could be opened; what could not is reported.
pub type Open = fn(&Arc<dyn Files>, &[Item], &mut dyn FnMut(ChatError)) -> Vec<Box<dyn Chats>>;

/// A kind of place that conversations lie in.
#[derive(Debug)]
pub struct Format {
    /// What the name of a file says.
    pub interest: fn(&Item) -> Interest,
    /// Opens what there is among files of interest. Looks at their content first: what is something else is no error.
    pub open: Open,
}

/// Opens each of some files: what is something else is passed over, what cannot be read goes to `report`.
pub(crate) fn open_each<C: Chats + 'static>(
    items: &[Item],
    report: &mut dyn FnMut(ChatError),
    open: impl Fn(&Item, &mut dyn FnMut(ChatError)) -> Result<Option<C>, ChatError>,
) -> Vec<Box<dyn Chats>> {
    let mut chats: Vec<Box<dyn Chats>> = Vec::new();
    for item in items {
        match open(item, report) {
            Ok(Some(found)) => chats.push(Box::new(found)),
            Ok(None) => {}
            Err(error) => report(error),
        }
    }
    chats
}

/// So many files whose names say little are looked into, for each format: every look may be a request to a store far away.
const PERHAPS_MAX: usize = 1_000;

/// Everybody who recognises something. Where two could recognise the same file, their own checks of its content tell.
const FORMATS: &[Format] =
    &[whatsapp::FORMAT, export::FORMAT, messenger::FORMAT, telegram::FORMAT, discord::FORMAT];

/// Folders of programs that hold many texts and archives, and no conversations.
const NO_CONVERSATIONS: &[&str] = &[
    "node_modules",
    ".git",
    "site-packages",
    "__pycache__",
    ".cargo",
    "target",
    ".cache",
    "__MACOSX",
];

/// Every place of a tree with conversations. What seems to be one and cannot be read is reported, and the others are found all the same.
pub fn open_all(files: &Arc<dyn Files>, report: &mut dyn FnMut(ChatError)) -> Vec<Box<dyn Chats>> {
    let (mut chats, archives) = open_formats(files, report);
    for item in archives.items {
        let is_named = interest_in_archive(&item) == Interest::Named;
        match open_archive(files, &item) {
            // Archives within archives are what people sent each other.
            Ok(archive) => chats.extend(open_formats(&archive, report).0),
            Err(error) if is_named => report(error),
            Err(_) => {}
        }
    }
    chats
}

/// Whether a file may be one that conversations lie in, or a part of one, as far as its name tells.
pub fn is_of_interest(item: &Item) -> bool {
    if item.is_folder || holds_no_conversations(&item.path) {
        return false;
    }
    let name = item.path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let is_log = name.ends_with("-wal") || name.ends_with("-journal");
    is_log
        || crate::crypt::is_backup(&item.path)
        || interest_in_archive(item) != Interest::No
        || FORMATS.iter().any(|format| (format.interest)(item) != Interest::No)
}

/// Downloads and exports come as archives.
fn interest_in_archive(item: &Item) -> Interest {
    let is_archive = item.path.extension().is_some_and(|end| end.eq_ignore_ascii_case("zip"));
    if !is_archive {
        return Interest::No;
    }
    let name =
        item.path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let names = ["whatsapp", "facebook-", "instagram-", "telegram", "messenger", "messages"];
    if names.iter().any(|part| name.contains(part)) { Interest::Named } else { Interest::Perhaps }
}

fn open_archive(files: &Arc<dyn Files>, item: &Item) -> Result<Arc<dyn Files>, ChatError> {
    let file = files
        .open(&item.path)
        .map_err(|error| ChatError { path: item.path.clone(), fault: Fault::Read(error) })?;
    Ok(Arc::new(Archive::open(&item.path, item.mtime_ns, file)?))
}

/// Everything that lies in files, and the archives among them.
fn open_formats(
    files: &Arc<dyn Files>,
    report: &mut dyn FnMut(ChatError),
) -> (Vec<Box<dyn Chats>>, Wanted) {
    let mut wanted: Vec<Wanted> = FORMATS.iter().map(|_| Wanted::default()).collect();
    let mut archives = Wanted::default();
    let walked = files.walk(Path::new(""), &mut |item| {
        if item.is_folder || holds_no_conversations(&item.path) {
            return;
        }
        archives.add(interest_in_archive(item), item);
        for (format, wanted) in FORMATS.iter().zip(&mut wanted) {
            wanted.add((format.interest)(item), item);
        }
    });
    if let Err(error) = walked {
        report(ChatError { path: Path::new("").to_owned(), fault: Fault::Read(error) });
    }
    for wanted in wanted.iter_mut().chain([&mut archives]) {
        if let Some(first) = wanted.first_not_looked_into.take() {
            report(ChatError {
                path: first.path,
                fault: Fault::NotLookedInto { files: wanted.not_looked_into },
            });
        }
    }
    let opened = FORMATS
        .iter()
        .zip(wanted)
        .flat_map(|(format, wanted)| (format.open)(files, &wanted.items, report));
    (opened.collect(), archives)
}

/// Files that one format wants to see.
#[derive(Debug, Default)]
struct Wanted {
    items: Vec<Item>,
    perhaps: usize,
    not_looked_into: u64,
    first_not_looked_into: Option<Item>,
}

impl Wanted {
    fn add(&mut self, interest: Interest, item: &Item) {
        match interest {
            Interest::No => {}
            Interest::Named => self.items.push(item.clone()),
            Interest::Perhaps if self.perhaps < PERHAPS_MAX => {
                self.perhaps += 1;
                self.items.push(item.clone());
            }
            Interest::Perhaps => {
                self.not_looked_into += 1;
                self.first_not_looked_into.get_or_insert_with(|| item.clone());
            }
        }
    }
}

fn holds_no_conversations(path: &Path) -> bool {
    path.components()
        .any(|component| NO_CONVERSATIONS.iter().any(|&name| component.as_os_str() == name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MessageKind;

    fn positions(range: Range, times: &[i64]) -> Vec<u64> {
        let mut seen = Vec::new();
        let mut visit = |message: Message| {
            seen.push(message.position);
            true
        };
        let mut window = Window::new(range, &mut visit);
        for (position, &time) in times.iter().enumerate() {
            let mut message = Message::new(u64::try_from(position).unwrap(), MessageKind::Text);
            message.time = Some(Time::Local(time));
            if !window.push(message) {
                break;
            }
        }
        window.finish();
        seen
    }

    #[test]
    fn a_range_begins_with_the_first_message_not_before_it_and_ends_before_the_first_that_is_not_before_its_end()
     {
        let range = Range { since: Some(Time::Local(3)), until: Some(Time::Local(7)), last: None };
        assert_eq!(positions(range, &[1, 3, 2, 5, 7, 6]), [1, 2, 3]);
    }

    #[test]
    fn the_last_messages_are_the_last_of_the_range() {
        let range = Range { since: None, until: Some(Time::Local(5)), last: Some(2) };
        assert_eq!(positions(range, &[1, 2, 3, 4, 5, 6]), [2, 3]);
    }
}
