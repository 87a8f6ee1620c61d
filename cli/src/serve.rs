//! `heirloom serve`: the tree over all snapshots for programs that come by network, mostly from this machine.

mod door;
mod failure;
mod files;

use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use serde_json::json;
use tokio::net::TcpListener;

use self::door::Door;
pub(crate) use self::failure::{ServeFailure, message};
use self::files::Files;
use crate::args::serve::{ServeArgs, ServeCommand, WebdavArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::layout::Layout;
use crate::output::{Event, Output};
use crate::settings::Settings;
use crate::store::Store;
use crate::system::{share_memory, signal_pipe, watch_interrupts};

pub(crate) fn run(settings: &Settings, arguments: &ServeArgs) -> Result<Exit, Failure> {
    let ServeCommand::Webdav(arguments) = &arguments.how;
    webdav(settings, arguments)
}

fn webdav(settings: &Settings, arguments: &WebdavArgs) -> Result<Exit, Failure> {
    let wanted = arguments.listen;
    if !wanted.ip().is_loopback() && !arguments.allow_remote {
        return Err(ServeFailure::Remote { wanted }.into());
    }
    share_memory();
    let store = Store::locate(settings)?;
    let repository = Arc::new(store.open(settings)?);
    let (layout, exit) = Layout::chosen(&repository, arguments.snapshot.as_ref(), settings.output)?;
    watch_interrupts().map_err(Failure::System)?;
    let (mut sleeper, _) = signal_pipe().map_err(Failure::System)?;
    let unheard = |source| ServeFailure::Listen { wanted, source };
    let listener = store.runtime().block_on(TcpListener::bind(wanted)).map_err(unheard)?;
    let address = listener.local_addr().map_err(unheard)?;
    let door = Arc::new(Door::new(Files::new(Arc::new(layout)), !wanted.ip().is_loopback()));
    tell(settings.output, address, &door)?;
    let router = Router::new().fallback(door::enter).with_state(door);
    store.runtime().spawn(axum::serve(listener, router).into_future());
    sleeper.read_exact(&mut [0]).map_err(Failure::System)?;
    store.tell_traffic(settings.output)?;
    Ok(exit)
}

fn tell(output: Output, address: SocketAddr, door: &Door) -> Result<(), Failure> {
    let url = format!("http://{address}/{}/", door.token());
    output.text(&format!("{url}\n"))?;
    output.note("whoever knows this address can read the snapshots; to end this, press Ctrl-C");
    output.event(Event::Status, "serve.ready", json!({ "address": url }))
}
