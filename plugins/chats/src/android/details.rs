//! What other tables say of a message: files, answers, reactions, edits, votes, places, calls, goods.
//!
//! Apart from the main table every table and column is optional.

mod goods;
mod replies;

use crate::error::ChatError;
use crate::model::{Call, Edit, Media, Message, MessageKind, Participant, Place, Time};
use crate::sqlite::{Fields, Side};

use crate::whatsapp::core::{Core, file_name, media_path, system_kind};
use crate::whatsapp::store::Context;

/// The tables beside the main table that are there.
#[derive(Debug)]
pub(super) struct Details<'a> {
    context: Context<'a>,
    media: Option<Side<'a>>,
    links: Option<Side<'a>>,
    locations: Option<Side<'a>>,
    cards: Option<Side<'a>>,
    edits: Option<Side<'a>>,
    revoked: Option<Side<'a>>,
    forwarded: Option<Side<'a>>,
    system: Option<Side<'a>>,
    system_people: Option<Side<'a>>,
    system_values: Option<Side<'a>>,
    system_numbers: Option<Side<'a>>,
    call_links: Option<Side<'a>>,
    calls: Option<Side<'a>>,
    missed: Option<Side<'a>>,
    once: Option<Side<'a>>,
    replies: replies::Replies<'a>,
    goods: goods::Goods<'a>,
}

const MEDIA: &[&str] = &[
    "file_path",
    "media_name",
    "mime_type",
    "file_size",
    "file_length",
    "file_hash",
    "media_duration",
    "media_caption",
];
const LINK: &[&str] = &["page_title", "description", "url"];
const LOCATION: &[&str] = &["latitude", "longitude", "place_name", "place_address"];

impl<'a> Details<'a> {
    /// Looks which tables there are.
    pub(super) fn open(context: Context<'a>) -> Result<Self, ChatError> {
        let of = |table, columns: &[&str]| {
            Side::open(context.database, table, "message_row_id", columns)
        };
        Ok(Self {
            context,
            media: of("message_media", MEDIA)?,
            links: of("message_text", LINK)?,
            locations: of("message_location", LOCATION)?,
            cards: of("message_vcard", &["vcard"])?,
            edits: of("message_edit_info", &["original_key_id", "edited_timestamp"])?,
            revoked: of("message_revoked", &["revoked_key_id"])?,
            forwarded: of("message_forwarded", &["forward_score"])?,
            system: of("message_system", &["action_type"])?,
            system_people: of("message_system_chat_participant", &["user_jid_row_id"])?,
            system_values: of("message_system_value_change", &["old_data"])?,
            system_numbers: of(
                "message_system_number_change",
                &["old_jid_row_id", "new_jid_row_id"],
            )?,
            call_links: of("message_call_log", &["call_log_row_id"])?,
            calls: Side::open(
                context.database,
                "call_log",
                "_id",
                &["video_call", "duration", "call_result"],
            )?,
            missed: of("missed_call_logs", &["video_call"])?,
            once: of("message_view_once_media", &["state"])?,
            replies: replies::Replies::open(context)?,
            goods: goods::Goods::open(context)?,
        })
    }

    /// The whole message.
    pub(super) fn complete(
        &mut self,
        core: Core,
        peer: Option<&Participant>,
    ) -> Result<Message, ChatError> {
        let (row, number) = (core.row, core.number);
        let mut message = core.message();
        self.add_identity(row, &mut message)?;
        if message.kind == MessageKind::System {
            self.add_system(row, &mut message)?;
            return Ok(message);
        }
        if message.kind == MessageKind::Text && number == 0 {
            each(self.links.as_mut(), row, &mut |fields| {
                if fields.text(0).or_else(|| fields.text(1)).is_some() {
                    message.kind = MessageKind::Link;
                }
            })?;
        } else {
            self.add_attached(row, number, &mut message)?;
        }
        if message.kind == MessageKind::Call {
            self.add_call(row, &mut message)?;
        }
        each(self.forwarded.as_mut(), row, &mut |_| message.is_forwarded = true)?;
        self.replies.add(row, peer, &mut message)?;
        self.goods.add(row, number, &mut message)?;
        Ok(message)
    }

    /// A message that was changed or taken back has a new key; by the old one it is known elsewhere.
    fn add_identity(&mut self, row: i64, message: &mut Message) -> Result<(), ChatError> {
        each(self.edits.as_mut(), row, &mut |fields| {
            message.id = fields.text(0).or(message.id.take());
            let time = fields.integer(1).filter(|time| *time > 0).map(Time::Utc);
            message.edit = Some(Edit { time, earlier: Vec::new() });
        })?;
        each(self.revoked.as_mut(), row, &mut |fields| {
            message.id = fields.text(0).or(message.id.take());
            message.kind = MessageKind::Deleted;
        })
    }

