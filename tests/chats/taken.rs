//! Files that are taken apart for a repository, and put together again.

mod archives;
mod hostile;
mod real_ones;
mod streams;

use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use heirloom_chats::crypt::Key;
use heirloom_chats::files::ReadAt;
use heirloom_chats::transform::{Form, NotTaken, TakenApart, put_together, take_apart};
use heirloom_kit::crypt::CryptKey;

/// A file in memory.
#[derive(Debug)]
pub(crate) struct Memory(pub(crate) Bytes);

impl Memory {
    fn file(bytes: impl Into<Bytes>) -> Arc<dyn ReadAt> {
        Arc::new(Self(bytes.into()))
    }
}

impl ReadAt for Memory {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, bytes: usize) -> io::Result<Bytes> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let end = start.saturating_add(bytes).min(self.0.len());
        Ok(self.0.slice(start..end))
    }
}

fn keys(key: &CryptKey) -> Vec<Key> {
    vec![Key::parse(&key.file()).expect("a key file")]
}

/// What a repository would store.
fn content(taken: &TakenApart, file: &Arc<dyn ReadAt>) -> Result<Vec<u8>> {
    let mut stored = Vec::new();
    taken.content(Arc::clone(file)).read_to_end(&mut stored)?;
    Ok(stored)
}

fn together(stored: &[u8], form: Form) -> io::Result<Vec<u8>> {
    let mut whole = Vec::new();
    put_together(Memory::file(stored.to_vec()), form)?.read_to_end(&mut whole)?;
    Ok(whole)
}

/// Takes a file apart and puts it together; gives what was stored, with how.
fn there_and_back(name: &str, file: &[u8], keys: &[Key]) -> Result<(TakenApart, Vec<u8>)> {
    let file = Memory::file(file.to_vec());
    let taken = take_apart(Path::new(name), &file, keys)
        .with_context(|| name.to_owned())?
        .with_context(|| format!("{name}: nothing to gain"))?;
    let stored = content(&taken, &file)?;
    ensure!(taken.sections.iter().sum::<u64>() == stored.len() as u64, "{name}: sections");
    let original = file.read_at(0, usize::MAX)?;
    ensure!(taken.hash == *blake3::hash(&original).as_bytes(), "{name}: the hash");
    ensure!(together(&stored, Form::Original)? == original, "{name}: another file came back");
    if let Some(decoded) = taken.decoded_bytes {
        let decoded = stored.get(..usize::try_from(decoded)?).context("decoded")?;
        ensure!(together(&stored, Form::Decoded)? == decoded, "{name}: decoded");
    }
    Ok((taken, stored))
}

/// Pages of something like a database: text, numbers and room.
fn pages(count: usize, seed: u64) -> Vec<u8> {
    const WORDS: [&str; 12] = [
        "the", "message", "and", "you", "tomorrow", "photo", "ok", "when", "mother", "see", "we",
        "there",
    ];
    let (mut state, mut out) = (seed | 1, b"SQLite format 3\0".to_vec());
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    while out.len() < count * 4096 {
        let number = next();
        out.extend_from_slice(&number.to_le_bytes());
        for n in 0..number % 20 {
            out.extend_from_slice(WORDS[(next() >> 7) as usize % WORDS.len()].as_bytes());
            out.push(if n == 0 { b',' } else { b' ' });
        }
        if number.is_multiple_of(17) {
            out.resize(out.len().next_multiple_of(4096), 0);
        }
    }
    out.truncate(count * 4096);
    out
}

fn refusal(name: &str, file: &[u8], keys: &[Key]) -> Option<NotTaken> {
    take_apart(Path::new(name), &Memory::file(file.to_vec()), keys).err()
}
