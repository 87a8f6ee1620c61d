//! Finds out how a stream is deflated again, by doing it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use flate2::{Decompress, FlushDecompress, Status};
use preflate_rs::{ExitCode, PreflateConfig, PreflateStreamChunkResult, PreflateStreamProcessor};

use super::correcting::{CHAIN_MAX, CHUNK_BYTES_MAX, CORRECTIONS_BYTES_MAX, Correcting};
use super::deflating::{Deflating, Level};
use super::recipe::{Action, RECIPE_BYTES_MAX};
use super::tap::{PIECE_BYTES, Tap, length};

/// What is known of a stream before it is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    /// It is not longer.
    pub(super) packed_max: u64,
    /// It is not shorter either.
    pub(super) is_all: bool,
    /// There is no more in it.
    pub(super) plain_max: u64,
}

/// What was found out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fitted {
    pub(super) packed: u64,
    pub(super) plain: u64,
    pub(super) way: Way,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Zlib,
    Corrected,
}

/// Why nothing was.
#[derive(Debug)]
pub(super) enum Unfit {
    Read(io::Error),
    /// It is no stream, or has more in it than it may.
    Broken,
    /// Nothing makes the same stream.
    Irreproducible,
}

impl From<io::Error> for Unfit {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// Of what was read and is not rebuilt yet, zlib never has more: it ends a block after 16,383 matches or letters.
const LAG_BYTES_MAX: usize = 4 << 20;
/// The parameters of a prediction are estimated from so much of a stream.
const FIRST_BYTES: usize = 512 << 10;
/// After that, so much of it is looked at together.
const NEXT_BYTES: usize = 128 << 10;
/// Unless its blocks are longer.
const BLOCK_BYTES_MAX: usize = 4 << 20;
/// The library counts places in 31 bits.
const CORRECTED_BYTES_MAX: u64 = 2_000_000_000;

/// Which levels are tried, most likely first; what fitted once is likely to fit again.
#[derive(Debug)]
pub(super) struct Levels(Vec<Level>);

impl Levels {
    pub(super) fn new(window_bits: u8, likely: &[u8]) -> Self {
        let mut levels: Vec<u8> = likely.to_vec();
        levels.extend([6, 1, 9, 5, 4, 3, 2, 8, 7, 0]);
        let known = levels.into_iter().filter_map(|level| Level::new(level, window_bits));
        let mut levels = Vec::new();
        for level in known {
            if !levels.contains(&level) {
                levels.push(level);
            }
        }
        Self(levels)
    }
}

/// Inflates a stream piece by piece.
pub(super) struct Inflating {
    zlib: Decompress,
    pub(super) plain: Vec<u8>,
    pub(super) is_at_end: bool,
}

impl std::fmt::Debug for Inflating {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflating").field("out", &self.zlib.total_out()).finish_non_exhaustive()
    }
}

impl Inflating {
    pub(super) fn new() -> Self {
        let plain = Vec::with_capacity(PIECE_BYTES);
        Self { zlib: Decompress::new(false), plain, is_at_end: false }
    }

    /// Sets `plain` to what comes next of a piece, and says how much of the piece was used.
    pub(super) fn step(&mut self, piece: &[u8]) -> Result<usize, Unfit> {
        let before = self.zlib.total_in();
        self.plain.clear();
        let status = self
            .zlib
            .decompress_vec(piece, &mut self.plain, FlushDecompress::None)
            .map_err(|_invalid| Unfit::Broken)?;
        self.is_at_end = status == Status::StreamEnd;
        let used = usize::try_from(self.zlib.total_in() - before).unwrap_or(usize::MAX);
        let is_stuck = used == 0 && self.plain.is_empty() && !self.is_at_end;
        if is_stuck { Err(Unfit::Broken) } else { Ok(used) }
    }

    fn packed(&self) -> u64 {
        self.zlib.total_in()
    }

    fn plain_bytes(&self) -> u64 {
        self.zlib.total_out()
    }

    fn check(&self, stream: Stream) -> Result<(), Unfit> {
        if self.plain_bytes() > stream.plain_max { Err(Unfit::Broken) } else { Ok(()) }
    }
}

/// Goes over a stream, and writes how it is made. What does not fit is as if it had not been read.
pub(super) fn fit(
    tap: &mut Tap,
    stream: Stream,
    levels: &mut Levels,
    actions: &mut Vec<u8>,
) -> Result<Fitted, Unfit> {
    for at in 0..levels.0.len() {
        let Some(level) = levels.0.get(at).copied() else { break };
        let mut trial = tap.clone();
        if let Some(fitted) = deflates_again(&mut trial, stream, level)? {
            *tap = trial;
            Action::Zlib(level, fitted.plain).write(actions);
            if let Some(tried) = levels.0.get_mut(..=at) {
                tried.rotate_right(1);
            }
            return Ok(fitted);
        }
    }
    let mut trial = tap.clone();
    let begin = actions.len();
    let fitted = correct(&mut trial, stream, actions);
    if fitted.is_ok() {
        *tap = trial;
    } else {
        actions.truncate(begin);
    }
    fitted
}

/// Whether zlib makes the stream again with a level.
fn deflates_again(tap: &mut Tap, stream: Stream, level: Level) -> Result<Option<Fitted>, Unfit> {
    let (mut inflating, mut deflating) = (Inflating::new(), Deflating::new(level));
    let (mut packed, mut made) = (Vec::new(), Vec::new());
    while !inflating.is_at_end {
        let piece = tap.peek(stream.packed_max - inflating.packed())?;
        let used = inflating.step(piece)?;
        packed.extend_from_slice(piece.get(..used).unwrap_or_default());
        tap.skip(used);
        inflating.check(stream)?;
        deflating.push(&inflating.plain, &mut made)?;
        if inflating.is_at_end {
            deflating.finish(&mut made)?;
        }
        let same = packed.len().min(made.len());
        if packed.get(..same) != made.get(..same) || packed.len() - same > LAG_BYTES_MAX {
            return Ok(None);
        }
        packed.drain(..same);
        made.drain(..same);
    }
    if !packed.is_empty() || !made.is_empty() {
        return Ok(None);
    }
    let (packed, plain) = (inflating.packed(), inflating.plain_bytes());
    Ok(Some(Fitted { packed, plain, way: Way::Zlib }))
}

