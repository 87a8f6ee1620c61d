//! One running plugin process: the handshake, and the task that carries frames in both directions until one side ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use heirloom_plugin::message::{
    Ability, HostHello, PROTOCOL, PluginHello, Request, decode, encode,
};
use heirloom_plugin::{
    Decoder, Frame, FrameKind, HEADER_BYTES, PARALLEL_MAX, VERSIONS, WINDOW_BYTES_MAX,
    WINDOW_BYTES_MIN, header,
};
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::{sleep, timeout};

use crate::call::Call;
use crate::process::Process;
use crate::scrub::Scrubber;
use crate::table::Table;
use crate::{PluginError, PluginSettings};

/// How much is read from a plugin at once.
const READ_BYTES: usize = 256 << 10;

/// Smaller payloads are sent together with their header.
const SMALL_BYTES: usize = 16 << 10;

/// A running plugin.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) plugin: String,
    pub(crate) hello: PluginHello,
    pub(crate) scrubber: Scrubber,
    pub(crate) table: Arc<Table>,
    pub(crate) window: u32,
    /// Whether it ever did what it was asked for.
    pub(crate) succeeded: AtomicBool,
    slots: Arc<Semaphore>,
    outgoing: mpsc::UnboundedSender<Outgoing>,
    failing: Arc<Notify>,
}

#[derive(Debug)]
struct Outgoing {
    header: [u8; HEADER_BYTES],
    payload: Bytes,
}

/// Why the task ended.
enum End {
    /// The plugin closed its standard output.
    Closed,
    /// Nobody needs it any more.
    Unused,
    /// It must be ended.
    Failed(PluginError),
}

impl Link {
    /// Starts the program and exchanges HELLO.
    pub(crate) async fn start(settings: &PluginSettings) -> Result<Arc<Self>, PluginError> {
        let scrubber = Scrubber::new(settings.secrets.values());
        let (process, (stdin, stdout)) = Process::start(settings, &scrubber)?;
        let plugin = settings.name.clone();
        let window = settings.limits.window.clamp(WINDOW_BYTES_MIN, WINDOW_BYTES_MAX);
        let mut greeting =
            Greeting { settings, scrubber: &scrubber, stdin, stdout, reader: Reader::new() };
        let greeted = timeout(settings.limits.handshake, greeting.exchange(window)).await;
        let (stdin, stdout, mut reader) = (greeting.stdin, greeting.stdout, greeting.reader);
        let hello = match greeted {
            Ok(Ok(Some(hello))) => hello,
            Ok(Ok(None)) => return Err(died(&plugin, process, &reader, true).await),
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                let seconds = settings.limits.handshake.as_secs();
                return Err(PluginError::Silent { plugin, seconds, printed: reader.printed() });
            }
        };
        reader.scrubber = scrubber.clone();
        let Ability { parallel, .. } = hello.capabilities;
        let windows = (window, hello.window);
        let table = Arc::new(Table::new(&plugin, windows, Arc::clone(&process.speech)));
        let (outgoing, queue) = mpsc::unbounded_channel();
        let failing = Arc::new(Notify::new());
        let keeper = Keeper {
            plugin: plugin.clone(),
            idle: settings.limits.idle,
            table: Arc::clone(&table),
            failing: Arc::clone(&failing),
            outgoing: outgoing.downgrade(),
        };
        tokio::spawn(keeper.keep(process, (stdin, queue), (stdout, reader)));
        let slots = usize::try_from(parallel).unwrap_or(1);
        Ok(Arc::new(Self {
            plugin,
            hello,
            scrubber,
            table,
            window,
            succeeded: AtomicBool::new(false),
            slots: Arc::new(Semaphore::new(slots)),
            outgoing,
            failing,
        }))
    }

    /// Begins a call. An error means that nothing was asked.
    pub(crate) async fn open(self: &Arc<Self>, request: &Request) -> Result<Call, PluginError> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok();
        let ticket = self.table.open(request)?;
        let call = Call::new(Arc::clone(self), ticket, slot);
        call.send(FrameKind::Request, encode(request).into());
        Ok(call)
    }

    /// Puts a frame into the queue. What is in it at once is bounded by the windows of the open calls.
    pub(crate) fn send(&self, kind: FrameKind, stream: u32, payload: Bytes) {
        send(&self.outgoing, kind, stream, payload);
    }

    /// Ends the process because it broke a rule.
    pub(crate) fn broke(&self, rule: &'static str) -> PluginError {
        let error = PluginError::Broke { plugin: self.plugin.clone(), rule };
        self.table.end(error.clone());
        self.failing.notify_one();
        error
    }

    pub(crate) fn note_success(&self) {
        self.succeeded.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_succeeded(&self) -> bool {
        self.succeeded.load(Ordering::Relaxed)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.send(FrameKind::Bye, 0, Bytes::new());
    }
}

