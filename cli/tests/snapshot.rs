//! The real program where a snapshot recognises messengers, and leaves out classes of media.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const IDENTITY: &str = include_str!("transcripts/keys.in/identity.txt");
const RECIPIENT: &str = "age12l06gz28stqrhcpl6nhmmhxp9jqg85xjpl3m7r3q5ad9yycvnums24kup7";
const KEY_FILE: &[u8] = include_bytes!("transcripts/chats-key.in/key");

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(TempDir::new().expect("a folder"));
        place.write("identity.txt", IDENTITY.as_bytes());
        place.write("key", KEY_FILE);
        place.run(&["init", "--recovery-key", "none", "--recipient", RECIPIENT]);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the disk is there");
        fs::write(path, bytes).expect("the disk is there");
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_heirloom"))
            .args(arguments)
            .current_dir(self.0.path())
            .env_clear()
            .env("HOME", self.0.path())
            .env("HEIRLOOM_REPOSITORY", "repository")
            .env("HEIRLOOM_CACHE_DIR", "cache")
            .env("HEIRLOOM_IDENTITY_FILE", "identity.txt")
            .output()
            .expect("the program runs")
    }

    /// The words of a command that ends with this code.
    fn says(&self, arguments: &[&str], code: i32) -> (String, String) {
        let output = self.run(arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {out}{err}");
        (out, err)
    }

    /// The objects that a command prints, by id.
    fn objects(&self, arguments: &[&str], id: &str) -> Vec<Value> {
        let (out, _) = self.says(arguments, 0);
        let objects = out.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        objects.filter(|object| object["id"] == id).collect()
    }

    /// The names of the files in the newest snapshot, sorted.
    fn files(&self) -> Vec<String> {
        let all = self.objects(&["--json", "ls", "--recursive", "latest"], "entry.found");
        let files = all.iter().filter(|entry| entry["kind"] == "file");
        let mut names: Vec<String> = files
            .filter_map(|entry| Path::new(entry["path"].as_str()?).file_name()?.to_str())
            .map(str::to_owned)
            .collect();
        names.sort();
        names
    }

    fn fill_phone(&self) {
        let root = "phone/Android/media/com.whatsapp/WhatsApp";
        for day in 1..4 {
            let name = format!("{root}/Databases/msgstore-2026-11-0{day}.1.db.crypt15");
            self.write(&name, &backup(day));
        }
        for (kind, start, end, number) in [
            ("Images", "IMG", "jpg", 1234),
            ("Video", "VID", "mp4", 2),
            ("Voice Notes", "PTT", "opus", 1),
        ] {
            for count in 0..number {
                let name =
                    format!("{root}/Media/WhatsApp {kind}/{start}-20261101-WA{count:04}.{end}");
                self.write(&name, b"x");
            }
        }
        self.write("phone/DCIM/Camera/20261101_120000.jpg", b"x");
    }
}

/// Three thousand bytes that begin as an encrypted backup does: a key of 64 digits, and another nonce each day.
fn backup(day: u8) -> Vec<u8> {
    let mut bytes =
        [&[24, 8, 1, 3 << 3 | 2, 18, 1 << 3 | 2, 16][..], &[day; 16], &[6 << 3, 3]].concat();
    bytes.resize(3000, day);
    bytes
}

#[test]
fn a_phone_is_one_line_and_says_what_a_key_would_save_until_there_is_one() {
    let place = Place::new();
    place.fill_phone();
    let line =
        "  WhatsApp: 3 databases (encrypted, crypt15), 1,234 photos, 2 videos, 1 voice note\n";
    let (out, err) = place.says(&["snapshot", "phone"], 0);
    assert!(out.contains(line), "{out}");
    assert!(err.contains("3 encrypted backups (8.78 KiB)"), "{err}");
    assert!(err.contains("about 5.85 KiB less here"), "{err}");
    assert!(err.contains("`heirloom chats key add`"), "{err}");
    let (out, err) = place.says(&["--quiet", "snapshot", "phone"], 0);
    assert_eq!((out.as_str(), err.as_str()), ("", ""));
    let found = place.objects(&["--json", "snapshot", "phone"], "snapshot.recognised");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["app"], "WhatsApp");
    assert_eq!(found[0]["found"]["photos"]["files"], 1234);
    assert_eq!(found[0]["found"]["crypt15"]["bytes"], 9000);
    let locked = place.objects(&["--json", "snapshot", "phone"], "snapshot.locked");
    assert_eq!((&locked[0]["files"], &locked[0]["repeated_bytes"]), (&3.into(), &6000.into()));
    let (out, err) = place.says(&["snapshot", "--chat-key", "key", "phone"], 0);
    assert!(out.contains(line) && !err.contains("encrypted backups"), "{out}{err}");
    place.says(&["chats", "key", "add", "key"], 0);
    let (_, err) = place.says(&["snapshot", "phone"], 0);
    assert!(!err.contains("encrypted backups"), "{err}");
}

