//! Key slots: a [`Bundle`] in an age file, opened by a passphrase, an age identity, an SSH key or a plugin's device.
//!
//! Slots come from the store, which may be hostile: their size and their work factor are bounded before anything is
//! computed, and a credential of another kind than the slot's fails at once.

use std::io::{Read as _, Write as _};
use std::iter;
use std::sync::Arc;

use age::secrecy::SecretString;
use age::{Decryptor, Encryptor, plugin, scrypt, ssh, x25519};
use zeroize::Zeroizing;

use crate::crypto::Bundle;
use crate::crypto::identity::{Callbacks, KeyFile, Prompt, Silent};
use crate::error::FormatError;

/// Larger slots are refused: the age header is parsed in time that grows faster than its length.
pub const SLOT_BYTES_MAX: usize = 16 << 10;

/// Opening a slot may cost 2^20 rounds of scrypt, which is a gigabyte of memory and some seconds.
const WORK_FACTOR_READ_MAX: u8 = 20;
/// What calibration may choose; below the lower bound a busy machine would have measured itself.
const WORK_FACTOR_WRITTEN: std::ops::RangeInclusive<u8> = 15..=17;

/// To whom a slot is sealed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Recipient {
    /// Whoever knows these words.
    Passphrase(SecretString),
    /// `age1...`; also those of plugins, `age1name1...`.
    Age(String),
    /// `ssh-ed25519 ...` or `ssh-rsa ...`, as in `authorized_keys`.
    Ssh(String),
}

/// What opens a slot.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Credential {
    /// A passphrase.
    Passphrase(SecretString),
    /// The content of a file with age identities, or of an SSH private key.
    IdentityFile {
        /// The content.
        text: SecretString,
        /// What errors and questions call the file.
        name: String,
    },
}

/// What kind of credential a slot wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SlotKind {
    /// A passphrase.
    Passphrase,
    /// An age identity.
    Identity,
    /// An SSH key.
    Ssh,
    /// An identity of an age plugin.
    Plugin,
}

/// Why a slot could not be made or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SlotError {
    /// The credential does not fit this slot; another slot may take it.
    #[error("the key does not fit")]
    WrongKey,
    /// The slot is not a complete age file.
    #[error("the key slot is damaged")]
    Damaged,
    /// The slot opened, but its content makes no sense.
    #[error("the content of the key slot is damaged")]
    Bundle(#[from] FormatError),
    /// The slot is an age file of a later version.
    #[error("the key slot is newer than this program")]
    Newer,
    /// Opening the slot would take absurd work: the store tries to harm us.
    #[error("the key slot asks for a work factor of {required}")]
    ExcessiveWork {
        /// Logarithm of the rounds that it asks for.
        required: u8,
    },
    /// A work factor that could not be opened again.
    #[error("work factor {given} is not between 1 and 20")]
    WorkFactor {
        /// Logarithm of the rounds.
        given: u8,
    },
    /// Not a recipient of a known kind.
    #[error("{recipient} is not an age recipient or SSH public key")]
    Recipient {
        /// As it was given.
        recipient: String,
    },
    /// No supported private key in the file.
    #[error("{file} holds no supported key")]
    KeyFileUnusable {
        /// Its name.
        file: String,
    },
    /// The private key is encrypted, and nobody could be asked for its passphrase.
    #[error("{file} is locked by a passphrase")]
    KeyFileLocked {
        /// Its name.
        file: String,
    },
    /// The passphrase does not open the private key.
    #[error("wrong passphrase for {file}")]
    KeyFilePassphrase {
        /// Its name.
        file: String,
    },
    /// A plugin is not installed.
    #[error("{program} is not installed")]
    PluginMissing {
        /// The program that should be there.
        program: String,
    },
    /// A plugin failed.
    #[error("an age plugin failed: {message}")]
    Plugin {
        /// What the plugin says.
        message: String,
    },
}