fn send(to: &mpsc::UnboundedSender<Outgoing>, kind: FrameKind, stream: u32, payload: Bytes) {
    // A payload that fits into no frame is never made, and a queue without a reader belongs to a dead process.
    if let Some(header) = header(kind, stream, payload.len()) {
        to.send(Outgoing { header, payload }).ok();
    }
}

async fn died(plugin: &str, process: Process, reader: &Reader, starting: bool) -> PluginError {
    let ending = process.end().await;
    PluginError::Died {
        plugin: plugin.to_owned(),
        ending: ending.said,
        killed: ending.killed,
        starting,
        printed: reader.printed(),
        lines: ending.lines,
    }
}

/// Frames from the plugin.
struct Reader {
    decoder: Decoder,
    buffer: Vec<u8>,
    scrubber: Scrubber,
    waiting: Vec<Frame>,
}

impl Reader {
    fn new() -> Self {
        let buffer = vec![0; READ_BYTES];
        let (decoder, scrubber) = (Decoder::new(), Scrubber::default());
        Self { decoder, buffer, scrubber, waiting: Vec::new() }
    }

    /// What is there; `None` at the end.
    async fn next(
        &mut self,
        plugin: &str,
        stdout: &mut ChildStdout,
    ) -> Result<Option<Vec<Frame>>, PluginError> {
        if !self.waiting.is_empty() {
            return Ok(Some(std::mem::take(&mut self.waiting)));
        }
        // A pipe that fails has ended.
        let read = stdout.read(&mut self.buffer).await.unwrap_or(0);
        let Some(bytes) = self.buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Ok(None);
        };
        match self.decoder.push(bytes) {
            Ok(frames) => Ok(Some(frames)),
            Err(source) => {
                let (plugin, printed) = (plugin.to_owned(), self.printed());
                Err(PluginError::NoFrame { plugin, printed, source })
            }
        }
    }

    /// What came of an unfinished frame, or instead of one.
    fn printed(&self) -> String {
        let excerpt = self.decoder.excerpt();
        if excerpt.is_empty() {
            return String::new();
        }
        format!("\"{}\"", self.scrubber.clean(excerpt.escape_ascii().to_string().as_bytes()))
    }
}

/// The handshake.
struct Greeting<'a> {
    settings: &'a PluginSettings,
    scrubber: &'a Scrubber,
    stdin: ChildStdin,
    stdout: ChildStdout,
    reader: Reader,
}

impl Greeting<'_> {
    /// `None` if the plugin ended without a HELLO.
    async fn exchange(&mut self, window: u32) -> Result<Option<PluginHello>, PluginError> {
        self.reader.scrubber = self.scrubber.clone();
        let plugin = self.settings.name.clone();
        let frame = Frame::new(FrameKind::Hello, 0, self.hello(window));
        // A program that does not read has something to say, or has ended.
        self.stdin.write_all(&frame.encode()).await.ok();
        let mut frames = Vec::new();
        while frames.is_empty() {
            match self.reader.next(&plugin, &mut self.stdout).await? {
                Some(more) => frames = more,
                None => return Ok(None),
            }
        }
        let first = frames.remove(0);
        self.reader.waiting = frames;
        let broke = |rule| PluginError::Broke { plugin: plugin.clone(), rule };
        if first.kind != FrameKind::Hello {
            return Err(broke("its first frame was no HELLO"));
        }
        let mut hello: PluginHello =
            decode(&first.payload).ok_or_else(|| broke("its HELLO makes no sense"))?;
        if let Some(error) = &hello.error {
            return Err(PluginError::answer(&plugin, error, self.scrubber));
        }
        match hello.version {
            None => return Err(broke("its HELLO has neither a version nor an error")),
            Some(version) if !VERSIONS.contains(&version) => {
                return Err(PluginError::Version { plugin, version });
            }
            Some(_) => {}
        }
        if !(WINDOW_BYTES_MIN..=WINDOW_BYTES_MAX).contains(&hello.window) {
            return Err(broke("its window is out of bounds"));
        }
        hello.capabilities.parallel = hello.capabilities.parallel.clamp(1, PARALLEL_MAX);
        hello.name = self.scrubber.clean(hello.name.as_bytes());
        hello.plugin_version = self.scrubber.clean(hello.plugin_version.as_bytes());
        Ok(Some(hello))
    }

    fn hello(&self, window: u32) -> Vec<u8> {
        let settings = self.settings;
        let secrets = settings.secrets.iter();
        encode(&HostHello {
            protocol: PROTOCOL.to_owned(),
            versions: VERSIONS.to_vec(),
            host: settings.host.clone(),
            target: settings.target.clone(),
            config: settings.config(),
            secrets: secrets
                .map(|(key, secret)| (key.clone(), secret.expose_secret().to_owned()))
                .collect(),
            window,
        })
    }
}

