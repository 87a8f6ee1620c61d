//! Words about files that were to be taken apart.

use heirloom_chats::transform::NotTaken;
use serde_json::json;

use super::Outcome;
use crate::explain;
use crate::output::Output;
use crate::render::names;

/// Says what is stored as it lies though something better was tried. Nothing is lost by that but room.
///
/// Backups that nobody gave a key for are told with everything else that was recognised.
pub(crate) fn tell(output: Output, outcomes: &[Outcome]) {
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
            Ok(_) | Err(NotTaken::Locked { .. }) => {}
            Err(reason) => {
                let why = explain::chain(reason);
                let text = format!(
                    "{path} is stored as it is, and shares nothing with other copies: it {why}"
                );
                output.warning("snapshot.stored-as-is", &text, fields);
            }
        }
    }
}
