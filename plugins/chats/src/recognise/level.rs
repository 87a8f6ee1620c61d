//! A folder on the way, and what is known of it so far.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{self, Sent};
use super::{Lack, Part, Tally};
use crate::export;
use crate::model::App;

/// Numbers of increments that are remembered of one folder.
const INCREMENTS_MAX: usize = 10_000;
/// Where downloads of Messenger and Instagram have their conversations.
const INBOXES: [&str; 5] =
    ["inbox", "archived_threads", "filtered_threads", "message_requests", "e2ee_cutover"];

/// Whose folder it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nobody's.
    Plain,
    /// Somewhere below a folder that is called like the app.
    Of(App),
    /// The app keeps files of this kind here.
    Media(App, Part),
    /// The app keeps files of all kinds here.
    Mixed(App),
    /// One conversation of a download.
    Thread(App),
    /// Called as a folder of an export is called.
    Sent(Sent),
}

impl Place {
    /// Of a folder with this name in lower case, below these.
    pub(super) fn of(above: &[Level], name: &str) -> Self {
        let up = |steps: usize| above.len().checked_sub(steps).and_then(|at| above.get(at));
        let parent = up(1).map_or(Self::Plain, |level| level.place);
        let app = parent.app();
        if let Some(part) = names::whatsapp_folder(name) {
            let is_business = name.starts_with("whatsapp business");
            let app = app.filter(|app| *app == App::WhatsAppBusiness && !is_business);
            let own = if is_business { App::WhatsAppBusiness } else { App::WhatsApp };
            return Self::Media(app.unwrap_or(own), part);
        }
        if let Some(part) = names::telegram_folder(name) {
            return Self::Media(App::Telegram, part);
        }
        match parent {
            Self::Media(..) | Self::Mixed(_) => return parent,
            Self::Thread(app) => {
                return names::download_folder(name).map_or(parent, |part| Self::Media(app, part));
            }
            Self::Plain | Self::Of(_) | Self::Sent(_) => {}
        }
        let is_below =
            |steps: usize, name: &str| up(steps).is_some_and(|level| level.name == name.as_bytes());
        if is_below(2, "messages") && INBOXES.iter().any(|inbox| is_below(1, inbox)) {
            let is_instagram = app == Some(App::Instagram);
            return Self::Thread(if is_instagram { App::Instagram } else { App::Messenger });
        }
        if name == "media"
            && is_below(1, "Message")
            && up(2).is_some_and(|level| level.has(Sign::Storage))
        {
            return Self::Mixed(app.unwrap_or(App::WhatsApp));
        }
        match (names::app_folder(name), names::export_folder(name)) {
            // Business keeps a folder WhatsApp, too.
            (Some(App::WhatsApp), _) if app == Some(App::WhatsAppBusiness) => parent,
            (Some(app), _) => Self::Of(app),
            (None, Some(part))
                if !matches!(parent, Self::Of(App::WhatsApp | App::WhatsAppBusiness)) =>
            {
                Self::Sent(part)
            }
            (None, _) => app.map_or(Self::Plain, Self::Of),
        }
    }

    pub(super) fn app(self) -> Option<App> {
        match self {
            Self::Of(app) | Self::Media(app, _) | Self::Mixed(app) | Self::Thread(app) => Some(app),
            Self::Plain | Self::Sent(_) => None,
        }
    }

    /// Whether files count here whatever they are called.
    pub(super) fn has_any_name(self) -> bool {
        match self {
            Self::Media(..) | Self::Mixed(_) | Self::Sent(Sent::Files(_)) => true,
            Self::Plain | Self::Of(_) | Self::Thread(_) | Self::Sent(Sent::Folders) => false,
        }
    }

    /// Whether what is in it belongs to the folder above, if that turns out to be an export.
    pub(super) fn is_part_of_export(self) -> bool {
        matches!(self, Self::Sent(_))
    }
}

