//! What all messengers have in common.

use std::path::PathBuf;

/// A program that people write to each other with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::enum_variant_names, reason = "that is what it is called")]
pub enum App {
    /// WhatsApp.
    WhatsApp,
    /// WhatsApp Business.
    WhatsAppBusiness,
    /// Facebook Messenger.
    Messenger,
    /// Instagram's messages.
    Instagram,
    /// Telegram.
    Telegram,
    /// Discord.
    Discord,
    /// Signal.
    Signal,
}

/// Who takes part in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConversationKind {
    /// Two people.
    Person,
    /// Several.
    Group,
    /// One writes to many who do not see each other.
    Broadcast,
    /// One writes to everybody who wants to read it.
    Channel,
    /// Status messages.
    Status,
    /// A program.
    Bot,
    /// It cannot be told.
    Unknown,
}

/// One conversation, and sums over its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Names it in its app: an address, or what comes nearest to one; stable over snapshots.
    pub id: String,
    /// The app.
    pub app: App,
    /// What people call it.
    pub name: String,
    /// Who takes part.
    pub kind: ConversationKind,
    /// Everybody who is known to take part or to have written.
    pub participants: Vec<Participant>,
    /// Messages, system messages included.
    pub messages: u64,
    /// Messages with media.
    pub media: u64,
    /// Time of the first message.
    pub first: Option<Time>,
    /// Time of the last message.
    pub last: Option<Time>,
    /// Whether it was put away.
    pub is_archived: bool,
}

/// Somebody who takes part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Participant {
    /// An address, a number, a name: whatever the app knows people by.
    pub id: String,
    /// What people call them.
    pub name: Option<String>,
    /// Whether this is whose data it is.
    pub is_self: bool,
}

/// When something was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Time {
    /// A point in time, in ms since 1970-01-01 UTC.
    Utc(i64),
    /// What a clock on a wall showed, in ms as if it were UTC: the zone is not known.
    Local(i64),
}

impl Time {
    /// The number of ms, whichever clock they were counted with.
    pub fn millis(self) -> i64 {
        match self {
            Self::Utc(millis) | Self::Local(millis) => millis,
        }
    }
}

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From whose data it is.
    Sent,
    /// To them.
    Received,
    /// It cannot be told; exports do not say who exported.
    Unknown,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageKind {
    /// Words.
    Text,
    /// A picture.
    Image,
    /// A film.
    Video,
    /// A film that plays like a picture.
    Gif,
    /// A round film of somebody who speaks.
    VideoNote,
    /// Sound.
    Audio,
    /// Somebody speaks.
    VoiceNote,
    /// A sticker.
    Sticker,
    /// A file.
    Document,
    /// One address or several.
    Contact,
    /// A place.
    Location,
    /// A place that moves.
    LiveLocation,
    /// A link with a preview.
    Link,
    /// A vote.
    Poll,
    /// A date.
    Event,
    /// Several pictures together.
    Album,
    /// A call, taken or missed.
    Call,
    /// An invitation to a group.
    Invitation,
    /// Something for sale, or an order of it.
    Product,
    /// Something that the app says, not a person.
    System,
    /// It was taken back.
    Deleted,
    /// Something else; the number or word is the app's own.
    Other,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Stable over snapshots and phones where the app has such ids; `None` for exports.
    pub id: Option<String>,
    /// Where it stands in what was read: a row, a line. Names the raw form.
    pub position: u64,
    /// When it was said.
    pub time: Option<Time>,
    /// Which way it went.
    pub direction: Direction,
    /// Who said it; `None` for what the app says.
    pub sender: Option<Participant>,
    /// What it is.
    pub kind: MessageKind,
    /// Words, or the caption of media.
    pub text: Option<String>,
    /// A picture, a film, a file ... that belongs to it.
    pub media: Vec<Media>,
    /// What it answers.
    pub quote: Option<Quote>,
    /// Reactions to it.
    pub reactions: Vec<Reaction>,
    /// When it was changed last; earlier texts, if known, oldest first.
    pub edit: Option<Edit>,
    /// It came from elsewhere.
    pub is_forwarded: bool,
    /// Somebody marked it.
    pub is_starred: bool,
    /// It was to be seen once only.
    pub is_view_once: bool,
    /// What was to choose from, with who chose it.
    pub poll: Vec<PollOption>,
    /// A place.
    pub place: Option<Place>,
    /// A call.
    pub call: Option<Call>,
    /// What the app calls this kind, if [`MessageKind`] has no word for it.
    pub raw_kind: Option<String>,
}

impl Message {
    /// A message of this kind with nothing else known.
    pub fn new(position: u64, kind: MessageKind) -> Self {
        Self {
            id: None,
            position,
            time: None,
            direction: Direction::Unknown,
            sender: None,
            kind,
            text: None,
            media: Vec::new(),
            quote: None,
            reactions: Vec::new(),
            edit: None,
            is_forwarded: false,
            is_starred: false,
            is_view_once: false,
            poll: Vec::new(),
            place: None,
            call: None,
            raw_kind: None,
        }
    }
}

