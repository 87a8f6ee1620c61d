//! Who is who: addresses, phone numbers behind hidden ones, and what people call each other.

use std::collections::BTreeMap;

use crate::error::ChatError;
use crate::model::{ConversationKind, Participant};
use crate::sqlite::Database;

/// What is put in place of the address of whoever the phone belongs to: databases do not say it.
pub(crate) const ME: &str = "me";

/// Addresses and names.
#[derive(Debug, Default, Clone)]
pub(crate) struct Names {
    /// Rows of the table of addresses. Those that hide a number have the number, where it is known.
    addresses: BTreeMap<i64, String>,
    /// Numbers behind addresses that hide them.
    numbers: BTreeMap<String, String>,
    called: BTreeMap<String, String>,
    me: Option<String>,
}

impl Names {
    /// Reads addresses of a message store, and the names of a book of contacts.
    pub(crate) fn read(store: &Database, contacts: Option<&Database>) -> Result<Self, ChatError> {
        let mut names = Self::default();
        names.read_addresses(store)?;
        names.read_numbers(store)?;
        names.read_hidden_names(store)?;
        if let Some(contacts) = contacts {
            names.read_contacts(contacts)?;
        }
        if store.has("props", "value") {
            let sql = "SELECT value FROM props WHERE key = 'user_push_name'";
            store.each(sql, [], &mut |row| {
                names.me = row.text(0);
                false
            })?;
        }
        Ok(names)
    }

    fn read_addresses(&mut self, store: &Database) -> Result<(), ChatError> {
        if store.table("jid").is_none() {
            return Ok(());
        }
        let columns = store.columns("jid", &["_id", "raw_string", "user", "server"]);
        store.each(&format!("SELECT {columns} FROM jid"), [], &mut |row| {
            let spelt = row.text(1).or_else(|| Some(format!("{}@{}", row.text(2)?, row.text(3)?)));
            if let (Some(id), Some(spelt)) = (row.integer(0), spelt) {
                self.addresses.insert(id, person(&spelt));
            }
            true
        })
    }

    fn read_numbers(&mut self, store: &Database) -> Result<(), ChatError> {
        if !store.has("jid_map", "lid_row_id") || !store.has("jid_map", "jid_row_id") {
            return Ok(());
        }
        let mut pairs = Vec::new();
        store.each("SELECT lid_row_id, jid_row_id FROM jid_map", [], &mut |row| {
            pairs.extend(row.integer(0).zip(row.integer(1)));
            true
        })?;
        for (hidden, number) in pairs {
            let number = self.addresses.get(&number).filter(|number| is_number(number)).cloned();
            let hidden = self.addresses.get_mut(&hidden).filter(|hidden| !is_number(hidden));
            if let (Some(hidden), Some(number)) = (hidden, number) {
                let hidden = std::mem::replace(hidden, number.clone());
                self.numbers.insert(hidden, number);
            }
        }
        // A person has a row for each of their devices.
        for address in self.addresses.values_mut() {
            if let Some(number) = self.numbers.get(address) {
                address.clone_from(number);
            }
        }
        Ok(())
    }

    /// In backups these are masked; better than nothing, and whatever else is known goes first.
    fn read_hidden_names(&mut self, store: &Database) -> Result<(), ChatError> {
        if !store.has("lid_display_name", "lid_row_id") {
            return Ok(());
        }
        let columns =
            store.columns("lid_display_name", &["lid_row_id", "display_name", "username"]);
        store.each(&format!("SELECT {columns} FROM lid_display_name"), [], &mut |row| {
            let address = row.integer(0).and_then(|id| self.addresses.get(&id));
            if let (Some(address), Some(name)) = (address, row.text(1).or_else(|| row.text(2))) {
                self.called.insert(address.clone(), name);
            }
            true
        })
    }

