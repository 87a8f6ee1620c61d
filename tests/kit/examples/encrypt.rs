//! Encrypts a database as a phone does every night: `encrypt FROM TO LEVEL NIGHT`, for measurements.
//!
//! The key is always the same, `07` thirty-two times; the nonce is another for each night.

use std::env;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};

use anyhow::{Context as _, Result};
use heirloom_kit::crypt::{CryptForm, CryptKey, Packing};

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [from, to, level, night] = arguments.as_slice() else {
        anyhow::bail!("usage: encrypt FROM TO LEVEL NIGHT");
    };
    let form = CryptForm::Crypt15;
    let key = CryptKey::of(form, 7);
    let packing = Packing { form, key: &key, level: level.parse()?, nonce: [night.parse()?; 16] };
    let from = BufReader::new(File::open(from).with_context(|| from.clone())?);
    let mut to = BufWriter::new(File::create(to).with_context(|| to.clone())?);
    packing.write(from, &mut to)?;
    Ok(to.flush()?)
}
