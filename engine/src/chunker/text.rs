//! Recognises text: UTF-8, UTF-16 with a byte order mark, and single-byte encodings of the Latin alphabet.

/// More bytes are not looked at.
const TEXT_HEAD_BYTES: usize = 16 << 10;
/// One control character in this many bytes is still text: terminal logs and old word processors have some.
const BYTES_PER_CONTROL: usize = 64;

/// Whether the file that begins with `head` is text.
pub(super) fn is_text(head: &[u8]) -> bool {
    let head = head.get(..TEXT_HEAD_BYTES).unwrap_or(head);
    if head.is_empty() {
        return false;
    }
    if let Some(units) = head.strip_prefix(&[0xff, 0xfe]) {
        return is_utf16(units, u16::from_le_bytes);
    }
    if let Some(units) = head.strip_prefix(&[0xfe, 0xff]) {
        return is_utf16(units, u16::from_be_bytes);
    }
    if head.contains(&0) || count(head, is_control) > head.len() / BYTES_PER_CONTROL {
        return false;
    }
    match str::from_utf8(head) {
        Ok(_) => true,
        // The head may end within a character.
        Err(error) if error.error_len().is_none() => error.valid_up_to() > 0,
        Err(_) => is_latin(head),
    }
}

/// A control character that does not belong in text.
fn is_control(byte: u8) -> bool {
    let low = byte < 0x20;
    let blank_or_escape = byte.wrapping_sub(8) <= 5 || byte == 0x1b;
    low && !blank_or_escape || byte == 0x7f
}

/// How many bytes are so. Sums of one byte let the compiler use vector instructions: ten times as fast as a plain count.
fn count(bytes: &[u8], is: impl Fn(u8) -> bool) -> usize {
    let of_run = |run: &[u8]| run.iter().fold(0_u8, |sum, byte| sum + u8::from(is(*byte)));
    bytes.chunks(255).map(|run| usize::from(of_run(run))).sum()
}

/// Letters outside ASCII are at most a third of any text in a Latin alphabet, and the C1 controls hardly occur.
fn is_latin(head: &[u8]) -> bool {
    let high = count(head, |byte| !byte.is_ascii());
    let c1 = count(head, |byte| matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d));
    high <= head.len() / 3 && c1 <= head.len() / BYTES_PER_CONTROL
}

fn is_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> bool {
    let (pairs, _) = bytes.as_chunks::<2>();
    if pairs.is_empty() {
        return false;
    }
    let odd = char::decode_utf16(pairs.iter().map(|pair| unit(*pair)))
        .filter(|decoded| !matches!(decoded, Ok(c) if !c.is_control() || c.is_whitespace()))
        .count();
    odd <= pairs.len() / BYTES_PER_CONTROL + 1
}
