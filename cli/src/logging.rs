//! What happens inside, on standard error, for who asks for it with `-vv` or `-vvv`. No secret is ever logged.

use std::io;

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The crates of this program; libraries log requests with their headers.
const OURS: [&str; 5] =
    ["heirloom", "heirloom_engine", "heirloom_backends", "heirloom_plugin", "heirloom_plugin_host"];

/// Starts to log if `-v` was given more than once.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 | 1 => return,
        2 => Level::DEBUG,
        _ => Level::TRACE,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(false);
    let ours = Targets::new().with_targets(OURS.map(|target| (target, level)));
    // A second subscriber is impossible here, and would be no reason to do nothing.
    drop(tracing_subscriber::registry().with(ours).with(lines).try_init());
}
