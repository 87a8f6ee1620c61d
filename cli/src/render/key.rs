//! Words about passphrases and keys.

use std::fmt::Write as _;

use heirloom_engine::id::SlotId;
use heirloom_engine::repository::SlotInfo;

use super::table::{Side, Table};
use super::{names, qr, time};

/// What to say when a repository was made. The recovery key is shown here and nowhere else, once.
pub(crate) fn repository_made(address: &str, recovery: Option<&str>, on_screen: bool) -> String {
    let mut text = format!("Made a repository at {address}\n");
    let Some(key) = recovery else { return text };
    text.push_str(
        "\nThe recovery key opens it if the passphrase is lost. Print it or write it down, and keep it\n\
         somewhere else; it is shown only this once, and whoever has it can read everything.\n\n",
    );
    writeln!(text, "  {key}\n").expect("a String takes everything");
    if on_screen && let Some(code) = qr::code(key) {
        for line in code.lines() {
            writeln!(text, "  {line}").expect("a String takes everything");
        }
        text.push('\n');
    }
    text.push_str("To use it, put it into a file and name that with --identity-file.\n\n");
    text
}

/// The comment of an SSH key, or the beginning of another key.
pub(crate) fn label_of(recipient: &str) -> String {
    let mut words = recipient.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(_), Some(_), Some(comment)) => comment.to_owned(),
        (Some(key), ..) => key.chars().take(20).collect(),
        _ => String::new(),
    }
}

/// The keys as a table; a star marks the one that was used.
pub(crate) fn slots(slots: &[SlotInfo], opened_with: SlotId) -> String {
    let columns = [" ", "ID", "Kind", "Label", "Created"].map(|heading| (heading, Side::Left));
    let mut table = Table::new(&columns);
    for slot in slots {
        table.row(&[
            if slot.id == opened_with { "*" } else { "" }.to_owned(),
            short(&slot.id.to_string()),
            slot.kind.clone(),
            names::shown(slot.label.as_bytes()),
            slot.created_ns.map(|ns| time::local(ns.into())).unwrap_or_default(),
        ]);
    }
    let mut text = table.render();
    text.push_str("\n* opened the repository now\n");
    text
}

/// The part of an id that people read and write.
pub(crate) fn short(id: &str) -> String {
    id.chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recovery_key_is_shown_whole_and_as_a_code_only_on_a_screen() {
        let text = repository_made("/srv/b", Some("AGE-SECRET-KEY-1ABC"), false);
        assert!(text.contains("\n  AGE-SECRET-KEY-1ABC\n"));
        assert!(!text.contains('█'));
        assert!(repository_made("/srv/b", Some("AGE-SECRET-KEY-1ABC"), true).contains('█'));
        assert_eq!(repository_made("/srv/b", None, true), "Made a repository at /srv/b\n");
    }

    #[test]
    fn a_public_key_is_told_by_its_comment_or_beginning() {
        assert_eq!(label_of("ssh-ed25519 AAAA me@laptop"), "me@laptop");
        assert_eq!(label_of("age1qqqqqqqqqqqqqqqqqqqqqqqq"), "age1qqqqqqqqqqqqqqqq");
    }
}
