//! Looking into the conversations of a snapshot.

pub(crate) mod export;
mod failure;
mod list;
mod search;
mod show;
mod snapshot_files;
pub(crate) mod words;

use std::sync::Arc;

use heirloom_chats::crypt::{Key, Unlocked};
use heirloom_chats::error::ChatError;
use heirloom_chats::files::Files;
use heirloom_chats::merge::{Merged, Union, merge};
use heirloom_chats::model::{Conversation, Remark, Time};
use heirloom_chats::reader::{Chats, Counts, Overview, open_all};
use heirloom_engine::id::NodeId;
use heirloom_engine::repository::Repository;
use heirloom_engine::snapshot::Selector;
use heirloom_engine::view::Reader;

pub(crate) use self::failure::{ChatsFailure, message};
use self::snapshot_files::SnapshotFiles;
pub(crate) use self::snapshot_files::path_below;
pub(crate) use self::words::app_name;
use crate::args::chats::{ChatsAction, ChatsArgs, ChatsKeyArgs};
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::keyring;
use crate::output::Output;
use crate::settings::Settings;
use crate::store::Store;
use crate::{chat_changes, chat_verify};

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
        ChatsAction::Timeline(arguments) => chat_changes::timeline(settings, arguments),
        ChatsAction::Diff(arguments) => chat_changes::diff(settings, arguments),
        ChatsAction::Recover(arguments) => chat_changes::recover(settings, arguments),
        ChatsAction::Verify(arguments) => chat_verify::run(settings, arguments),
    }
}

/// What is in one snapshot.
pub(crate) struct Seen {
    pub(crate) places: Vec<Box<dyn Chats>>,
    /// Each once, the last one spoken in first.
    pub(crate) conversations: Vec<Merged>,
    /// What could not be understood.
    pub(crate) faults: Vec<ChatError>,
    /// What the numbers of messages are worth.
    pub(crate) counts: Counts,
}

impl Seen {
    /// Looks through a folder of a snapshot.
    pub(crate) fn of(
        reader: &Reader,
        root: NodeId,
        key: Vec<u8>,
        (keys, is_counted): (&[Key], bool),
    ) -> Result<Self, Failure> {
        let files = files(reader, root, key);
        let mut faults = Vec::new();
        let files: Arc<dyn Files> = Arc::new(
            Unlocked::new(files, keys, &mut |fault| faults.push(fault)).map_err(Failure::System)?,
        );
        let places = open_all(&files, &mut |fault| faults.push(fault));
        let (mut found, mut counts) = (Vec::new(), Counts::Exact);
        for (number, place) in places.iter().enumerate() {
            let overview = if is_counted {
                let exact = |conversations| Overview { conversations, counts: Counts::Exact };
                place.conversations().map(exact)
            } else {
                place.overview()
            };
            match overview {
                Ok(all) => {
                    if all.counts != Counts::Exact {
                        counts = all.counts;
                    }
                    found.extend(all.conversations.into_iter().map(|one| (number, one)));
                }
                Err(fault) => faults.push(fault),
            }
        }
        let mut conversations = merge(&places, found);
        let last = |one: &Merged| one.conversation.last.map(Time::millis);
        conversations.sort_by(|a, b| {
            last(b).cmp(&last(a)).then_with(|| a.conversation.name.cmp(&b.conversation.name))
        });
        Ok(Self { places, conversations, faults, counts })
    }

    /// The messages of one conversation; what cannot be read of it is told.
    pub(crate) fn union<'a>(&'a self, output: Output, one: &'a Merged) -> (Union<'a>, Exit) {
        let (union, fault) = one.union(&self.places);
        (union, words::tell_fault(output, fault))
    }

    pub(crate) fn tell(&self, output: Output) -> Exit {
        for fault in &self.faults {
            let (text, fields) = words::fault(fault);
            output.warning(words::fault_id(fault), &text, fields);
        }
        for place in &self.places {
            for remark in &place.found().remarks {
                // What a database of that age never had is for those who ask.
                if matches!(remark, Remark::Absent { .. }) && output.verbose == 0 {
                    continue;
                }
                let (text, fields) = words::remark(place.found(), remark);
                output.warning("chats.remark", &text, fields);
            }
        }
        if self.faults.is_empty() { Exit::Success } else { Exit::Warnings }
    }

    /// The one conversation that a name means.
    pub(crate) fn one(&self, name: &str) -> Result<&Merged, Failure> {
        named(&self.conversations, name)
    }
}

/// The one conversation of several that a name means.
pub(crate) fn named<'a>(all: &'a [Merged], name: &str) -> Result<&'a Merged, Failure> {
    let lower = name.to_lowercase();
    let ways: [&dyn Fn(&Conversation) -> bool; 3] = [
        &|one| one.id == name || one.name == name,
        &|one| one.name.to_lowercase() == lower,
        &|one| one.name.to_lowercase().contains(&lower) || one.id.contains(name),
    ];
    for way in ways {
        let mut fitting = all.iter().filter(|one| way(&one.conversation));
        let Some(first) = fitting.next() else { continue };
        let others = fitting.filter(|other| other.conversation.id != first.conversation.id);
        let candidates: Vec<String> = std::iter::once(first)
            .chain(others)
            .take(CANDIDATES_MAX)
            .map(|one| format!("{} ({})", one.conversation.id, one.conversation.name))
            .collect();
        if candidates.len() == 1 {
            return Ok(first);
        }
        return Err(ChatsFailure::Ambiguous { name: name.to_owned(), candidates }.into());
    }
    Err(ChatsFailure::NoSuchChat { name: name.to_owned() }.into())
}

/// One snapshot, and where it was asked for.
struct Opened {
    store: Store,
    seen: Seen,
    exit: Exit,
}

impl Opened {
    /// Counts every message if that is wanted; on a store far away this takes long.
    fn new(
        settings: &Settings,
        (selector, is_counted): (&Selector, bool),
        keys: &ChatsKeyArgs,
    ) -> Result<Self, Failure> {
        let store = Store::locate(settings)?;
        let repository = store.open(settings)?;
        let keys = keyring::keys(settings, &repository, keys)?;
        let (snapshots, exit) = choose::all(&repository, settings.output)?;
        let root = choose::one(&snapshots.taken, selector)?.record.root;
        let reader = reader(repository);
        let seen = Seen::of(&reader, root, selector.key(), (&keys, is_counted))?;
        let exit = choose::worse(exit, seen.tell(settings.output));
        if seen.conversations.is_empty() {
            return Err(ChatsFailure::None.into());
        }
        Ok(Self { store, seen, exit })
    }
}

/// A folder of a snapshot as the readers of conversations want it.
pub(crate) fn files(reader: &Reader, root: NodeId, key: Vec<u8>) -> Arc<dyn Files> {
    Arc::new(SnapshotFiles { reader: reader.clone(), root, key })
}

pub(crate) fn reader(repository: Repository) -> Reader {
    Reader::new(Arc::new(repository), CONTENT_BYTES)
}