#[test]
fn what_has_nothing_to_do_with_chats_is_not_mentioned() {
    let place = Place::new();
    place.write("photos/IMG-20261101-WA0001.jpg", b"x");
    place.write("photos/result.json", b"{}");
    let (out, err) = place.says(&["snapshot", "photos"], 0);
    assert!(!out.contains("WhatsApp") && !out.contains("Telegram"), "{out}");
    assert!(!err.contains("encrypted"), "{err}");
    let events = place.objects(&["--json", "snapshot", "photos"], "snapshot.recognised");
    assert!(events.is_empty());
}

#[test]
fn an_increment_without_its_base_is_a_warning() {
    let place = Place::new();
    place.write("Databases/msgstore-increment-1.db.crypt15", b"x");
    place.write("Databases/msgstore-increment-3.db.crypt15", b"x");
    let (_, err) = place.says(&["snapshot", "Databases"], 4);
    assert!(err.contains("2 incremental backups without the msgstore.db"), "{err}");
    place.write("Databases/msgstore.db.crypt15", b"x");
    let (_, err) = place.says(&["snapshot", "Databases"], 4);
    assert!(err.contains("without number 2"), "{err}");
    place.write("Databases/msgstore-increment-2.db.crypt15", b"x");
    place.says(&["snapshot", "Databases"], 0);
    // What the rules leave out is not there either.
    let (_, err) = place.says(&["snapshot", "--exclude", "msgstore.db.*", "Databases"], 4);
    assert!(err.contains("without the msgstore.db"), "{err}");
}

#[test]
fn a_file_in_place_of_a_key_ends_the_snapshot_before_it_begins() {
    let place = Place::new();
    place.write("file", b"x");
    let (_, err) = place.says(&["snapshot", "--chat-key", "file", "file"], 18);
    assert!(err.contains("character 1 is none of 0-9 and a-f"), "{err}");
}

fn picture(format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image::RgbImage::new(8, 8).write_to(&mut bytes, format).expect("memory");
    bytes.into_inner()
}

/// A second of silence.
fn sound() -> Vec<u8> {
    let data = [0; 8000];
    let mut wav = b"RIFF".to_vec();
    wav.extend(8036_u32.to_le_bytes());
    wav.extend(b"WAVEfmt ");
    for (number, bytes) in [(16, 4), (1, 2), (1, 2), (8000, 4), (8000, 4), (1, 2), (8, 2)] {
        wav.extend(u32::to_le_bytes(number).into_iter().take(bytes));
    }
    wav.extend(b"data");
    wav.extend(8000_u32.to_le_bytes());
    wav.extend(data);
    wav
}

fn archive() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("a.txt", zip::write::SimpleFileOptions::default()).expect("memory");
    writer.write_all(b"text").expect("memory");
    writer.finish().expect("memory").into_inner()
}

const FILM: &[u8] = b"\0\0\0\x18ftypisom\0\0\x02\0isommp42\0\0\0\x08mdat";
const PAPER: &[u8] = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";

/// One of each class, all with names that say nothing, and what must never be taken for media.
fn fill(place: &Place) {
    place.write("files/film", FILM);
    place.write("files/jpeg", &picture(image::ImageFormat::Jpeg));
    place.write("files/png", &picture(image::ImageFormat::Png));
    place.write("files/sound", &sound());
    place.write("files/paper", PAPER);
    place.write("files/zip", &archive());
    place.write("files/notes.mp4", b"Not a film, whatever the name says.\n");
    place.write("files/chat.db", b"SQLite format 3\0\x10\0\x01\x01");
    place.write("files/empty.jpg", b"");
}

#[test]
fn classes_are_left_out_by_content_and_counted() {
    let place = Place::new();
    fill(&place);
    let always = ["chat.db", "empty.jpg", "notes.mp4"];
    for (classes, left_out, lines) in [
        ("video", &["film"][..], "  1 video left out, 32 B\n"),
        ("audio", &["sound"], "  1 sound file left out, 7.85 KiB\n"),
        ("document", &["paper"], "  1 document left out, 69 B\n"),
        ("archive", &["zip"], "  1 archive left out,"),
        ("images", &["jpeg", "png"], "  2 images left out,"),
        (
            "video,audio,image,document,archive",
            &["film", "jpeg", "paper", "png", "sound", "zip"],
            "video",
        ),
    ] {
        let (out, _) = place.says(&["snapshot", "--without", classes, "files"], 0);
        assert!(out.contains(lines), "{classes}: {out}");
        assert!(!out.contains("problem"), "{out}");
        let files = place.files();
        assert!(left_out.iter().all(|name| !files.iter().any(|file| file == name)), "{files:?}");
        assert_eq!(files.len(), 9 - left_out.len(), "{classes}: {files:?}");
        assert!(always.iter().all(|name| files.iter().any(|file| file == name)), "{files:?}");
    }
}