/// A file that belongs to a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Media {
    /// Where the app says it is, relative to its own folder; `None` if it was left out.
    pub path: Option<PathBuf>,
    /// What it was called.
    pub name: Option<String>,
    /// Its type, as the app says.
    pub mime: Option<String>,
    /// Its bytes, as the app says.
    pub bytes: Option<u64>,
    /// Its SHA-256, as the app says.
    pub sha256: Option<[u8; 32]>,
    /// How long it plays, in ms.
    pub duration_ms: Option<u64>,
    /// Why there is none: what the app says in its place.
    pub missing: Option<String>,
}

/// What a message answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The id of the message, if known.
    pub id: Option<String>,
    /// Who said it, if known.
    pub sender: Option<Participant>,
    /// What was said, as the answer has it.
    pub text: Option<String>,
}

/// A reaction to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// Who; `None` if only a number of them is known.
    pub sender: Option<Participant>,
    /// Mostly an emoji.
    pub text: String,
    /// How many.
    pub count: u64,
    /// When.
    pub time: Option<Time>,
}

impl Reaction {
    /// All reactions with one word: those of whom the names are known, and how many there are beyond.
    pub(crate) fn with_unnamed(mut named: Vec<Self>, text: &str, count: u64) -> Vec<Self> {
        let known = u64::try_from(named.len()).unwrap_or(u64::MAX);
        if let Some(count) = count.checked_sub(known).filter(|count| *count > 0) {
            named.push(Self { sender: None, text: text.to_owned(), count, time: None });
        }
        named
    }
}

/// A message that was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// When it was changed last, if known.
    pub time: Option<Time>,
    /// What it said before, oldest first.
    pub earlier: Vec<String>,
}

/// One thing to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollOption {
    /// What.
    pub text: String,
    /// How many chose it.
    pub votes: u64,
    /// Who, if known.
    pub voters: Vec<Participant>,
}

/// A place. Degrees.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// North of the equator.
    pub latitude: f64,
    /// East of Greenwich.
    pub longitude: f64,
    /// What it is called.
    pub name: Option<String>,
}

impl Eq for Place {}

/// A call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Whether there was a picture.
    pub is_video: bool,
    /// Whether nobody took it.
    pub is_missed: bool,
    /// How long they spoke, in s.
    pub seconds: Option<u64>,
}

/// What was found in one place, by one reader: a database, an export, a download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file or folder that it was recognised by.
    pub path: PathBuf,
    /// The app.
    pub app: App,
    /// What it is, in a few words: `database`, `export`, `download`.
    pub form: &'static str,
    /// What must be said about it: an export that was cut, dates that have two readings.
    pub remarks: Vec<Remark>,
}

/// Something that whoever reads a conversation should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// The export has as many messages as the app exports at most: the oldest are missing.
    ProbablyCut {
        /// How many there are.
        messages: u64,
    },
    /// Day and month cannot be told apart.
    AmbiguousDates,
    /// Both orders of day and month occur.
    MixedDates,
    /// Lines before the first message that belong to none.
    LinesBefore {
        /// How many.
        lines: u64,
    },
    /// Text that is not UTF-8 was replaced.
    InvalidText {
        /// How many messages.
        messages: u64,
    },
    /// Texts longer than any that people write: their ends were left out.
    LongText {
        /// How many messages.
        messages: u64,
    },
    /// Tables or columns that this kind of database usually has, and that would have said more.
    Absent {
        /// Which.
        what: String,
    },
    /// A transaction was under way when the database was copied: what it shows may be partly old and partly new.
    Unfinished,
}

/// What a business keeps beside its messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Business {
    /// Words that conversations and messages are marked with.
    pub labels: Vec<Label>,
    /// Answers to choose from.
    pub quick_replies: Vec<QuickReply>,
    /// Addresses that are answered while nobody is there, or are not.
    pub away: Vec<String>,
    /// Names of lists of people who get the same message.
    pub broadcast_lists: Vec<String>,
    /// What businesses say of themselves.
    pub profiles: Vec<Profile>,
}

/// A word that conversations and messages are marked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The word.
    pub name: String,
    /// Ids of conversations.
    pub conversations: Vec<String>,
    /// Positions of messages.
    pub messages: Vec<u64>,
}

/// An answer to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuickReply {
    /// What is typed to get it.
    pub title: String,
    /// What is sent.
    pub text: String,
    /// Captions and places of files that are sent with it.
    pub attachments: Vec<String>,
    /// Words that it is found by.
    pub keywords: Vec<String>,
}

/// What a business says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Who it is.
    pub who: Participant,
    /// What it does.
    pub description: Option<String>,
    /// Where to write to.
    pub email: Option<String>,
    /// Where it is.
    pub address: Option<String>,
    /// What kind of business it is.
    pub category: Option<String>,
    /// Its pages.
    pub websites: Vec<String>,
}
