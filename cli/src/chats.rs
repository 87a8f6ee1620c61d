//! Looking into the conversations of a snapshot.

mod export;
mod failure;
mod list;
mod search;
mod show;
mod snapshot_files;
mod words;

use std::sync::Arc;

use heirloom_chats::crypt::Unlocked;
use heirloom_chats::error::ChatError;
use heirloom_chats::files::Files;
use heirloom_chats::model::{Conversation, Remark, Time};
use heirloom_chats::reader::{Chats, open_all};
use heirloom_engine::snapshot::Selector;
use heirloom_engine::view::Reader;

pub(crate) use self::failure::{ChatsFailure, message};
use self::snapshot_files::SnapshotFiles;
use crate::args::chats::{ChatsAction, ChatsArgs, ChatsKeyArgs};
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::keyring;
pub(crate) use crate::keyring::keys;
use crate::settings::Settings;
use crate::store::Store;

/// Content of the snapshot that is kept in memory: pages of databases that are wanted again.
const CONTENT_BYTES: u64 = 48 << 20;
/// Names that are said when several fit.
const CANDIDATES_MAX: usize = 8;

pub(crate) fn run(settings: &Settings, arguments: &ChatsArgs) -> Result<Exit, Failure> {
    match &arguments.action {
        ChatsAction::List(arguments) => list::run(settings, arguments),
        ChatsAction::Show(arguments) => show::run(settings, arguments),
        ChatsAction::Search(arguments) => search::run(settings, arguments),
        ChatsAction::Export(arguments) => export::run(settings, arguments),
        ChatsAction::Key(arguments) => keyring::run(settings, arguments),
    }
}

/// Everything that was found, the first names of conversations first, and what must be said about it.
struct Opened {
    store: Store,
    places: Vec<Box<dyn Chats>>,
    /// With the place that each is in, the last one spoken in first.
    conversations: Vec<(usize, Conversation)>,
    exit: Exit,
}

impl Opened {
    fn new(settings: &Settings, selector: &Selector, keys: &ChatsKeyArgs) -> Result<Self, Failure> {
        let store = Store::locate(settings)?;
        let repository = store.open(settings)?;
        let keys = self::keys(settings, &repository, keys)?;
        let (snapshots, exit) = choose::all(&repository, settings.output)?;
        let root = choose::one(&snapshots.taken, selector)?.record.root;
        let reader = Reader::new(Arc::new(repository), CONTENT_BYTES);
        let files: Arc<dyn Files> = Arc::new(SnapshotFiles { reader, root, key: selector.key() });
        let mut faults = Vec::new();
        let files: Arc<dyn Files> = Arc::new(
            Unlocked::new(files, &keys, &mut |fault| faults.push(fault))
                .map_err(Failure::System)?,
        );
        let places = open_all(&files, &mut |fault| faults.push(fault));
        let mut conversations = Vec::new();
        for (number, place) in places.iter().enumerate() {
            match place.conversations() {
                Ok(found) => conversations.extend(found.into_iter().map(|one| (number, one))),
                Err(fault) => faults.push(fault),
            }
        }
        let last = |(_, one): &(usize, Conversation)| one.last.map(Time::millis);
        conversations.sort_by(|a, b| last(b).cmp(&last(a)).then_with(|| a.1.name.cmp(&b.1.name)));
        let mut opened = Self { store, places, conversations, exit };
        opened.tell(settings, &faults);
        if opened.conversations.is_empty() {
            return Err(ChatsFailure::None.into());
        }
        Ok(opened)
    }

    fn tell(&mut self, settings: &Settings, faults: &[ChatError]) {
        for fault in faults {
            let (text, fields) = words::fault(fault);
            settings.output.warning(words::fault_id(fault), &text, fields);
            self.exit = choose::worse(self.exit, Exit::Warnings);
        }
        for place in &self.places {
            for remark in &place.found().remarks {
                // What a database of that age never had is for those who ask.
                if matches!(remark, Remark::Absent { .. }) && settings.output.verbose == 0 {
                    continue;
                }
                let (text, fields) = words::remark(place.found(), remark);
                settings.output.warning("chats.remark", &text, fields);
            }
        }
    }

    /// The one conversation that a name means.
    fn one(&self, name: &str) -> Result<(&dyn Chats, &Conversation), Failure> {
        let lower = name.to_lowercase();
        let ways: [&dyn Fn(&Conversation) -> bool; 3] = [
            &|one| one.id == name || one.name == name,
            &|one| one.name.to_lowercase() == lower,
            &|one| one.name.to_lowercase().contains(&lower) || one.id.contains(name),
        ];
        for way in ways {
            let mut fitting = self.conversations.iter().filter(|(_, one)| way(one));
            let Some((place, first)) = fitting.next() else { continue };
            // The same conversation in two places is one: the place that was spoken in last is shown.
            let others: Vec<_> = fitting.filter(|(_, other)| other.id != first.id).collect();
            if others.is_empty() {
                let place = self.places.get(*place).map(Box::as_ref);
                return place.map(|place| (place, first)).ok_or_else(|| ChatsFailure::None.into());
            }
            let all = std::iter::once(first).chain(others.iter().map(|(_, other)| other));
            let candidates =
                all.take(CANDIDATES_MAX).map(|one| format!("{} ({})", one.id, one.name));
            let (name, candidates) = (name.to_owned(), candidates.collect());
            return Err(ChatsFailure::Ambiguous { name, candidates }.into());
        }
        Err(ChatsFailure::NoSuchChat { name: name.to_owned() }.into())
    }
}
