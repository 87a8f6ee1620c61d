//! What `snapshot --without` leaves out: classes of media, told by content.

use std::sync::Mutex;
use std::sync::PoisonError;

use clap::ValueEnum;
use heirloom_engine::backup::exclude::ByContent;
use infer::MatcherType;
use serde_json::{Map, Value, json};

use crate::render::numbers::{bytes as size, counted};

/// So many bytes tell what a file is; office documents say it late.
const HEAD_BYTES: u64 = 8192;

/// A class of files, as people would sort them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum MediaClass {
    /// Films
    #[value(alias = "videos")]
    Video,
    /// Music, voice notes and other sounds
    Audio,
    /// Photos and other pictures
    #[value(alias = "images")]
    Image,
    /// PDF, office documents, books; no plain text
    #[value(alias = "documents")]
    Document,
    /// zip, tar, 7z and the like
    #[value(alias = "archives")]
    Archive,
}

const NAMED: [(MediaClass, &[&str]); 5] = [
    (MediaClass::Video, &["ts", "mts", "m2ts", "vob", "rm", "rmvb", "3gp", "3g2", "ogv", "divx"]),
    (MediaClass::Audio, &["mka", "wma", "ape", "mpc", "ac3", "dts", "au", "ra", "3ga", "mp3"]),
    (
        MediaClass::Image,
        &["raf", "rw2", "orf", "pef", "srw", "x3f", "mrw", "tga", "xcf", "wmf", "emf"],
    ),
    (
        MediaClass::Document,
        &[
            "doc", "docx", "docm", "dot", "dotx", "xls", "xlsx", "xlsm", "xlsb", "xlt", "xltx",
            "ppt", "pptx", "pptm", "pps", "ppsx", "odt", "ods", "odp", "odg", "odf", "ott",
            "pages", "numbers", "vsd", "vsdx", "pub", "mpp", "wpd", "wps", "djvu", "xps", "oxps",
            "azw", "azw3", "epub", "sxw", "sxc", "sxi", "one", "indd", "hwp",
        ],
    ),
    (
        MediaClass::Archive,
        &["lzh", "lha", "arj", "ace", "zoo", "sit", "sitx", "lzma", "tlz", "cbr"],
    ),
];

/// Archives inside, something else to people.
const PACKAGES: [&str; 10] =
    ["jar", "apk", "xpi", "war", "ear", "aar", "ipa", "whl", "crx", "nupkg"];

/// Text that is a picture or a document all the same.
const IMAGE_TEXT: [&str; 1] = ["svg"];

impl MediaClass {
    /// By the first bytes; by the name where they say nothing, or only what a file is packed in.
    fn of(name: &[u8], head: &[u8]) -> Option<Self> {
        let end = ending(name);
        if is_text(head) {
            return Self::of_text(&end, head);
        }
        let Some(found) = infer::get(head) else { return Self::named(&end) };
        match found.matcher_type() {
            MatcherType::Video if matches!(end.as_str(), "m4a" | "m4b" | "m4r" | "mka") => {
                Some(Self::Audio)
            }
            MatcherType::Video => Some(Self::Video),
            MatcherType::Audio if holds(head, b"\x80theora") => Some(Self::Video),
            MatcherType::Audio => Some(Self::Audio),
            MatcherType::Image => Some(Self::Image),
            MatcherType::Book | MatcherType::Doc => Some(Self::Document),
            MatcherType::Archive => Self::of_container(found.mime_type(), &end),
            MatcherType::App | MatcherType::Font | MatcherType::Text | MatcherType::Custom => None,
        }
    }

    fn of_text(end: &str, head: &[u8]) -> Option<Self> {
        if IMAGE_TEXT.contains(&end) {
            return Some(Self::Image);
        }
        let is_document =
            [&b"%PDF-"[..], b"%!PS", b"{\\rtf"].iter().any(|start| head.starts_with(start));
        is_document.then_some(Self::Document)
    }

