//! Frames: `u32be length | u8 type | u32be stream | payload`, where the length counts what follows it.
//!
//! Nothing here does I/O. A [`Decoder`] is given bytes as they arrive, in whatever pieces, and never holds more than one
//! unfinished frame; what a payload means is the business of [`message`](crate::message).

/// The largest payload of a frame.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// Length, type and stream.
pub const HEADER_BYTES: usize = 9;

/// How much of what is no frame is kept for showing it.
pub const EXCERPT_BYTES: usize = 64;

/// Type and stream: what the length counts besides the payload.
const COUNTED_BYTES: u32 = 5;

/// Longest payload of PING and PONG.
const PING_BYTES_MAX: usize = 64;

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// First frame of each side: versions, settings, abilities. Stream 0.
    Hello,
    /// A call by the host; opens a stream.
    Request,
    /// The answer, or an error; an error ends the stream.
    Response,
    /// Bytes of an object, or entries of a listing. Never empty.
    Data,
    /// No more DATA will follow.
    End,
    /// So many bytes of DATA may be sent in addition.
    Credit,
    /// The host no longer wants the answer; an unfinished `put` must leave nothing.
    Cancel,
    /// Are you there? Stream 0; from the host.
    Ping,
    /// The same payload back. Stream 0; from the plugin.
    Pong,
    /// A remark of the plugin. Stream 0.
    Log,
    /// The host will make no more calls; the plugin finishes and ends. Stream 0.
    Bye,
}

impl FrameKind {
    /// In the order of their codes, which begin at 0.
    pub const ALL: [Self; 11] = [
        Self::Hello,
        Self::Request,
        Self::Response,
        Self::Data,
        Self::End,
        Self::Credit,
        Self::Cancel,
        Self::Ping,
        Self::Pong,
        Self::Log,
        Self::Bye,
    ];

    /// The type on the wire.
    pub const fn code(self) -> u8 {
        match self {
            Self::Hello => 0,
            Self::Request => 1,
            Self::Response => 2,
            Self::Data => 3,
            Self::End => 4,
            Self::Credit => 5,
            Self::Cancel => 6,
            Self::Ping => 7,
            Self::Pong => 8,
            Self::Log => 9,
            Self::Bye => 10,
        }
    }

    /// Its name in the documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hello => "HELLO",
            Self::Request => "REQUEST",
            Self::Response => "RESPONSE",
            Self::Data => "DATA",
            Self::End => "END",
            Self::Credit => "CREDIT",
            Self::Cancel => "CANCEL",
            Self::Ping => "PING",
            Self::Pong => "PONG",
            Self::Log => "LOG",
            Self::Bye => "BYE",
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Whether it belongs to a call; the others belong to the connection, which is stream 0.
    const fn has_stream(self) -> bool {
        match self {
            Self::Request
            | Self::Response
            | Self::Data
            | Self::End
            | Self::Credit
            | Self::Cancel => true,
            Self::Hello | Self::Ping | Self::Pong | Self::Log | Self::Bye => false,
        }
    }

    fn permits(self, payload_bytes: usize) -> bool {
        match self {
            Self::Hello | Self::Request | Self::Response | Self::Log => true,
            Self::Data => payload_bytes > 0,
            Self::End | Self::Cancel | Self::Bye => payload_bytes == 0,
            Self::Credit => payload_bytes == 4,
            Self::Ping | Self::Pong => payload_bytes <= PING_BYTES_MAX,
        }
    }
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it is for.
    pub kind: FrameKind,
    /// The call that it belongs to; 0 for the connection itself.
    pub stream: u32,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// Bytes that are no frame. Both sides end the connection over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A length below 5 or above what a frame may have; mostly text where a frame is expected.
    #[error("a frame cannot have the length {length}")]
    Length {
        /// The length that was read.
        length: u32,
    },
    /// A type that this version does not have.
    #[error("there is no frame of type {code}")]
    Kind {
        /// The type that was read.
        code: u8,
    },
    /// A frame of a call on stream 0, or one of the connection on another.
    #[error("a frame of type {kind:?} does not belong on stream {stream}")]
    Stream {
        /// Its type.
        kind: FrameKind,
        /// The stream that was read.
        stream: u32,
    },
    /// A payload of a size that this type never has.
    #[error("a frame of type {kind:?} has no payload of {payload_bytes} bytes")]
    Payload {
        /// Its type.
        kind: FrameKind,
        /// The size that was read.
        payload_bytes: usize,
    },
}

/// The bytes before a payload. `None` if the payload is too large for a frame.
pub fn header(kind: FrameKind, stream: u32, payload_bytes: usize) -> Option<[u8; HEADER_BYTES]> {
    if payload_bytes > PAYLOAD_BYTES_MAX {
        return None;
    }
    let length = u32::try_from(payload_bytes).ok()?.checked_add(COUNTED_BYTES)?;
    let mut bytes = [0; HEADER_BYTES];
    let parts = [&length.to_be_bytes()[..], &[kind.code()], &stream.to_be_bytes()].concat();
    bytes.copy_from_slice(&parts);
    Some(bytes)
}

