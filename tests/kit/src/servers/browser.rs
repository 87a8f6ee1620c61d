//! Chromium without a screen, driven by its own driver.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use tempfile::TempDir;

use super::process::{Process, find_program};

/// A driver that starts browsers; these end with it.
#[derive(Debug)]
pub struct Browser {
    process: Process,
    program: PathBuf,
    folder: TempDir,
}

impl Browser {
    /// Starts the driver.
    pub fn start() -> Result<Self> {
        let program = find_program("chromium", "chromium")?;
        let driver = find_program("chromedriver", "chromium-driver")?;
        // Not in memory: a browser's profile is large.
        let folder = TempDir::new()?;
        let process = Process::start(&folder.path().join("log"), |port| {
            let mut command = Command::new(&driver);
            command.arg(format!("--port={port}")).env("HOME", folder.path());
            Ok(command)
        })?;
        Ok(Self { process, program, folder })
    }

    /// Where the driver listens.
    pub fn address(&self) -> SocketAddr {
        self.process.address
    }

    /// What to start as a browser, and where its profile belongs.
    pub fn program(&self) -> (&Path, PathBuf) {
        (&self.program, self.folder.path().join("profile"))
    }
}
