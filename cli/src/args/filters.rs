//! Which files a snapshot leaves out.

use std::path::PathBuf;

use clap::Args;

use super::values;
use crate::without::MediaClass;

/// Which files a snapshot leaves out.
#[derive(Debug, Args)]
#[command(next_help_heading = "What to leave out")]
pub(crate) struct FilterArgs {
    /// Leave out what matches the pattern; ! at its start takes it in again
    #[arg(short, long, value_name = "PATTERN")]
    pub(crate) exclude: Vec<String>,

    /// As --exclude, upper and lower case being the same
    #[arg(long, value_name = "PATTERN")]
    pub(crate) iexclude: Vec<String>,

    /// File with patterns, one a line, # for comments
    #[arg(long, value_name = "FILE")]
    pub(crate) exclude_file: Vec<PathBuf>,

    /// As --exclude-file, upper and lower case being the same
    #[arg(long, value_name = "FILE")]
    pub(crate) iexclude_file: Vec<PathBuf>,

    /// Leave out the content of folders that hold a file of this name; NAME:TEXT also wants it to begin with TEXT
    #[arg(long, value_name = "NAME[:TEXT]")]
    pub(crate) exclude_if_present: Vec<String>,

    /// Leave out files above this size: 500M, 2G
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub(crate) exclude_larger_than: Option<u64>,

    /// Leave out files of these kinds, told by how they begin; may be repeated, or a list with commas
    #[arg(long, value_name = "KIND", value_enum, value_delimiter = ',')]
    pub(crate) without: Vec<MediaClass>,

    /// Leave out the content of folders with a CACHEDIR.TAG (this is the default)
    #[arg(long, overrides_with = "no_exclude_caches")]
    pub(crate) exclude_caches: bool,

    /// Take these folders in, too
    #[arg(long, overrides_with = "exclude_caches")]
    pub(crate) no_exclude_caches: bool,

    /// Leave out what .gitignore and .ignore files name
    #[arg(long)]
    pub(crate) ignore_files: bool,

    /// Stay on the file systems of the given paths
    #[arg(short = 'x', long)]
    pub(crate) one_file_system: bool,
}
