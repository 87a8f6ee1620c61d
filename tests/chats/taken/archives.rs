//! Archives of exported conversations, as phones and computers write them.

use std::io::{Cursor, Write as _};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use heirloom_chats::transform::{Form, Ways, take_apart};
use heirloom_kit::crypt::{self, CryptForm, CryptKey};
use std::path::Path;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use super::{Memory, keys, pages, there_and_back, together};

const NAME: &str = "WhatsApp Chat - Anna.zip";
const TEXT: &str = "[18/03/22, 10:00:00] Anna: where are you?\r\n\u{200e}[19/03/22, 10:00:01] Bert: \u{200e}<attached: 00000002-PHOTO-2022-03-19-10-00-01.jpg>\r\n";

/// Something that does not compress, as photos.
fn photo(seed: u64, bytes: usize) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    let mut photo = vec![0; bytes];
    hasher.finalize_xof().fill(&mut photo);
    photo
}

fn members() -> Vec<(String, Vec<u8>)> {
    let mut members = vec![("_chat.txt".to_owned(), TEXT.repeat(800).into_bytes())];
    for n in 0..4_u64 {
        let name = format!("0000000{n}-PHOTO-2022-03-19-10-00-0{n}.jpg");
        members.push((name, photo(n, 20_000 + usize::try_from(n).expect("small") * 7777)));
    }
    members.push(("00000009-notes.pdf".to_owned(), pages(30, 9)));
    members.push(("empty.vcf".to_owned(), vec![]));
    members
}

fn archive(method: CompressionMethod, is_streamed: bool) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(method);
    let mut whole = Cursor::new(Vec::new());
    if is_streamed {
        let mut zip = zip::ZipWriter::new_stream(Vec::new());
        for (name, bytes) in members() {
            zip.start_file(name, options).expect("memory");
            zip.write_all(&bytes).expect("memory");
        }
        return zip.finish().expect("memory").into_inner();
    }
    let mut zip = zip::ZipWriter::new(&mut whole);
    for (name, bytes) in members() {
        zip.start_file(name, options).expect("memory");
        zip.write_all(&bytes).expect("memory");
    }
    zip.finish().expect("memory");
    whole.into_inner()
}

/// Each member is a section of its own, as it is outside of the archive.
fn check_sections(name: &str, zip: &[u8], members: &[(String, Vec<u8>)]) -> Result<Ways> {
    let (taken, stored) = there_and_back(name, zip, &[])?;
    let mut sections = Vec::new();
    let mut rest = stored.as_slice();
    for section in &taken.sections {
        let (section, after) = rest.split_at(usize::try_from(*section)?);
        sections.push(section);
        rest = after;
    }
    for (name, bytes) in members.iter().filter(|(_, bytes)| !bytes.is_empty()) {
        ensure!(sections.contains(&bytes.as_slice()), "{name} is no section");
    }
    ensure!(taken.decoded_bytes.is_none() && taken.checksum.is_none());
    ensure!(together(&stored, Form::Decoded)? == zip, "the archive is what is decoded");
    eprintln!("{name}: {:?}, recipe of {} bytes", taken.ways, taken.recipe_bytes());
    Ok(taken.ways)
}

#[test]
fn members_are_sections_however_an_archive_was_written() -> Result<()> {
    for is_streamed in [false, true] {
        let stored = archive(CompressionMethod::Stored, is_streamed);
        let ways = check_sections(NAME, &stored, &members())?;
        assert_eq!((ways.as_they_lie, ways.zlib), (6, 0));
        let deflated = archive(CompressionMethod::Deflated, is_streamed);
        let ways = check_sections(NAME, &deflated, &members())?;
        assert_eq!((ways.zlib, ways.corrected), (6, 0));
    }
    Ok(())
}

#[test]
fn archives_of_other_programs_are_taken_apart() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (name, bytes) in members() {
        std::fs::write(folder.path().join(name), bytes)?;
    }
    let python = "import zipfile, os, sys
for level in (1, 6, 9):
    z = zipfile.ZipFile(f'python{level}.zip', 'w', zipfile.ZIP_DEFLATED, compresslevel=level)
    [z.write(n) for n in sorted(os.listdir('.')) if not n.endswith('.zip')]
    z.close()
class Pipe:
    def __init__(self, f): self.f = f
    def write(self, b): return self.f.write(b)
    def flush(self): self.f.flush()
z = zipfile.ZipFile(Pipe(open('streamed.zip', 'wb')), 'w', zipfile.ZIP_DEFLATED)
[z.write(n) for n in sorted(os.listdir('.')) if not n.endswith('.zip')]
z.close()
z = zipfile.ZipFile('large.zip', 'w', zipfile.ZIP_DEFLATED)
for n in sorted(os.listdir('.')):
    if not n.endswith('.zip'):
        with z.open(n, 'w', force_zip64=True) as f: f.write(open(n, 'rb').read())
z.close()
";
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder.path()).stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let mut written = Vec::new();
    if run("python3", &["-c", python]) {
        written.extend(["python1.zip", "python6.zip", "python9.zip", "streamed.zip", "large.zip"]);
    }
    if run("zip", &["-q", "info.zip", "-r", ".", "-x", "*.zip"]) {
        written.push("info.zip");
    }
    for name in written {
        let zip = std::fs::read(folder.path().join(name))?;
        check_sections(name, &zip, &members()).with_context(|| name.to_owned())?;
    }
    Ok(())
}

