//! First bytes of file formats. Each parser takes any input and answers without panicking.

/// Page size of the SQLite database that `head` begins, if it is one.
pub(super) fn sqlite_page_bytes(head: &[u8]) -> Option<u32> {
    let header = head.strip_prefix(b"SQLite format 3\0")?;
    match u16::from_be_bytes(*header.first_chunk()?) {
        1 => Some(65_536),
        bytes if bytes >= 512 && bytes.is_power_of_two() => Some(u32::from(bytes)),
        _ => None,
    }
}

/// Beginnings of formats whose content is compressed or encrypted.
const COMPRESSED: &[&[u8]] = &[
    // Pictures: JPEG, PNG, GIF, JPEG XL (bare and boxed), JPEG 2000.
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"\xff\x0a",
    b"\0\0\0\x0cJXL \r\n\x87\n",
    b"\0\0\0\x0cjP  \r\n\x87\n",
    // Film and sound: Matroska and WebM, ASF (WMV, WMA), Flash, MPEG program stream, Ogg, FLAC, AMR, Monkey, WavPack.
    b"\x1a\x45\xdf\xa3",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
    b"FLV\x01",
    b"\0\0\x01\xba",
    b"OggS\0",
    b"fLaC",
    b"#!AMR\n",
    b"#!AMR-WB\n",
    b"MAC \x96\x0f",
    b"wvpk",
    // Archives: ZIP (also office documents, packages of Java and Android), empty and spanned ZIP, 7z, RAR, CAB, RPM,
    // Debian package, squashfs.
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PK\x07\x08",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"MSCF\0\0\0\0",
    b"\xed\xab\xee\xdb",
    b"!<arch>\ndebian-binary",
    b"hsqs",
    // Compressed streams: gzip, compress, xz, zstd, LZ4, lzip, lzop, snappy.
    b"\x1f\x8b\x08",
    b"\x1f\x9d\x90",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
    b"\x04\x22\x4d\x18",
    b"LZIP\x01",
    b"\x89LZO\0\r\n\x1a\n",
    b"\xff\x06\0\0sNaPpY",
    // Encrypted files and compressed fonts.
    b"age-encryption.org/v1\n",
    b"wOFF",
    b"wOF2",
];

/// Whether `head` begins a format that is compressed by itself.
pub(super) fn is_compressed(head: &[u8]) -> bool {
    COMPRESSED.iter().any(|magic| head.starts_with(magic))
        || is_bzip2(head)
        || is_riff_media(head)
        || is_iso_media(head)
        || is_transport_stream(head)
        || is_mp3(head)
        || is_adts(head)
}

fn is_bzip2(head: &[u8]) -> bool {
    let Some([b'B', b'Z', b'h', b'1'..=b'9', block @ ..]) = head.first_chunk::<10>() else {
        return false;
    };
    // Digits of pi begin a block, digits of its square root the end of an empty stream.
    block == b"\x31\x41\x59\x26\x53\x59" || block == b"\x17\x72\x45\x38\x50\x90"
}

/// WebP pictures and AVI films. WAV is a RIFF file too, but not compressed.
fn is_riff_media(head: &[u8]) -> bool {
    matches!(head.first_chunk::<12>(), Some([b'R', b'I', b'F', b'F', _, _, _, _, form @ ..])
        if form == b"WEBP" || form == b"AVI ")
}

/// MP4, MOV, 3GP, M4A, HEIC, AVIF: a first box of a known type and of sane length.
fn is_iso_media(head: &[u8]) -> bool {
    let Some([a, b, c, d, kind @ ..]) = head.first_chunk::<8>() else { return false };
    let box_bytes = u32::from_be_bytes([*a, *b, *c, *d]);
    match kind {
        b"ftyp" | b"styp" => (8..4096).contains(&box_bytes),
        // QuickTime files from before `ftyp`, and media data of more than 4 GiB (length 1).
        b"moov" | b"mdat" | b"wide" | b"pnot" => box_bytes <= 1 || box_bytes >= 8,
        _ => false,
    }
}

fn is_transport_stream(head: &[u8]) -> bool {
    [0, 188, 376, 564].iter().all(|at| head.get(*at) == Some(&0x47))
}

/// An ID3 tag, or two frames of MPEG audio layer III that follow each other.
fn is_mp3(head: &[u8]) -> bool {
    if let Some([b'I', b'D', b'3', 2..=4, _, _, size @ ..]) = head.first_chunk::<10>() {
        return size.iter().all(|byte| *byte < 0x80);
    }
    let frame = |at: usize| {
        let header: &[u8; 4] = head.get(at..)?.first_chunk()?;
        Some(at + mp3_frame_bytes(*header)?)
    };
    frame(0).and_then(frame).is_some()
}