    /// What `infer` calls archives are also databases and programs, which nobody means.
    fn of_container(mime: &str, end: &str) -> Option<Self> {
        match mime {
            "application/pdf"
            | "application/rtf"
            | "application/postscript"
            | "application/epub+zip" => Some(Self::Document),
            "application/x-ole-storage" => {
                Self::named(end).filter(|class| *class == Self::Document)
            }
            "application/gzip" if end == "svgz" => Some(Self::Image),
            "application/zip" if PACKAGES.contains(&end) => None,
            "application/zip" => match Self::named(end) {
                Some(Self::Document) => Some(Self::Document),
                _ => Some(Self::Archive),
            },
            "application/x-tar"
            | "application/vnd.rar"
            | "application/gzip"
            | "application/x-bzip2"
            | "application/vnd.bzip3"
            | "application/x-7z-compressed"
            | "application/x-xz"
            | "application/vnd.ms-cab-compressed"
            | "application/x-compress"
            | "application/x-lzip"
            | "application/zstd"
            | "application/x-lz4"
            | "application/x-cpio" => Some(Self::Archive),
            _ => None,
        }
    }

    fn named(end: &str) -> Option<Self> {
        NAMED.iter().find(|(_, ends)| ends.contains(&end)).map(|(class, _)| *class)
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Video => ("video", "videos"),
            Self::Audio => ("sound file", "sound files"),
            Self::Image => ("image", "images"),
            Self::Document => ("document", "documents"),
            Self::Archive => ("archive", "archives"),
        }
    }

    fn id(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Image => "image",
            Self::Document => "document",
            Self::Archive => "archive",
        }
    }
}

/// In lower case; empty without one.
fn ending(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()).unwrap_or_default()
}

/// Whether a file begins as only text does: what begins with `BM` may be a picture, or `BMW`.
fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // Cut within a character.
        Err(error) if error.error_len().is_none() => {
            let whole = head.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(whole).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.chars().any(|c| c.is_control() && !c.is_whitespace())
}

fn holds(head: &[u8], part: &[u8]) -> bool {
    head.windows(part.len()).any(|window| window == part)
}

/// Files of one class that were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LeftOut {
    class: MediaClass,
    files: u64,
    bytes: u64,
}

/// The classes that are left out, and what was.
#[derive(Debug)]
pub(crate) struct Without(Mutex<Vec<LeftOut>>);

impl Without {
    pub(crate) fn new(classes: &[MediaClass]) -> Self {
        let mut classes = classes.to_vec();
        classes.sort_unstable();
        classes.dedup();
        let none = |class| LeftOut { class, files: 0, bytes: 0 };
        Self(Mutex::new(classes.into_iter().map(none).collect()))
    }

    fn left_out(&self) -> Vec<LeftOut> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many files were.
    pub(crate) fn files(&self) -> u64 {
        self.left_out().iter().map(|one| one.files).sum()
    }

    /// A line for each class of which there was something.
    pub(crate) fn lines(&self) -> Vec<String> {
        let some = |one: &LeftOut| one.files > 0;
        let line = |one: LeftOut| {
            let (single, many) = one.class.words();
            format!("{} left out, {}", counted(one.files, single, many), size(one.bytes))
        };
        self.left_out().into_iter().filter(some).map(line).collect()
    }

    /// The same for programs.
    pub(crate) fn fields(&self) -> Value {
        let field = |one: LeftOut| {
            (one.class.id().to_owned(), json!({ "files": one.files, "bytes": one.bytes }))
        };
        Value::Object(self.left_out().into_iter().map(field).collect::<Map<_, _>>())
    }
}

impl ByContent for Without {
    fn head_bytes(&self) -> u64 {
        HEAD_BYTES
    }

