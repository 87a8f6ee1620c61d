//! `heirloom chats verify`: whether conversations and their files are complete and can be read.

mod files;
mod told;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::Path;
use std::sync::Arc;

use heirloom_chats::crypt::{self, Key, Tested};
use heirloom_chats::error::{ChatError, Fault};
use heirloom_chats::files::{Files, Item, ReadAt};
use heirloom_chats::merge::Merged;
use heirloom_chats::reader::Range;

use self::files::Check;
use self::told::Told;
use crate::args::values;
use crate::chat_changes::flags::ChatsVerifyArgs;
use crate::chat_changes::moments::{Moment, Opener};
use crate::chats;
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Settings;

/// What is read at once of a file.
const PART_BYTES: usize = 1 << 20;

pub(crate) fn run(settings: &Settings, arguments: &ChatsVerifyArgs) -> Result<Exit, Failure> {
    let mut opener = Opener::new(settings, &arguments.keys)?;
    let snapshot = choose::one(&opener.snapshots, &arguments.snapshot)?.clone();
    let key = arguments.snapshot.key();
    let moment = opener.open(&snapshot, &key)?;
    let files = chats::files(&opener.reader, moment.root, key);
    let mut told = Told::new(opener.output);
    encrypted(&files, &opener.keys, arguments.read_media, &moment, &mut told)?;
    if moment.seen.conversations.is_empty() && told.has_seen_nothing() {
        return Err(chats::ChatsFailure::None.into());
    }
    databases(&moment, &mut told)?;
    let mut referred = HashSet::new();
    for one in &moment.seen.conversations {
        conversation(&moment, one, (arguments.read_media, &mut referred), &mut told)?;
    }
    orphans(&moment, &referred, &mut told)?;
    let max_age = values::nanoseconds(arguments.max_age, moment.time.into());
    age(files.as_ref(), &moment, max_age, &mut told)?;
    let exit = told.finish(&opener.store)?;
    Ok(choose::worse(opener.exit, exit))
}

/// Tests the keys on every encrypted backup. What was opened to look into it is verified already.
fn encrypted(
    files: &Arc<dyn Files>,
    keys: &[Key],
    is_whole: bool,
    moment: &Moment,
    told: &mut Told,
) -> Result<(), Failure> {
    let mut found = Vec::new();
    files
        .walk(Path::new(""), &mut |item| {
            if !item.is_folder && crypt::is_backup(&item.path) {
                found.push(item.path.clone());
            }
        })
        .map_err(Failure::System)?;
    for path in found {
        // What is wrong with it was said.
        if moment.seen.faults.iter().any(|fault| fault.path == path) {
            told.count_locked();
            continue;
        }
        let is_open = moment.seen.places.iter().any(|place| place.found().path.starts_with(&path));
        let is_decoded = files.open_decoded(&path).is_ok_and(|decoded| decoded.is_some());
        let tested = match files.open(&path) {
            // It was decrypted when it was stored decoded, and comes back whole or not at all.
            _ if (is_open || is_decoded) && !is_whole => Ok(None),
            Ok(file) if is_decoded => read_whole(file.as_ref()).map(|()| None),
            Ok(file) => crypt::test(file.as_ref(), keys, is_whole).map(Some),
            Err(error) => Err(Fault::Read(error)),
        };
        match tested {
            Ok(None | Some(Tested::Whole(_))) => told.decrypted(&path, true)?,
            Ok(Some(Tested::Header)) => told.decrypted(&path, false)?,
            Err(fault) => told.not_decrypted(&ChatError { path, fault }),
        }
    }
    Ok(())
}

fn read_whole(file: &dyn ReadAt) -> Result<(), Fault> {
    let mut at = 0;
    while at < file.size() {
        let part = file.read_at(at, PART_BYTES).map_err(Fault::Read)?;
        if part.is_empty() {
            return Err(Fault::Read(io::ErrorKind::UnexpectedEof.into()));
        }
        at += u64::try_from(part.len()).unwrap_or(u64::MAX);
    }
    Ok(())
}

/// Lets each database look for damage in itself.
fn databases(moment: &Moment, told: &mut Told) -> Result<(), Failure> {
    for place in &moment.seen.places {
        match place.check() {
            Ok(findings) => told.database(place.found(), &findings)?,
            Err(fault) => told.not_understood(&fault),
        }
    }
    Ok(())
}

/// Looks for the file of each message.
fn conversation(
    moment: &Moment,
    one: &Merged,
    (reads, referred): (bool, &mut HashSet<u64>),
    told: &mut Told,
) -> Result<(), Failure> {
    let (union, fault) = one.union(&moment.seen.places);
    if let Some(fault) = fault {
        told.not_understood(&fault);
    }
    let check = Check::new(&union, reads);
    let mut broken = None;
    let read = union.messages(Range::default(), &mut |message| {
        for media in &message.media {
            let found = check.media(media);
            if let Some(path) = &found.path {
                referred.insert(mark(path));
            }
            broken = told.media(&one.conversation, &message, media, &found).err();
            if broken.is_some() {
                return false;
            }
        }
        told.count_message();
        true
    });
    if let Some(failure) = broken {
        return Err(failure);
    }
    if let Err(fault) = read {
        told.not_understood(&fault);
    }
    told.conversation(&one.conversation)
}

/// Files in the folders of the app that no message has.
fn orphans(moment: &Moment, referred: &HashSet<u64>, told: &mut Told) -> Result<(), Failure> {
    let mut seen = HashSet::new();
    for place in &moment.seen.places {
        let mut orphans: Vec<Item> = Vec::new();
        let walked = place.each_media(&mut |item| {
            let name = item.path.file_name().unwrap_or_default().to_string_lossy();
            // Two databases of one phone share a folder.
            let is_first = !item.is_folder && seen.insert(mark(&item.path));
            if is_first && !name.starts_with('.') && !referred.contains(&mark(&item.path)) {
                orphans.push(item.clone());
            }
        });
        if let Err(fault) = walked {
            told.not_understood(&fault);
        }
        for orphan in orphans {
            told.orphan(&orphan)?;
        }
    }
    Ok(())
}

/// Paths are many, and only compared.
fn mark(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

/// How old the newest database was when the snapshot was taken.
fn age(
    files: &dyn Files,
    moment: &Moment,
    max_age: Option<i64>,
    told: &mut Told,
) -> Result<(), Failure> {
    let databases = moment.seen.places.iter().filter(|place| place.found().form == "database");
    let mtime = |path: &Path| {
        let file = path.ancestors().find_map(|path| files.find(path).ok().flatten());
        file.filter(|item| !item.is_folder).map(|item| item.mtime_ns)
    };
    let newest = databases.filter_map(|place| mtime(&place.found().path)).max();
    let (Some(newest), Some(max_age)) = (newest, max_age) else { return Ok(()) };
    let age = i128::from(moment.time) - newest;
    if age > i128::from(max_age) { told.old(newest, age) } else { Ok(()) }
}
