//! `heirloom chats search`.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write as _};

use heirloom_chats::model::Message;
use heirloom_chats::needle::Needle;
use heirloom_chats::reader::Range;
use serde_json::json;

use super::{Opened, words};
use crate::args::chats::ChatsSearchArgs;
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Event, Output};
use crate::render::numbers::counted;
use crate::settings::Settings;

pub(super) fn run(settings: &Settings, arguments: &ChatsSearchArgs) -> Result<Exit, Failure> {
    let opened = Opened::new(settings, &arguments.place.snapshot, &arguments.place.keys)?;
    let (output, needle) = (settings.output, Needle::new(&arguments.text));
    let names: HashMap<&str, &str> =
        opened.conversations.iter().map(|(_, one)| (one.id.as_str(), one.name.as_str())).collect();
    let mut hits = Hits { output, stdout: BufWriter::new(io::stdout()), found: 0, broken: None };
    let mut exit = opened.exit;
    if let Some(chat) = &arguments.chat {
        let (place, conversation) = opened.one(chat)?;
        let read = place.messages(&conversation.id, Range::default(), &mut |message| {
            !needle.is_in_message(&message)
                || hits.show(&conversation.id, &conversation.name, &message)
        });
        exit = choose::worse(exit, words::tell_fault(output, read.err()));
    } else {
        for place in &opened.places {
            let read = place.search(&needle, &mut |id, message| {
                hits.show(id, names.get(id).copied().unwrap_or(id), &message)
            });
            exit = choose::worse(exit, words::tell_fault(output, read.err()));
        }
    }
    if let Some(error) = hits.broken {
        return Err(Failure::Output(error));
    }
    hits.stdout.flush().map_err(Failure::Output)?;
    output.done(&counted(hits.found, "message", "messages"))?;
    opened.store.tell_traffic(output)?;
    let fields = opened.store.with_traffic(json!({ "messages": hits.found }));
    output.event(Event::Summary, "chats.searched", fields)?;
    Ok(if hits.found == 0 { choose::worse(exit, Exit::NothingToDo) } else { exit })
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
