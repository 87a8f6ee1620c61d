//! The pattern of one path component, as Go's `filepath.Match` defines it (and therefore restic).
//!
//! `*` is any run of bytes, `?` one character, `[a-z]` and `[^a-z]` classes, `\` takes the next character literally.
//! Braces mean themselves, which is why `globset` does not fit here. Bytes that are not UTF-8 count as one character each.

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Glob {
    /// No special character at all.
    Literal(Vec<u8>),
    /// A star and these bytes, like `*.o`.
    Suffix(Vec<u8>),
    /// These bytes and a star, like `build-*`.
    Prefix(Vec<u8>),
    /// Anything else.
    Tokens(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Byte(u8),
    OneCharacter,
    AnyRun,
    Class { negated: bool, ranges: Vec<(u32, u32)> },
}

impl Glob {
    /// `None` if the pattern is malformed.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let mut rest = text;
        let mut tokens = Vec::with_capacity(text.len());
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            tokens.push(match byte {
                b'*' => Token::AnyRun,
                b'?' => Token::OneCharacter,
                b'[' => parse_class(&mut rest)?,
                b'\\' => {
                    let (&escaped, after) = rest.split_first()?;
                    rest = after;
                    Token::Byte(escaped)
                }
                _ => Token::Byte(byte),
            });
        }
        tokens.dedup_by(|a, b| *a == Token::AnyRun && *b == Token::AnyRun);
        Some(match tokens.as_slice() {
            [Token::AnyRun, rest @ ..] if let Some(bytes) = literal(rest) => Self::Suffix(bytes),
            [rest @ .., Token::AnyRun] if let Some(bytes) = literal(rest) => Self::Prefix(bytes),
            all => literal(all).map_or_else(|| Self::Tokens(all.to_vec()), Self::Literal),
        })
    }

    /// Whether the whole name fits.
    pub(super) fn matches(&self, name: &[u8]) -> bool {
        match self {
            Self::Literal(bytes) => name == bytes,
            Self::Suffix(bytes) => name.ends_with(bytes),
            Self::Prefix(bytes) => name.starts_with(bytes),
            Self::Tokens(tokens) => matches_tokens(tokens, name),
        }
    }
}

fn literal(tokens: &[Token]) -> Option<Vec<u8>> {
    let byte = |token: &Token| if let Token::Byte(byte) = token { Some(*byte) } else { None };
    tokens.iter().map(byte).collect()
}

/// Reads a class after its `[`. A `]` or `-` must be escaped to be a member.
fn parse_class(rest: &mut &[u8]) -> Option<Token> {
    let negated = rest.first() == Some(&b'^');
    if negated {
        *rest = rest.get(1..)?;
    }
    let mut ranges = Vec::new();
    loop {
        if rest.first() == Some(&b']') && !ranges.is_empty() {
            *rest = rest.get(1..)?;
            return Some(Token::Class { negated, ranges });
        }
        let low = parse_member(rest)?;
        let mut high = low;
        if rest.first() == Some(&b'-') {
            *rest = rest.get(1..)?;
            high = parse_member(rest)?;
        }
        ranges.push((low, high));
    }
}

fn parse_member(rest: &mut &[u8]) -> Option<u32> {
    match rest.first()? {
        b'-' | b']' => return None,
        b'\\' => *rest = rest.get(1..)?,
        _ => {}
    }
    let (member, bytes) = first_character(rest)?;
    *rest = rest.get(bytes..)?;
    Some(member)
}

/// The first character and its length; the replacement character and 1 where there is no valid one.
fn first_character(bytes: &[u8]) -> Option<(u32, usize)> {
    let first = *bytes.first()?;
    if first.is_ascii() {
        return Some((u32::from(first), 1));
    }
    let window = bytes.get(..4).unwrap_or(bytes);
    let valid = window.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let found = valid.chars().next().map(|character| (u32::from(character), character.len_utf8()));
    Some(found.unwrap_or((u32::from(char::REPLACEMENT_CHARACTER), 1)))
}

/// Goes back to the last star only, which is enough and keeps the effort at name times pattern.
fn matches_tokens(tokens: &[Token], name: &[u8]) -> bool {
    let (mut at_token, mut at_byte) = (0, 0);
    let mut retry = None;
    loop {
        let remaining = name.get(at_byte..).unwrap_or_default();
        match tokens.get(at_token) {
            None if remaining.is_empty() => return true,
            Some(Token::AnyRun) => {
                at_token += 1;
                retry = Some((at_token, at_byte));
                continue;
            }
            Some(token) => {
                if let Some(bytes) = token.accepts(remaining) {
                    at_token += 1;
                    at_byte += bytes;
                    continue;
                }
            }
            None => {}
        }
        match retry {
            Some((token, byte)) if byte < name.len() => {
                retry = Some((token, byte + 1));
                (at_token, at_byte) = (token, byte + 1);
            }
            _ => return false,
        }
    }
}

impl Token {
    /// How many of the first bytes this token takes.
    fn accepts(&self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::AnyRun => None,
            Self::Byte(byte) => (bytes.first() == Some(byte)).then_some(1),
            Self::OneCharacter => first_character(bytes).map(|(_, length)| length),
            Self::Class { negated, ranges } => {
                let (member, length) = first_character(bytes)?;
                let inside = ranges.iter().any(|(low, high)| (*low..=*high).contains(&member));
                (inside != *negated).then_some(length)
            }
        }
    }
}
