//! Any part of any file, by several readers at once.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread;

use anyhow::{Context as _, Result, ensure};
use heirloom_kit::Random;
use rustix::fs::{SeekFrom, seek};

use crate::stage::Stage;

const READERS: u64 = 8;
const READS: u64 = 150;

fn read_at_random(random: &mut Random, plain: &Path, mounted: &Path) -> Result<()> {
    let (plain, mounted) = (File::open(plain)?, File::open(mounted)?);
    let size = plain.metadata()?.len();
    for _ in 0..random.below(6) {
        let offset = random.below(size + 5000);
        let length = usize::try_from(random.below(300_000))?;
        let (mut expected, mut found) = (vec![0; length], vec![0; length]);
        let (mut left, mut right) = (0, 0);
        // A read may stop at the end of a page.
        for (file, buffer, filled) in
            [(&plain, &mut expected, &mut left), (&mounted, &mut found, &mut right)]
        {
            while *filled < length {
                let at = offset + u64::try_from(*filled)?;
                match file.read_at(&mut buffer[*filled..], at)? {
                    0 => break,
                    count => *filled += count,
                }
            }
        }
        ensure!(left == right && expected == found, "{length} bytes at {offset} of {size}");
    }
    Ok(())
}

#[test]
fn eight_readers_at_once_read_what_was_backed_up() -> Result<()> {
    let stage = Stage::new()?;
    for number in 0..20_u64 {
        let bytes = usize::try_from(Random::new(number).below(3_000_000))?;
        fs::write(stage.source().join(number.to_string()), Random::new(number).bytes(bytes))?;
    }
    let sparse = File::create(stage.source().join("20"))?;
    sparse.set_len(5_000_000)?;
    sparse.write_all_at(&Random::new(9).bytes(700_000), 1_234_567)?;
    stage.back_up()?;
    let _program = stage.mount(&[])?;
    let (source, mounted) = (stage.source(), stage.mounted_source()?);
    thread::scope(|scope| {
        let read = |reader| {
            let mut random = Random::new(100 + reader);
            for _ in 0..READS {
                let name = random.below(21).to_string();
                read_at_random(&mut random, &source.join(&name), &mounted.join(&name))
                    .with_context(|| format!("reader {reader}, file {name}"))?;
            }
            Ok(())
        };
        let readers: Vec<_> =
            (0..READERS).map(|reader| scope.spawn(move || read(reader))).collect();
        readers.into_iter().try_for_each(|reader| reader.join().expect("no panic"))
    })
}

#[test]
fn holes_are_found_without_reading_them() -> Result<()> {
    let stage = Stage::new()?;
    let sparse = File::create(stage.source().join("sparse"))?;
    sparse.set_len(4 << 20)?;
    sparse.write_all_at(&[7; 4096], 1 << 20)?;
    stage.back_up()?;
    let _program = stage.mount(&[])?;
    let file = File::open(stage.mounted_source()?.join("sparse"))?;
    ensure!(seek(&file, SeekFrom::Data(0))? == 1 << 20);
    ensure!(seek(&file, SeekFrom::Hole(1 << 20))? == (1 << 20) + 4096);
    Ok(())
}