/// What was seen in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sign {
    /// A database of messages, encrypted or not.
    Messages,
    /// An encrypted one, which increments add to.
    Base,
    /// The database of an iPhone.
    Storage,
    /// A text or archive that was exported.
    Export,
    /// The list of a backup of a phone.
    Manifest,
    /// What else such a backup has.
    PhoneInfo,
    /// Folders of the kinds that an export of Telegram has.
    Sent,
}

/// A folder that is being looked at.
#[derive(Debug)]
pub(super) struct Level {
    pub(super) name: Vec<u8>,
    pub(super) place: Place,
    pub(super) signs: BTreeSet<Sign>,
    /// `result.json`.
    pub(super) result: Tally,
    /// Parts of a conversation.
    pub(super) thread: Tally,
    /// Files that are called like those of an export, if there is one.
    pub(super) beside: BTreeMap<Part, Tally>,
    /// Files below folders of an export, if it is one.
    pub(super) sent: BTreeMap<Part, Tally>,
    increments: u64,
    numbers: BTreeSet<u64>,
    /// Encrypted databases of messages: the largest, and all.
    largest: u64,
    messages: u64,
}

impl Level {
    pub(super) fn new(name: &[u8], place: Place) -> Self {
        Self {
            name: name.to_vec(),
            place,
            signs: BTreeSet::new(),
            result: Tally::default(),
            thread: Tally::default(),
            beside: BTreeMap::new(),
            sent: BTreeMap::new(),
            increments: 0,
            numbers: BTreeSet::new(),
            largest: 0,
            messages: 0,
        }
    }

    pub(super) fn has(&self, sign: Sign) -> bool {
        self.signs.contains(&sign)
    }

    /// Takes note of an encrypted file.
    pub(super) fn encrypted(&mut self, part: Part, lower: &str, bytes: u64) {
        if part == Part::Increment {
            self.increments += 1;
            let number = names::increment_number(lower);
            self.numbers.extend(number.filter(|_| self.numbers.len() < INCREMENTS_MAX));
        } else if names::is_of_messages(lower) {
            self.signs.extend([Sign::Base, Sign::Messages]);
            self.largest = self.largest.max(bytes);
            self.messages += bytes;
        }
    }

    /// A file whose name alone says nothing.
    pub(super) fn other(
        &mut self,
        (lower, name): (&str, &str),
        tally: Tally,
    ) -> Option<(App, Part)> {
        match self.place {
            Place::Media(app, part) => return Some((app, part)),
            Place::Mixed(app) => return Some((app, names::part_of(name))),
            Place::Of(App::Signal) if lower == "db.sqlite" && self.name == b"sql" => {
                return Some((App::Signal, Part::OtherBackup));
            }
            Place::Sent(Sent::Files(part)) => self.sent.entry(part).or_default().add(tally),
            Place::Plain | Place::Of(_) | Place::Thread(_) | Place::Sent(Sent::Folders) => {}
        }
        if export::is_called_attachment(name) {
            self.beside.entry(names::part_of(name)).or_default().add(tally);
        }
        None
    }

    /// Whether a database with a common name is that of WhatsApp here.
    pub(super) fn is_of_whatsapp(&self) -> bool {
        self.has(Sign::Messages)
            || matches!(self.place, Place::Of(App::WhatsApp | App::WhatsAppBusiness))
    }

    pub(super) fn is_telegram(&self) -> bool {
        self.result.files > 0 && (self.has(Sign::Sent) || self.place == Place::Of(App::Telegram))
    }

    /// Of several copies, all but the largest.
    pub(super) fn repeated_bytes(&self) -> u64 {
        self.messages - self.largest
    }

    /// What the increments here lack, and how many they are.
    pub(super) fn lack(&self) -> Option<(u64, Lack)> {
        if self.increments == 0 {
            return None;
        }
        if !self.has(Sign::Base) {
            return Some((self.increments, Lack::Base));
        }
        let start = self.numbers.first().map_or(1, |first| (*first).min(1));
        let missing = (start..).zip(&self.numbers).find(|(expected, number)| expected != *number);
        missing.map(|(expected, _)| (self.increments, Lack::Increment(expected)))
    }
}
