//! S3 as moto plays it: everything in memory, any credentials are right.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::process::{Process, find_python_program};
use crate::{Place, RawAnswer, raw_http, scratch_folder};

/// The bucket that every server of this kind has.
const BUCKET: &str = "heirloom-tests";

/// moto takes any key; this one is only looked for where it must not be.
const KEY_ID: &str = "AKIAHEIRLOOMTEST0001";
const SECRET_KEY: &str = "s3cr3t/Heirloom+Test/0123456789abcdefghijkl";

/// It reads no signatures, but has one rule for those who bring one and one for the public.
const SIGNED: (&str, &str) = (
    "authorization",
    "AWS4-HMAC-SHA256 Credential=anybody/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0",
);

/// A running moto server with one bucket.
#[derive(Debug)]
pub struct Moto {
    process: Process,
    _folder: TempDir,
}

impl Moto {
    /// Starts one and makes the bucket.
    pub fn start() -> Result<Self> {
        let program = find_python_program("moto_server")?;
        let folder = scratch_folder()?;
        let process = Process::start(&folder.path().join("log"), |port| {
            let mut command = Command::new(&program);
            command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
            Ok(command)
        })
        .context("moto")?;
        let moto = Self { process, _folder: folder };
        let made = moto.ask("PUT", "", &[])?;
        ensure!(made.status == 200, "no bucket: {made:?}\n{}", moto.process.log());
        Ok(moto)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.process.address
    }

    /// A folder of the bucket.
    pub fn place(&self, folder: &str) -> Place {
        Self::place_at(self.address(), folder)
    }

    /// The same, by way of something that listens elsewhere.
    pub fn place_at(endpoint: SocketAddr, folder: &str) -> Place {
        Place::new(format!("s3://{BUCKET}/{folder}?endpoint=http://{endpoint}&region=us-east-1"))
            .variable("AWS_ACCESS_KEY_ID", KEY_ID)
            .variable("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    }

    /// Asks it directly about an object of the bucket.
    pub fn ask(&self, method: &str, object: &str, body: &[u8]) -> Result<RawAnswer> {
        raw_http(self.address(), (method, &format!("/{BUCKET}/{object}")), &[SIGNED], body)
    }
}
