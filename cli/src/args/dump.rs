//! `heirloom dump`.
#![expect(
    clippy::doc_markdown,
    reason = "these comments are the help text, and a terminal shows backticks"
)]

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use heirloom_engine::snapshot::Selector;

use super::values;

/// Write a file or folder of a snapshot to standard output.
#[derive(Debug, Args)]
pub(crate) struct DumpArgs {
    /// A folder or file of a snapshot: latest:/home/me/notes.txt
    #[arg(value_name = "SNAPSHOT[:PATH]", value_parser = values::selector())]
    pub(crate) snapshot: Selector,

    /// How to write it; a file raw and a folder as tar if nothing is said
    #[arg(long)]
    pub(crate) format: Option<DumpFormat>,

    /// Write to this file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) target: Option<PathBuf>,
}

/// How to write a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DumpFormat {
    /// The bytes of the file
    Raw,
    /// With owners, links, exact times and extended attributes
    Tar,
    /// The same, compressed
    #[value(name = "tar.zst")]
    TarZst,
    /// For everybody; without owners and extended attributes
    Zip,
}