    fn add_attached(
        &mut self,
        row: i64,
        number: i64,
        message: &mut Message,
    ) -> Result<(), ChatError> {
        each(self.media.as_mut(), row, &mut |fields| {
            let (media, caption) = media(fields);
            message.text = message.text.take().or(caption);
            message.media = vec![media];
        })?;
        each(self.once.as_mut(), row, &mut |_| message.is_view_once = true)?;
        if matches!(message.kind, MessageKind::Location | MessageKind::LiveLocation) || number == 85
        {
            each(self.locations.as_mut(), row, &mut |fields| add_place(fields, message))?;
        }
        if message.kind == MessageKind::Contact {
            let mut cards = Vec::new();
            each(self.cards.as_mut(), row, &mut |fields| cards.extend(fields.text(0)))?;
            if !cards.is_empty() {
                message.text =
                    Some(cards.iter().map(|card| card_text(card)).collect::<Vec<_>>().join("\n"));
            }
        }
        Ok(())
    }

    fn add_system(&mut self, row: i64, message: &mut Message) -> Result<(), ChatError> {
        each(self.system.as_mut(), row, &mut |fields| {
            message.raw_kind = fields.integer(0).map(system_kind);
        })?;
        let names = self.context.names;
        let mut parts = Vec::new();
        parts.extend(message.text.take());
        each(self.system_people.as_mut(), row, &mut |fields| {
            let address = fields.integer(0).and_then(|row| names.address(row));
            parts.extend(address.map(|address| names.name(address)));
        })?;
        each(self.system_values.as_mut(), row, &mut |fields| parts.extend(fields.text(0)))?;
        each(self.system_numbers.as_mut(), row, &mut |fields| {
            for column in [0, 1] {
                let address = fields.integer(column).and_then(|row| names.address(row));
                parts.extend(address.map(|address| names.name(address)));
            }
        })?;
        message.text = Some(parts.join(", ")).filter(|text| !text.is_empty());
        Ok(())
    }

    fn add_call(&mut self, row: i64, message: &mut Message) -> Result<(), ChatError> {
        let mut log = None;
        each(self.call_links.as_mut(), row, &mut |fields| log = fields.integer(0))?;
        if let Some(log) = log {
            each(self.calls.as_mut(), log, &mut |fields| {
                message.call = Some(call(fields, [0, 1, 2]));
            })?;
        }
        each(self.missed.as_mut(), row, &mut |fields| {
            message.call = Some(Call { is_video: fields.flag(0), is_missed: true, seconds: None });
        })?;
        message.kind = MessageKind::Call;
        Ok(())
    }
}

/// Nobody spoke, and nobody took it: 5 is the app's number for a call that was taken.
pub(super) fn call(fields: &Fields<'_>, [video, duration, result]: [usize; 3]) -> Call {
    let seconds = fields.unsigned(duration);
    let is_missed = seconds.unwrap_or(0) == 0 && fields.integer(result) != Some(5);
    Call { is_video: fields.flag(video), is_missed, seconds }
}

/// Asks a table, if it is there.
fn each(
    side: Option<&mut Side<'_>>,
    owner: i64,
    visit: &mut dyn FnMut(&Fields<'_>),
) -> Result<(), ChatError> {
    side.map_or(Ok(()), |side| side.each(owner, visit))
}

fn media(fields: &Fields<'_>) -> (Media, Option<String>) {
    let path = fields.text(0);
    let media = Media {
        name: fields.text(1).or_else(|| file_name(path.as_deref()?)),
        path: path.as_deref().and_then(media_path),
        mime: fields.text(2),
        bytes: fields.unsigned(3).filter(|bytes| *bytes > 0).or_else(|| fields.unsigned(4)),
        sha256: fields.sha256(5),
        duration_ms: fields.unsigned(6).filter(|s| *s > 0).map(|s| s.saturating_mul(1000)),
        missing: None,
    };
    (media, fields.text(7))
}

fn add_place(fields: &Fields<'_>, message: &mut Message) {
    let name =
        [fields.text(2), fields.text(3)].into_iter().flatten().collect::<Vec<_>>().join(", ");
    if let (Some(latitude), Some(longitude)) = (fields.real(0), fields.real(1)) {
        let name = Some(name).filter(|name| !name.is_empty());
        message.place = Some(Place { latitude, longitude, name });
        if message.kind == MessageKind::Text {
            message.kind = MessageKind::Location;
        }
    }
}

/// The name and the numbers of a visiting card.
pub(crate) fn card_text(card: &str) -> String {
    let value = |name: &str| {
        let named = move |line: &&str| {
            let head = line.split([';', ':']).next().unwrap_or_default();
            let head = head.rsplit('.').next().unwrap_or_default();
            head.eq_ignore_ascii_case(name)
        };
        card.lines()
            .filter(named)
            .filter_map(|line| line.split_once(':'))
            .map(|(_, value)| value.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let parts: Vec<_> = value("FN").into_iter().take(1).chain(value("TEL")).collect();
    if parts.is_empty() { card.to_owned() } else { parts.join(", ") }
}
