//! Private keys that people keep in files: age identities, plugin identities, SSH keys.

use std::fmt::{self, Debug};
use std::sync::Arc;

use age::secrecy::{ExposeSecret as _, SecretString};
use age::ssh;
use zeroize::Zeroizing;

use crate::crypto::slot::{self, SlotError};

/// Port to whoever can answer when a key needs more than its file: its passphrase, or a touch on a device.
pub trait Prompt: Send + Sync + Debug {
    /// The passphrase of this key file; `None` if nobody can be asked.
    fn unlock(&self, key_file: &str) -> Option<SecretString>;

    /// A plugin asks for a secret, in its own words.
    fn secret(&self, question: &str) -> Option<SecretString>;

    /// A plugin asks for something that is no secret.
    fn text(&self, question: &str) -> Option<String>;

    /// A plugin asks to choose.
    fn confirm(&self, question: &str, yes: &str, no: Option<&str>) -> Option<bool>;

    /// A plugin says something, for example that a device must be touched.
    fn message(&self, message: &str);
}

/// Nobody can be asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Silent;

impl Prompt for Silent {
    fn unlock(&self, _: &str) -> Option<SecretString> {
        None
    }

    fn secret(&self, _: &str) -> Option<SecretString> {
        None
    }

    fn text(&self, _: &str) -> Option<String> {
        None
    }

    fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
        None
    }

    fn message(&self, _: &str) {}
}

/// A [`Prompt`] in the shape that the age library wants.
#[derive(Clone)]
pub(super) struct Callbacks(pub(super) Arc<dyn Prompt>);

impl age::Callbacks for Callbacks {
    fn display_message(&self, message: &str) {
        self.0.message(message);
    }

    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        self.0.confirm(message, yes, no)
    }

    fn request_public_string(&self, question: &str) -> Option<String> {
        self.0.text(question)
    }

    fn request_passphrase(&self, question: &str) -> Option<SecretString> {
        self.0.secret(question)
    }
}

/// A key file, and who can be asked about it.
pub(super) struct KeyFile<'k> {
    pub(super) text: &'k SecretString,
    pub(super) name: &'k str,
    pub(super) prompt: Arc<dyn Prompt>,
}

impl KeyFile<'_> {
    /// What of the file may open this slot. Asks for a passphrase only if the slot is for that very key.
    pub(super) fn identities(&self, slot: &[u8]) -> Result<Vec<Box<dyn age::Identity>>, SlotError> {
        let text = self.text.expose_secret().trim();
        if text.contains("-----BEGIN") { self.ssh(text, slot) } else { self.age(text) }
    }

    fn age(&self, text: &str) -> Result<Vec<Box<dyn age::Identity>>, SlotError> {
        // The library takes no blanks around a key; people paste them.
        let mut lines = Zeroizing::new(String::with_capacity(text.len() + 1));
        for line in text.lines() {
            lines.push_str(line.trim());
            lines.push('\n');
        }
        let file = age::IdentityFile::from_buffer(lines.as_bytes())
            .map_err(|_may_quote_the_file| self.unusable())?;
        let identities = file
            .with_callbacks(Callbacks(Arc::clone(&self.prompt)))
            .into_identities()
            .map_err(slot::from_decrypt_error)?;
        if identities.is_empty() { Err(self.unusable()) } else { Ok(identities) }
    }

    fn ssh(&self, text: &str, slot: &[u8]) -> Result<Vec<Box<dyn age::Identity>>, SlotError> {
        let identity = ssh::Identity::from_buffer(text.as_bytes(), None)
            .map_err(|_may_quote_the_file| self.unusable())?;
        let key = match identity {
            ssh::Identity::Unencrypted(key) => key,
            ssh::Identity::Unsupported(_) => return Err(self.unusable()),
            ssh::Identity::Encrypted(_) if !names(slot, identity.clone()) => {
                return Err(SlotError::WrongKey);
            }
            ssh::Identity::Encrypted(key) => {
                let passphrase = self
                    .prompt
                    .unlock(self.name)
                    .ok_or_else(|| SlotError::KeyFileLocked { file: self.name.into() })?;
                key.decrypt(passphrase).map_err(|_says_no_more| SlotError::KeyFilePassphrase {
                    file: self.name.into(),
                })?
            }
        };
        Ok(vec![Box::new(ssh::Identity::Unencrypted(key))])
    }

    fn unusable(&self) -> SlotError {
        SlotError::KeyFileUnusable { file: self.name.into() }
    }
}

/// Whether the slot is sealed to this SSH key: both carry the same four bytes of a hash of the public key.
fn names(slot: &[u8], identity: ssh::Identity) -> bool {
    let Ok(recipient) = ssh::Recipient::try_from(identity) else { return false };
    let Ok(sealed) = slot::seal_to(b"", &recipient) else { return false };
    slot::stanzas(&sealed).any(|ours| {
        ours.kind.starts_with("ssh-")
            && slot::stanzas(slot)
                .any(|theirs| (ours.kind, ours.argument) == (theirs.kind, theirs.argument))
    })
}

/// A new age identity: the secret line `AGE-SECRET-KEY-1...` and its recipient `age1...`.
pub fn generate_identity() -> (SecretString, String) {
    let identity = age::x25519::Identity::generate();
    (identity.to_string(), identity.to_public().to_string())
}

impl Debug for KeyFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile").field("name", &self.name).finish_non_exhaustive()
    }
}
