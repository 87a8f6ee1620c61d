//! Two WebDAV servers that write in place: wsgidav and rclone.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::apache::dav_place;
use super::process::{Process, find_program, find_python_program};
use super::{PASSWORD, USER};
use crate::{Place, scratch_folder};

/// A running wsgidav, open to anybody.
#[derive(Debug)]
pub struct Wsgidav {
    process: Process,
    _folder: TempDir,
}

impl Wsgidav {
    /// Starts one.
    pub fn start() -> Result<Self> {
        let program = find_python_program("wsgidav")?;
        let (folder, process) = start("wsgidav", |root, port| {
            let settings = root.join("wsgidav.yaml");
            let folder = root.display();
            fs::write(
                &settings,
                format!(
                    "host: 127.0.0.1\nport: {port}\nprovider_mapping: {{\"/\": \"{folder}/files\"}}\n\
                     simple_dc: {{user_mapping: {{\"*\": true}}}}\nproperty_manager: true\n\
                     lock_storage: true\nlogging: {{enable: false}}\n"
                ),
            )?;
            let mut command = Command::new(&program);
            command.arg("--config").arg(settings);
            Ok(command)
        })?;
        Ok(Self { process, _folder: folder })
    }

    /// A folder that it serves.
    pub fn place(&self, folder: &str) -> Place {
        dav_place(self.process.address, &format!("/{folder}"), false)
    }
}

/// A running `rclone serve webdav`, with a password.
#[derive(Debug)]
pub struct RcloneDav {
    process: Process,
    _folder: TempDir,
}

impl RcloneDav {
    /// Starts one.
    pub fn start() -> Result<Self> {
        let program = find_program("rclone", "rclone")?;
        let (folder, process) = start("rclone", |root, port| {
            let mut command = Command::new(&program);
            command.args(["serve", "webdav", "--config", "/dev/null"]);
            command.arg("--addr").arg(format!("127.0.0.1:{port}")).arg(root.join("files"));
            // Not as arguments, which everybody sees.
            command.env("RCLONE_USER", USER).env("RCLONE_PASS", PASSWORD);
            Ok(command)
        })?;
        Ok(Self { process, _folder: folder })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.process.address
    }

    /// A folder that it serves.
    pub fn place(&self, folder: &str) -> Place {
        dav_place(self.process.address, &format!("/{folder}"), true)
    }
}

fn start(
    name: &'static str,
    mut command: impl FnMut(&Path, u16) -> Result<Command>,
) -> Result<(TempDir, Process)> {
    let folder = scratch_folder()?;
    fs::create_dir(folder.path().join("files"))?;
    let process = Process::start(&folder.path().join("log"), |port| command(folder.path(), port))
        .context(name)?;
    Ok((folder, process))
}
