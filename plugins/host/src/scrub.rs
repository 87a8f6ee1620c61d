//! Makes what a plugin says fit to be shown: without secrets, without control characters, not too long.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

/// Longer remarks are cut.
const TEXT_BYTES_MAX: usize = 2000;

/// Shorter secrets would black out half of every message.
const SECRET_BYTES_MIN: usize = 4;

/// Knows the secrets of one plugin.
#[derive(Clone, Default)]
pub(crate) struct Scrubber {
    secrets: Arc<[SecretString]>,
}

impl std::fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scrubber")
    }
}

impl Scrubber {
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let long = |secret: &&SecretString| secret.expose_secret().len() >= SECRET_BYTES_MIN;
        let mut secrets: Vec<_> = secrets.into_iter().filter(long).cloned().collect();
        // One secret may be part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
        Self { secrets: secrets.into() }
    }

    /// Bytes as one line of text.
    pub(crate) fn clean(&self, bytes: &[u8]) -> String {
        let mut text = String::from_utf8_lossy(bytes).into_owned();
        for secret in self.secrets.iter() {
            text = text.replace(secret.expose_secret(), "***");
        }
        let mut line = String::new();
        for character in text.trim_end().chars() {
            if line.len() >= TEXT_BYTES_MAX {
                line.push_str("...");
                break;
            }
            if character.is_control() {
                line.extend(character.escape_default());
            } else {
                line.push(character);
            }
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plugin_says_is_shown_without_secrets_and_control_characters() {
        let scrubber =
            Scrubber::new(&[SecretString::from("hunter"), SecretString::from("hunter22")]);
        assert_eq!(
            scrubber.clean(b"\x1b[2J token=hunter22 hunter\xff\n"),
            "\\u{1b}[2J token=*** ***\u{fffd}"
        );
        assert!(scrubber.clean(&[b'x'; 10_000]).len() < 2010);
    }
}
