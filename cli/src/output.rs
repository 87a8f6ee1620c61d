//! Where words go: results to standard output, everything else to standard error, and with `--json` one object a line.
//!
//! Human text and JSON are never mixed: with `--json`, nothing but objects reaches standard output.

use std::io::{self, IsTerminal as _, Write as _};

use heirloom_engine::clock::Clock as _;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::render;
use crate::system::SystemClock;

/// What a JSON object is about; its `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Status,
    File,
    Warning,
    Error,
    Summary,
    Snapshot,
    Key,
    Finding,
    Pack,
    Plugin,
    Verdict,
    Policy,
    App,
}

impl Event {
    const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::File => "file",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Summary => "summary",
            Self::Snapshot => "snapshot",
            Self::Key => "key",
            Self::Finding => "finding",
            Self::Pack => "pack",
            Self::Plugin => "plugin",
            Self::Verdict => "verdict",
            Self::Policy => "policy",
            Self::App => "app",
        }
    }
}

/// How much a command says, and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// One JSON object a line instead of text.
    pub(crate) json: bool,
    /// No progress, no notes.
    pub(crate) quiet: bool,
    /// How often `-v` was given.
    pub(crate) verbose: u8,
    /// Whether standard error may be coloured.
    pub(crate) colour: bool,
}

impl Output {
    /// A result in words, on standard output; nothing with `--json`.
    pub(crate) fn text(self, text: &str) -> Result<(), Failure> {
        if self.json { Ok(()) } else { write_text(text) }
    }

    /// What was done, for people who did not ask for quiet.
    pub(crate) fn done(self, text: &str) -> Result<(), Failure> {
        if self.quiet { Ok(()) } else { self.text(text) }
    }

    /// A remark for people, on standard error.
    pub(crate) fn note(self, text: &str) {
        if !self.json && !self.quiet {
            complain(text);
        }
    }

    /// A warning, in words on standard error or as an object.
    pub(crate) fn warning(self, id: &str, text: &str, fields: Value) {
        if self.json {
            let fields = with_message(fields, text);
            // Whoever closed standard output no longer wants warnings; results report the broken pipe.
            drop(self.event(Event::Warning, id, fields));
        } else {
            complain(&format!("{} {text}", self.paint("33", "warning:")));
        }
    }

    /// One JSON object; nothing without `--json`.
    #[expect(clippy::needless_pass_by_value, reason = "callers make the fields for this call")]
    pub(crate) fn event(self, event: Event, id: &str, fields: Value) -> Result<(), Failure> {
        if !self.json {
            return Ok(());
        }
        let mut line = object_text(event, id, &fields);
        line.push('\n');
        write_text(&line)
    }

    /// The text in an ANSI colour, where colours are welcome.
    pub(crate) fn paint(self, colour: &str, text: &str) -> String {
        if self.colour { format!("\x1b[1;{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A line on standard error. A closed standard error is nobody's problem.
pub(crate) fn complain(text: &str) {
    let mut stderr = io::stderr().lock();
    drop(writeln!(stderr, "{text}"));
}

/// The object as one line of JSON, without line feed; `v`, `type`, `time` and `id` come first.
pub(crate) fn object_text(event: Event, id: &str, fields: &Value) -> String {
    let name = event.name();
    let time = render::time::rfc3339(SystemClock.now_ns());
    let common = format!(r#"{{"v":1,"type":"{name}","time":"{time}","id":{}"#, json!(id));
    let fields = fields.to_string();
    match fields.strip_prefix('{') {
        Some(fields) if fields != "}" => format!("{common},{fields}"),
        Some(_) | None => format!("{common}}}"),
    }
}

fn with_message(fields: Value, text: &str) -> Value {
    let mut fields = fields;
    if let Value::Object(map) = &mut fields {
        map.insert("message".to_owned(), json!(text));
        fields
    } else {
        json!({ "message": text })
    }
}

/// Writes to standard output. A reader that went away ends the command, silently.
pub(crate) fn write_text(text: &str) -> Result<(), Failure> {
    write_bytes(text.as_bytes())
}

/// As [`write_text`], for bytes.
pub(crate) fn write_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(Failure::Output)
}

/// Whether somebody reads standard output on a screen.
pub(crate) fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether somebody reads standard error on a screen.
pub(crate) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_knows_every_type() {
        let page = include_str!("../../docs/json.md");
        for event in [
            Event::Status,
            Event::File,
            Event::Warning,
            Event::Error,
            Event::Summary,
            Event::Snapshot,
            Event::Key,
            Event::Finding,
            Event::Pack,
            Event::Plugin,
            Event::Verdict,
            Event::Policy,
            Event::App,
        ] {
            assert!(page.contains(&format!("| `{}` |", event.name())), "{event:?}");
        }
    }

    #[test]
    fn an_object_is_one_line_with_the_common_fields() {
        let text = object_text(Event::Warning, "source.unreadable", &json!({ "path": "/a\nb" }));
        assert!(!text.contains('\n'));
        let object: Value = serde_json::from_str(&text).expect("valid JSON");
        assert_eq!(object["v"], 1);
        assert_eq!(object["type"], "warning");
        assert_eq!(object["id"], "source.unreadable");
        assert_eq!(object["path"], "/a\nb");
        assert!(object["time"].as_str().expect("a time").ends_with('Z'));
        assert!(text.starts_with(r#"{"v":1,"type":"warning","time":""#));
        let bare = object_text(Event::Status, "x", &json!({}));
        assert!(serde_json::from_str::<Value>(&bare).is_ok(), "{bare}");
    }
}
