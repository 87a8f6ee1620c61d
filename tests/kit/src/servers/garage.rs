//! Garage: S3 on disk, strict about signatures.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::process::{Process, find_program, run};
use crate::{Place, scratch_folder};

const BUCKET: &str = "heirloom-tests";
const REGION: &str = "garage";

/// A running Garage with one bucket and one key.
#[derive(Debug)]
pub struct Garage {
    process: Process,
    key_id: String,
    secret_key: String,
    _folder: TempDir,
}

impl Garage {
    /// Starts a node, gives it a layout, a bucket and a key.
    pub fn start() -> Result<Self> {
        let program = find_program("garage", "garage (cargo install garage)")?;
        let folder = scratch_folder()?;
        let root = folder.path();
        let settings = root.join("garage.toml");
        let process = Process::start(&root.join("log"), |port| {
            fs::write(&settings, configuration(root, port)?)?;
            let mut command = Command::new(&program);
            command.arg("-c").arg(&settings).arg("server");
            Ok(command)
        })
        .context("garage")?;
        let ask = |arguments: &[&str]| {
            run(Command::new(&program).arg("-c").arg(&settings).args(arguments))
        };
        let node = ask(&["node", "id", "-q"])?;
        let node = node.trim().split('@').next().context("an id")?.to_owned();
        ask(&["layout", "assign", "-z", "dc1", "-c", "1G", &node])?;
        ask(&["layout", "apply", "--version", "1"])?;
        ask(&["bucket", "create", BUCKET])?;
        ask(&["key", "create", "tests"])?;
        ask(&["bucket", "allow", "--read", "--write", "--owner", BUCKET, "--key", "tests"])?;
        let key = ask(&["key", "info", "--show-secret", "tests"])?;
        let value = |name: &str| {
            let line = key.lines().find_map(|line| line.trim().strip_prefix(name));
            line.map(|value| value.trim().to_owned()).with_context(|| format!("{name} in {key}"))
        };
        let (key_id, secret_key) = (value("Key ID:")?, value("Secret key:")?);
        Ok(Self { process, key_id, secret_key, _folder: folder })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.process.address
    }

    /// A folder of the bucket.
    pub fn place(&self, folder: &str) -> Place {
        self.place_at(self.address(), folder)
    }

    /// The same, by way of something that listens elsewhere.
    pub fn place_at(&self, endpoint: SocketAddr, folder: &str) -> Place {
        Place::new(format!("s3://{BUCKET}/{folder}?endpoint=http://{endpoint}&region={REGION}"))
            .variable("AWS_ACCESS_KEY_ID", &self.key_id)
            .variable("AWS_SECRET_ACCESS_KEY", &self.secret_key)
    }
}

fn configuration(root: &Path, port: u16) -> Result<String> {
    let folder = root.display();
    let inside = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    Ok(format!(
        "metadata_dir = \"{folder}/meta\"\ndata_dir = \"{folder}/data\"\ndb_engine = \"sqlite\"\n\
         replication_factor = 1\nrpc_bind_addr = \"{inside}\"\nrpc_public_addr = \"{inside}\"\n\
         rpc_secret = \"{secret}\"\n[s3_api]\ns3_region = \"{REGION}\"\n\
         api_bind_addr = \"127.0.0.1:{port}\"\nroot_domain = \".s3.garage.localhost\"\n",
        secret = "9f93".repeat(16),
    ))
}
