//! `heirloom chats search`.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write as _};

use heirloom_chats::error::ChatError;
use heirloom_chats::merge::Merged;
use heirloom_chats::model::Message;
use heirloom_chats::needle::Needle;
use heirloom_chats::reader::{Chats, Range};
use serde_json::json;

use super::{Opened, Seen, words};
use crate::args::chats::ChatsSearchArgs;
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Event, Output};
use crate::render::numbers::counted;
use crate::settings::Settings;

pub(super) fn run(settings: &Settings, arguments: &ChatsSearchArgs) -> Result<Exit, Failure> {
    let opened = Opened::new(settings, (&arguments.place.snapshot, false), &arguments.place.keys)?;
    let (output, needle) = (settings.output, Needle::new(&arguments.text));
    let mut hits = Hits { output, stdout: BufWriter::new(io::stdout()), found: 0, broken: None };
    let mut exit = opened.exit;
    let seen = &opened.seen;
    let mut one_by_one = |one: &Merged| {
        let (union, exit) = seen.union(output, one);
        let conversation = &one.conversation;
        let read = union.messages(Range::default(), &mut |message| {
            !needle.is_in_message(&message)
                || hits.show(&conversation.id, &conversation.name, &message)
        });
        choose::worse(exit, words::tell_fault(output, read.err()))
    };
    if let Some(chat) = &arguments.chat {
        exit = choose::worse(exit, one_by_one(seen.one(chat)?));
    } else {
        // What is in several places is told once.
        for one in seen.conversations.iter().filter(|one| one.parts.len() > 1) {
            exit = choose::worse(exit, one_by_one(one));
        }
        for (number, place) in seen.places.iter().enumerate() {
            let read = search_place(seen, (number, place.as_ref()), &needle, &mut hits);
            exit = choose::worse(exit, words::tell_fault(output, read.err()));
        }
    }
    if let Some(error) = hits.broken {
        return Err(Failure::Output(error));
    }
    hits.stdout.flush().map_err(Failure::Output)?;
    output.done(&format!("{}\n", counted(hits.found, "message", "messages")))?;
    opened.store.tell_traffic(output)?;
    let fields = opened.store.with_traffic(json!({ "messages": hits.found }));
    output.event(Event::Summary, "chats.searched", fields)?;
    Ok(if hits.found == 0 { choose::worse(exit, Exit::NothingToDo) } else { exit })
}

/// Conversations that are in this place alone.
fn search_place(
    seen: &Seen,
    (number, place): (usize, &dyn Chats),
    needle: &Needle,
    hits: &mut Hits,
) -> Result<(), ChatError> {
    let parts = seen.conversations.iter().flat_map(|one| {
        let is_alone = one.parts.len() == 1;
        one.parts.iter().map(move |(place, part)| (*place, part, is_alone))
    });
    let here = parts.filter(|(place, _, _)| *place == number);
    let names: HashMap<&str, (&str, bool)> =
        here.map(|(_, part, is_alone)| (&*part.id, (&*part.name, is_alone))).collect();
    if !names.is_empty() && !names.values().any(|(_, is_alone)| *is_alone) {
        return Ok(());
    }
    place.search(needle, &mut |id, message| {
        let (name, is_alone) = names.get(id).copied().unwrap_or((id, true));
        !is_alone || hits.show(id, name, &message)
    })
}

struct Hits {
    output: Output,
    stdout: BufWriter<io::Stdout>,
    found: u64,
    broken: Option<io::Error>,
}

impl Hits {
    /// Whether anybody still listens.
    fn show(&mut self, id: &str, name: &str, message: &Message) -> bool {
        self.found += 1;
        let text = if self.output.json {
            let fields = words::message_fields(id, message);
            output::object_text(Event::File, "chats.message", &fields) + "\n"
        } else {
            words::hit(name, message)
        };
        self.broken = self.stdout.write_all(text.as_bytes()).err();
        self.broken.is_none()
    }
}
