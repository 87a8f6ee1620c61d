//! Puts one object into a store on local disk and says so: what `tests/durability` watches from outside.
//!
//! Use: `heirloom-put FOLDER NAME BYTES`

use std::io::Write as _;

use anyhow::{Context as _, Result};
use heirloom_backends::{Address, StoreSettings, open};

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [folder, name, bytes] = arguments.as_slice() else {
        anyhow::bail!("use: heirloom-put FOLDER NAME BYTES");
    };
    let name = name.to_str().context("the name is not text")?;
    let bytes = vec![b'x'; bytes.to_str().context("the size is not text")?.parse()?];
    let storage = open(&Address::parse(folder)?, &StoreSettings::default())?.storage;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let put = runtime.block_on(storage.put(name, bytes.into()));
    // One write, so that the order of system calls shows when the object was acknowledged.
    let said = match &put {
        Ok(()) => "acknowledged\n".to_owned(),
        Err(error) => format!("{:?} temporary={}\n", error.kind, error.temporary),
    };
    std::io::stdout().write_all(said.as_bytes())?;
    Ok(put?)
}
