//! Words about files that were to be taken apart.

use heirloom_chats::transform::NotTaken;
use serde_json::json;

use super::Outcome;
use crate::explain;
use crate::failure::Failure;
use crate::output::{Event, Output};
use crate::render::names;
use crate::render::numbers::{bytes, counted};

/// What could not be taken apart, in words for those who can do something about it.
#[derive(Debug, Default)]
pub(crate) struct Told {
    locked: u64,
    locked_bytes: u64,
}

impl Told {
    /// Says what is stored as it lies though something better was tried. Nothing is lost by that but room.
    pub(crate) fn tell(output: Output, outcomes: &[Outcome]) -> Result<Self, Failure> {
        let mut told = Self::default();
        for outcome in outcomes {
            let path = names::path(&outcome.path);
            let fields = json!({ "path": outcome.path.to_string_lossy() });
            match &outcome.what {
                Ok(apart) if apart.wrong_checksum => {
                    let text = format!(
                        "{path} has a checksum that is wrong, although its content is authentic; it comes back as it is"
                    );
                    output.warning("snapshot.wrong-checksum", &text, fields);
                }
                Ok(_) => {}
                Err(NotTaken::Locked { .. }) => {
                    told.locked += 1;
                    told.locked_bytes = told.locked_bytes.saturating_add(outcome.bytes);
                }
                Err(reason) => {
                    let why = explain::chain(reason);
                    let text = format!(
                        "{path} {why}: it is stored as it is, and shares nothing with other copies"
                    );
                    output.warning("snapshot.stored-as-is", &text, fields);
                }
            }
        }
        if told.locked > 0 {
            let fields = json!({ "files": told.locked, "bytes": told.locked_bytes });
            output.event(Event::Status, "snapshot.locked-backups", fields)?;
        }
        Ok(told)
    }

    /// What a key would change.
    pub(crate) fn hint(&self, output: Output) {
        if self.locked > 0 {
            let what = counted(self.locked, "encrypted chat backup", "encrypted chat backups");
            output.note(&format!(
                "{what} ({}) cannot share what they have in common with other copies.\n\
                 Give their key once, and they do: heirloom chats key add",
                bytes(self.locked_bytes)
            ));
        }
    }
}
