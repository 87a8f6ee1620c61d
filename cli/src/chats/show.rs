//! `heirloom chats show`.

use std::io::{self, BufWriter, Write as _};

use heirloom_chats::model::{Conversation, Message, Time};
use heirloom_chats::reader::Range;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::{Opened, words};
use crate::args::chats::ChatsShowArgs;
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Event};
use crate::settings::Settings;

pub(super) fn run(settings: &Settings, arguments: &ChatsShowArgs) -> Result<Exit, Failure> {
    let opened = Opened::new(settings, (&arguments.place.snapshot, false), &arguments.place.keys)?;
    let output = settings.output;
    let one = opened.seen.one(&arguments.chat)?;
    let (union, exit) = opened.seen.union(output, one);
    let conversation = &one.conversation;
    let tail = arguments.tail.map(std::num::NonZeroU64::get);
    let range = range(conversation, (arguments.since, arguments.until), tail);
    output.text(&words::heading(conversation))?;
    let mut stdout = BufWriter::with_capacity(64 << 10, io::stdout());
    let mut day = None;
    let (mut shown, mut broken) = (0_u64, None);
    let read = union.messages(range, &mut |message: Message| {
        shown += 1;
        let text = if output.json {
            let mut line = output::object_text(
                Event::File,
                "chats.message",
                &words::message_fields(&conversation.id, &message),
            );
            line.push('\n');
            line
        } else {
            words::message(&message, &mut day)
        };
        broken = stdout.write_all(text.as_bytes()).err();
        broken.is_none()
    });
    if let Some(error) = broken {
        return Err(Failure::Output(error));
    }
    stdout.flush().map_err(Failure::Output)?;
    let exit = choose::worse(exit, words::tell_fault(output, read.err()));
    opened.store.tell_traffic(output)?;
    let fields = json!({ "conversation": conversation.id, "messages": shown });
    output.event(Event::Summary, "chats.shown", opened.store.with_traffic(fields))?;
    Ok(choose::worse(opened.exit, exit))
}

/// The part of a conversation that was asked for.
pub(super) fn range(
    conversation: &Conversation,
    (since, until): (Option<Timestamp>, Option<Timestamp>),
    last: Option<u64>,
) -> Range {
    let is_local = matches!(conversation.last.or(conversation.first), Some(Time::Local(_)));
    let moment = |time: Option<Timestamp>| time.map(|time| on_clock(time, is_local));
    Range { since: moment(since), until: moment(until), last }
}

/// What people write is what their clock shows; so are the times of exports.
fn on_clock(time: Timestamp, is_local: bool) -> Time {
    if !is_local {
        return Time::Utc(time.as_millisecond());
    }
    let offset = TimeZone::system().to_offset(time).seconds();
    Time::Local(time.as_millisecond() + i64::from(offset) * 1000)
}
