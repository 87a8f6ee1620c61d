//! Messages that are more than words, and whose parts lie in tables of their own: goods, orders, invitations, dates.

use crate::error::ChatError;
use crate::model::{Message, MessageKind, Place};
use crate::sqlite::{Fields, Side};

use super::each;
use crate::whatsapp::store::Context;

/// How the columns of a table become words.
type Words = fn(&Fields<'_>) -> Vec<Option<String>>;

/// A table, its columns, and what they say.
type Form = (&'static str, &'static [&'static str], Words);

const FORMS: &[Form] = &[
    (
        "message_product",
        &["title", "description", "currency_code", "amount_1000", "body", "footer", "url"],
        |row| {
            vec![row.text(0), row.text(1), price(row, 2, 3), row.text(4), row.text(5), row.text(6)]
        },
    ),
    (
        "message_order",
        &["order_title", "message", "currency_code", "total_amount_1000", "item_count"],
        |row| {
            let items = row.integer(4).map(|items| format!("× {items}"));
            vec![row.text(0), items, price(row, 2, 3), row.text(1)]
        },
    ),
    ("message_group_invite", &["group_name"], |row| vec![row.text(0)]),
    ("message_template", &["content_text_data", "footer_text_data"], |row| {
        vec![row.text(0), row.text(1)]
    }),
    ("message_template_button", &["text_data", "extra_data"], |row| vec![row.text(0), row.text(1)]),
    ("message_ui_elements", &["element_content", "description", "footer_text"], |row| {
        vec![row.text(0).as_deref().and_then(element_words), row.text(1), row.text(2)]
    }),
    ("message_ui_elements_reply", &["reply_description"], |row| vec![row.text(0)]),
    ("message_payment", &["amount_with_symbol"], |row| vec![row.text(0)]),
    ("message_invoice", &["amount", "note"], |row| vec![row.text(0), row.text(1)]),
    ("message_scheduled_call", &["title"], |row| vec![row.text(0)]),
    ("message_event_invite", &["event_title", "caption"], |row| vec![row.text(0), row.text(1)]),
    ("message_newsletter_admin_invite", &["newsletter_name"], |row| vec![row.text(0)]),
    ("message_newsletter_follower_invite", &["newsletter_name"], |row| vec![row.text(0)]),
    ("message_sticker_pack", &["pack_name", "publisher"], |row| vec![row.text(0), row.text(1)]),
];

const EVENT: &[&str] = &[
    "name",
    "description",
    "location_name",
    "location_address",
    "location_latitude",
    "location_longitude",
    "join_link",
    "start_time",
];

/// Tables of such messages.
#[derive(Debug)]
pub(super) struct Goods<'a> {
    tables: Vec<(Side<'a>, Words)>,
    events: Option<Side<'a>>,
}

impl<'a> Goods<'a> {
    pub(super) fn open(context: Context<'a>) -> Result<Self, ChatError> {
        let of = |table, columns| Side::open(context.database, table, "message_row_id", columns);
        let mut tables = Vec::new();
        for &(table, columns, words) in FORMS {
            tables.extend(of(table, columns)?.map(|side| (side, words)));
        }
        Ok(Self { tables, events: of("message_event", EVENT)? })
    }

    pub(super) fn add(
        &mut self,
        row: i64,
        number: i64,
        message: &mut Message,
    ) -> Result<(), ChatError> {
        if message.kind == MessageKind::Event {
            return each(self.events.as_mut(), row, &mut |fields| add_event(fields, message));
        }
        // The commonest types have no such parts.
        if matches!(number, 0..=5 | 9 | 13 | 15 | 20 | 64 | 66 | 90 | 99) {
            return Ok(());
        }
        let mut parts: Vec<String> = message.text.take().into_iter().collect();
        for (side, words) in &mut self.tables {
            side.each(row, &mut |fields| {
                parts.extend(words(fields).into_iter().flatten());
            })?;
        }
        parts.dedup();
        message.text = Some(parts.join("\n")).filter(|text| !text.is_empty());
        Ok(())
    }
}

fn add_event(fields: &Fields<'_>, message: &mut Message) {
    let start = fields.integer(7).filter(|time| *time > 0).and_then(|time| {
        // Seconds or milliseconds: no event is announced for after the year 5000.
        let time = if time > 100_000_000_000 { time / 1000 } else { time };
        jiff::Timestamp::from_second(time).ok().map(|time| time.to_string())
    });
    let address =
        [fields.text(2), fields.text(3)].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let address = Some(address).filter(|address| !address.is_empty());
    let place = fields.real(4).zip(fields.real(5));
    // Nobody meets where the equator crosses the meridian of Greenwich.
    message.place = place
        .filter(|(latitude, longitude)| latitude.abs() + longitude.abs() > 0.0)
        .map(|(latitude, longitude)| Place { latitude, longitude, name: address.clone() });
    let parts =
        [fields.text(0).or(message.text.take()), fields.text(1), start, address, fields.text(6)];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    message.text = Some(parts.join("\n")).filter(|text| !text.is_empty());
}

/// An amount in thousandths, with its currency.
fn price(row: &Fields<'_>, currency: usize, amount: usize) -> Option<String> {
    let thousandths = row.unsigned(amount).filter(|amount| *amount > 0)?;
    let currency = row.text(currency).unwrap_or_default();
    let (whole, cents) = (thousandths / 1000, thousandths % 1000 / 10);
    Some(format!("{whole}.{cents:02} {currency}").trim().to_owned())
}

/// What people see of a form that businesses send; it is kept as JSON.
fn element_words(content: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(content).ok()?;
    let text = |name: &str| value.get(name)?.as_str().filter(|text| !text.is_empty());
    let names = ["title", "sub_title", "description", "buttonText"];
    let parts: Vec<_> = names.into_iter().filter_map(text).collect();
    (!parts.is_empty()).then(|| parts.join("\n"))
}
