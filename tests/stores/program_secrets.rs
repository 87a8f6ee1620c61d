//! No credential is in what the real program prints, in its arguments, or in its children's environment.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use heirloom_kit::{ProxyFault, Times};

use crate::bad_input::{dav_line, s3_line};
use crate::machine::Machine;
use crate::secrets::search;

/// Arguments of a process and of its children, and what the children have in their environment.
fn watch(pid: u32) -> Result<String> {
    let read = |path: String| {
        fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', "\n"))
    };
    let mut seen = read(format!("/proc/{pid}/cmdline"))?;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let children = fs::read_to_string(task?.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace() {
            seen += &read(format!("/proc/{child}/cmdline")).unwrap_or_default();
            seen += &read(format!("/proc/{child}/environ")).unwrap_or_default();
        }
    }
    Ok(seen)
}

#[test]
fn the_program_prints_and_passes_on_no_credentials() -> Result<()> {
    let (s3, dav) = (s3_line()?, dav_line()?);
    for (place, proxy) in [(&s3.place, &s3.proxy), (&dav.place, &dav.proxy)] {
        let place = place
            .clone()
            .variable("HEIRLOOM_STORE_RETRIES", "1")
            .variable("HEIRLOOM_STORE_TIMEOUT", "1");
        let machine = Machine::with_repository(&place)?;
        for fault in [ProxyFault::status(403), ProxyFault::status(503), ProxyFault::LoseAnswer] {
            proxy.heal();
            proxy.inject(fault.clone(), Times::Always, |_| true);
            let output = machine.attempt(&["-vvv", "snapshots"])?;
            ensure!(!output.status.success(), "{fault:?} was not noticed");
            search(&String::from_utf8_lossy(&output.stdout), "the output")?;
            search(&String::from_utf8_lossy(&output.stderr), "the messages")?;
        }
        proxy.heal();
        proxy.inject(ProxyFault::Stall, Times::Always, |_| true);
        let mut waiting = machine.command(&["-vvv", "snapshots"])?;
        let mut waiting = waiting.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        thread::sleep(Duration::from_millis(400));
        let seen = watch(waiting.id());
        waiting.kill()?;
        let output = waiting.wait_with_output()?;
        search(&seen.context("it ended too early")?, "the list of processes")?;
        search(&String::from_utf8_lossy(&output.stderr), "the messages")?;
    }
    Ok(())
}

#[test]
fn a_password_command_does_not_get_the_stores_credentials() -> Result<()> {
    let (s3, dav) = (s3_line()?, dav_line()?);
    for place in [&s3.place, &dav.place] {
        let machine = Machine::with_repository(place)?;
        let seen = machine.path("seen");
        let mut command = machine.command(&["snapshots"])?;
        let script = format!("sh -c 'env > {}; echo wrong'", seen.display());
        command.env_remove("HEIRLOOM_IDENTITY_FILE").env("HEIRLOOM_PASSWORD_COMMAND", script);
        let output = command.output()?;
        ensure!(output.status.code() == Some(12), "the passphrase is wrong: {output:?}");
        search(&fs::read_to_string(seen)?, "the environment of the password command")?;
    }
    Ok(())
}
