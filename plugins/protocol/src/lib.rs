//! The wire protocol of storage plugins, and the kit to write one in Rust. `docs/plugins.md` describes both.
//!
//! A plugin is a program named `heirloom-store-NAME`. Heirloom starts it and speaks to it over standard input and output,
//! in frames: a length, a type, the number of a stream, and a payload. Whoever writes a plugin in Rust implements
//! [`StorePlugin`] and calls [`serve()`]; no knowledge of the frames is needed.
//!
//! - [`Frame`] and [`Decoder`]: bytes from and to frames; no input or output, bounded memory, no panic on any bytes
//! - [`message`]: what the frames of type HELLO, REQUEST, RESPONSE, DATA (of a listing) and LOG say, as JSON
//! - [`serve()`], [`StorePlugin`]: the kit
//!
//! ```
//! use heirloom_plugin::{Decoder, Frame, FrameKind};
//!
//! let bytes = Frame::new(FrameKind::Data, 7, b"some bytes".to_vec()).encode();
//! let mut decoder = Decoder::new();
//! let frames = decoder.push(&bytes)?;
//! assert_eq!(frames.first().map(|frame| frame.payload.as_slice()), Some(&b"some bytes"[..]));
//! # Ok::<(), heirloom_plugin::FrameError>(())
//! ```

mod frame;
pub mod message;
mod names;
mod serve;

pub use self::frame::{
    Decoder, EXCERPT_BYTES, Frame, FrameError, FrameKind, HEADER_BYTES, PAYLOAD_BYTES_MAX, header,
};
pub use self::message::{Ability, ErrorBody, ErrorKind};
pub use self::names::{is_name, is_prefix};
pub use self::serve::{
    Content, Found, Opened, PluginError, ServeError, Setup, StorePlugin, serve, serve_on,
};

/// The versions of the protocol that this crate speaks.
pub const VERSIONS: &[u32] = &[1];

/// What the file name of every plugin begins with.
pub const FILE_PREFIX: &str = "heirloom-store-";

/// Bytes of DATA per stream that may be on their way without credit, unless a HELLO says something else.
pub const WINDOW_BYTES: u32 = 1 << 20;

/// The smallest window; half of it holds any entry of a listing.
pub const WINDOW_BYTES_MIN: u32 = 4096;

/// The largest window: an object.
pub const WINDOW_BYTES_MAX: u32 = 64 << 20;

/// The largest object, in both directions.
pub const OBJECT_BYTES_MAX: u64 = 64 << 20;

/// More calls at once are never made, whatever a plugin offers.
pub const PARALLEL_MAX: u32 = 64;