    fn read_contacts(&mut self, contacts: &Database) -> Result<(), ChatError> {
        if contacts.has("wa_vnames", "verified_name") && contacts.has("wa_vnames", "jid") {
            contacts.each("SELECT jid, verified_name FROM wa_vnames", [], &mut |row| {
                self.call(row.text(0), row.text(1));
                true
            })?;
        }
        if !contacts.has("wa_contacts", "jid") {
            return Ok(());
        }
        let columns = ["jid", "display_name", "given_name", "family_name", "wa_name", "nickname"];
        let columns = contacts.columns("wa_contacts", &columns);
        contacts.each(&format!("SELECT {columns} FROM wa_contacts"), [], &mut |row| {
            let full =
                [row.text(2), row.text(3)].into_iter().flatten().collect::<Vec<_>>().join(" ");
            let in_the_book = row.text(1).or_else(|| Some(full).filter(|full| !full.is_empty()));
            let address = row.text(0).map(|address| self.canonical(&address));
            let verified =
                address.as_ref().is_some_and(|address| self.called.contains_key(address));
            let own = row.text(4).or_else(|| row.text(5)).filter(|_| !verified);
            self.call(address, in_the_book.or(own));
            true
        })
    }

    /// Notes the address of a row, and that it is a person's.
    pub(crate) fn place(&mut self, row: i64, address: &str) {
        self.addresses.insert(row, self.canonical(address));
    }

    /// Notes the number behind an address that hides it.
    pub(crate) fn hide(&mut self, hidden: &str, number: &str) {
        let (hidden, number) = (person(hidden), person(number));
        if is_number(&number) && !is_number(&hidden) {
            self.numbers.insert(hidden, number);
        }
    }

    /// Notes what somebody is called; the last name counts.
    pub(crate) fn call(&mut self, address: Option<String>, name: Option<String>) {
        if let (Some(address), Some(name)) = (address, name) {
            self.called.insert(self.canonical(&address), name);
        }
    }

    /// One spelling for each person: without the device, and with the number if it is known.
    pub(crate) fn canonical(&self, address: &str) -> String {
        let address = person(address);
        self.numbers.get(&address).cloned().unwrap_or(address)
    }

    /// The address of a row.
    pub(crate) fn address(&self, row: i64) -> Option<&str> {
        self.addresses.get(&row).map(String::as_str)
    }

    /// Somebody by the row of their address.
    pub(crate) fn participant(&self, row: i64) -> Option<Participant> {
        self.address(row).map(|address| self.named(address))
    }

    /// Somebody by their address.
    pub(crate) fn by_address(&self, address: &str) -> Participant {
        self.named(&self.canonical(address))
    }

    fn named(&self, address: &str) -> Participant {
        let name = self.called.get(address).cloned();
        Participant { id: address.to_owned(), name, is_self: false }
    }

    /// What people call an address; its number, if they do not call it anything.
    pub(crate) fn name(&self, address: &str) -> String {
        self.called.get(address).cloned().unwrap_or_else(|| shown(address))
    }

    /// Whose phone it is.
    pub(crate) fn me(&self) -> Participant {
        Participant { id: ME.to_owned(), name: self.me.clone(), is_self: true }
    }
}

/// An address as people write it.
pub(crate) fn shown(address: &str) -> String {
    match address.split_once('@') {
        Some((user, "s.whatsapp.net" | "c.us"))
            if user.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            format!("+{user}")
        }
        Some(_) | None => address.to_owned(),
    }
}

fn is_number(address: &str) -> bool {
    address.ends_with("@s.whatsapp.net")
}

/// An address without the device: `1.0:5@s.whatsapp.net` is a device of `1@s.whatsapp.net`.
fn person(address: &str) -> String {
    let Some((user, server)) = address.split_once('@') else { return address.to_owned() };
    match user.split_once(':') {
        Some((user, _)) => format!("{}@{server}", user.split('.').next().unwrap_or(user)),
        None => address.to_owned(),
    }
}

/// What an address is for.
pub(crate) fn kind(address: &str) -> ConversationKind {
    match address.split_once('@') {
        Some(("status", _) | (_, "status")) => ConversationKind::Status,
        Some((_, "s.whatsapp.net" | "c.us" | "lid")) => ConversationKind::Person,
        Some((_, "g.us")) => ConversationKind::Group,
        Some((_, "broadcast")) => ConversationKind::Broadcast,
        Some((_, "newsletter")) => ConversationKind::Channel,
        Some((_, "bot")) => ConversationKind::Bot,
        Some(_) | None => ConversationKind::Unknown,
    }
}
