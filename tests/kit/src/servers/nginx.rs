//! nginx with its WebDAV modules, alone in its folder.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use rustix::process::geteuid;
use tempfile::TempDir;

use super::apache::{Login, dav_place, write_htpasswd};
use super::process::{Process, find_program};
use crate::{Place, scratch_folder};

const MODULE: &str = "/usr/lib/nginx/modules/ngx_http_dav_ext_module.so";

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    process: Process,
    login: Login,
    folder: TempDir,
}

impl Nginx {
    /// Starts one; it knows no digests.
    pub fn start(login: Login) -> Result<Self> {
        ensure!(login != Login::Digest, "nginx knows no digests");
        let program = find_program("nginx", "nginx and libnginx-mod-http-dav-ext")?;
        ensure!(
            Path::new(MODULE).is_file(),
            "{MODULE} is missing; install libnginx-mod-http-dav-ext, or run tests/run.sh"
        );
        let folder = scratch_folder()?;
        let root = folder.path();
        for name in ["dav", "tmp"] {
            fs::create_dir(root.join(name))?;
        }
        if login == Login::Basic {
            write_htpasswd(&root.join("passwords"))?;
        }
        let process = Process::start(&root.join("log"), |port| {
            fs::write(root.join("nginx.conf"), configuration(root, port, login))?;
            let mut command = Command::new(&program);
            command.arg("-p").arg(root).arg("-c").arg(root.join("nginx.conf"));
            // Before it reads its configuration it would write to a folder of the system.
            command.args(["-e", "stderr"]);
            Ok(command)
        })
        .context("nginx")?;
        Ok(Self { process, login, folder })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.process.address
    }

    /// Where its files lie.
    pub fn files(&self) -> PathBuf {
        self.folder.path().join("dav")
    }

    /// A folder that it serves.
    pub fn place(&self, folder: &str) -> Place {
        self.place_at(self.address(), folder)
    }

    /// The same, by way of something that listens elsewhere.
    pub fn place_at(&self, server: SocketAddr, folder: &str) -> Place {
        dav_place(server, &format!("/{folder}"), self.login != Login::Open)
    }
}

fn configuration(root: &Path, port: u16, login: Login) -> String {
    let folder = root.display();
    // Workers that give root's rights up could not write to a folder of root's.
    let user = if geteuid().is_root() { "user root;" } else { "" };
    let login = match login {
        Login::Open | Login::Digest => String::new(),
        Login::Basic => {
            format!("auth_basic store; auth_basic_user_file {folder}/passwords;")
        }
    };
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|module| format!("{module}_temp_path {folder}/tmp/{module};"))
        .concat();
    format!(
        "load_module {MODULE};\n{user}\nworker_processes 2; daemon off; pid {folder}/pid;\n\
         error_log stderr;\nevents {{ worker_connections 256; }}\n\
         http {{\n  dav_ext_lock_zone zone=davlock:10m;\n  {paths}\n  access_log off;\n  \
         keepalive_requests 100000;\n  \
         server {{ listen 127.0.0.1:{port}; root {folder}/dav; {login}\n    location / {{\n      \
         client_max_body_size 0; create_full_put_path on; min_delete_depth 0;\n      \
         dav_methods PUT DELETE MKCOL COPY MOVE;\n      \
         dav_ext_methods PROPFIND OPTIONS LOCK UNLOCK; dav_ext_lock zone=davlock;\n      \
         dav_access user:rw group:rw all:r;\n    }}\n  }}\n}}\n"
    )
}
