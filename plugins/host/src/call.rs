//! One call: sends what belongs to it, gives its events in order, and tells the plugin if nobody waits for the end.

use std::sync::Arc;

use bytes::Bytes;
use heirloom_plugin::message::Response;
use heirloom_plugin::{FrameKind, PAYLOAD_BYTES_MAX};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::PluginError;
use crate::link::Link;
use crate::table::{Event, Ticket};

/// Frames of an object have so many bytes, or half of the plugin's window.
const CHUNK_BYTES: usize = 256 << 10;

/// A call under way. Dropping it cancels it.
#[derive(Debug)]
pub(crate) struct Call {
    link: Arc<Link>,
    number: u32,
    events: mpsc::UnboundedReceiver<Event>,
    credit: Arc<Semaphore>,
    /// Bytes that were consumed and not credited yet.
    owed: u32,
    _slot: Option<OwnedSemaphorePermit>,
}

impl Call {
    pub(crate) fn new(link: Arc<Link>, ticket: Ticket, slot: Option<OwnedSemaphorePermit>) -> Self {
        let Ticket { number, events, credit } = ticket;
        Self { link, number, events, credit, owed: 0, _slot: slot }
    }

    pub(crate) fn send(&self, kind: FrameKind, payload: Bytes) {
        self.link.send(kind, self.number, payload);
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    /// Sends an object and END. `Some` if the plugin answered before it had everything, which can only be an error.
    pub(crate) async fn send_object(
        &mut self,
        object: Bytes,
    ) -> Result<Option<Response>, PluginError> {
        let window = usize::try_from(self.link.hello.window).unwrap_or(PAYLOAD_BYTES_MAX);
        let most = CHUNK_BYTES.min(window / 2).max(1);
        let mut rest = object;
        while !rest.is_empty() {
            let part = rest.split_to(most.min(rest.len()));
            let bytes = u32::try_from(part.len()).unwrap_or(u32::MAX);
            let credit = Arc::clone(&self.credit);
            tokio::select! {
                biased;
                event = self.events.recv() => return self.response(event).map(Some),
                permit = credit.acquire_many(bytes) => match permit {
                    Ok(permit) => permit.forget(),
                    Err(_closed) => return Err(self.death()),
                },
            }
            self.link.table.sending(self.number, bytes.into());
            self.send(FrameKind::Data, part);
        }
        self.link.table.asked(self.number);
        self.send(FrameKind::End, Bytes::new());
        Ok(None)
    }

    /// The answer; an error in it becomes one here.
    pub(crate) async fn answer(&mut self) -> Result<Response, PluginError> {
        let event = self.events.recv().await;
        let response = self.response(event)?;
        self.judge(response)
    }

    /// Turns an error in an answer into one.
    pub(crate) fn judge(&self, response: Response) -> Result<Response, PluginError> {
        match &response.error {
            None => Ok(response),
            Some(error) => Err(PluginError::answer(&self.link.plugin, error, &self.link.scrubber)),
        }
    }

    /// The next bytes of an answer; `None` at its end.
    pub(crate) async fn data(&mut self) -> Result<Option<Bytes>, PluginError> {
        match self.events.recv().await {
            Some(Event::Data(bytes)) => {
                self.consume(&bytes);
                Ok(Some(bytes))
            }
            Some(Event::End) => Ok(None),
            Some(Event::Response(response)) => self.judge(response).map(|_| None),
            None => Err(self.death()),
        }
    }

    /// Gives credit when half of the window is used up: seldom enough to cost nothing, early enough to stop nobody.
    fn consume(&mut self, bytes: &Bytes) {
        self.owed += u32::try_from(bytes.len()).unwrap_or(0);
        if self.owed > self.link.window / 4 {
            self.link.table.permit(self.number, self.owed);
            self.send(FrameKind::Credit, Bytes::copy_from_slice(&self.owed.to_be_bytes()));
            self.owed = 0;
        }
    }

    fn response(&self, event: Option<Event>) -> Result<Response, PluginError> {
        match event {
            Some(Event::Response(response)) => Ok(response),
            Some(Event::Data(_) | Event::End) => {
                Err(self.link.broke("it sent data where an answer must stand"))
            }
            None => Err(self.death()),
        }
    }

    fn death(&self) -> PluginError {
        let plugin = self.link.plugin.clone();
        self.link.table.ended().unwrap_or(PluginError::Unresponsive { plugin })
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.link.table.close(self.number) {
            self.send(FrameKind::Cancel, Bytes::new());
        }
    }
}