#[test]
fn a_later_snapshot_without_a_class_reads_no_more_of_it_than_the_beginning() {
    let place = Place::new();
    fill(&place);
    place.write("files/long film", &[FILM, &vec![7; 3_000_000]].concat());
    place.says(&["snapshot", "files"], 0);
    let command = [
        "--json",
        "snapshot",
        "--without",
        "video",
        "--without",
        "image",
        "--exclude",
        "zip",
        "files",
    ];
    let summary = place.objects(&command, "snapshot.saved").remove(0);
    assert_eq!(summary["without"]["video"]["files"], 2);
    assert_eq!(summary["without"]["video"]["bytes"], 3_000_064);
    assert_eq!(summary["without"]["image"]["files"], 2);
    assert_eq!(summary["excluded"], 5);
    assert_eq!(summary["files"], 5);
    // What is not older than a moment is read again, but not what is left out.
    assert_eq!(summary["added"], 0);
    assert!(summary["read_bytes"].as_u64().is_some_and(|bytes| bytes < 10_000), "{summary}");
    assert_eq!(place.files(), ["chat.db", "empty.jpg", "notes.mp4", "paper", "sound"]);
    // Unchanged are they all, and the next whole snapshot has them again.
    place.says(&["snapshot", "files"], 0);
    assert_eq!(place.files().len(), 10);
}

/// Lines that repeat parts of earlier ones, as texts do.
fn lines(count: usize) -> String {
    let mut state = 1_u64;
    let mut below = |end: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits fit") % end
    };
    let mut words: Vec<String> = (0..500).map(|n| format!("{:x} ", n * n * 7919)).collect();
    while words.len() < count {
        let start = below(words.len() - 12);
        let length = 2 + below(10);
        words.extend_from_within(start..start + length);
        words.push(format!("{}\n", below(10_000)));
    }
    words.concat()
}

#[test]
fn how_hard_to_compress_changes_what_is_stored_and_never_what_is_shared() {
    let text = lines(400_000);
    let place_of = |how: &str| {
        let place = Place::new();
        place.write("files/text", text.as_bytes());
        let command = ["--json", "snapshot", "--compression", how, "files"];
        let saved = place.objects(&command, "snapshot.saved").remove(0);
        (place, saved["stored_bytes"].as_u64().expect("a number"))
    };
    let ((_, fast), (place, default), (_, best)) =
        (place_of("fast"), place_of("default"), place_of("best"));
    assert!(fast > default && default > best, "{fast}, {default}, {best}");
    for how in ["fast", "best"] {
        let command = ["--json", "snapshot", "--force", "--compression", how, "files"];
        let saved = place.objects(&command, "snapshot.saved").remove(0);
        assert!(saved["read_bytes"].as_u64() > Some(2_000_000), "{saved}");
        // A node of the tree at most, and nothing of the text.
        assert!(saved["new_bytes"].as_u64() < Some(10_000), "{how}: {saved}");
    }
}

#[expect(clippy::disallowed_methods, reason = "real files lie outside the project")]
fn fixtures() -> Option<PathBuf> {
    std::env::var_os("HEIRLOOM_FIXTURES").map(PathBuf::from)
}

/// Real files, where there are any.
#[test]
fn real_sounds_and_pictures_are_left_out_and_nothing_else() {
    let Some(fixtures) = fixtures() else { return };
    let media = fixtures.join("media");
    let place = Place::new();
    let media = media.to_str().expect("text");
    place.says(&["snapshot", media], 0);
    let all = place.files();
    place.says(&["snapshot", "--without", "audio,image", media], 0);
    let is_media = |name: &String| {
        [".png", ".jpg", ".jpeg", ".ogg", ".wav", ".mp3", ".opus", ".webp", ".gif"]
            .iter()
            .any(|end| name.to_lowercase().ends_with(end))
    };
    let expected: Vec<String> = all.iter().filter(|name| !is_media(name)).cloned().collect();
    assert!(expected.len() < all.len());
    assert_eq!(place.files(), expected);
}
