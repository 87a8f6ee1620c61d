//! `heirloom snapshot`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use heirloom_engine::snapshot::Selector;
use jiff::Timestamp;

use super::chats::ChatsKeyArgs;
use super::filters::FilterArgs;
use super::values::{self, Until};

/// Back up files and folders.
#[derive(Debug, Args)]
pub(crate) struct SnapshotArgs {
    /// Files and folders to back up
    pub(crate) paths: Vec<PathBuf>,

    /// The command of --stdin-from-command, and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,

    #[command(flatten)]
    pub(crate) about: AboutArgs,

    #[command(flatten)]
    pub(crate) filters: FilterArgs,

    #[command(flatten)]
    pub(crate) input: InputArgs,

    #[command(flatten)]
    pub(crate) how: HowArgs,

    #[command(flatten)]
    pub(crate) keys: ChatsKeyArgs,
}

/// What the snapshot says about itself.
#[derive(Debug, Args)]
#[command(next_help_heading = "About the snapshot")]
pub(crate) struct AboutArgs {
    /// Tag of the snapshot; may be repeated, or a list with commas
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub(crate) tag: Vec<String>,

    /// Label of the snapshot: LABEL@latest finds the newest with it
    #[arg(long)]
    pub(crate) label: Option<String>,

    /// Name of the machine, if not this machine's own
    #[arg(short = 'H', long)]
    pub(crate) host: Option<String>,

    /// Time that the snapshot stands for, if not now
    #[arg(long, value_parser = values::time)]
    pub(crate) time: Option<Timestamp>,

    /// Retention keeps the snapshot until this date, or for this long
    #[arg(long, value_name = "DATE-OR-DURATION", value_parser = values::until)]
    pub(crate) keep_until: Option<Until>,

    /// Retention never drops the snapshot
    #[arg(long)]
    pub(crate) pin: bool,
}

/// Where the files come from, if not from the arguments.
#[derive(Debug, Args)]
#[command(next_help_heading = "What to back up")]
pub(crate) struct InputArgs {
    /// File with paths to back up, one a line; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) files_from: Vec<PathBuf>,

    /// As --files-from, with a zero byte after each path
    #[arg(long, value_name = "FILE")]
    pub(crate) files_from_raw: Vec<PathBuf>,

    /// Back up what comes from standard input, as one file
    #[arg(
        long,
        conflicts_with_all = ["paths", "files_from", "files_from_raw", "stdin_from_command"]
    )]
    pub(crate) stdin: bool,

    /// Back up what a command prints, as one file; the command follows after --
    #[arg(
        long,
        requires = "command",
        conflicts_with_all = ["paths", "files_from", "files_from_raw"]
    )]
    pub(crate) stdin_from_command: bool,

    /// Path of that file in the snapshot
    #[arg(long, value_name = "PATH", default_value = "stdin")]
    pub(crate) stdin_filename: PathBuf,
}

/// How the snapshot is made.
#[derive(Debug, Args)]
#[command(next_help_heading = "How")]
pub(crate) struct HowArgs {
    /// Snapshot to compare with, if not the newest of the same host and paths
    #[arg(
        long,
        value_name = "SNAPSHOT",
        conflicts_with = "force",
        value_parser = values::selector()
    )]
    pub(crate) parent: Option<Selector>,

    /// Read every file again
    #[arg(short, long)]
    pub(crate) force: bool,

    /// Only say what would be stored
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,

    /// Make no snapshot if nothing changed
    #[arg(long)]
    pub(crate) skip_if_unchanged: bool,

    /// What to do with a file that cannot be read
    #[arg(long, value_name = "WHAT", default_value = "skip")]
    pub(crate) on_error: OnError,

    /// How hard to compress
    #[arg(long, value_name = "HOW", default_value = "default")]
    pub(crate) compression: Compression,
}

/// What to do with a file that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnError {
    /// Say so and go on; the exit code is 3
    Skip,
    /// Make no snapshot
    Fail,
}

/// How hard to compress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compression {
    /// Least time
    Fast,
    /// A good balance
    Default,
    /// Least space
    Best,
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::args::{Cli, Command};

    fn parse(arguments: &[&str]) -> Result<super::SnapshotArgs, clap::Error> {
        let all = ["heirloom", "snapshot"].iter().chain(arguments);
        let Command::Snapshot(arguments) = Cli::try_parse_from(all)?.command else {
            panic!("not a snapshot");
        };
        Ok(*arguments)
    }

    #[test]
    fn the_last_of_contrary_flags_counts() {
        let arguments = parse(&["--exclude-caches", "--no-exclude-caches", "/a"]).expect("parses");
        assert!(!arguments.filters.exclude_caches);
        assert!(arguments.filters.no_exclude_caches);
    }

    #[test]
    fn tags_may_be_repeated_or_listed() {
        let arguments = parse(&["--tag", "a,b", "--tag", "c", "/a"]).expect("parses");
        assert_eq!(arguments.about.tag, ["a", "b", "c"]);
    }

    #[test]
    fn a_command_for_standard_input_follows_two_dashes() {
        let arguments = parse(&["--stdin-from-command", "--", "pg_dump", "--all"]).expect("parses");
        assert_eq!(arguments.command, ["pg_dump", "--all"]);
        assert!(parse(&["--stdin-from-command"]).is_err());
    }

    #[test]
    fn standard_input_and_paths_exclude_each_other() {
        assert!(parse(&["--stdin", "/a"]).is_err());
        assert!(parse(&["--parent", "latest", "--force", "/a"]).is_err());
    }
}
