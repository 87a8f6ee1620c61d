//! The verbs; one file each. Here they are chosen, and here every failure becomes a message and an exit code.

mod cat;
pub(crate) mod choose;
mod completions;
mod init;
mod key;
mod ls;
mod manual;
pub(crate) mod restore;
mod snapshot;
mod snapshots;
mod version;

use std::process::ExitCode;

use clap::Parser as _;
use serde_json::json;

use crate::args::global::GlobalArgs;
use crate::args::{Cli, Command, ManualPage};
use crate::browse;
use crate::chats;
use crate::exit::Exit;
use crate::explain;
use crate::failure::Failure;
use crate::history;
use crate::keeping;
use crate::logging;
use crate::looking;
use crate::mount;
use crate::output::{Event, Output, complain};
use crate::places;
use crate::serve;
use crate::settings::{self, Environment, Settings};
use crate::upkeep;

/// The whole program.
pub(crate) fn run(environment: Result<Environment, Failure>) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explain_usage(&error),
    };
    let output = settings::output(&cli.global);
    logging::start(output.verbose);
    match dispatch(cli.command, &cli.global, environment) {
        Ok(exit) => exit.into(),
        Err(failure) => report(output, &failure).into(),
    }
}

fn dispatch(
    command: Command,
    global: &GlobalArgs,
    environment: Result<Environment, Failure>,
) -> Result<Exit, Failure> {
    // Only where needed: `version` and `manual` must work whatever the environment says.
    let settings = || Settings::resolve(global, &environment?);
    let output = settings::output(global);
    match command {
        Command::Version => version::run(output),
        Command::Manual { page: ManualPage::ExitCodes } => manual::exit_codes(output),
        Command::Plugin(arguments) => places::plugin::run(&settings()?, &arguments),
        Command::Completions { shell } => completions::run(shell),
        Command::Init(arguments) => init::run(&settings()?, &arguments),
        Command::Snapshot(arguments) => snapshot::run(&settings()?, &arguments),
        Command::Restore(arguments) => restore::run(&settings()?, &arguments),
        Command::Snapshots(arguments) => snapshots::run(&settings()?, &arguments),
        Command::Forget(arguments) => keeping::forget::run(&settings()?, &arguments),
        Command::Policy(arguments) => keeping::policy::run(&settings()?, &arguments),
        Command::Ls(arguments) => ls::run(&settings()?, &arguments),
        Command::Mount(arguments) => mount::run(&settings()?, &arguments),
        Command::Serve(arguments) => serve::run(&settings()?, &arguments),
        Command::Check(arguments) => upkeep::check::run(&settings()?, &arguments),
        Command::Repair(arguments) => upkeep::repair::run(&settings()?, &arguments),
        Command::Prune(arguments) => upkeep::prune::run(&settings()?, &arguments),
        Command::Dump(arguments) => looking::dump::run(&settings()?, &arguments),
        Command::Find(arguments) => looking::find::run(&settings()?, &arguments),
        Command::History(arguments) => looking::history::run(&settings()?, &arguments),
        Command::Du(arguments) => looking::du::run(&settings()?, &arguments),
        Command::Diff(arguments) => history::diff::run(&settings()?, &arguments),
        Command::Stats(arguments) => history::stats::run(&settings()?, &arguments),
        Command::Unforget(arguments) => history::unforget::run(&settings()?, &arguments),
        Command::Pin(arguments) => history::pin::run(&settings()?, &arguments),
        Command::Tag(arguments) => history::tag::run(&settings()?, &arguments),
        Command::Rewrite(arguments) => history::rewrite::run(&settings()?, &arguments),
        Command::Copy(arguments) => {
            let settings = settings()?;
            let to = settings.of_destination(global, &arguments.destination)?;
            history::copy::run(&settings, &to, &arguments)
        }
        Command::Chats(arguments) => chats::run(&settings()?, &arguments),
        Command::Browse(arguments) => browse::run(&settings()?, &arguments),
        Command::Cat(arguments) => cat::run(&settings()?, &arguments),
        Command::Doctor(arguments) => places::doctor::run(settings()?, &arguments),
        Command::Key(arguments) => key::run(&settings()?, &arguments),
        Command::Login(arguments) => places::login::run(&settings()?, &arguments),
    }
}

/// Help and version are results; everything else is a mistake on the command line.
fn explain_usage(error: &clap::Error) -> ExitCode {
    let exit = if error.use_stderr() { Exit::Usage } else { Exit::Success };
    // A closed pipe is no reason for another exit code.
    drop(error.print());
    exit.into()
}

fn report(output: Output, failure: &Failure) -> Exit {
    let Some(message) = explain::message(failure) else {
        return Exit::Success;
    };
    if output.json {
        let fields = json!({
            "code": message.exit.code(),
            "message": message.what,
            "hint": message.hint,
        });
        // Whoever closed standard output learns it from the exit code.
        drop(output.event(Event::Error, message.exit.name(), fields));
    } else {
        complain(&format!("{} {}", output.paint("31", "error:"), message.what));
        if let Some(hint) = &message.hint {
            complain(&format!("  {} {hint}", output.paint("36", "next:")));
        }
    }
    message.exit
}
