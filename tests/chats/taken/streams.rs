//! Encrypted backups, compressed in all ways that are known.

use anyhow::Result;
use heirloom_chats::crypt::{Checksum, CryptFault, Key};
use heirloom_chats::transform::{NotTaken, Ways};
use heirloom_kit::crypt::{self, CryptForm, CryptKey};
use proptest::prelude::*;
use zlib_rs::{DeflateConfig, Strategy as Matching, compress_bound, compress_slice};

use super::{keys, pages, refusal, there_and_back};

const NONCE: [u8; 16] = [0x5a; 16];

fn backup(form: CryptForm, zlib: Vec<u8>) -> (String, Vec<u8>, Vec<Key>) {
    let key = CryptKey::of(form, 7);
    let name = format!("msgstore.db.{}", form.ending());
    (name, crypt::seal(form, &key, zlib, true, NONCE), keys(&key))
}

/// Another deflate than the one that files are rebuilt with: it writes other bytes.
fn by_another(plain: &[u8], level: i32, mem_level: i32, strategy: Matching) -> Vec<u8> {
    let config = DeflateConfig { level, mem_level, strategy, ..DeflateConfig::default() };
    let mut room = vec![0; compress_bound(plain.len()) * 2];
    compress_slice(&mut room, plain, config).0.to_vec()
}

#[test]
fn what_zlib_compressed_takes_a_recipe_of_a_few_bytes() -> Result<()> {
    let plain = pages(300, 1);
    for form in CryptForm::ALL {
        for level in 1..=9 {
            let key = CryptKey::of(form, 7);
            let file = crypt::write(form, &key, &plain, level, NONCE);
            let name = format!("msgstore.db.{}", form.ending());
            let (taken, stored) = there_and_back(&name, &file, &keys(&key))?;
            assert_eq!(taken.ways, Ways { zlib: 1, ..Ways::default() }, "level {level}");
            assert_eq!(taken.checksum, Some(Checksum::Right));
            assert!(stored.starts_with(&plain) && taken.recipe_bytes() < 500, "level {level}");
        }
    }
    Ok(())
}

#[test]
fn what_other_programs_compressed_is_predicted_and_corrected() -> Result<()> {
    let plain = pages(350, 2);
    let mut streams = Vec::new();
    for level in [1, 6, 9] {
        streams.push((format!("zlib-rs {level}"), by_another(&plain, level, 8, Matching::Default)));
        let miniz = miniz_oxide::deflate::compress_to_vec_zlib(&plain, u8::try_from(level)?);
        streams.push((format!("miniz {level}"), miniz));
    }
    for mem_level in [1, 9] {
        let stream = by_another(&plain, 6, mem_level, Matching::Default);
        streams.push((format!("memory level {mem_level}"), stream));
    }
    for strategy in [Matching::Filtered, Matching::HuffmanOnly, Matching::Rle, Matching::Fixed] {
        let stream = by_another(&plain, 6, 8, strategy);
        streams.push((format!("{strategy:?}"), stream));
    }
    for (what, stream) in streams {
        let packed = stream.len();
        let (name, file, keys) = backup(CryptForm::Crypt15, stream);
        let (taken, stored) = there_and_back(&name, &file, &keys)?;
        eprintln!("{what}: {packed} bytes, {:?}, recipe of {}", taken.ways, taken.recipe_bytes());
        assert!(stored.starts_with(&plain), "{what}");
        assert_eq!(taken.ways.zlib + taken.ways.corrected, 1, "{what}");
        assert!(taken.recipe_bytes() < packed as u64 / 8, "{what}: {}", taken.recipe_bytes());
    }
    Ok(())
}

#[test]
fn what_follows_the_stream_and_a_wrong_checksum_come_back_as_they_were() -> Result<()> {
    let plain = pages(20, 3);
    let mut zlib = miniz_oxide::deflate::compress_to_vec_zlib(&plain, 6);
    let checksum = zlib.len() - 2;
    zlib[checksum] ^= 0x10;
    zlib.extend_from_slice(&pages(40, 4));
    let (name, mut file, keys) = backup(CryptForm::Crypt14, zlib);
    *file.last_mut().expect("an MD5") ^= 1;
    let (taken, stored) = there_and_back(&name, &file, &keys)?;
    assert_eq!(taken.checksum, Some(Checksum::Wrong));
    assert!(stored.starts_with(&plain));
    Ok(())
}

