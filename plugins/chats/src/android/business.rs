//! What the app for businesses keeps beside messages: labels, answers to choose from, whom it answers while away.

use std::collections::BTreeMap;

use crate::error::ChatError;
use crate::model::{Business, Label, Profile, QuickReply};
use crate::sqlite::{Database, Side};

use crate::whatsapp::store::Context;

/// Everything of that kind. The catalogue lies with the company and in no backup.
pub(super) fn read(
    context: Context<'_>,
    contacts: Option<&Database>,
) -> Result<Business, ChatError> {
    let profiles = match contacts {
        Some(contacts) => profiles(context, contacts)?,
        None => Vec::new(),
    };
    Ok(Business {
        labels: labels(context)?,
        quick_replies: quick_replies(context)?,
        away: away(context)?,
        broadcast_lists: broadcast_lists(context)?,
        profiles,
    })
}

fn labels(context: Context<'_>) -> Result<Vec<Label>, ChatError> {
    let Context { database, names } = context;
    let mut labels: BTreeMap<i64, Label> = BTreeMap::new();
    if !database.has("labels", "label_name") || !database.has("labels", "_id") {
        return Ok(Vec::new());
    }
    database.each("SELECT _id, label_name FROM labels", [], &mut |row| {
        if let (Some(id), Some(name)) = (row.integer(0), row.text(1)) {
            labels.insert(id, Label { name, conversations: Vec::new(), messages: Vec::new() });
        }
        true
    })?;
    // By rows of addresses, and earlier by the addresses.
    for (table, column) in [("labeled_jid", "jid_row_id"), ("labeled_jids", "jid")] {
        if !database.has(table, "label_id") || !database.has(table, column) {
            continue;
        }
        database.each(&format!("SELECT label_id, {column} FROM {table}"), [], &mut |row| {
            let address = row.integer(1).and_then(|row| names.address(row)).map(str::to_owned);
            let address = address.or_else(|| row.text(1).filter(|text| text.contains('@')));
            let label = row.integer(0).and_then(|id| labels.get_mut(&id));
            if let (Some(label), Some(address)) = (label, address) {
                label.conversations.push(names.canonical(&address));
            }
            true
        })?;
    }
    if database.has("labeled_messages", "label_id")
        && database.has("labeled_messages", "message_row_id")
    {
        database.each("SELECT label_id, message_row_id FROM labeled_messages", [], &mut |row| {
            let label = row.integer(0).and_then(|id| labels.get_mut(&id));
            if let (Some(label), Some(message)) = (label, row.unsigned(1)) {
                label.messages.push(message);
            }
            true
        })?;
    }
    Ok(labels.into_values().collect())
}

fn quick_replies(context: Context<'_>) -> Result<Vec<QuickReply>, ChatError> {
    let database = context.database;
    let mut replies = Vec::new();
    if database.table("quick_replies").is_none() {
        return Ok(replies);
    }
    let columns = database.columns("quick_replies", &["_id", "title", "content"]);
    let mut rows = Vec::new();
    database.each(&format!("SELECT {columns} FROM quick_replies"), [], &mut |row| {
        rows.push((row.integer(0).unwrap_or(0), row.text(1), row.text(2)));
        true
    })?;
    let side = |table, columns: &[&str]| Side::open(database, table, "quick_reply_id", columns);
    let mut attachments = side("quick_reply_attachments", &["caption", "uri"])?;
    let mut keywords = side("quick_reply_keywords", &["keyword_id"])?;
    let mut words = Side::open(database, "keywords", "_id", &["keyword"])?;
    for (id, title, content) in rows {
        let mut reply = QuickReply {
            title: title.unwrap_or_default(),
            text: content.unwrap_or_default(),
            attachments: Vec::new(),
            keywords: Vec::new(),
        };
        if let Some(attachments) = &mut attachments {
            attachments.each(id, &mut |row| {
                reply.attachments.extend(row.text(0));
                reply.attachments.extend(row.text(1));
            })?;
        }
        let mut ids = Vec::new();
        if let Some(keywords) = &mut keywords {
            keywords.each(id, &mut |row| ids.extend(row.integer(0)))?;
        }
        if let Some(words) = &mut words {
            for id in ids {
                words.each(id, &mut |row| reply.keywords.extend(row.text(0)))?;
            }
        }
        replies.push(reply);
    }
    Ok(replies)
}

fn away(context: Context<'_>) -> Result<Vec<String>, ChatError> {
    let mut away = Vec::new();
    if context.database.has("away_messages", "jid") {
        context.database.each("SELECT jid FROM away_messages", [], &mut |row| {
            away.extend(row.text(0).map(|address| context.names.canonical(&address)));
            true
        })?;
    }
    Ok(away)
}

fn broadcast_lists(context: Context<'_>) -> Result<Vec<String>, ChatError> {
    let database = context.database;
    let mut lists = Vec::new();
    if database.has("chat", "jid_row_id") {
        let columns = database.columns("chat", &["jid_row_id", "subject"]);
        database.each(&format!("SELECT {columns} FROM chat"), [], &mut |row| {
            let address = row.integer(0).and_then(|row| context.names.address(row));
            let is_list =
                |address: &&str| address.ends_with("@broadcast") && *address != "status@broadcast";
            lists.extend(
                address
                    .filter(is_list)
                    .map(|address| row.text(1).unwrap_or_else(|| address.to_owned())),
            );
            true
        })?;
    }
    Ok(lists)
}

fn profiles(context: Context<'_>, contacts: &Database) -> Result<Vec<Profile>, ChatError> {
    if !contacts.has("wa_biz_profiles", "jid") {
        return Ok(Vec::new());
    }
    let mut profiles = Vec::new();
    let columns = ["_id", "jid", "business_description", "email", "address", "vertical"];
    let columns = contacts.columns("wa_biz_profiles", &columns);
    contacts.each(&format!("SELECT {columns} FROM wa_biz_profiles"), [], &mut |row| {
        if let Some(address) = row.text(1) {
            profiles.push((
                row.integer(0).unwrap_or(0),
                Profile {
                    who: context.names.by_address(&address),
                    description: row.text(2),
                    email: row.text(3),
                    address: row.text(4),
                    category: row.text(5),
                    websites: Vec::new(),
                },
            ));
        }
        true
    })?;
    let mut websites =
        Side::open(contacts, "wa_biz_profiles_websites", "wa_biz_profile_id", &["websites"])?;
    for (id, profile) in &mut profiles {
        if let Some(websites) = &mut websites {
            websites.each(*id, &mut |row| profile.websites.extend(row.text(0)))?;
        }
    }
    Ok(profiles.into_iter().map(|(_, profile)| profile).collect())
}
