//! `heirloom chats list`.

use serde_json::json;

use super::{Opened, words};
use crate::args::chats::ChatsListArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Event;
use crate::render::numbers::counted;
use crate::render::table::{Side, Table};
use crate::settings::Settings;

pub(super) fn run(settings: &Settings, arguments: &ChatsListArgs) -> Result<Exit, Failure> {
    let opened = Opened::new(settings, &arguments.snapshot, &arguments.keys)?;
    let output = settings.output;
    let mut table = Table::new(&[
        ("Conversation", Side::Left),
        ("App", Side::Left),
        ("Kind", Side::Left),
        ("Messages", Side::Right),
        ("Media", Side::Right),
        ("First", Side::Left),
        ("Last", Side::Left),
    ]);
    let mut messages = 0;
    for (place, conversation) in &opened.conversations {
        messages += conversation.messages;
        table.row(&words::row(conversation));
        let place = opened.places.get(*place).map(|place| place.found());
        output.event(
            Event::File,
            "chats.conversation",
            words::conversation_fields(conversation, place),
        )?;
    }
    output.text(&table.render())?;
    let conversations = opened.conversations.len();
    let sum =
        counted(u64::try_from(conversations).unwrap_or(u64::MAX), "conversation", "conversations");
    output.done(&format!("{sum}, {}", counted(messages, "message", "messages")))?;
    opened.store.tell_traffic(output)?;
    let fields = json!({ "conversations": conversations, "messages": messages });
    output.event(Event::Summary, "chats.listed", opened.store.with_traffic(fields))?;
    Ok(opened.exit)
}
