//! Apache with `mod_dav`, alone in its folder, as an ordinary program or as root.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use rustix::process::geteuid;
use tempfile::TempDir;

use super::process::{Process, find_program, run};
use super::{PASSWORD, USER};
use crate::{Place, scratch_folder};

const MODULES: &str = "/usr/lib/apache2/modules";

/// The path of the folder that it serves.
const PATH: &str = "/dav";

/// For digests, which are hashes over it.
const REALM: &str = "store";

/// Whether a server asks who is there, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// Anybody may do anything.
    Open,
    /// The password comes with every request.
    Basic,
    /// A hash of the password and of what the server just said.
    Digest,
}

/// A running Apache.
#[derive(Debug)]
pub struct Apache {
    process: Process,
    login: Login,
    folder: TempDir,
}

impl Apache {
    /// Starts one.
    pub fn start(login: Login) -> Result<Self> {
        let program = find_program("apache2", "apache2")?;
        let folder = scratch_folder()?;
        let root = folder.path();
        for name in ["dav", "lock", "run"] {
            fs::create_dir(root.join(name))?;
        }
        let owner = if geteuid().is_root() { Some(WebUser::find()?) } else { None };
        if let Some(owner) = &owner {
            fs::set_permissions(root, fs::Permissions::from_mode(0o755))?;
            for name in ["dav", "lock", "run"] {
                chown(root.join(name), Some(owner.user), Some(owner.group))?;
            }
        }
        write_passwords(root, login)?;
        let process = Process::start(&root.join("log"), |port| {
            let text = configuration(root, port, login, owner.as_ref())?;
            fs::write(root.join("httpd.conf"), text)?;
            let mut command = Command::new(&program);
            command.arg("-f").arg(root.join("httpd.conf")).arg("-DFOREGROUND");
            Ok(command)
        })
        .context("apache")?;
        Ok(Self { process, login, folder })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.process.address
    }

    /// Where its files lie.
    pub fn files(&self) -> std::path::PathBuf {
        self.folder.path().join("dav")
    }

    /// A folder that it serves.
    pub fn place(&self, folder: &str) -> Place {
        self.place_at(self.address(), folder)
    }

    /// The same, by way of something that listens elsewhere.
    pub fn place_at(&self, server: SocketAddr, folder: &str) -> Place {
        dav_place(server, &format!("{PATH}/{folder}"), self.login != Login::Open)
    }
}

/// A folder of a WebDAV server on this machine.
pub(super) fn dav_place(server: SocketAddr, path: &str, with_password: bool) -> Place {
    if !with_password {
        return Place::new(format!("webdav+http://{server}{path}"));
    }
    Place::new(format!("webdav+http://{USER}@{server}{path}"))
        .variable("HEIRLOOM_STORE_PASSWORD", PASSWORD)
}

/// As whom Apache works when root starts it, which it refuses to do as root.
#[derive(Debug)]
struct WebUser {
    user: u32,
    group: u32,
}

impl WebUser {
    fn find() -> Result<Self> {
        let id = |flag| -> Result<u32> {
            let text = run(Command::new("id").args([flag, "www-data"]))?;
            Ok(text.trim().parse()?)
        };
        Ok(Self { user: id("-u")?, group: id("-g")? })
    }
}

fn write_passwords(root: &Path, login: Login) -> Result<()> {
    let file = root.join("passwords");
    match login {
        Login::Open => Ok(()),
        Login::Basic => write_htpasswd(&file),
        Login::Digest => {
            use md5::{Digest as _, Md5};
            let hash = Md5::digest(format!("{USER}:{REALM}:{PASSWORD}"));
            let mut line = format!("{USER}:{REALM}:");
            for byte in hash {
                write!(line, "{byte:02x}")?;
            }
            Ok(fs::write(file, line + "\n")?)
        }
    }
}

/// A file with the one user, readable by a server that gave its rights up.
pub(super) fn write_htpasswd(file: &Path) -> Result<()> {
    let program = find_program("htpasswd", "apache2-utils")?;
    // The old hash of Apache is the one that nginx knows, too.
    run(Command::new(program).args(["-cbm"]).arg(file).args([USER, PASSWORD]))?;
    Ok(fs::set_permissions(file, fs::Permissions::from_mode(0o644))?)
}

fn configuration(root: &Path, port: u16, login: Login, owner: Option<&WebUser>) -> Result<String> {
    let mut text = String::new();
    let folder = root.display();
    let module = |name: &str| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n");
    for name in ["mpm_event", "authz_core", "authn_core", "authn_file", "authz_user"] {
        text += &module(name);
    }
    for name in ["alias", "dav", "dav_fs", "auth_basic", "auth_digest"] {
        text += &module(name);
    }
    if let Some(WebUser { user, group }) = owner {
        writeln!(text, "User #{user}\nGroup #{group}")?;
    }
    write!(
        text,
        "ServerRoot {folder}\nServerName 127.0.0.1\nListen 127.0.0.1:{port}\n\
         PidFile {folder}/run/pid\nMutex file:{folder}/lock default\nErrorLog /dev/stderr\n\
         DavLockDB {folder}/lock/davlock\nDocumentRoot {folder}/dav\n\
         LimitRequestBody 0\nLimitXMLRequestBody 0\nKeepAlive On\nMaxKeepAliveRequests 0\n\
         Alias {PATH} {folder}/dav\n<Directory {folder}/dav>\nDav On\nOptions -Indexes\n"
    )?;
    match login {
        Login::Open => text += "Require all granted\n",
        Login::Basic => write!(
            text,
            "AuthType Basic\nAuthName {REALM}\nAuthUserFile {folder}/passwords\n\
             Require valid-user\n"
        )?,
        Login::Digest => write!(
            text,
            "AuthType Digest\nAuthName {REALM}\nAuthDigestProvider file\n\
             AuthUserFile {folder}/passwords\nRequire valid-user\n"
        )?,
    }
    text += "</Directory>\n";
    Ok(text)
}
