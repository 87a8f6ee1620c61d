//! What others did with a message: answers, reactions, votes.

use crate::error::ChatError;
use crate::model::{Message, MessageKind, Participant, PollOption, Quote, Reaction, Time};
use crate::sqlite::Side;

use super::each;
use crate::whatsapp::store::Context;

const REACTION: i64 = 56;
const VOTE: i64 = 67;

const QUOTED: &[&str] = &["key_id", "from_me", "sender_jid_row_id", "text_data"];
const ADDED: &[&str] =
    &["_id", "from_me", "sender_jid_row_id", "timestamp", "message_add_on_type", "reaction"];

/// Tables of what was done with a message.
#[derive(Debug)]
pub(super) struct Replies<'a> {
    context: Context<'a>,
    quoted: Option<Side<'a>>,
    quoted_media: Option<Side<'a>>,
    added: Option<Side<'a>>,
    reactions: Option<Side<'a>>,
    channel_reactions: Option<Side<'a>>,
    votes: Option<Side<'a>>,
    options: Option<Side<'a>>,
}

/// Something that somebody did.
struct Added {
    row: i64,
    sender: Option<Participant>,
    time: Option<Time>,
    number: Option<i64>,
    reaction: Option<String>,
}

impl<'a> Replies<'a> {
    pub(super) fn open(context: Context<'a>) -> Result<Self, ChatError> {
        let database = context.database;
        let of = |table, column, columns: &[&str]| Side::open(database, table, column, columns);
        Ok(Self {
            context,
            quoted: of("message_quoted", "message_row_id", QUOTED)?,
            quoted_media: of(
                "message_quoted_media",
                "message_row_id",
                &["media_caption", "media_name"],
            )?,
            added: of("message_add_on", "parent_message_row_id", ADDED)?,
            reactions: of("message_add_on_reaction", "message_add_on_row_id", &["reaction"])?,
            channel_reactions: of(
                "newsletter_message_reaction",
                "message_row_id",
                &["reaction", "reaction_count"],
            )?,
            votes: of(
                "message_add_on_poll_vote_selected_option",
                "message_add_on_row_id",
                &["message_poll_option_id"],
            )?,
            options: of(
                "message_poll_option",
                "message_row_id",
                &["_id", "option_name", "vote_total"],
            )?,
        })
    }

    pub(super) fn add(
        &mut self,
        row: i64,
        peer: Option<&Participant>,
        message: &mut Message,
    ) -> Result<(), ChatError> {
        self.add_quote(row, peer, message)?;
        let mut options = Vec::new();
        if message.kind == MessageKind::Poll {
            each(self.options.as_mut(), row, &mut |fields| {
                let votes = fields.unsigned(2).unwrap_or(0);
                let text = fields.text(1).unwrap_or_default();
                options.push((fields.integer(0), PollOption { text, votes, voters: Vec::new() }));
            })?;
        }
        for added in self.added(row, peer)? {
            if added.number == Some(VOTE) {
                self.add_vote(&added, &mut options)?;
            } else if added.number.is_none_or(|number| number == REACTION) {
                self.add_reaction(added, message)?;
            }
        }
        message.poll = options.into_iter().map(|(_, option)| option).collect();
        each(self.channel_reactions.as_mut(), row, &mut |fields| {
            if let Some(text) = fields.text(0) {
                let count = fields.unsigned(1).unwrap_or(1);
                message.reactions.push(Reaction { sender: None, text, count, time: None });
            }
        })
    }

    fn add_quote(
        &mut self,
        row: i64,
        peer: Option<&Participant>,
        message: &mut Message,
    ) -> Result<(), ChatError> {
        let names = self.context.names;
        each(self.quoted.as_mut(), row, &mut |fields| {
            let is_mine = fields.flag(1);
            let sender =
                fields.integer(2).filter(|row| *row > 0).and_then(|row| names.participant(row));
            let sender = if is_mine { Some(names.me()) } else { sender.or_else(|| peer.cloned()) };
            message.quote = Some(Quote { id: fields.text(0), sender, text: fields.text(3) });
        })?;
        if let Some(quote) = message.quote.as_mut().filter(|quote| quote.text.is_none()) {
            each(self.quoted_media.as_mut(), row, &mut |fields| {
                quote.text = fields.text(0).or_else(|| fields.text(1));
            })?;
        }
        Ok(())
    }

    fn added(&mut self, row: i64, peer: Option<&Participant>) -> Result<Vec<Added>, ChatError> {
        let names = self.context.names;
        let mut all = Vec::new();
        each(self.added.as_mut(), row, &mut |fields| {
            let sender =
                fields.integer(2).filter(|row| *row > 0).and_then(|row| names.participant(row));
            let sender =
                if fields.flag(1) { Some(names.me()) } else { sender.or_else(|| peer.cloned()) };
            all.push(Added {
                row: fields.integer(0).unwrap_or(0),
                sender,
                time: fields.integer(3).filter(|time| *time > 0).map(Time::Utc),
                number: fields.integer(4),
                reaction: fields.text(5),
            });
        })?;
        Ok(all)
    }

    fn add_reaction(&mut self, added: Added, message: &mut Message) -> Result<(), ChatError> {
        let mut text = added.reaction;
        each(self.reactions.as_mut(), added.row, &mut |fields| text = fields.text(0))?;
        // A reaction that was taken back is an empty one.
        if let Some(text) = text {
            let (sender, time) = (added.sender, added.time);
            message.reactions.push(Reaction { sender, text, count: 1, time });
        }
        Ok(())
    }

    fn add_vote(
        &mut self,
        added: &Added,
        options: &mut [(Option<i64>, PollOption)],
    ) -> Result<(), ChatError> {
        let mut chosen = Vec::new();
        each(self.votes.as_mut(), added.row, &mut |fields| chosen.extend(fields.integer(0)))?;
        for (_, option) in
            options.iter_mut().filter(|(id, _)| id.is_some_and(|id| chosen.contains(&id)))
        {
            option.voters.extend(added.sender.clone());
            option.votes = option.votes.max(u64::try_from(option.voters.len()).unwrap_or(0));
        }
        Ok(())
    }
}
