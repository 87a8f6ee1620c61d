//! Deflates as some unknown program did, by prediction and correction.
//!
//! The format of a prediction is the library's. It panics, or would not end, for corrections that it did not write
//! itself: it runs in a thread of its own, where a panic is only an end, and is given nothing that has no end.

use std::io::{self, Cursor};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use bitcode::Decode;
use preflate_rs::{RecreateStreamProcessor, TokenPredictorParameters};

/// So much plain text is corrected at once, at most.
pub(super) const CHUNK_BYTES_MAX: usize = 9 << 20;
/// Corrections of so much plain text are never as long, unless nothing was predicted.
pub(super) const CORRECTIONS_BYTES_MAX: usize = 64 << 10;
/// The search for a match is never longer.
pub(super) const CHAIN_MAX: u32 = 4096;

/// What the library writes at the beginning of the corrections of a stream.
#[derive(Decode)]
struct Beginning {
    parameters: TokenPredictorParameters,
    corrections: Vec<u8>,
}

/// Plain text, and the corrections for it.
type Chunk = (Vec<u8>, Vec<u8>);

/// Makes one stream.
#[derive(Debug)]
pub(super) struct Correcting {
    chunks: SyncSender<Chunk>,
    made: Receiver<Option<Vec<u8>>>,
    is_begun: bool,
}

impl Correcting {
    pub(super) fn new() -> io::Result<Self> {
        let (chunks, given) = sync_channel::<Chunk>(1);
        let (give, made) = sync_channel(1);
        // The predictor cannot be sent from one thread to another, whoever reads wants to do that.
        thread::Builder::new().name("deflate".to_owned()).spawn(move || {
            let mut library = RecreateStreamProcessor::new();
            for (plain, corrections) in given {
                let made = library.recompress(&mut Cursor::new(plain), &corrections);
                let made = made.ok().map(|(stream, _)| stream);
                if give.send(made).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { chunks, made, is_begun: false })
    }

    /// The stream of the next chunk.
    pub(super) fn next(&mut self, plain: Vec<u8>, corrections: Vec<u8>) -> io::Result<Vec<u8>> {
        self.begin(plain, corrections)?;
        self.end()
    }

    /// Begins to make the stream of the next chunk. [`end`](Self::end) has to be called once for each.
    pub(super) fn begin(&mut self, plain: Vec<u8>, corrections: Vec<u8>) -> io::Result<()> {
        if !self.is_begun && !is_harmless(&corrections) {
            return Err(nonsense());
        }
        self.is_begun = true;
        self.chunks.send((plain, corrections)).map_err(|_ended| nonsense())
    }

    /// Waits for the stream that was begun.
    pub(super) fn end(&mut self) -> io::Result<Vec<u8>> {
        self.made.recv().ok().flatten().ok_or_else(nonsense)
    }
}

/// Whether a prediction goes on with every token. Corrections end, and after them every block has as many tokens as this.
fn is_harmless(corrections: &[u8]) -> bool {
    bitcode::decode::<Beginning>(corrections).is_ok_and(|beginning| {
        let parameters = beginning.parameters;
        parameters.max_token_count > 0 && parameters.max_chain <= CHAIN_MAX
    })
}

fn nonsense() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the corrections of a stream make no sense")
}