#[test]
fn what_stands_before_between_and_behind_comes_back() -> Result<()> {
    let zip = archive(CompressionMethod::Deflated, false);
    let before = [photo(77, 100_000), zip.clone()].concat();
    check_sections(NAME, &before, &members())?;
    let behind = [zip.clone(), photo(78, 3000)].concat();
    check_sections(NAME, &behind, &members())?;
    Ok(())
}

#[test]
fn members_that_another_program_deflated_or_nobody_can_are_kept() -> Result<()> {
    // The same archive, with other streams in the place of the first ones.
    let plain = pages(60, 3);
    let zip = |raw: &[u8], flags: u16, method: u16| {
        let crc = 0_u32;
        let name = b"_chat.txt";
        let common = |out: &mut Vec<u8>| {
            for number in [20, flags, method, 0, 0] {
                out.extend_from_slice(&number.to_le_bytes());
            }
            let bytes = |part: &[u8]| u32::try_from(part.len()).expect("short");
            for size in [crc, bytes(raw), bytes(&plain)] {
                out.extend_from_slice(&size.to_le_bytes());
            }
            let name_bytes = u16::try_from(name.len()).expect("short");
            out.extend_from_slice(&name_bytes.to_le_bytes());
            out.extend_from_slice(&[0, 0]);
        };
        let mut out = b"PK\x03\x04".to_vec();
        common(&mut out);
        out.extend_from_slice(name);
        out.extend_from_slice(raw);
        let start = out.len();
        out.extend_from_slice(b"PK\x01\x02\x14\x00");
        common(&mut out);
        out.extend_from_slice(&[0; 14]);
        out.extend_from_slice(name);
        let list = u32::try_from(out.len() - start).expect("short");
        out.extend_from_slice(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
        out.extend_from_slice(&list.to_le_bytes());
        out.extend_from_slice(&u32::try_from(start).expect("short").to_le_bytes());
        out.extend_from_slice(&[0, 0]);
        out
    };
    let raw = miniz_oxide::deflate::compress_to_vec(&plain, 6);
    let (taken, stored) = there_and_back(NAME, &zip(&raw, 0, 8), &[])?;
    assert_eq!(taken.ways, Ways { corrected: 1, ..Ways::default() });
    assert!(stored.starts_with(&plain));
    let noise = photo(5, 9000);
    for (what, zip) in [
        ("encrypted", zip(&raw, 1, 8)),
        ("another method", zip(&raw, 0, 93)),
        ("no stream", zip(&noise, 0, 8)),
        ("cut", zip(&raw[..raw.len() / 2], 0, 8)),
        ("longer than its stream", zip(&[raw.clone(), noise.clone()].concat(), 0, 8)),
    ] {
        let (taken, _) = there_and_back(NAME, &zip, &[]).context(what)?;
        assert_eq!(taken.ways, Ways { as_they_lie: 1, ..Ways::default() }, "{what}");
    }
    Ok(())
}

#[test]
fn ten_thousand_members_are_ten_thousand_sections() -> Result<()> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for n in 0..10_000_u64 {
        zip.start_file(format!("IMG-20220323-WA{n:04}.jpg"), options)?;
        zip.write_all(&photo(n, 200))?;
    }
    let zip = zip.finish()?.into_inner();
    let (taken, _) = there_and_back("photos.zip", &zip, &[])?;
    // Their list is too long for the recipe: it is a section, too.
    assert_eq!(taken.sections.len(), 10_000 + 2);
    Ok(())
}

#[test]
fn a_bomb_is_kept_packed() -> Result<()> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    zip.start_file("_chat.txt", options)?;
    let zeros = vec![0; 1 << 20];
    for _ in 0..100 {
        zip.write_all(&zeros)?;
    }
    let zip = zip.finish()?.into_inner();
    let (taken, stored) = there_and_back(NAME, &zip, &[])?;
    assert_eq!(taken.ways.as_they_lie, 1);
    assert!(stored.len() < 2 * zip.len());
    Ok(())
}

#[test]
fn an_encrypted_archive_is_taken_apart_like_one_that_is_not() -> Result<()> {
    let key = CryptKey::of(CryptForm::Crypt15, 3);
    let zip = archive(CompressionMethod::Deflated, false);
    let file = crypt::seal(CryptForm::Crypt15, &key, zip.clone(), false, [9; 16]);
    let (taken, stored) = there_and_back("stickers.backup.crypt15", &file, &keys(&key))?;
    assert_eq!((taken.decoded_bytes, taken.ways.zlib), (None, 6));
    assert!(together(&stored, Form::Decoded)? == zip);
    let broken = [b"PK\x03\x04".to_vec(), photo(1, 5000)].concat();
    let file = crypt::seal(CryptForm::Crypt15, &key, broken.clone(), false, [9; 16]);
    let (taken, _) = there_and_back("stickers.backup.crypt15", &file, &keys(&key))?;
    assert_eq!(taken.decoded_bytes, Some(broken.len() as u64));
    Ok(())
}

#[test]
fn archives_without_conversations_are_left_alone() -> Result<()> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    for name in ["README.txt", "src/main.rs", "photo.jpg"] {
        zip.start_file(name, options)?;
        zip.write_all(&pages(3, 3))?;
    }
    let zip = Memory::file(zip.finish()?.into_inner());
    assert!(take_apart(Path::new("project.zip"), &zip, &[])?.is_none());
    for name in ["notes.zip", "IMG.jpg"] {
        assert!(take_apart(Path::new(name), &Memory::file(pages(3, 1)), &[])?.is_none());
    }
    Ok(())
}
