//! Files that a browser can show, made here.

use std::fs;
use std::path::Path;

use anyhow::Result;
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};

/// Seconds that [`video`] lasts.
pub(crate) const VIDEO_SECONDS: u32 = 20;
const FRAMES_A_SECOND: u32 = 10;

/// A picture of that size, in colours of its own.
pub(crate) fn picture(path: &Path, (width, height): (u32, u32), number: u8) -> Result<()> {
    let part = |at: u32, whole: u32| u8::try_from(at * 255 / whole).unwrap_or(255);
    let picture = RgbImage::from_fn(width, height, |x, y| {
        Rgb([part(x, width), part(y, height), number.wrapping_mul(37)])
    });
    let mut bytes = Vec::new();
    picture.write_with_encoder(JpegEncoder::new(&mut bytes))?;
    Ok(fs::write(path, bytes)?)
}

/// A WAV file of a second: a tone, 8,000 times 8 bits.
pub(crate) fn sound() -> Vec<u8> {
    const SAMPLES: u32 = 8000;
    let wave = (0..SAMPLES).map(|at| if at / 10 % 2 == 0 { 96 } else { 160 });
    let sizes = |bytes: u32| bytes.to_le_bytes();
    let format =
        [&sizes(16)[..], &[1, 0, 1, 0], &sizes(SAMPLES), &sizes(SAMPLES), &[1, 0, 8, 0]].concat();
    [b"RIFF", &sizes(36 + SAMPLES)[..], b"WAVEfmt ", &format, b"data", &sizes(SAMPLES)]
        .concat()
        .into_iter()
        .chain(wave)
        .collect()
}

/// An MP4 file of more than a megabyte: H.264 frames of 64 x 64 dots that are stored plainly, each on its own.
pub(crate) fn video() -> Vec<u8> {
    let frames: Vec<Vec<u8>> = (0..VIDEO_SECONDS * FRAMES_A_SECOND).map(frame).collect();
    let sizes: Vec<u32> = frames.iter().map(|frame| length(frame)).collect();
    let kind = atom("ftyp", &[b"isom\0\0\x02\0isomavc1mp41"]);
    let head = |start: u32| movie(&sizes, start);
    let start = length(&kind) + length(&head(0)) + 8;
    let data: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    [kind, head(start), atom("mdat", &data)].concat()
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a small file")
}

fn atom(name: &str, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [&(length(&body) + 8).to_be_bytes()[..], name.as_bytes(), &body].concat()
}

/// 32-bit numbers in a row.
fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn movie(sizes: &[u32], start: u32) -> Vec<u8> {
    let (count, ticks) = (u32::try_from(sizes.len()).expect("few"), VIDEO_SECONDS * 1000);
    let matrix = words(&[0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000]);
    let header = words(&[0, 0, 0, 1000, ticks, 0x1_0000, 0x0100_0000, 0, 0]);
    let movie_header = atom("mvhd", &[&header, &matrix, &words(&[0, 0, 0, 0, 0, 0, 2])]);
    let header = words(&[3, 0, 0, 1, 0, ticks, 0, 0, 0, 0]);
    let track_header = atom("tkhd", &[&header, &matrix, &words(&[64 << 16, 64 << 16])]);
    let (sets, pictures) = (sequence(), parameters());
    let short = |bytes: &[u8]| u16::try_from(bytes.len()).expect("short").to_be_bytes();
    let about = [1, 66, 0xc0, 30, 0xff, 0xe1];
    let settings = [&about[..], &short(&sets), &sets, &[1], &short(&pictures), &pictures].concat();
    let mut dots = words(&[0, 1, 0, 0, 0, 0, 64 << 16 | 64, 0x48_0000, 0x48_0000, 0, 1 << 16]);
    dots.truncate(42);
    dots.extend([0; 32]);
    dots.extend([0, 0x18, 0xff, 0xff]);
    let codec = atom("avc1", &[&dots, &atom("avcC", &[&settings])]);
    let table = [
        atom("stsd", &[&words(&[0, 1]), &codec]),
        atom("stts", &[&words(&[0, 1, count, 1000 / FRAMES_A_SECOND])]),
        atom("stsc", &[&words(&[0, 1, 1, count, 1])]),
        atom("stsz", &[&words(&[0, 0, count]), &words(sizes)]),
        atom("stco", &[&words(&[0, 1, start])]),
    ];
    let here = atom("dref", &[&words(&[0, 1]), &atom("url ", &[&words(&[1])])]);
    let information = atom(
        "minf",
        &[
            &atom("vmhd", &[&words(&[1, 0, 0])]),
            &atom("dinf", &[&here]),
            &atom("stbl", &[&table.concat()]),
        ],
    );
    let media = [
        atom("mdhd", &[&words(&[0, 0, 0, 1000, ticks, 0x55c4_0000])]),
        atom("hdlr", &[&words(&[0, 0]), b"vide", &words(&[0, 0, 0]), b"video\0"]),
        information,
    ];
    let track = atom("trak", &[&track_header, &atom("mdia", &[&media.concat()])]);
    atom("moov", &[&movie_header, &track])
}

/// Bits, the first one highest.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: usize,
}

impl Bits {
    fn put(&mut self, value: u32, bits: usize) {
        for at in (0..bits).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = u8::from(value >> at & 1 == 1) << (7 - self.used % 8);
            *self.bytes.last_mut().expect("pushed above") |= bit;
            self.used += 1;
        }
    }

    /// Exponential Golomb codes.
    fn code(&mut self, value: u32) {
        let bits = (value + 1).ilog2() as usize;
        self.put(0, bits);
        self.put(value + 1, bits + 1);
    }

    fn end(mut self) -> Vec<u8> {
        self.put(1, 1);
        self.bytes
    }
}

/// The sequence parameter set: baseline profile, four times four blocks.
fn sequence() -> Vec<u8> {
    let mut bits = Bits { bytes: vec![0x67, 66, 0xc0, 30], used: 32 };
    for value in [0, 0, 2, 1] {
        bits.code(value);
    }
    bits.put(0, 1);
    bits.code(3);
    bits.code(3);
    bits.put(0b1100, 4);
    bits.end()
}

/// The picture parameter set.
fn parameters() -> Vec<u8> {
    let mut bits = Bits { bytes: vec![0x68], used: 8 };
    bits.code(0);
    bits.code(0);
    bits.put(0, 2);
    for _ in 0..3 {
        bits.code(0);
    }
    bits.put(0, 3);
    for _ in 0..3 {
        bits.code(0);
    }
    bits.put(0, 3);
    bits.end()
}

/// A key frame of plain blocks, each brighter than the one before.
fn frame(number: u32) -> Vec<u8> {
    let mut bits = Bits { bytes: vec![0x65], used: 8 };
    bits.code(0);
    bits.code(7);
    bits.code(0);
    bits.put(0, 4);
    bits.code(number % 2);
    bits.put(0, 2);
    bits.code(0);
    for block in 0..16_u32 {
        bits.code(25);
        while !bits.used.is_multiple_of(8) {
            bits.put(0, 1);
        }
        let bright = u8::try_from(40 + (number + block * 8) % 180).expect("below 220");
        bits.bytes.extend([bright; 256]);
        bits.bytes.extend([128; 128]);
        bits.used = bits.bytes.len() * 8;
    }
    let unit = bits.end();
    [&length(&unit).to_be_bytes()[..], &unit].concat()
}
