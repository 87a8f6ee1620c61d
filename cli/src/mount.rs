//! `heirloom mount`: the tree over all snapshots as a file system, by FUSE.

mod attributes;
mod background;
mod failure;
mod filesystem;
mod folders;
mod guard;
mod inodes;
mod point;
mod process;

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use fuser::{BackgroundSession, Config, MountOption, Session, SessionACL};
use serde_json::json;

pub(crate) use self::failure::{MountFailure, message};
use self::filesystem::Snapshots;
use self::guard::Guard;
use crate::args::mount::{MountArgs, Owner};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::layout::Layout;
use crate::output::{Event, Output};
use crate::render::names;
use crate::settings::Settings;
use crate::store::Store;
use crate::system::{share_memory, signal_pipe, watch_interrupts};

/// Requests that are answered at once: most of them wait for the store, if it is far away.
const THREADS: usize = 8;
/// Programs that have files open do not keep this one from ending.
const END_WITHIN: Duration = Duration::from_secs(2);

pub(crate) fn run(settings: &Settings, arguments: &MountArgs) -> Result<Exit, Failure> {
    let folder = point::check(&arguments.folder)?;
    // Both need a process with one thread.
    let guard = match Guard::start().map_err(Failure::System)? {
        guard::Side::Guard(watch) => return Ok(watch.run(&folder)),
        guard::Side::Program(guard) => guard,
    };
    let ready = if arguments.background {
        match background::start().map_err(Failure::System)? {
            background::Side::Front(waits) => return waits.run().map_err(Failure::System),
            background::Side::Back(ready) => Some(ready),
        }
    } else {
        None
    };
    let end = mount(settings, arguments, &folder, ready);
    drop(guard);
    end
}

fn mount(
    settings: &Settings,
    arguments: &MountArgs,
    folder: &Path,
    ready: Option<background::Ready>,
) -> Result<Exit, Failure> {
    share_memory();
    let store = Store::locate(settings)?;
    let repository = Arc::new(store.open(settings)?);
    let output = settings.output;
    let (layout, exit) = Layout::chosen(&repository, arguments.snapshot.as_ref(), output)?;
    let layout = Arc::new(layout);
    let files = Snapshots::new(layout, arguments.owner == Owner::Me);
    let interrupted = watch_interrupts().map_err(Failure::System)?;
    let wake = Wake::new().map_err(Failure::System)?;
    let session = Session::new(files, folder, &options(arguments));
    let session = session.map_err(|source| point::refused(folder, &source))?;
    let session = session.spawn().map_err(Failure::System)?;
    point::read_ahead(folder);
    tell(output, folder)?;
    if let Some(ready) = ready {
        ready.detach().map_err(Failure::System)?;
    }
    wake.wait(session, folder, &interrupted).map_err(Failure::System)?;
    store.tell_traffic(output)?;
    Ok(exit)
}

fn options(arguments: &MountArgs) -> Config {
    let mut options = Config::default();
    options.mount_options = vec![
        MountOption::RO,
        MountOption::NoSuid,
        MountOption::NoDev,
        MountOption::NoAtime,
        MountOption::FSName("heirloom".to_owned()),
        MountOption::Subtype("heirloom".to_owned()),
    ];
    if arguments.allow_other {
        options.acl = SessionACL::All;
        // Whoever has the key may read everything; others only what they might read where it came from.
        options.mount_options.push(MountOption::DefaultPermissions);
    }
    options.n_threads = Some(if cfg!(target_os = "linux") { THREADS } else { 1 });
    options
}

fn tell(output: Output, folder: &Path) -> Result<(), Failure> {
    let shown = names::path(folder);
    output.done(&format!(
        "the snapshots are in {shown}; to end this, press Ctrl-C or run `umount {shown}`\n"
    ))?;
    let fields = json!({ "folder": folder.to_string_lossy() });
    output.event(Event::Status, "mount.ready", fields)
}

/// Waits for a signal, or for somebody else to unmount.
struct Wake {
    sleeper: UnixStream,
    waker: UnixStream,
}

impl Wake {
    fn new() -> std::io::Result<Self> {
        let (sleeper, waker) = signal_pipe()?;
        Ok(Self { sleeper, waker })
    }

    fn wait(
        mut self,
        session: BackgroundSession,
        folder: &Path,
        interrupted: &AtomicBool,
    ) -> std::io::Result<()> {
        let mut waker = self.waker;
        let join = move || {
            let end = session.join();
            // Nobody listens if it took too long.
            waker.write_all(b"e").ok();
            end
        };
        let session = thread::Builder::new().name("mount".to_owned()).spawn(join)?;
        let mut byte = [0];
        self.sleeper.read_exact(&mut byte)?;
        if interrupted.load(Ordering::Relaxed) {
            point::unmount(folder)?;
            self.sleeper.set_read_timeout(Some(END_WITHIN))?;
            // Later than that, files are still open; who has them learns that the file system is gone.
            while byte != *b"e" && self.sleeper.read_exact(&mut byte).is_ok() {}
            return Ok(());
        }
        session.join().unwrap_or_else(|_panic| Err(std::io::Error::other("a thread failed")))
    }
}
