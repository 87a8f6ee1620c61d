//! `heirloom version`.

use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Event, Output};

/// Version of the repository format that this program writes, and the newest that it reads.
const FORMAT: u32 = 1;

pub(crate) fn run(output: Output) -> Result<Exit, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    output.text(&format!("heirloom {version}, repository format {FORMAT}\n"))?;
    output.event(Event::Summary, "version", json!({ "version": version, "format": FORMAT }))?;
    Ok(Exit::Success)
}