/// Makes a slot. Without a work factor, a passphrase costs about a second to try on this machine.
pub fn seal_bundle(
    bundle: &Bundle,
    recipient: &Recipient,
    work_factor: Option<u8>,
) -> Result<Vec<u8>, SlotError> {
    let recipient: Box<dyn age::Recipient> = match recipient {
        Recipient::Passphrase(passphrase) => Box::new(stretched(passphrase, work_factor)?),
        Recipient::Age(text) => age_recipient(text.trim())?,
        Recipient::Ssh(text) => match text.trim().parse::<ssh::Recipient>() {
            Ok(recipient) => Box::new(recipient),
            Err(_) => return Err(SlotError::Recipient { recipient: text.clone() }),
        },
    };
    seal_to(&bundle.encode(), recipient.as_ref())
}

/// Opens a slot; fails where somebody would have to be asked something.
pub fn open_bundle(bytes: &[u8], credential: &Credential) -> Result<Bundle, SlotError> {
    open_bundle_with(bytes, credential, Arc::new(Silent))
}

/// Opens a slot; locked key files and plugins may ask.
pub fn open_bundle_with(
    bytes: &[u8],
    credential: &Credential,
    prompt: Arc<dyn Prompt>,
) -> Result<Bundle, SlotError> {
    if bytes.len() > SLOT_BYTES_MAX {
        return Err(SlotError::Damaged);
    }
    let decryptor = Decryptor::new_buffered(bytes).map_err(from_decrypt_error)?;
    if decryptor.is_scrypt() != matches!(credential, Credential::Passphrase(_)) {
        return Err(SlotError::WrongKey);
    }
    let identities: Vec<Box<dyn age::Identity>> = match credential {
        Credential::Passphrase(passphrase) => {
            let mut identity = scrypt::Identity::new(passphrase.clone());
            identity.set_max_work_factor(WORK_FACTOR_READ_MAX);
            vec![Box::new(identity)]
        }
        Credential::IdentityFile { text, name } => {
            KeyFile { text, name, prompt }.identities(bytes)?
        }
    };
    let mut reader =
        decryptor.decrypt(identities.iter().map(AsRef::as_ref)).map_err(from_decrypt_error)?;
    // As large as the slot, so that it never grows: growing would leave a copy of the secret behind.
    let mut plain = Zeroizing::new(Vec::with_capacity(bytes.len()));
    reader.read_to_end(&mut plain).map_err(|_says_no_more| SlotError::Damaged)?;
    Ok(Bundle::decode(&plain)?)
}

/// What kind of credential a slot wants, from its header alone.
pub fn slot_kind(bytes: &[u8]) -> Result<SlotKind, SlotError> {
    match stanzas(bytes).next().map(|stanza| stanza.kind) {
        Some("scrypt") => Ok(SlotKind::Passphrase),
        Some("X25519") => Ok(SlotKind::Identity),
        Some("ssh-ed25519" | "ssh-rsa") => Ok(SlotKind::Ssh),
        Some(_) => Ok(SlotKind::Plugin),
        None => Err(SlotError::Damaged),
    }
}

/// To whom an age file is sealed, as far as its header says so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stanza<'s> {
    pub(super) kind: &'s str,
    pub(super) argument: Option<&'s str>,
}

/// The stanzas of an age file, without those that only keep readers flexible.
pub(super) fn stanzas(bytes: &[u8]) -> impl Iterator<Item = Stanza<'_>> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let is_age = lines.next() == Some(b"age-encryption.org/v1");
    lines
        .take_while(move |line| is_age && !line.starts_with(b"---"))
        .filter_map(|line| str::from_utf8(line.strip_prefix(b"-> ")?).ok())
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some(Stanza { kind: words.next()?, argument: words.next() })
        })
        .filter(|stanza| !stanza.kind.ends_with("-grease"))
}

/// An age file with this content.
pub(super) fn seal_to(plain: &[u8], recipient: &dyn age::Recipient) -> Result<Vec<u8>, SlotError> {
    let mut sealed = Vec::new();
    Encryptor::with_recipients(iter::once(recipient))
        .and_then(|encryptor| {
            let mut writer = encryptor.wrap_output(&mut sealed)?;
            writer.write_all(plain)?;
            writer.finish()?;
            Ok(())
        })
        .map_err(from_encrypt_error)?;
    Ok(sealed)
}

