//! JSON of any size, read piece by piece: no more than one message is in memory at a time.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;

use crate::error::{ChatError, Fault};
use crate::files::ReadAt;

/// No message is longer.
const PIECE_BYTES_MAX: u64 = 64 << 20;

/// How much is read at once.
const BLOCK_BYTES: usize = 256 << 10;

/// What is to be done with the value of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// Hand it over.
    Whole,
    /// It is a list: hand over one element after the other.
    Elements,
    /// It is an object: look at its keys.
    Inside,
    /// It is a list of objects: look at the keys of each.
    EachInside,
    /// Nothing.
    Nothing,
}

/// Takes what is wanted of a file.
pub(crate) trait Take {
    /// What is to be done with the value of a key.
    fn want(&mut self, key: &str) -> Want;
    /// A value that was wanted.
    fn value(&mut self, key: &str, value: Value);
    /// An element of a list that was wanted; false ends the reading.
    fn element(&mut self, key: &str, value: Value) -> bool;
    /// An object of a list begins; false ends the reading.
    fn begin(&mut self) -> bool {
        true
    }
    /// It ends; false ends the reading.
    fn end(&mut self) -> bool {
        true
    }
}

/// Reads a file until its end, or until nothing more is wanted.
pub(crate) fn read(
    path: &Path,
    file: &Arc<dyn ReadAt>,
    take: &mut dyn Take,
) -> Result<(), ChatError> {
    let left = Rc::new(Cell::new(PIECE_BYTES_MAX));
    let is_done = Cell::new(false);
    let source =
        Source { file: Arc::clone(file), at: 0, left: Rc::clone(&left), ready: Bytes::new() };
    let mut deserializer = serde_json::Deserializer::from_reader(BufReader::new(source));
    let piece = Piece { take, left: &left, is_done: &is_done, shape: Shape::Object };
    match piece.deserialize(&mut deserializer) {
        Err(error) if !is_done.get() => {
            let fault = if left.get() == 0 {
                Fault::TooLarge { what: "a message may have 64 MiB" }
            } else if error.is_io() {
                Fault::Read(error.into())
            } else {
                Fault::Json(error)
            };
            Err(ChatError { path: path.to_owned(), fault })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A file that ends where a piece becomes longer than any is. Bytes that are no text are replaced: they would spoil all that follows.
struct Source {
    file: Arc<dyn ReadAt>,
    at: u64,
    left: Rc<Cell<u64>>,
    ready: Bytes,
}

impl Source {
    fn fill(&mut self) -> io::Result<()> {
        let mut bytes = self.file.read_at(self.at, BLOCK_BYTES)?;
        let begun = begun_at_end(&bytes);
        if begun < bytes.len() {
            bytes.truncate(bytes.len() - begun);
        }
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.at == 0 && bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.advance(3);
        }
        self.left.set(self.left.get().saturating_sub(count));
        self.at = self.at.saturating_add(count);
        self.ready = match String::from_utf8_lossy(&bytes) {
            Cow::Borrowed(_) => bytes,
            Cow::Owned(text) => text.into(),
        };
        Ok(())
    }
}

/// How many bytes at the end only begin a letter.
fn begun_at_end(bytes: &[u8]) -> usize {
    let begins = |&(_, byte): &(usize, &u8)| *byte >= 0xc0;
    let begun = bytes.iter().rev().take(3).enumerate().find(begins);
    begun.map_or(0, |(after, first)| {
        let needed = match first {
            0xf0.. => 4,
            0xe0.. => 3,
            _ => 2,
        };
        if after + 1 < needed { after + 1 } else { 0 }
    })
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ready.is_empty() && self.left.get() > 0 {
            self.fill()?;
        }
        let bytes = self.ready.split_to(self.ready.len().min(buffer.len()));
        let Some(room) = buffer.get_mut(..bytes.len()) else { return Ok(0) };
        room.copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

#[derive(Clone, Copy)]
enum Shape<'a> {
    Object,
    Elements(&'a str),
    Objects,
}

struct Piece<'a> {
    take: &'a mut dyn Take,
    left: &'a Cell<u64>,
    is_done: &'a Cell<bool>,
    shape: Shape<'a>,
}

impl Piece<'_> {
    fn done<E: serde::de::Error>(&self) -> E {
        self.is_done.set(true);
        E::custom("nothing more is wanted")
    }
}

impl<'de> DeserializeSeed<'de> for Piece<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Piece<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("what an app exports")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if !matches!(self.shape, Shape::Object) {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        while let Some(key) = map.next_key::<String>()? {
            self.left.set(PIECE_BYTES_MAX);
            let shape = match self.take.want(&key) {
                Want::Whole => {
                    self.take.value(&key, map.next_value()?);
                    continue;
                }
                Want::Nothing => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                Want::Elements => Shape::Elements(&key),
                Want::Inside => Shape::Object,
                Want::EachInside => Shape::Objects,
            };
            map.next_value_seed(Piece {
                take: &mut *self.take,
                left: self.left,
                is_done: self.is_done,
                shape,
            })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        match self.shape {
            Shape::Object => while list.next_element::<IgnoredAny>()?.is_some() {},
            Shape::Elements(key) => {
                while let Some(value) = list.next_element::<Value>()? {
                    self.left.set(PIECE_BYTES_MAX);
                    if !self.take.element(key, value) {
                        return Err(self.done());
                    }
                }
            }
            Shape::Objects => loop {
                let begun = Begun {
                    piece: Piece {
                        take: &mut *self.take,
                        left: self.left,
                        is_done: self.is_done,
                        shape: Shape::Object,
                    },
                };
                if list.next_element_seed(begun)?.is_none() {
                    break;
                }
            },
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// An object of a list.
struct Begun<'a> {
    piece: Piece<'a>,
}

impl<'de> DeserializeSeed<'de> for Begun<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Piece { take, left, is_done, shape } = self.piece;
        left.set(PIECE_BYTES_MAX);
        if !take.begin() {
            is_done.set(true);
            return Err(D::Error::custom("nothing more is wanted"));
        }
        Piece { take: &mut *take, left, is_done, shape }.deserialize(deserializer)?;
        if !take.end() {
            is_done.set(true);
            return Err(D::Error::custom("nothing more is wanted"));
        }
        Ok(())
    }
}

/// The words of a key.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

/// The number of a key, which some write as words.
pub(crate) fn number(value: &Value, key: &str) -> Option<i64> {
    let value = value.get(key)?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// The list of a key; empty if there is none.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether a key says yes.
pub(crate) fn is(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// The beginning of a file, which tells what it is.
pub(crate) struct Start(String);

impl Start {
    /// Reads so much of it.
    pub(crate) fn read(file: &dyn ReadAt, bytes: usize) -> io::Result<Self> {
        Ok(Self(String::from_utf8_lossy(&file.read_at(0, bytes)?).into_owned()))
    }

    /// Whether it is an object with all of these words.
    pub(crate) fn has(&self, words: &[&str]) -> bool {
        let is_object = self
            .0
            .trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
            .starts_with('{');
        is_object && words.iter().all(|word| self.0.contains(word))
    }
}