#[test]
fn content_that_is_not_compressed_is_stored_as_it_lies() -> Result<()> {
    let plain = pages(10, 5);
    for (inside, with_md5) in [(plain.clone(), true), (b"{}".to_vec(), false), (vec![], true)] {
        let key = CryptKey::of(CryptForm::Crypt15, 1);
        let file = crypt::seal(CryptForm::Crypt15, &key, inside.clone(), with_md5, NONCE);
        let (taken, stored) = there_and_back("backup_settings.json.crypt15", &file, &keys(&key))?;
        assert_eq!(taken.decoded_bytes, Some(inside.len() as u64));
        assert!(stored.starts_with(&inside));
    }
    Ok(())
}

#[test]
fn an_empty_file_inside_comes_back() -> Result<()> {
    for level in [1, 6] {
        let key = CryptKey::of(CryptForm::Crypt12, 1);
        let file = crypt::write(CryptForm::Crypt12, &key, b"", level, NONCE);
        let (taken, _) = there_and_back("x.db.crypt12", &file, &keys(&key))?;
        assert_eq!(taken.decoded_bytes, Some(0));
    }
    Ok(())
}

#[test]
fn of_several_keys_the_fitting_one_is_found_and_else_the_nearest_fault_is_told() -> Result<()> {
    let form = CryptForm::Crypt14;
    let (name, file, right) = backup(form, miniz_oxide::deflate::compress_to_vec_zlib(b"hello", 6));
    let all: Vec<Key> =
        [keys(&CryptKey::of(CryptForm::Crypt15, 3)), keys(&CryptKey::of(form, 8)), right.clone()]
            .concat();
    there_and_back(&name, &file, &all)?;
    let fault = refusal(&name, &file, &all[..2]);
    assert!(matches!(fault, Some(NotTaken::Crypt(CryptFault::OtherRegistration))), "{fault:?}");
    let fault = refusal(&name, &file, &all[..1]);
    assert!(matches!(fault, Some(NotTaken::Crypt(CryptFault::OtherKind { .. }))), "{fault:?}");
    assert!(matches!(refusal(&name, &file, &[]), Some(NotTaken::Locked { .. })));
    let mut damaged = file.clone();
    let at = damaged.len() - 38;
    damaged[at] ^= 1;
    let fault = refusal(&name, &damaged, &all);
    assert!(matches!(fault, Some(NotTaken::Crypt(CryptFault::Damaged))), "{fault:?}");
    Ok(())
}

/// What compresses in different ways: letters, runs, copies from near and far, noise.
fn plain_texts() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..400),
        (any::<u8>(), 0_usize..5000).prop_map(|(byte, count)| vec![byte; count]),
        (prop::collection::vec(97_u8..105, 1..30), 0_usize..300).prop_map(|(w, n)| w.repeat(n)),
        (0_usize..30, any::<u64>()).prop_map(|(count, seed)| pages(count, seed)),
    ];
    prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_zlib_compressed_comes_back(
        plain in plain_texts(),
        level in 1_u32..=9,
        form in 0_usize..3,
        nonce in any::<[u8; 16]>(),
    ) {
        let form = CryptForm::ALL[form];
        let key = CryptKey::of(form, 9);
        let file = crypt::write(form, &key, &plain, level, nonce);
        let name = format!("x.{}", form.ending());
        let (taken, stored) = there_and_back(&name, &file, &keys(&key)).expect("exact");
        prop_assert!(stored.starts_with(&plain));
        prop_assert_eq!(taken.ways.zlib, 1);
    }

    #[test]
    fn whatever_others_compressed_comes_back_or_is_left_alone(
        plain in plain_texts(),
        level in 0_i32..=9,
        mem_level in 1_i32..=9,
        strategy in 0_usize..5,
        is_miniz in any::<bool>(),
    ) {
        let strategy = [
            Matching::Default, Matching::Filtered, Matching::HuffmanOnly, Matching::Rle, Matching::Fixed,
        ][strategy];
        let zlib = if is_miniz {
            miniz_oxide::deflate::compress_to_vec_zlib(&plain, u8::try_from(level).expect("small"))
        } else {
            by_another(&plain, level, mem_level, strategy)
        };
        let (name, file, keys) = backup(CryptForm::Crypt15, zlib);
        match there_and_back(&name, &file, &keys) {
            Ok((_, stored)) => prop_assert!(stored.starts_with(&plain)),
            Err(error) => {
                let reason = error.downcast_ref::<NotTaken>();
                prop_assert!(matches!(reason, Some(NotTaken::Irreproducible)), "{:?}", error);
            }
        }
    }
}