fn stretched(
    passphrase: &SecretString,
    work_factor: Option<u8>,
) -> Result<scrypt::Recipient, SlotError> {
    let work_factor = match work_factor {
        Some(given) if !(1..=WORK_FACTOR_READ_MAX).contains(&given) => {
            return Err(SlotError::WorkFactor { given });
        }
        Some(given) => given,
        None => calibrated_work_factor(),
    };
    let mut recipient = scrypt::Recipient::new(passphrase.clone());
    recipient.set_work_factor(work_factor);
    Ok(recipient)
}

/// The library measures how much work a second is, but tells only when it refuses a file for too much of it.
fn calibrated_work_factor() -> u8 {
    const REFUSED: &[u8] = b"age-encryption.org/v1\n\
        -> scrypt AAAAAAAAAAAAAAAAAAAAAA 20\n\
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\
        --- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\
        0123456789abcdef";
    let mut identity = scrypt::Identity::new(SecretString::default());
    identity.set_max_work_factor(0);
    let identity: &dyn age::Identity = &identity;
    let result = Decryptor::new_buffered(REFUSED)
        .and_then(|decryptor| decryptor.decrypt(iter::once(identity)));
    match result {
        Err(age::DecryptError::ExcessiveWork { target, .. }) => {
            target.clamp(*WORK_FACTOR_WRITTEN.start(), *WORK_FACTOR_WRITTEN.end())
        }
        Ok(_) | Err(_) => *WORK_FACTOR_WRITTEN.end(),
    }
}

fn age_recipient(text: &str) -> Result<Box<dyn age::Recipient>, SlotError> {
    if let Ok(recipient) = text.parse::<x25519::Recipient>() {
        return Ok(Box::new(recipient));
    }
    let Ok(recipient) = text.parse::<plugin::Recipient>() else {
        return Err(SlotError::Recipient { recipient: text.into() });
    };
    let name = recipient.plugin().to_owned();
    let callbacks = Callbacks(Arc::new(Silent));
    let plugin = plugin::RecipientPluginV1::new(&name, &[recipient], &[], callbacks)
        .map_err(from_encrypt_error)?;
    Ok(Box::new(plugin))
}

fn from_encrypt_error(error: age::EncryptError) -> SlotError {
    match error {
        age::EncryptError::MissingPlugin { binary_name } => {
            SlotError::PluginMissing { program: binary_name }
        }
        age::EncryptError::Plugin(errors) => plugin_failure(&errors),
        // A Vec takes all bytes and there is one recipient: what remains are plugins that die or answer nonsense.
        age::EncryptError::Io(source) => SlotError::Plugin { message: source.to_string() },
        age::EncryptError::EncryptedIdentities(_)
        | age::EncryptError::IncompatibleRecipients { .. }
        | age::EncryptError::InvalidRecipientLabels(_)
        | age::EncryptError::MissingRecipients
        | age::EncryptError::MixedRecipientAndPassphrase => {
            SlotError::Plugin { message: "it made a recipient that cannot be used".into() }
        }
    }
}

pub(super) fn from_decrypt_error(error: age::DecryptError) -> SlotError {
    use age::DecryptError as E;
    match error {
        E::DecryptionFailed | E::NoMatchingKeys | E::KeyDecryptionFailed => SlotError::WrongKey,
        E::ExcessiveWork { required, .. } => SlotError::ExcessiveWork { required },
        E::InvalidHeader | E::InvalidMac | E::Io(_) => SlotError::Damaged,
        E::MissingPlugin { binary_name } => SlotError::PluginMissing { program: binary_name },
        E::Plugin(errors) => plugin_failure(&errors),
        E::UnknownFormat => SlotError::Newer,
    }
}

fn plugin_failure(errors: &[impl ToString]) -> SlotError {
    let messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
    SlotError::Plugin { message: messages.join("; ") }
}

#[cfg(test)]
mod tests;