/// How long a stream is, how long what is in it, and its hash.
fn measure(mut tap: Tap, stream: Stream) -> Result<(u64, u64, blake3::Hash), Unfit> {
    let (mut inflating, mut hasher) = (Inflating::new(), blake3::Hasher::new());
    while !inflating.is_at_end {
        let used = inflating.step(tap.peek(stream.packed_max - inflating.packed())?)?;
        tap.skip(used);
        inflating.check(stream)?;
        hasher.update(&inflating.plain);
    }
    Ok((inflating.packed(), inflating.plain_bytes(), hasher.finalize()))
}

/// Predicts a stream, and corrects the prediction.
fn correct(tap: &mut Tap, stream: Stream, actions: &mut Vec<u8>) -> Result<Fitted, Unfit> {
    // The library reads streams itself; it has to find what zlib finds when the sections are given out.
    let (packed, plain, hash) = measure(tap.clone(), stream)?;
    if plain > CORRECTED_BYTES_MAX {
        return Err(Unfit::Irreproducible);
    }
    let mut prediction = Prediction::new()?;
    let (mut waiting, mut left, mut wanted) = (Vec::new(), packed, FIRST_BYTES);
    Action::Corrected.write(actions);
    loop {
        while waiting.len() < wanted && left > 0 {
            let most = length(wanted - waiting.len()).min(left);
            let piece = tap.peek(most)?;
            waiting.extend_from_slice(piece);
            let taken = piece.len();
            left -= length(taken);
            tap.skip(taken);
        }
        match prediction.next(&waiting, actions)? {
            Some(used) => {
                waiting.drain(..used);
                wanted = NEXT_BYTES;
            }
            None if left > 0 && wanted < BLOCK_BYTES_MAX => wanted *= 2,
            None => return Err(Unfit::Irreproducible),
        }
        if prediction.library.is_done() {
            break;
        }
    }
    prediction.compare()?;
    let is_whole = left == 0 && waiting.is_empty();
    if !is_whole || prediction.plain != plain || prediction.hasher.finalize() != hash {
        return Err(Unfit::Irreproducible);
    }
    Action::CorrectedEnd.write(actions);
    Ok(Fitted { packed, plain, way: Way::Corrected })
}

struct Prediction {
    library: PreflateStreamProcessor,
    correcting: Correcting,
    /// What has to come out of the chunk that is being corrected, while the next one is predicted.
    awaited: Option<Vec<u8>>,
    hasher: blake3::Hasher,
    plain: u64,
}

impl Prediction {
    fn new() -> io::Result<Self> {
        let library = PreflateStreamProcessor::new(&PreflateConfig {
            max_chain_length: CHAIN_MAX,
            plain_text_limit: CHUNK_BYTES_MAX - (1 << 20),
            // It is compared here, with what makes it in the end.
            verify_compression: false,
        });
        let (correcting, hasher) = (Correcting::new()?, blake3::Hasher::new());
        Ok(Self { library, correcting, awaited: None, hasher, plain: 0 })
    }

    /// Corrects as many blocks as are there, and says how long they are; `None` if not one is whole.
    fn next(&mut self, packed: &[u8], actions: &mut Vec<u8>) -> Result<Option<usize>, Unfit> {
        let Some(PreflateStreamChunkResult { corrections, compressed_size, .. }) =
            self.predict(packed)?
        else {
            return Ok(None);
        };
        let plain = self.library.plain_text().text().to_vec();
        let is_possible = plain.len() <= CHUNK_BYTES_MAX
            && corrections.len() <= CORRECTIONS_BYTES_MAX
            && actions.len() + corrections.len() <= RECIPE_BYTES_MAX;
        if !is_possible {
            return Err(Unfit::Irreproducible);
        }
        self.hasher.update(&plain);
        self.plain += length(plain.len());
        Action::Chunk(length(plain.len()), length(corrections.len())).write(actions);
        actions.extend_from_slice(&corrections);
        self.compare()?;
        self.correcting.begin(plain, corrections).map_err(|_nonsense| Unfit::Irreproducible)?;
        self.awaited = packed.get(..compressed_size).map(<[u8]>::to_vec);
        self.library.shrink_to_dictionary();
        Ok(Some(compressed_size))
    }

    /// Compares what came out of the chunk before.
    fn compare(&mut self) -> Result<(), Unfit> {
        let Some(awaited) = self.awaited.take() else { return Ok(()) };
        let made = self.correcting.end().map_err(|_nonsense| Unfit::Irreproducible)?;
        if made == awaited { Ok(()) } else { Err(Unfit::Irreproducible) }
    }

    fn predict(&mut self, packed: &[u8]) -> Result<Option<PreflateStreamChunkResult>, Unfit> {
        // The library panics where it contradicts itself. It is not used again after that.
        let library = &mut self.library;
        let predicted = catch_unwind(AssertUnwindSafe(|| library.decompress(packed)));
        match predicted {
            Ok(Ok(chunk)) => Ok(Some(chunk)),
            Ok(Err(error)) if error.exit_code() == ExitCode::ShortRead => Ok(None),
            Ok(Err(_)) | Err(_) => Err(Unfit::Irreproducible),
        }
    }
}
