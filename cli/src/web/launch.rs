//! Starts the default browser. The token must not stand in the arguments of a process, which everybody on the machine can
//! see: the browser is given a file that only its owner can read, and that leads on.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use heirloom_engine::clock::Clock as _;
use maud::{DOCTYPE, html};

use crate::render::entry::hex;
use crate::system::SystemClock;

const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// A browser that was started; the file is gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Launch {
    path: PathBuf,
    opener: Option<Child>,
}

impl Launch {
    pub(crate) fn start(url: &str) -> io::Result<Self> {
        let mut random = [0; 8];
        SystemClock.fill_random(&mut random);
        let path = std::env::temp_dir().join(format!("heirloom-{}.html", hex(&random)));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let mut launch = Self { path, opener: None };
        let refresh = format!("0; url={url}");
        let markup = html! {
            (DOCTYPE)
            html { head { meta http-equiv="refresh" content=(refresh); } body { a href=(url) { "Go on" } } }
        };
        file.write_all(markup.into_string().as_bytes())?;
        let mut opener = Command::new(OPENER);
        opener.arg(&launch.path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        launch.opener = Some(opener.spawn()?);
        Ok(launch)
    }
}

impl Drop for Launch {
    fn drop(&mut self) {
        fs::remove_file(&self.path).ok();
        if let Some(opener) = &mut self.opener {
            // It has done its work, or is the browser itself and goes on.
            opener.try_wait().ok();
        }
    }
}
