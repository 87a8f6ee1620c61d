//! The command line as types; one file per verb. Nothing here reads a file or the environment.

pub(crate) mod browse;
pub(crate) mod cat;
pub(crate) mod chats;
pub(crate) mod check;
pub(crate) mod copy;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod du;
pub(crate) mod dump;
pub(crate) mod filters;
pub(crate) mod find;
pub(crate) mod forget;
pub(crate) mod global;
pub(crate) mod history;
pub(crate) mod init;
pub(crate) mod keep;
pub(crate) mod key;
pub(crate) mod login;
pub(crate) mod ls;
pub(crate) mod mount;
pub(crate) mod pick;
pub(crate) mod plugin;
pub(crate) mod policy;
pub(crate) mod prune;
pub(crate) mod repair;
pub(crate) mod restore;
pub(crate) mod serve;
pub(crate) mod snapshot;
pub(crate) mod snapshots;
pub(crate) mod stats;
pub(crate) mod values;
pub(crate) mod versions;

use clap::{Parser, Subcommand, ValueEnum};

use self::browse::BrowseArgs;
use self::cat::CatArgs;
use self::chats::ChatsArgs;
use self::check::CheckArgs;
use self::copy::CopyArgs;
use self::diff::DiffArgs;
use self::doctor::DoctorArgs;
use self::du::DuArgs;
use self::dump::DumpArgs;
use self::find::FindArgs;
use self::forget::ForgetArgs;
use self::global::GlobalArgs;
use self::history::{PinArgs, RewriteArgs, TagArgs, UnforgetArgs};
use self::init::InitArgs;
use self::key::KeyArgs;
use self::login::LoginArgs;
use self::ls::LsArgs;
use self::mount::MountArgs;
use self::plugin::PluginArgs;
use self::policy::PolicyArgs;
use self::prune::PruneArgs;
use self::repair::RepairArgs;
use self::restore::RestoreArgs;
use self::serve::ServeArgs;
use self::snapshot::SnapshotArgs;
use self::snapshots::SnapshotsArgs;
use self::stats::StatsArgs;
use self::versions::HistoryArgs;

const ENVIRONMENT: &str = "\
Environment:
  HEIRLOOM_REPOSITORY        where the snapshots are kept, as --repository
  HEIRLOOM_PASSWORD          the passphrase itself
  HEIRLOOM_PASSWORD_FILE     as --password-file
  HEIRLOOM_PASSWORD_COMMAND  as --password-command
  HEIRLOOM_IDENTITY_FILE     as --identity-file
  HEIRLOOM_CACHE_DIR         as --cache-dir
  HEIRLOOM_PROFILE           as --profile
  HEIRLOOM_STORE_KEY         the option KEY of the store; the place for its secrets
  HEIRLOOM_TO_...            the same for the destination of a copy: REPOSITORY, PASSWORD and so on
  NO_COLOR                   no colours

A flag beats the environment. Exit codes: heirloom manual exit-codes";

/// Encrypted, deduplicated snapshots of what cannot be had again.
#[derive(Debug, Parser)]
#[command(
    name = "heirloom",
    version,
    after_help = ENVIRONMENT,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new repository
    Init(InitArgs),
    /// Back up files and folders
    #[command(visible_alias = "backup")]
    Snapshot(Box<SnapshotArgs>),
    /// Bring files back
    Restore(Box<RestoreArgs>),
    /// List the snapshots
    Snapshots(SnapshotsArgs),
    /// List the files in a snapshot
    Ls(LsArgs),
    /// Look into the conversations of a snapshot
    Chats(Box<ChatsArgs>),
    /// Write a file or folder of a snapshot to standard output
    Dump(DumpArgs),
    /// Find files in all snapshots, each version once
    Find(Box<FindArgs>),
    /// List the versions of one file or folder
    History(HistoryArgs),
    /// Show the biggest folders of a snapshot
    Du(DuArgs),
    /// Show the snapshots as a folder
    Mount(MountArgs),
    /// Show the snapshots to other programs, as WebDAV
    Serve(ServeArgs),
    /// Say what differs between two snapshots, or a snapshot and a folder
    Diff(DiffArgs),
    /// Say what snapshots take
    Stats(StatsArgs),
    /// Bring forgotten snapshots back, and adopt disputed ones
    Unforget(UnforgetArgs),
    /// Keep snapshots whatever the rules say
    Pin(PinArgs),
    /// Change the tags and labels of snapshots
    Tag(TagArgs),
    /// Take files out of old snapshots
    Rewrite(RewriteArgs),
    /// Copy snapshots into another repository
    Copy(Box<CopyArgs>),
    /// Forget snapshots by name, by rules, or by the stored policies; nothing is deleted until a prune
    Forget(Box<ForgetArgs>),
    /// Store keep rules in the repository, show and remove them
    Policy(PolicyArgs),
    /// Free the space that no snapshot needs
    Prune(Box<PruneArgs>),
    /// Verify the repository, and that its files can be restored
    Check(CheckArgs),
    /// Mend a damaged repository
    Repair(RepairArgs),
    /// Look at snapshots in a web browser
    Browse(BrowseArgs),
    /// Print the repository's own objects, for experts
    Cat(CatArgs),
    /// Measure what a store really does
    Doctor(DoctorArgs),
    /// Manage the passphrases and keys that open the repository
    Key(KeyArgs),
    /// Allow this program to use a store that wants a login
    Login(LoginArgs),
    /// Find and test the plugins that reach other stores
    Plugin(PluginArgs),
    /// Print a page of the manual
    Manual {
        /// The page
        page: ManualPage,
    },
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the version of the program and of the formats that it knows
    Version,
}

/// A page of the manual that the program carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ManualPage {
    /// What each exit code means
    ExitCodes,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn backup_is_another_word_for_snapshot() {
        let cli = Cli::try_parse_from(["heirloom", "backup", "/home"]).expect("parses");
        assert!(matches!(cli.command, Command::Snapshot(_)));
    }

    #[test]
    fn global_flags_may_follow_the_verb() {
        let cli = Cli::try_parse_from(["heirloom", "snapshots", "--repo", "/r", "--json"])
            .expect("parses");
        assert_eq!(cli.global.repository.as_deref(), Some("/r".as_ref()));
        assert!(cli.global.json);
    }
}