    fn rejects(&self, name: &[u8], head: &[u8], bytes: u64) -> bool {
        let Some(class) = MediaClass::of(name, head) else { return false };
        let mut left_out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let one = left_out.iter_mut().find(|one| one.class == class);
        one.is_some_and(|one| {
            one.files += 1;
            one.bytes += bytes;
            true
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn of(name: &str, head: &[u8]) -> Option<MediaClass> {
        MediaClass::of(name.as_bytes(), head)
    }

    /// An archive with these files, as programs write it.
    fn zip(files: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored);
        for (name, text) in files {
            writer.start_file(*name, options).expect("memory");
            writer.write_all(text.as_bytes()).expect("memory");
        }
        writer.finish().expect("memory").into_inner()
    }

    #[test]
    fn content_counts_and_not_the_name() {
        let jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0";
        for name in ["a.jpg", "a.txt", "a.mp4", "a", "a.crypt15"] {
            assert_eq!(of(name, jpeg), Some(MediaClass::Image), "{name}");
        }
        assert_eq!(of("a.jpg", b"\0\0\0\x18ftypisom\0\0\0\0isom"), Some(MediaClass::Video));
        assert_eq!(
            of("a.mp4", b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0OpusHead\x01"),
            Some(MediaClass::Audio)
        );
        assert_eq!(
            of("a.ogg", b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\x80theora\x03"),
            Some(MediaClass::Video)
        );
        assert_eq!(of("a", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3"), Some(MediaClass::Document));
        assert_eq!(of("a.m4a", b"\0\0\0\x18ftypmp42\0\0\0\0isom"), Some(MediaClass::Audio));
    }

    #[test]
    fn archives_are_told_from_what_is_only_packed_like_one() {
        let plain = zip(&[("a.txt", "text")]);
        assert_eq!(of("a.zip", &plain), Some(MediaClass::Archive));
        assert_eq!(of("WhatsApp Chat.zip", &plain), Some(MediaClass::Archive));
        assert_eq!(of("a.docx", &plain), Some(MediaClass::Document));
        assert_eq!(of("a.jar", &plain), None);
        let odt = zip(&[("mimetype", "application/vnd.oasis.opendocument.text")]);
        assert_eq!(of("letter", &odt), Some(MediaClass::Document));
        let epub = zip(&[("mimetype", "application/epub+zip")]);
        assert_eq!(of("book", &epub), Some(MediaClass::Document));
        let ole = [&b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"[..], &[0; 600]].concat();
        assert_eq!(of("setup.msi", &ole), None);
        assert_eq!(of("letter.doc", &ole), Some(MediaClass::Document));
        assert_eq!(of("a.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\x03"), Some(MediaClass::Archive));
        assert_eq!(of("a.svgz", b"\x1f\x8b\x08\0\0\0\0\0\0\x03"), Some(MediaClass::Image));
    }

    #[test]
    fn what_nobody_calls_media_stays() {
        let database = [&b"SQLite format 3\0\x10\0"[..], &[0; 100]].concat();
        for (name, head) in [
            ("msgstore.db", database.as_slice()),
            ("letter.txt", b"BMW is a maker of cars"),
            ("_chat.txt", "[18.03.22, 14:56:01] Mia: Gr\u{fc}\u{df}e".as_bytes()),
            ("page.html", b"<!DOCTYPE html><html>"),
            ("program", b"\x7fELF\x02\x01\x01\0"),
            ("msgstore.db.crypt15", b"\x81\x01\x08\x01\x1a\x12\x0a\x10\xc3\x95\xee"),
            ("noise.bin", b"\x01\x02\x03\x04"),
            ("encrypted_backup.key", b"\xac\xed\0\x05ur\0\x02[B"),
        ] {
            assert_eq!(of(name, head), None, "{name}");
        }
    }

    #[test]
    fn a_name_counts_where_content_says_nothing() {
        let camera = b"FUJIFILMCCD-RAW \x01\0";
        assert_eq!(of("DSCF0001.RAF", camera), Some(MediaClass::Image));
        assert_eq!(of("recording.ts", b"\x47\x40\x11\x10\0"), Some(MediaClass::Video));
        assert_eq!(
            of("drawing.svg", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
            Some(MediaClass::Image)
        );
        assert_eq!(of("server.ts", b"export const x = 1;\n"), None);
        assert_eq!(of("letter.rtf", b"{\\rtf1\\ansi Dear"), Some(MediaClass::Document));
    }

    #[test]
    fn text_that_is_cut_within_a_character_is_text() {
        let text = "\u{4f60}".repeat(10);
        let head = &text.as_bytes()[..text.len() - 1];
        assert!(is_text(head) && !is_text(b"\xff\xfeab") && !is_text(b"a\0b"));
    }

    #[test]
    fn only_the_classes_that_were_named_are_left_out_and_counted() {
        let without = Without::new(&[MediaClass::Image, MediaClass::Video, MediaClass::Image]);
        assert!(without.rejects(b"a.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF\0", 2048));
        assert!(without.rejects(b"b", b"\x89PNG\x0d\x0a\x1a\x0a\0", 1024));
        assert!(!without.rejects(b"c.pdf", b"%PDF-1.7\n%\xe2\xe3", 1024));
        assert_eq!(without.files(), 2);
        assert_eq!(without.lines(), ["2 images left out, 3.00 KiB"]);
        let fields = without.fields();
        assert_eq!(fields["image"], json!({ "files": 2, "bytes": 3072 }));
        assert_eq!(fields["video"], json!({ "files": 0, "bytes": 0 }));
        assert!(fields.get("audio").is_none());
    }
}
