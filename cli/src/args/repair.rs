//! `heirloom repair`.

use clap::{Args, Subcommand};
use heirloom_engine::id::PackId;

/// Mend what can be mended: shows a plan, and carries it out with --apply.
///
/// In this order: index, packs, snapshots. Nothing that can still be read is deleted.
#[derive(Debug, Args)]
pub(crate) struct RepairArgs {
    #[command(subcommand)]
    pub(crate) part: PartArgs,
}

/// What is to be mended.
#[derive(Debug, Subcommand)]
pub(crate) enum PartArgs {
    /// Write the index anew from the packs, and clear damaged small objects away
    Index(ApplyArgs),
    /// Store again what can be read of broken packs
    Packs {
        /// Only these packs, as `check` named them; without, every pack is read
        #[arg(value_name = "PACK", value_parser = pack)]
        packs: Vec<PackId>,

        #[command(flatten)]
        apply: ApplyArgs,
    },
    /// Replace snapshots that need lost data by ones without it, and name what is lost
    Snapshots {
        /// Read every pack first; otherwise only what is known to be broken counts as lost
        #[arg(long)]
        read_data: bool,

        /// Forget snapshots of which nothing can be listed any more
        #[arg(long)]
        forget_lost: bool,

        #[command(flatten)]
        apply: ApplyArgs,
    },
}

/// Whether to do it.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ApplyArgs {
    /// Do what the plan says
    #[arg(long)]
    pub(crate) apply: bool,
}

/// Why this is no pack.
#[derive(Debug)]
struct NoPack;

impl std::fmt::Display for NoPack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("expected the whole name of a pack: 64 hexadecimal digits")
    }
}

impl std::error::Error for NoPack {}

fn pack(text: &str) -> Result<PackId, NoPack> {
    PackId::from_hex(text.strip_prefix("packs/").unwrap_or(text)).ok_or(NoPack)
}
