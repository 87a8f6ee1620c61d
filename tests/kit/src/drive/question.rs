//! The language of `q`, as far as clients of files and folders use it.

use super::world::{Node, World};

/// A condition on a file.
#[derive(Debug)]
pub(super) enum Question {
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Name(String),
    MimeType(String),
    Trashed(bool),
    Parent(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Text(String),
    Word(String),
    Sign(&'static str),
}

/// Reads a question; `None` if it makes no sense.
pub(super) fn parse(text: &str) -> Option<Question> {
    let mut tokens = tokens(text)?;
    tokens.reverse();
    let question = or(&mut tokens)?;
    tokens.is_empty().then_some(question)
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, after) = match first {
            '\'' => quoted(&rest[1..])?,
            '(' => (Token::Sign("("), &rest[1..]),
            ')' => (Token::Sign(")"), &rest[1..]),
            '=' => (Token::Sign("="), &rest[1..]),
            '!' => (Token::Sign("!="), rest.strip_prefix("!=")?),
            c if c.is_ascii_alphabetic() => {
                let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
                (Token::Word(rest[..end].to_owned()), &rest[end..])
            }
            _ => return None,
        };
        tokens.push(token);
        rest = after.trim_start();
    }
    Some(tokens)
}

fn quoted(text: &str) -> Option<(Token, &str)> {
    let mut content = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => content.push(characters.next()?.1),
            '\'' => return Some((Token::Text(content), &text[at + 1..])),
            c => content.push(c),
        }
    }
    None
}

fn or(tokens: &mut Vec<Token>) -> Option<Question> {
    let mut left = and(tokens)?;
    while tokens.last() == Some(&Token::Word("or".into())) {
        tokens.pop();
        left = Question::Or(left.into(), and(tokens)?.into());
    }
    Some(left)
}

fn and(tokens: &mut Vec<Token>) -> Option<Question> {
    let mut left = one(tokens)?;
    while tokens.last() == Some(&Token::Word("and".into())) {
        tokens.pop();
        left = Question::And(left.into(), one(tokens)?.into());
    }
    Some(left)
}

fn one(tokens: &mut Vec<Token>) -> Option<Question> {
    match tokens.pop()? {
        Token::Sign("(") => {
            let inner = or(tokens)?;
            (tokens.pop()? == Token::Sign(")")).then_some(inner)
        }
        Token::Word(word) if word == "not" => Some(Question::Not(one(tokens)?.into())),
        Token::Text(id) => {
            let words = (tokens.pop()?, tokens.pop()?);
            let expected = (Token::Word("in".into()), Token::Word("parents".into()));
            (words == expected).then_some(Question::Parent(id))
        }
        Token::Word(field) => {
            let sign = tokens.pop()?;
            let question = match (field.as_str(), tokens.pop()?) {
                ("name", Token::Text(name)) => Question::Name(name),
                ("mimeType", Token::Text(kind)) => Question::MimeType(kind),
                ("trashed", Token::Word(word)) => Question::Trashed(word.parse().ok()?),
                _ => return None,
            };
            match sign {
                Token::Sign("=") => Some(question),
                Token::Sign("!=") => Some(Question::Not(question.into())),
                _ => None,
            }
        }
        Token::Sign(_) => None,
    }
}

impl Question {
    /// Whether a file is meant.
    pub(super) fn fits(&self, world: &World, node: &Node) -> bool {
        match self {
            Self::And(a, b) => a.fits(world, node) && b.fits(world, node),
            Self::Or(a, b) => a.fits(world, node) || b.fits(world, node),
            Self::Not(inner) => !inner.fits(world, node),
            Self::Name(name) => node.name == *name,
            Self::MimeType(kind) => node.mime_type == *kind,
            Self::Trashed(trashed) => world.is_trashed(node) == *trashed,
            Self::Parent(id) => node.parents.iter().any(|parent| parent == world.real_id(id)),
        }
    }

    /// Folders that it names; Drive wants all of them to exist.
    pub(super) fn parents(&self) -> Vec<&str> {
        match self {
            Self::And(a, b) | Self::Or(a, b) => [a.parents(), b.parents()].concat(),
            Self::Not(inner) => inner.parents(),
            Self::Parent(id) => vec![id],
            Self::Name(_) | Self::MimeType(_) | Self::Trashed(_) => Vec::new(),
        }
    }
}

#[test]
fn questions_are_understood_and_nonsense_is_not() {
    for good in [
        "'x' in parents and trashed = false",
        "name = 'it\\'s' and (mimeType != 'a/b' or not 'x' in parents)",
        "trashed=true",
    ] {
        assert!(parse(good).is_some(), "{good}");
    }
    for bad in
        ["", "name", "name = x", "'x' in", "trashed = 'false'", "(name = 'x'", "name = 'x' 1"]
    {
        assert!(parse(bad).is_none(), "{bad}");
    }
}