const MP3_KILOBITS: [[usize; 14]; 2] = [
    [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// Length of the frame that this header begins, if it is one of layer III.
fn mp3_frame_bytes([sync, version, rates, _]: [u8; 4]) -> Option<usize> {
    if sync != 0xff || version & 0xe0 != 0xe0 || version >> 1 & 3 != 1 {
        return None;
    }
    let (rate_shift, table) = match version & 0x18 {
        0x18 => (0, 0),
        0x10 => (1, 1),
        0x00 => (2, 1),
        _ => return None,
    };
    let kilobits = MP3_KILOBITS.get(table)?.get(usize::from(rates >> 4).checked_sub(1)?)?;
    let hertz: usize = *[44_100, 48_000, 32_000].get(usize::from(rates >> 2 & 3))?;
    let samples_per_bit = if table == 0 { 144 } else { 72 };
    Some(samples_per_bit * kilobits * 1000 / (hertz >> rate_shift) + usize::from(rates >> 1 & 1))
}

/// Two AAC frames in the ADTS form that follow each other.
fn is_adts(head: &[u8]) -> bool {
    let frame = |at: usize| {
        let [sync, flags, format, x, y, z] = *head.get(at..)?.first_chunk()?;
        let bytes = usize::from(x & 3) << 11 | usize::from(y) << 3 | usize::from(z >> 5);
        let valid = sync == 0xff && flags & 0xf6 == 0xf0 && format >> 2 & 0xf < 13 && bytes > 7;
        valid.then_some(at + bytes)
    };
    frame(0).and_then(frame).is_some()
}

/// Beginnings of disks and file systems at their offsets.
///
/// In this order: QEMU, `VMware` (two), Hyper-V (two), LUKS, XFS, sparse image of Android, GPT with blocks of 512 and
/// of 4096 bytes, `VirtualBox`, NTFS, `exFAT`, APFS, ISO 9660.
const DISK_IMAGES: &[(usize, &[u8])] = &[
    (0, b"QFI\xfb"),
    (0, b"KDMV"),
    (0, b"COWD"),
    (0, b"conectix"),
    (0, b"vhdxfile"),
    (0, b"LUKS\xba\xbe"),
    (0, b"XFSB\0\0"),
    (0, b"\x3a\xff\x26\xed\x01\0"),
    (512, b"EFI PART"),
    (4096, b"EFI PART"),
    (64, b"\x7f\x10\xda\xbe"),
    (3, b"NTFS    "),
    (3, b"EXFAT   "),
    (32, b"NXSB"),
    (32_769, b"CD001"),
];

/// Whether `head` begins a disk, a partition or a virtual machine's image of one.
pub(super) fn is_disk_image(head: &[u8]) -> bool {
    DISK_IMAGES
        .iter()
        .any(|(at, magic)| head.get(*at..).is_some_and(|rest| rest.starts_with(magic)))
        || is_ext(head)
        || is_boot_sector(head)
}

/// The superblock of ext2, ext3 and ext4: magic, and a block size of at most 64 KiB.
fn is_ext(head: &[u8]) -> bool {
    let field = |at: usize| head.get(1024 + at..).and_then(<[u8]>::first_chunk::<4>);
    let magic = matches!(field(56), Some([0x53, 0xef, ..]));
    magic && field(24).is_some_and(|log| u32::from_le_bytes(*log) <= 6)
}

/// A FAT boot sector, or a master boot record with a sane partition table.
fn is_boot_sector(head: &[u8]) -> bool {
    let Some(sector) = head.first_chunk::<512>() else { return false };
    if !sector.ends_with(&[0x55, 0xaa]) {
        return false;
    }
    let fat = |at: usize| sector.get(at..).is_some_and(|rest| rest.starts_with(b"FAT"));
    if fat(54) || fat(82) {
        return true;
    }
    let (entries, _) = sector.get(446..510).unwrap_or_default().as_chunks::<16>();
    let sane = |entry: &[u8; 16]| {
        let [status, _, _, _, kind, _, _, _, place @ ..] = entry;
        let used = *kind != 0 && place.iter().any(|byte| *byte != 0);
        matches!(status, 0 | 0x80) && (used || entry.iter().all(|byte| *byte == 0))
    };
    entries.iter().all(sane) && entries.iter().any(|entry| entry.iter().any(|byte| *byte != 0))
}
