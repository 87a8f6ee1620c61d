//! An object that was acknowledged survives a power cut: shown by the order of system calls, watched with `strace`.

mod calls;
mod disk;

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};

/// The program that puts one object.
const PUT: &str = env!("CARGO_BIN_EXE_heirloom-put");

fn run(command: &mut Command) -> Result<Output> {
    let program = command.get_program().to_owned();
    command.output().with_context(|| format!("{} is needed; see tests/run.sh", program.display()))
}

/// Runs `heirloom-put` under strace and gives its calls in the order in which they returned.
fn traced_put(repository: &Path, name: &str, bytes: usize) -> Result<Vec<calls::Call>> {
    let folder = tempfile::tempdir()?;
    let trace = folder.path().join("trace");
    let output = run(Command::new("strace")
        .args(["-f", "-y", "-s", "64", "-e"])
        .arg("trace=openat,open,creat,write,writev,pwrite64,fsync,fdatasync,rename,renameat,renameat2,mkdir,mkdirat,unlink,unlinkat")
        .arg("-o")
        .arg(&trace)
        .args([PUT.as_ref(), repository.as_os_str(), name.as_ref(), bytes.to_string().as_ref()]))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the traced put failed: {errors}");
    ensure!(output.stdout == b"acknowledged\n", "the put was not acknowledged");
    Ok(calls::parse(&std::fs::read_to_string(trace)?))
}
