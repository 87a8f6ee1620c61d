//! A message as the main table of a generation has it, before the other tables say more.

use std::path::PathBuf;

use crate::model::{Direction, Media, Message, MessageKind, Participant, Place, Quote, Time};

/// What the main table says.
#[derive(Debug, Default)]
pub(crate) struct Core {
    pub(crate) row: i64,
    pub(crate) is_mine: bool,
    pub(crate) key: Option<String>,
    pub(crate) sender: Option<Participant>,
    pub(crate) time: Option<i64>,
    /// The app's own number for its kind.
    pub(crate) number: i64,
    pub(crate) kind: Option<MessageKind>,
    pub(crate) is_view_once: bool,
    pub(crate) text: Option<String>,
    pub(crate) is_starred: bool,
    pub(crate) is_forwarded: bool,
    /// Only a main table of the first generation has these.
    pub(crate) media: Option<Media>,
    pub(crate) quote: Option<Quote>,
    pub(crate) place: Option<Place>,
    pub(crate) system: Option<i64>,
    pub(crate) call: Option<u64>,
}

impl Core {
    /// The message, as far as this table goes.
    pub(crate) fn message(self) -> Message {
        let own = self.kind.unwrap_or(MessageKind::Other);
        let kind = if self.system.is_some() { MessageKind::System } else { own };
        let mut message = Message::new(u64::try_from(self.row).unwrap_or(0), kind);
        message.id = self.key;
        message.time = self.time.filter(|time| *time > 0).map(Time::Utc);
        if kind != MessageKind::System {
            message.direction = if self.is_mine { Direction::Sent } else { Direction::Received };
            message.sender = self.sender;
        }
        message.text = self.text;
        message.media = self.media.into_iter().collect();
        message.quote = self.quote;
        message.place = self.place;
        message.is_starred = self.is_starred;
        message.is_forwarded = self.is_forwarded;
        message.is_view_once = self.is_view_once;
        if let Some(seconds) = self.call {
            let is_missed = seconds == 0 && !self.is_mine;
            message.call =
                Some(crate::model::Call { is_video: false, is_missed, seconds: Some(seconds) });
        }
        if kind == MessageKind::Other {
            message.raw_kind = Some(self.number.to_string());
        }
        if let Some(action) = self.system {
            message.raw_kind = Some(system_kind(action));
        }
        message
    }
}

/// How a message of the app itself is called: its number says what happened.
pub(crate) fn system_kind(action: i64) -> String {
    format!("system {action}")
}

/// Where a file is, relative to the app's folder. Old databases have whole paths of a phone.
pub(crate) fn media_path(path: &str) -> Option<PathBuf> {
    let begin =
        if path.starts_with("Media/") { Some(0) } else { path.find("/Media/").map(|at| at + 1) };
    let relative = begin.and_then(|at| path.get(at..)).unwrap_or(path);
    // What points elsewhere points to nothing of the app.
    let is_inside = !relative.starts_with('/') && relative.split('/').all(|part| part != "..");
    (is_inside && !relative.is_empty()).then(|| PathBuf::from(relative))
}

/// The name of a file at the end of a path.
pub(crate) fn file_name(path: &str) -> Option<String> {
    path.rsplit('/').next().filter(|name| !name.is_empty()).map(str::to_owned)
}
