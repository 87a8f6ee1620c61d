//! `heirloom manual`: pages that are made from what the program knows, so that they cannot be wrong.

use std::fmt::Write as _;

use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Event, Output};

pub(crate) fn exit_codes(output: Output) -> Result<Exit, Failure> {
    let mut page = String::from("Code  Meaning\n");
    for exit in Exit::ALL {
        writeln!(page, "{:>4}  {}", exit.code(), exit.meaning()).expect("a String takes it");
    }
    output.text(&page)?;
    let codes: Vec<_> = Exit::ALL
        .iter()
        .map(|exit| json!({ "code": exit.code(), "name": exit.name(), "meaning": exit.meaning() }))
        .collect();
    output.event(Event::Summary, "manual.exit-codes", json!({ "exit_codes": codes }))?;
    Ok(Exit::Success)
}
