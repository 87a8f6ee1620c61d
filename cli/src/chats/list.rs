//! `heirloom chats list`.

use heirloom_chats::model::Found;
use heirloom_chats::reader::Counts;
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
    let opened = Opened::new(settings, (&arguments.snapshot, arguments.count), &arguments.keys)?;
    let output = settings.output;
    let is_in_several = opened.seen.conversations.iter().any(|one| one.parts.len() > 1);
    let mut columns = vec![
        ("Conversation", Side::Left),
        ("App", Side::Left),
        ("Kind", Side::Left),
        ("Messages", Side::Right),
        ("Media", Side::Right),
        ("First", Side::Left),
        ("Last", Side::Left),
    ];
    columns.extend(is_in_several.then_some(("In", Side::Left)));
    let mut table = Table::new(&columns);
    let mut messages = 0;
    for one in &opened.seen.conversations {
        messages += one.conversation.messages;
        let places = one.parts.iter().filter_map(|(place, _)| opened.seen.places.get(*place));
        let places: Vec<&Found> = places.map(|place| place.found()).collect();
        let mut row = words::row(&one.conversation, opened.seen.counts);
        row.extend(is_in_several.then(|| words::places(&places)));
        table.row(&row);
        let counts = opened.seen.counts;
        let fields = words::conversation_fields(&one.conversation, counts, &places);
        output.event(Event::File, "chats.conversation", fields)?;
    }
    output.text(&table.render())?;
    let conversations = opened.seen.conversations.len();
    let sum =
        counted(u64::try_from(conversations).unwrap_or(u64::MAX), "conversation", "conversations");
    let about = match opened.seen.counts {
        Counts::Exact => String::new(),
        Counts::Estimated => "about ".to_owned(),
        Counts::Unknown => "at least ".to_owned(),
    };
    output.done(&format!("{sum}, {about}{}\n", counted(messages, "message", "messages")))?;
    if opened.seen.counts != Counts::Exact {
        output.note("Messages of large databases are estimated; `chats list --count` counts them.");
    }
    opened.store.tell_traffic(output)?;
    let fields = json!({
        "conversations": conversations,
        "messages": messages,
        "counts": words::counts(opened.seen.counts),
    });
    output.event(Event::Summary, "chats.listed", opened.store.with_traffic(fields))?;
    Ok(opened.exit)
}