/// Carries frames until one side ends.
struct Keeper {
    plugin: String,
    idle: std::time::Duration,
    table: Arc<Table>,
    failing: Arc<Notify>,
    outgoing: mpsc::WeakUnboundedSender<Outgoing>,
}

impl Drop for Keeper {
    /// Also if the runtime ends while calls wait, nobody waits forever.
    fn drop(&mut self) {
        self.table.end(PluginError::Unresponsive { plugin: self.plugin.clone() });
    }
}

impl Keeper {
    async fn keep(
        self,
        process: Process,
        (stdin, queue): (ChildStdin, mpsc::UnboundedReceiver<Outgoing>),
        (mut stdout, mut reader): (ChildStdout, Reader),
    ) {
        let end = tokio::select! {
            end = self.read(&mut stdout, &mut reader) => end,
            end = write(stdin, queue) => end,
            end = self.watch() => end,
            () = self.failing.notified() => End::Unused,
        };
        match end {
            End::Closed => self.table.end(died(&self.plugin, process, &reader, false).await),
            End::Failed(error) => {
                self.table.end(error);
                drop(process);
            }
            End::Unused => {
                // A plugin that broke a rule gets no time to end.
                if self.table.ended().is_none() {
                    drop(process.end().await);
                }
            }
        }
    }

    async fn read(&self, stdout: &mut ChildStdout, reader: &mut Reader) -> End {
        loop {
            let frames = match reader.next(&self.plugin, stdout).await {
                Ok(Some(frames)) => frames,
                Ok(None) => return End::Closed,
                Err(error) => return End::Failed(error),
            };
            for frame in frames {
                if let Err(error) = self.table.take(frame) {
                    return End::Failed(error);
                }
            }
        }
    }

    /// Asks for a sign of life where silence means something: a plugin may be busy with a call for as long as it likes.
    async fn watch(&self) -> End {
        loop {
            sleep(self.idle / 2).await;
            let (heard, suspicious) = self.table.silence();
            if !suspicious || heard.elapsed() < self.idle {
                continue;
            }
            let Some(outgoing) = self.outgoing.upgrade() else { return End::Unused };
            send(&outgoing, FrameKind::Ping, 0, Bytes::from_static(b"?"));
            drop(outgoing);
            sleep(self.idle).await;
            if self.table.silence().0 == heard {
                return End::Failed(PluginError::Unresponsive { plugin: self.plugin.clone() });
            }
        }
    }
}

/// Sends what is in the queue. A plugin that does not read is recognised by its silence, or by its end.
async fn write(mut stdin: ChildStdin, mut queue: mpsc::UnboundedReceiver<Outgoing>) -> End {
    while let Some(Outgoing { header, payload }) = queue.recv().await {
        let written = if payload.len() <= SMALL_BYTES {
            stdin.write_all(&[&header, payload.as_ref()].concat()).await
        } else {
            match stdin.write_all(&header).await {
                Ok(()) => stdin.write_all(&payload).await,
                failed => failed,
            }
        };
        if written.is_err() {
            return std::future::pending().await;
        }
        let [_, _, _, _, kind, ..] = header;
        if kind == FrameKind::Bye.code() {
            return End::Unused;
        }
    }
    End::Unused
}
