//! Exports in zip archives, with what phones and computers do to them.

use std::io::{Cursor, Write as _};

use heirloom_chats::model::MessageKind;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use crate::memory::{Memory, only, open};

const TEXT: &str = "[18/03/22, 10:00:00] Anna: a\r\n\u{200e}[19/03/22, 10:00:01] Bert: \u{200e}<attached: 00000002-PHOTO-2022-03-19-10-00-01.jpg>\r\n";

fn archive(method: CompressionMethod, members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn an_archive_is_read_with_its_files_whatever_it_is_called_and_packed() {
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        for folder in ["", "WhatsApp Chat - Anna/"] {
            for text in ["_chat.txt", "_chat 2.txt", "000000_Chat.txt", "sample.txt"] {
                let (text, photo) = (
                    format!("{folder}{text}"),
                    format!("{folder}00000002-PHOTO-2022-03-19-10-00-01.jpg"),
                );
                let zip = archive(
                    method,
                    &[
                        ("__MACOSX/._x_chat.txt", b"no text"),
                        (&text, TEXT.as_bytes()),
                        (&photo, b"jpg"),
                    ],
                );
                let files = Memory::of(&[("phone/WhatsApp Chat - Anna.zip", &zip)]);
                let (conversation, messages, _) = only(&files);
                assert_eq!((conversation.name.as_str(), conversation.messages), ("Anna", 2));
                assert_eq!(messages[1].kind, MessageKind::Image);
                let (chats, _) = open(&files);
                let media = chats[0].open_media(&messages[1].media[0]).unwrap().unwrap();
                assert_eq!(&media.read_at(0, 10).unwrap()[..], b"jpg");
            }
        }
    }
}

#[test]
fn an_archive_that_was_streamed_with_names_in_no_encoding_is_read() {
    let mut zip = zip::ZipWriter::new_stream(Vec::new());
    zip.start_file(
        "Fünf – WhatsApp.txt",
        SimpleFileOptions::default().compression_method(CompressionMethod::Deflated),
    )
    .unwrap();
    zip.write_all(TEXT.as_bytes()).unwrap();
    let mut zip = zip.finish().unwrap().into_inner();
    // Without the flag that says that names are UTF-8.
    for at in 0..zip.len() - 12 {
        let flags = match &zip[at..at + 4] {
            b"PK\x01\x02" => at + 9,
            b"PK\x03\x04" => at + 7,
            _ => continue,
        };
        zip[flags] &= !0x08;
    }
    let (conversation, ..) = only(&Memory::of(&[("x.zip", &zip)]));
    assert_eq!(conversation.messages, 2);
}

#[test]
fn a_damaged_archive_is_reported_if_it_is_called_like_an_export() {
    let zip = archive(CompressionMethod::Deflated, &[("_chat.txt", TEXT.as_bytes())]);
    let cut = &zip[..zip.len() / 2];
    let (chats, errors) =
        open(&Memory::of(&[("WhatsApp Chat - Anna.zip", cut), ("other.zip", cut)]));
    assert_eq!((chats.len(), errors.len()), (0, 1));
}

#[test]
fn a_member_that_unpacks_to_more_than_any_text_is_refused() {
    let zeros = vec![0; 100 << 20];
    let zip = archive(CompressionMethod::Deflated, &[("_chat.txt", &zeros)]);
    let (chats, errors) = open(&Memory::of(&[("x.zip", &zip)]));
    assert_eq!((chats.len(), errors.len()), (0, 1));
}

#[test]
fn a_member_with_another_checksum_is_reported() {
    let text = TEXT.repeat(100);
    let mut zip = archive(CompressionMethod::Stored, &[("_chat.txt", text.as_bytes())]);
    let at = zip.windows(4).position(|bytes| bytes == b"Anna").unwrap();
    zip[at] = b'E';
    // Stored bytes are read as they are: who wants a few of them should not have to read all.
    let (conversation, ..) = only(&Memory::of(&[("x.zip", &zip)]));
    assert_eq!(conversation.messages, 200);
    let mut zip = archive(CompressionMethod::Deflated, &[("_chat.txt", text.as_bytes())]);
    let at = zip.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap() + 16;
    zip[at] ^= 1;
    let (chats, errors) = open(&Memory::of(&[("x.zip", &zip)]));
    assert_eq!((chats.len(), errors.len()), (0, 1));
}
