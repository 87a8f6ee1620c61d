//! `heirloom browse`: snapshots in a web browser, on this machine only. What is promised stands in docs/browse.md.
//!
//! Names and contents of files are hostile: pages escape whatever they show, run no script but our own, and give the
//! content of a file a type only after looking at its bytes.

mod app;
mod archive;
mod compare;
mod content;
mod failure;
mod file;
mod folder;
mod listing;
mod page;
mod search;
mod serve;
mod thumbnail;
mod timeline;
mod versions;

use std::sync::Arc;

use heirloom_engine::snapshot::{Selector, Snapshot};
use heirloom_engine::view::Reader;
use serde_json::json;
use tokio::net::TcpListener;

use self::app::{App, home};
pub(crate) use self::failure::{BrowseFailure, message};
use crate::args::browse::BrowseArgs;
use crate::commands::choose;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Event, Output};
use crate::settings::Settings;
use crate::store::Store;
use crate::system::{SystemClock, share_memory, watch_interrupts};
use crate::web::ask::link;
use crate::web::gate::Gate;
use crate::web::launch::Launch;

/// Content that is kept in memory.
const CONTENT_BYTES: u64 = 64 << 20;

pub(crate) fn run(settings: &Settings, arguments: &BrowseArgs) -> Result<Exit, Failure> {
    let listen = arguments.listen;
    if !listen.ip().is_loopback() {
        return Err(BrowseFailure::Exposed(listen).into());
    }
    let output = settings.output;
    share_memory();
    let store = Store::locate(settings)?;
    let repository = store.open(settings)?;
    let (snapshots, exit) = choose::all(&repository, output)?;
    let start = start(&snapshots.taken, arguments.snapshot.as_ref())?;
    let failed = |source| BrowseFailure::Listen { address: listen, source };
    let listener = store.runtime().block_on(TcpListener::bind(listen)).map_err(failed)?;
    let gate = Gate::new(listener.local_addr().map_err(failed)?, &SystemClock);
    let url = gate.url();
    let threads = repository.threads();
    let reader = Reader::new(Arc::new(repository), CONTENT_BYTES);
    let app = App::new(reader, gate, (snapshots.taken, start), threads, output);
    let interrupted = watch_interrupts().map_err(Failure::System)?;
    tell(output, &url)?;
    let launched = arguments.open.then(|| Launch::start(&url));
    if let Some(Err(error)) = &launched {
        output.note(&format!("No browser could be started: {}", crate::explain::io(error)));
    }
    let served = store.runtime().block_on(serve::serve(listener, Arc::new(app), interrupted));
    drop(launched);
    served.map_err(Failure::System)?;
    store.tell_traffic(output)?;
    output.event(Event::Summary, "browse.done", store.with_traffic(json!({})))?;
    Ok(exit)
}

/// The page that somebody wants to see first; empty for the list of the snapshots.
fn start(snapshots: &[Snapshot], wanted: Option<&Selector>) -> Result<String, Failure> {
    let Some(wanted) = wanted else { return Ok(String::new()) };
    let snapshot = choose::one(snapshots, wanted)?;
    let key = if wanted.path.is_some() { wanted.key() } else { home(snapshot) };
    Ok(link("f", snapshot.session, &key))
}

/// Said even to those who asked for quiet: without the address nobody gets in.
fn tell(output: Output, url: &str) -> Result<(), Failure> {
    output.event(Event::Status, "browse.listening", json!({ "url": url }))?;
    output.text(&format!("{url}\n"))?;
    output.note("Open this address in a browser on this machine; it works once. Ctrl-C ends.");
    Ok(())
}
