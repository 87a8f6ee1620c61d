//! Files and recipes that somebody damaged or made up.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use heirloom_chats::transform::{Form, NotTaken, is_candidate, put_together, take_apart};
use heirloom_kit::crypt::{self, CryptForm, CryptKey};
use proptest::prelude::*;

use super::{Memory, content, keys, pages, there_and_back, together};

/// What is read of a file that somebody made up; a gigabyte of output comes from a few bytes of nothing.
const OUTPUT_BYTES_MAX: u64 = 64 << 20;

fn small() -> (Vec<u8>, CryptKey) {
    let key = CryptKey::of(CryptForm::Crypt15, 2);
    (crypt::write(CryptForm::Crypt15, &key, &pages(1, 6)[..2000], 6, [3; 16]), key)
}

/// Stored content of every kind: by zlib, corrected, an archive in an encrypted file.
fn stored_ones() -> Vec<Vec<u8>> {
    let key = CryptKey::of(CryptForm::Crypt15, 2);
    let seal = |inside| crypt::seal(CryptForm::Crypt15, &key, inside, true, [3; 16]);
    let plain = &pages(1, 6)[..1500];
    let corrected = seal(miniz_oxide::deflate::compress_to_vec_zlib(&pages(20, 7), 9));
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for name in ["a.webp", "b.webp"] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("memory");
        std::io::Write::write_all(&mut zip, plain).expect("memory");
    }
    let zip = seal(zip.finish().expect("memory").into_inner());
    [small().0, corrected, zip]
        .into_iter()
        .map(|file| there_and_back("x.crypt15", &file, &keys(&key)).expect("exact").1)
        .collect()
}

/// Reads what is made of something, and does not care what it is.
fn survive(stored: &[u8]) {
    for form in [Form::Original, Form::Decoded] {
        if let Ok(reader) = put_together(Memory::file(stored.to_vec()), form) {
            let mut out = Vec::new();
            let _any = reader.take(OUTPUT_BYTES_MAX).read_to_end(&mut out);
        }
    }
}

#[test]
fn a_flipped_byte_anywhere_gives_the_same_bytes_back_or_a_reason() -> Result<()> {
    let (file, key) = small();
    let keys = keys(&key);
    for at in 0..file.len() {
        let mut file = file.clone();
        file[at] ^= 0x41;
        let memory = Memory::file(file.clone());
        if let Ok(taken) = take_apart(Path::new("x.crypt15"), &memory, &keys) {
            let stored = content(&taken.context("a backup")?, &memory)?;
            assert!(together(&stored, Form::Original)? == file, "byte {at}");
        }
    }
    Ok(())
}

#[test]
fn a_cut_file_gives_a_reason() {
    let (file, key) = small();
    let keys = keys(&key);
    for end in 0..file.len() {
        // Without its MD5 it is whole: so are backups of several files.
        if end == file.len() - 16 {
            there_and_back("x.crypt15", &file[..end], &keys).expect("authentic");
            continue;
        }
        let cut = Memory::file(file[..end].to_vec());
        let taken = take_apart(Path::new("x.crypt15"), &cut, &keys);
        assert!(matches!(taken, Err(NotTaken::Crypt(_))), "cut at {end}");
    }
}

#[test]
fn a_file_that_changes_is_not_given_out_with_the_recipe_of_another() -> Result<()> {
    let (file, key) = small();
    let memory = Memory::file(file.clone());
    let taken = take_apart(Path::new("x.crypt15"), &memory, &keys(&key))?.context("a backup")?;
    let others = [10, 200, file.len() - 1].map(|at| {
        let mut other = file.clone();
        other[at] ^= 1;
        other
    });
    let shorter = [20, 300].map(|less| file[..file.len() - less].to_vec());
    for other in others.into_iter().chain(shorter) {
        let error = content(&taken, &Memory::file(other)).expect_err("another file");
        let error = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let reason = error.and_then(|error| error.downcast_ref::<NotTaken>());
        assert!(matches!(reason, Some(NotTaken::Changed)), "{reason:?}");
    }
    Ok(())
}

#[test]
fn a_flipped_byte_of_what_is_stored_is_survived() {
    for stored in stored_ones() {
        let step = (stored.len() / 700).max(1);
        for at in (0..stored.len()).step_by(step) {
            for mask in [1, 0x80, 0xff] {
                let mut stored = stored.clone();
                stored[at] ^= mask;
                survive(&stored);
            }
        }
        for end in (0..stored.len()).step_by(step * 3) {
            survive(&stored[..end]);
        }
    }
}

