//! What the program takes from the machine: time, randomness, names, signals; and how it keeps secrets out of core files.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use heirloom_engine::clock::Clock;
use rustix::process::{Resource, Rlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::pipe;

use crate::exit::Exit;

/// The machine's clock and random number generator.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now_ns(&self) -> i128 {
        #[expect(clippy::disallowed_methods, reason = "the one clock of the program")]
        let now = SystemTime::now();
        match now.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => nanoseconds(since),
            Err(before) => -nanoseconds(before.duration()),
        }
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("without random numbers nothing can be kept secret");
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "whoever waits on this clock blocks its own thread"
    )]
    fn sleep(&self, duration: Duration) {
        thread::sleep(duration);
    }
}

fn nanoseconds(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}

/// A point on the clock that never jumps, for rates and durations.
pub(crate) fn monotonic() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "the one clock of the program")]
    Instant::now()
}

/// Keys and passphrases must not end up in a core file or in another process's hands.
///
/// Failure is ignored: a system that refuses these calls is no reason not to make a backup.
pub(crate) fn forbid_core_files() {
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).ok();
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).ok();
}

/// The first interrupt sets the returned flag, the second one ends the program at once.
///
/// Called only once an operation runs that looks at the flag: until then an interrupt simply ends the program.
pub(crate) fn watch_interrupts() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // The order matters: the shutdown looks at the flag before this signal sets it.
        flag::register_conditional_shutdown(
            signal,
            i32::from(Exit::Interrupted.code()),
            Arc::clone(&flag),
        )?;
        flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(flag)
}

/// Two ends of a pipe: from the first one a byte can be read after each interrupt, and whatever is written to the second.
pub(crate) fn signal_pipe() -> io::Result<(UnixStream, UnixStream)> {
    let (sleeper, waker) = UnixStream::pair()?;
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        pipe::register(signal, waker.try_clone()?)?;
    }
    Ok((sleeper, waker))
}

/// The name under which this machine appears in snapshots.
pub(crate) fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "localhost".to_owned() } else { name }
}
/// All threads take memory from one pool. Else each keeps what it freed for itself: large frames that one thread opens and
/// another gives back add up to three times what is in use. For programs that run for long; measured, it costs no time.
pub(crate) fn share_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        #[expect(unsafe_code, reason = "there is no other way to tell this to the C library")]
        // SAFETY: takes two numbers, and is called before there is a second thread.
        let taken = unsafe { nix::libc::mallopt(nix::libc::M_ARENA_MAX, 1) };
        tracing::debug!(taken, "one pool of memory");
    }
}

/// Memory for large things goes back to the system as soon as it is free. Else the C library raises the limit for that with
/// each of them, and what is left between smaller ones adds up. For programs that use their largest buffers again and again.
pub(crate) fn return_large_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const LARGE_BYTES: i32 = 4 << 20;
        #[expect(unsafe_code, reason = "there is no other way to tell this to the C library")]
        // SAFETY: takes two numbers, and is called before there is a second thread.
        let taken = unsafe { nix::libc::mallopt(nix::libc::M_MMAP_THRESHOLD, LARGE_BYTES) };
        tracing::debug!(taken, "large memory goes back");
    }
}
