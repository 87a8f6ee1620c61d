use super::*;
use crate::chunker::tests::noise;

/// `magic` at `at`, zeros before it and after it.
fn at(at: usize, magic: &[u8]) -> Vec<u8> {
    let mut head = vec![0; HEAD_BYTES];
    head[at..at + magic.len()].copy_from_slice(magic);
    head
}

fn sqlite(page: u16) -> Vec<u8> {
    let mut head = at(0, b"SQLite format 3\0");
    head[16..18].copy_from_slice(&page.to_be_bytes());
    head
}

#[test]
fn the_page_size_of_a_database_comes_from_its_header() {
    for (field, bytes) in [(512, 512), (1024, 1024), (4096, 4096), (32_768, 32_768), (1, 65_536)] {
        assert_eq!(classify(&sqlite(field), None), Class::Pages { bytes });
    }
}

#[test]
fn a_database_header_with_an_impossible_page_size_is_not_believed() {
    for field in [0, 2, 256, 4095, 5000] {
        assert_eq!(classify(&sqlite(field), None), Class::Other, "{field}");
    }
    assert_eq!(classify(b"SQLite format 3\0\x10", None), Class::Other);
}

#[test]
fn compressed_formats_are_recognised_by_their_first_bytes() {
    let heads: &[(&str, &[u8])] = &[
        ("jpeg jfif", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01"),
        ("jpeg exif", b"\xff\xd8\xff\xe1\x2c\x1eExif\x00\x00MM"),
        ("png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"),
        ("gif", b"GIF89a\x20\x03\x58\x02"),
        ("webp", b"RIFF\x24\x5a\x00\x00WEBPVP8 "),
        ("avi", b"RIFF\xe4\xd6\x53\x02AVI LIST"),
        ("heic", b"\x00\x00\x00\x24ftypheic\x00\x00\x00\x00mif1heic"),
        ("avif", b"\x00\x00\x00\x20ftypavif\x00\x00\x00\x00avifmif1"),
        ("mp4", b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"),
        ("3gp", b"\x00\x00\x00\x1cftyp3gp4\x00\x00\x03\x00"),
        ("m4a", b"\x00\x00\x00\x1cftypM4A \x00\x00\x02\x00"),
        ("mov", b"\x00\x00\x00\x14ftypqt  \x20\x05\x03\x00"),
        ("old mov", b"\x00\x00\x00\x08wide\x00\x5a\x31\x08mdat"),
        ("jpeg xl", b"\xff\x0a\xfa\x7f\x00"),
        ("jpeg 2000", b"\x00\x00\x00\x0cjP  \r\n\x87\n\x00\x00\x00\x14ftypjp2 "),
        ("webm", b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01"),
        ("wmv", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa"),
        ("mpeg", b"\x00\x00\x01\xba\x44\x00\x04"),
        ("opus", b"OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00OpusHead"),
        ("flac", b"fLaC\x00\x00\x00\x22\x10\x00\x10\x00"),
        ("mp3 with tag", b"ID3\x04\x00\x00\x00\x00\x02\x01TXXX"),
        ("amr", b"#!AMR\n\x3c\x91\x17\x16"),
        ("zip", b"PK\x03\x04\x14\x00\x08\x00\x08\x00"),
        ("docx", b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00\x21\x00[Content_Types].xml"),
        ("empty zip", b"PK\x05\x06\x00\x00\x00\x00"),
        ("gzip", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"),
        ("bzip2", b"BZh91AY&SY\x2f\x0e"),
        ("xz", b"\xfd7zXZ\x00\x00\x04\xe6\xd6"),
        ("zstd", b"\x28\xb5\x2f\xfd\x04\x58"),
        ("7z", b"7z\xbc\xaf\x27\x1c\x00\x04"),
        ("rar 4", b"Rar!\x1a\x07\x00\xcf"),
        ("rar 5", b"Rar!\x1a\x07\x01\x00"),
        ("lz4", b"\x04\x22\x4d\x18\x64\x40"),
        ("deb", b"!<arch>\ndebian-binary   "),
        ("rpm", b"\xed\xab\xee\xdb\x03\x00"),
        ("squashfs", b"hsqs\x10\x00\x00\x00"),
        ("age", b"age-encryption.org/v1\n-> X25519 "),
        ("woff2", b"wOF2\x00\x01\x00\x00"),
    ];
    for (name, head) in heads {
        assert_eq!(classify(head, None), Class::Media, "{name}");
    }
}

#[test]
fn sound_without_a_tag_needs_two_frames_that_follow_each_other() {
    // MPEG 1 layer III, 128 kbit/s, 44.1 kHz: 417 bytes a frame. AAC: the length stands in the header, here 32.
    let mut mp3 = at(0, &[0xff, 0xfb, 0x90, 0x64]);
    assert_eq!(classify(&mp3, None), Class::Other);
    mp3[417..421].copy_from_slice(&[0xff, 0xfb, 0x92, 0x64]);
    assert_eq!(classify(&mp3, None), Class::Media);

    let frame = [0xff, 0xf1, 0x50, 0x80, 0x04, 0x1f, 0xfc];
    let mut adts = at(0, &frame);
    assert_eq!(classify(&adts, None), Class::Other);
    adts[32..39].copy_from_slice(&frame);
    assert_eq!(classify(&adts, None), Class::Media);

    let mut stream = vec![0; HEAD_BYTES];
    stream.iter_mut().step_by(188).for_each(|byte| *byte = 0x47);
    assert_eq!(classify(&stream, None), Class::Media);
}

#[test]
fn encrypted_files_without_a_magic_are_recognised_by_their_entropy() {
    assert_eq!(classify(&noise("crypt15", HEAD_BYTES), None), Class::Media);
    assert_eq!(classify(&noise("small", 2000), Some(2000)), Class::Media);
}

#[test]
fn a_document_is_media_only_if_most_of_it_is_compressed() {
    let mut pdf =
        b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n4 0 obj\n<< /Length 40000 /Filter /FlateDecode >>\nstream\n"
            .to_vec();
    let objects = b"5 0 obj << /Type /Page /Parent 3 0 R /Resources 6 0 R >> endobj\n".repeat(400);
    let plain = [pdf.clone(), objects].concat();
    pdf.extend(noise("stream", 40_000));
    assert_eq!(classify(&pdf, None), Class::Media);
    assert_ne!(classify(&plain, None), Class::Media);
}

#[test]
fn text_is_recognised_in_many_encodings() {
    let utf16: Vec<u8> =
        "\u{feff}Grüße, 你好 😀\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16be: Vec<u8> = "\u{feff}Hello\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let mut cut_short = "ж".repeat(HEAD_BYTES / 2).into_bytes();
    cut_short.insert(0, b'x');
    let heads: &[(&str, &[u8])] = &[
        ("json", br#"{"id":"3EB0","from":"49151@s.whatsapp.net","text":"ok \ud83d"}"#),
        ("log", b"2026-11-22 07:21:53,114 INFO  \x1b[32mstarted\x1b[0m pid=4711\n"),
        ("chat", "23.11.19, 18:05 - Anna: Bin gleich da 😂\n".as_bytes()),
        ("csv", b"name;amount\nx;1,50\n"),
        ("contact", b"BEGIN:VCARD\r\nVERSION:2.1\r\n"),
        ("bom", b"\xef\xbb\xbfhello"),
        ("latin", b"Gr\xfc\xdfe aus M\xfcnchen, bis sp\xe4ter! Das Caf\xe9 war sch\xf6n.\n"),
        ("utf-16", &utf16),
        ("utf-16 big endian", &utf16be),
        ("head that ends within a character", &cut_short),
    ];
    for (name, head) in heads {
        assert_eq!(classify(head, None), Class::Text, "{name}");
    }
}

#[test]
fn files_that_only_resemble_text_are_not() {
    let wav = [
        &b"RIFF\x24\x08\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00"[..],
        &[0, 1, 2, 1, 0, 255, 254, 255],
    ]
    .concat();
    let elf = b"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00\x3e\x00";
    let mut tar = b"notes/today.txt".to_vec();
    tar.resize(257, 0);
    tar.extend(b"ustar\x0000");
    let koi8_noise = [0x80, 0x81, 0x9d, 0xfe, 0xff, 0x90].repeat(9);
    for head in [&wav[..], elf, &tar, &koi8_noise, b"", b"\0"] {
        assert_eq!(classify(head, None), Class::Other, "{head:?}");
    }
}

#[test]
fn disk_images_are_recognised_if_they_are_large() {
    let mut mbr = at(510, &[0x55, 0xaa]);
    mbr[446..462].copy_from_slice(&[0x80, 32, 33, 0, 0x83, 1, 2, 3, 0, 8, 0, 0, 0, 0, 2, 0]);
    let mut ext4 = at(1024 + 56, &[0x53, 0xef]);
    ext4[1024 + 24] = 2;
    let mut fat = at(510, &[0x55, 0xaa]);
    fat[82..90].copy_from_slice(b"FAT32   ");
    let heads = [
        ("mbr", mbr),
        ("ext4", ext4),
        ("fat", fat),
        ("gpt", at(512, b"EFI PART\x00\x00\x01\x00")),
        ("qcow2", at(0, b"QFI\xfb\x00\x00\x00\x03")),
        ("vmdk", at(0, b"KDMV\x01\x00\x00\x00")),
        ("vdi", at(64, b"\x7f\x10\xda\xbe\x01\x00\x01\x00")),
        ("ntfs", at(3, b"NTFS    ")),
        ("iso", at(32_769, b"CD001\x01")),
        ("luks", at(0, b"LUKS\xba\xbe\x00\x02")),
    ];
    for (name, head) in heads {
        assert_eq!(classify(&head, Some(1 << 30)), Class::DiskImage, "{name}");
        assert_eq!(classify(&head, None), Class::DiskImage, "{name}");
        assert_eq!(classify(&head, Some(1 << 20)), Class::Other, "{name}");
    }
}

#[test]
fn a_boot_signature_alone_does_not_make_a_disk() {
    assert_eq!(classify(&at(510, &[0x55, 0xaa]), None), Class::Other);
    let mut odd = at(510, &[0x55, 0xaa]);
    odd[446] = 0x17;
    assert_eq!(classify(&odd, None), Class::Other);
    let zeros_with_block_size = at(1024 + 24, &[2]);
    assert_eq!(classify(&zeros_with_block_size, None), Class::Other);
}