#[test]
fn a_recipe_of_another_version_is_refused_by_name() {
    let mut stored = stored_ones().remove(0);
    let recipe = stored.len() - 8 - usize::try_from(footer(&stored)).expect("small");
    stored[recipe] = 2;
    let error = together(&stored, Form::Original).expect_err("another version");
    assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
}

fn footer(stored: &[u8]) -> u64 {
    u64::from_le_bytes(*stored.last_chunk().expect("a footer"))
}

#[test]
fn names_say_what_is_worth_a_look() {
    for name in [
        "msgstore.db.crypt15",
        "MSGSTORE.DB.CRYPT14",
        "msgstore.db.crypt12.bak",
        "msgstore.db.crypt15 (1)",
        "WhatsApp Chat.zip",
        "a.ZIP",
    ] {
        assert!(is_candidate(name.as_bytes()), "{name}");
    }
    for name in ["msgstore.db", "crypt15", "x.crypt1", "x.crypt155", "x.zipx", "zip"] {
        assert!(!is_candidate(name.as_bytes()), "{name}");
    }
}

/// Recipes that are right in form: header, and steps with any numbers.
fn recipes() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![0_u64..5000, any::<u64>(), Just(u64::MAX), Just(1 << 40),];
    let step =
        (0_u8..8, number.clone(), any::<[u8; 2]>(), prop::collection::vec(any::<u8>(), 0..60));
    let steps = prop::collection::vec(step, 0..12).prop_map(|steps| {
        let mut out = Vec::new();
        for (kind, number, level, rest) in steps {
            out.push(kind);
            match kind {
                1 | 2 => out.extend_from_slice(&number.to_le_bytes()),
                3 => {
                    out.extend_from_slice(&[level[0] % 11, 8 + level[1] % 9]);
                    out.extend_from_slice(&number.to_le_bytes());
                }
                5 => {
                    out.extend_from_slice(&number.to_le_bytes());
                    out.extend_from_slice(&(rest.len() as u64).to_le_bytes());
                    out.extend_from_slice(&rest);
                }
                _ => {}
            }
        }
        out
    });
    (prop::collection::vec(any::<u8>(), 0..5000), 0_u8..4, number, any::<bool>(), steps).prop_map(
        |(sections, decoded, decoded_bytes, is_sealed, steps)| {
            let mut recipe = vec![1, decoded, u8::from(is_sealed)];
            recipe.extend_from_slice(&decoded_bytes.to_le_bytes());
            if is_sealed {
                recipe.extend_from_slice(&[7; 48]);
                recipe.extend_from_slice(&[2, 0, 0, 0, 1, 1, 0, 0, 0, 0]);
            }
            recipe.extend_from_slice(&steps);
            let length = (recipe.len() as u64).to_le_bytes();
            [sections, recipe, length.to_vec()].concat()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn any_recipe_is_survived(stored in recipes()) {
        survive(&stored);
    }

    #[test]
    fn any_stored_bytes_are_survived(stored in prop::collection::vec(any::<u8>(), 0..400)) {
        survive(&stored);
    }

    #[test]
    fn any_file_is_survived(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        name in prop_oneof![Just("x.crypt12"), Just("x.crypt15"), Just("WhatsApp Chat.zip")],
    ) {
        let all = [CryptForm::Crypt15, CryptForm::Crypt14].map(|form| keys(&CryptKey::of(form, 2))).concat();
        let file = Memory::file(bytes);
        drop(take_apart(Path::new(name), &file, &all));
    }

    #[test]
    fn any_change_of_an_archive_comes_back(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for n in 0..5 {
            zip.start_file(format!("IMG-20220323-WA000{n}.jpg"), zip::write::SimpleFileOptions::default()).expect("memory");
            std::io::Write::write_all(&mut zip, &pages(1, n + 1)[..900]).expect("memory");
        }
        let mut zip = zip.finish().expect("memory").into_inner();
        for (at, byte) in changes {
            let at = at.index(zip.len());
            zip[at] = byte;
        }
        let file = Memory::file(zip.clone());
        if let Some(taken) = take_apart(Path::new("a.zip"), &file, &[]).expect("nothing fails") {
            let stored = content(&taken, &Arc::clone(&file)).expect("the same file");
            prop_assert!(together(&stored, Form::Original).expect("a recipe") == zip);
        }
    }
}