impl Frame {
    /// A frame; its payload must fit into one.
    pub fn new(kind: FrameKind, stream: u32, payload: Vec<u8>) -> Self {
        Self { kind, stream, payload }
    }

    /// Permits so many more bytes of DATA.
    pub fn credit(stream: u32, bytes: u32) -> Self {
        Self::new(FrameKind::Credit, stream, bytes.to_be_bytes().to_vec())
    }

    /// What a CREDIT permits; 0 for any other frame.
    pub fn credit_bytes(&self) -> u32 {
        match (self.kind, <[u8; 4]>::try_from(self.payload.as_slice())) {
            (FrameKind::Credit, Ok(bytes)) => u32::from_be_bytes(bytes),
            _ => 0,
        }
    }

    /// The frame as bytes. Never more than [`PAYLOAD_BYTES_MAX`] of the payload; nobody has a longer one.
    pub fn encode(&self) -> Vec<u8> {
        let payload = self.payload.get(..PAYLOAD_BYTES_MAX).unwrap_or(&self.payload);
        let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
        if let Some(header) = header(self.kind, self.stream, payload.len()) {
            bytes.extend_from_slice(&header);
        }
        bytes.extend_from_slice(payload);
        bytes
    }
}

/// Finds the frames in bytes that arrive in pieces.
#[derive(Debug, Default)]
pub struct Decoder {
    header: Vec<u8>,
    /// Known once the header is complete and makes sense.
    expected: Option<Expected>,
    payload: Vec<u8>,
    failed: Option<(FrameError, Vec<u8>)>,
}

#[derive(Debug, Clone, Copy)]
struct Expected {
    kind: FrameKind,
    stream: u32,
    payload_bytes: usize,
}

impl Decoder {
    /// At the beginning of a connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes and gives the frames that they complete. After an error, every call gives that error.
    ///
    /// Frames that were complete before the bad bytes of the same call are lost, like the connection.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, FrameError> {
        if let Some((error, _)) = &self.failed {
            return Err(*error);
        }
        let mut frames = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some(expected) = self.expected else {
                rest = self.push_header(rest)?;
                self.finish(&mut frames);
                continue;
            };
            let missing = expected.payload_bytes - self.payload.len();
            let (part, after) = rest.split_at(missing.min(rest.len()));
            self.payload.extend_from_slice(part);
            rest = after;
            self.finish(&mut frames);
        }
        Ok(frames)
    }

    /// The beginning of an unfinished frame, or of what was no frame: what to show when the connection breaks.
    pub fn excerpt(&self) -> Vec<u8> {
        match &self.failed {
            Some((_, excerpt)) => excerpt.clone(),
            None => self.header.iter().chain(&self.payload).take(EXCERPT_BYTES).copied().collect(),
        }
    }

    /// Takes what is missing of a header, and gives what follows it.
    fn push_header<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], FrameError> {
        let missing = HEADER_BYTES - self.header.len();
        let (part, rest) = bytes.split_at(missing.min(bytes.len()));
        self.header.extend_from_slice(part);
        match parse_header(&self.header) {
            Ok(expected) => self.expected = expected,
            Err(error) => {
                let excerpt = self.header.iter().chain(rest).take(EXCERPT_BYTES).copied().collect();
                self.failed = Some((error, excerpt));
                return Err(error);
            }
        }
        Ok(rest)
    }

    fn finish(&mut self, frames: &mut Vec<Frame>) {
        let complete = self.expected.filter(|frame| frame.payload_bytes == self.payload.len());
        if let Some(Expected { kind, stream, .. }) = complete {
            self.expected = None;
            self.header.clear();
            frames.push(Frame { kind, stream, payload: std::mem::take(&mut self.payload) });
        }
    }
}

/// `None` if there is not enough of it yet. A bad length or type is seen as soon as it is there.
fn parse_header(bytes: &[u8]) -> Result<Option<Expected>, FrameError> {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes(*length);
    let payload_bytes = length
        .checked_sub(COUNTED_BYTES)
        .and_then(|bytes| usize::try_from(bytes).ok())
        .filter(|bytes| *bytes <= PAYLOAD_BYTES_MAX)
        .ok_or(FrameError::Length { length })?;
    let Some((code, rest)) = rest.split_first() else { return Ok(None) };
    let kind = FrameKind::from_code(*code).ok_or(FrameError::Kind { code: *code })?;
    if !kind.permits(payload_bytes) {
        return Err(FrameError::Payload { kind, payload_bytes });
    }
    let Some((stream, _)) = rest.split_first_chunk::<4>() else { return Ok(None) };
    let stream = u32::from_be_bytes(*stream);
    if kind.has_stream() == (stream == 0) {
        return Err(FrameError::Stream { kind, stream });
    }
    Ok(Some(Expected { kind, stream, payload_bytes }))
}

#[cfg(test)]
mod tests;
