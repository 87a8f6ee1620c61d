//! The `heirloom` program: arguments in, one exit code out. Everything else is in the modules below.
//!
//! This crate is the only place with a command line, an environment, a terminal, an async runtime and
//! words for people; the engine knows none of them.

mod args;
mod browse;
mod chat_changes;
mod chat_verify;
mod chats;
mod commands;
mod exit;
mod explain;
mod failure;
mod history;
mod keeping;
mod keyring;
mod layout;
mod logging;
mod looking;
mod mount;
mod output;
mod places;
mod plugins;
mod progress;
mod recognise;
mod render;
mod secrets;
mod serve;
mod settings;
mod store;
mod system;
mod transforms;
mod upkeep;
mod web;
mod without;

use std::process::ExitCode;

fn main() -> ExitCode {
    system::forbid_core_files();
    commands::run(settings::Environment::take())
}
