//! Gives out the sections of a file that was taken apart.

use std::io::{self, Read};
use std::sync::Arc;

use super::fitting::{Inflating, Unfit};
use super::recipe::Section;
use super::taking::Step;
use super::tap::{Tap, length};
use super::{NotTaken, TakenApart};
use crate::files::ReadAt;

#[derive(Debug)]
pub(super) struct Content {
    tap: Option<Tap>,
    steps: Arc<[Step]>,
    next: usize,
    inflating: Option<(Inflating, u64)>,
    left: u64,
    hash: [u8; 32],
    recipe: Arc<Section>,
    recipe_used: usize,
    out: Vec<u8>,
    used: usize,
}

impl Content {
    pub(super) fn new(taken: &TakenApart, file: Arc<dyn ReadAt>) -> Self {
        let (range, cipher) = match &taken.coat {
            Some(coat) => (coat.range.clone(), Some(coat.cipher.clone())),
            None => (0..file.size(), None),
        };
        Self {
            tap: Some(Tap::new(file, range, cipher)),
            steps: Arc::clone(&taken.steps),
            next: 0,
            inflating: None,
            left: 0,
            hash: taken.hash,
            recipe: Arc::clone(&taken.recipe),
            recipe_used: 0,
            out: Vec::new(),
            used: 0,
        }
    }

    /// Sets `out` to what comes next of the sections before the recipe, which may be nothing yet; says whether there is more.
    fn fill(&mut self) -> io::Result<bool> {
        self.out.clear();
        self.used = 0;
        let Some(tap) = &mut self.tap else {
            return Ok(false);
        };
        if let Some((inflating, packed)) = &mut self.inflating {
            let used = inflating.step(tap.peek(*packed)?).map_err(changed)?;
            tap.skip(used);
            *packed -= length(used);
            self.out.extend_from_slice(&inflating.plain);
            if inflating.is_at_end {
                self.inflating = None;
            }
            return Ok(true);
        }
        if self.left > 0 {
            let piece = tap.peek(self.left)?;
            if piece.is_empty() {
                return Err(changed(Unfit::Broken));
            }
            self.out.extend_from_slice(piece);
            self.left -= length(self.out.len());
            tap.skip(self.out.len());
            return Ok(true);
        }
        let step = self.steps.get(self.next).copied();
        self.next += 1;
        match step {
            Some(Step::Noted(bytes)) => skip(tap, bytes)?,
            Some(Step::Stored(bytes)) => self.left = bytes,
            Some(Step::Deflated { packed }) => self.inflating = Some((Inflating::new(), packed)),
            None => self.finish()?,
        }
        Ok(true)
    }

    fn finish(&mut self) -> io::Result<()> {
        let hash = self.tap.take().map(Tap::finish).transpose()?;
        if hash == Some(self.hash) { Ok(()) } else { Err(changed(Unfit::Broken)) }
    }
}

/// Goes over what is in the recipe.
fn skip(tap: &mut Tap, mut bytes: u64) -> io::Result<()> {
    while bytes > 0 {
        let skipped = tap.peek(bytes)?.len();
        if skipped == 0 {
            return Err(changed(Unfit::Broken));
        }
        bytes -= length(skipped);
        tap.skip(skipped);
    }
    Ok(())
}

fn changed(unfit: Unfit) -> io::Error {
    match unfit {
        Unfit::Read(error) => error,
        Unfit::Broken | Unfit::Irreproducible => {
            io::Error::new(io::ErrorKind::InvalidData, NotTaken::Changed)
        }
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.used == self.out.len() {
            if buffer.is_empty() {
                return Ok(0);
            }
            if !self.fill()? {
                // Not by way of `out`: there is a key in it.
                return Ok(give(self.recipe.bytes(), &mut self.recipe_used, buffer));
            }
        }
        Ok(give(&self.out, &mut self.used, buffer))
    }
}

/// Copies what is not used yet, as much as there is room for.
pub(super) fn give(from: &[u8], used: &mut usize, buffer: &mut [u8]) -> usize {
    let rest = from.get(*used..).unwrap_or_default();
    let bytes = rest.len().min(buffer.len());
    if let (Some(to), Some(from)) = (buffer.get_mut(..bytes), rest.get(..bytes)) {
        to.copy_from_slice(from);
    }
    *used += bytes;
    bytes
}
