//! OpenSSH's server, for SFTP with a key that is made for the test.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use rustix::process::geteuid;
use tempfile::TempDir;

use super::process::{Process, find_program, run};
use crate::{Place, scratch_folder};

/// A running sshd that lets only its one key in, as whoever runs the test.
#[derive(Debug)]
pub struct Sshd {
    process: Process,
    folder: TempDir,
}

impl Sshd {
    /// Makes the keys and starts one.
    pub fn start() -> Result<Self> {
        let program = find_program("sshd", "openssh-server")?;
        let folder = scratch_folder()?;
        let root = folder.path();
        for key in ["host", "client"] {
            let mut keygen = Command::new(find_program("ssh-keygen", "openssh-client")?);
            run(keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(root.join(key)))?;
        }
        fs::copy(root.join("client.pub"), root.join("authorized"))?;
        fs::create_dir(root.join("files"))?;
        if geteuid().is_root() {
            // Where it locks itself in before anybody has logged in; Debian makes it when the service starts.
            fs::create_dir_all("/run/sshd")?;
        }
        let process = Process::start(&root.join("log"), |port| {
            fs::write(root.join("sshd.conf"), configuration(root, port))?;
            let mut command = Command::new(&program);
            command.arg("-D").arg("-e").arg("-f").arg(root.join("sshd.conf"));
            Ok(command)
        })
        .context("sshd")?;
        Ok(Self { process, folder })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.process.address
    }

    /// A folder on it.
    pub fn place(&self, folder: &str) -> Result<Place> {
        let user = run(Command::new("id").arg("-un"))?;
        let root = self.folder.path();
        let address =
            format!("sftp://{}@{}{}/files/{folder}", user.trim(), self.address(), root.display());
        let path = |name: &str| root.join(name).display().to_string();
        Ok(Place::new(address).option("key", path("client")).option("known_hosts", "accept"))
    }
}

fn configuration(root: &Path, port: u16) -> String {
    let folder = root.display();
    format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\n\
         AuthorizedKeysFile {folder}/authorized\nPasswordAuthentication no\nUsePAM no\n\
         StrictModes no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n\
         MaxSessions 100\nMaxStartups 100\n"
    )
}
