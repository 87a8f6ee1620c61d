//! What stands before the ciphertext: which key is needed, and whose backup it is.

use thiserror::Error;

use super::gcm::NONCE_BYTES;
use crate::proto::{Value, fields};

/// A header may be so long; those that were seen have less than 600 bytes.
pub(crate) const HEADER_BYTES_MAX: usize = 64 << 10;
/// Two bytes, the version of the key, both salts, the nonce.
const CRYPT12_BYTES: u64 = 67;

/// Which kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// Fixed header, key of the account.
    Crypt12,
    /// Described header, key of the account.
    Crypt14,
    /// Described header, key of the user.
    Crypt15,
}

/// What the key is kept by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyType {
    /// WhatsApp gave it to the phone.
    Account,
    /// The user has it, but it is not said how.
    User,
    /// WhatsApp keeps it, behind a password.
    Password,
    /// The user has 64 digits.
    Digits,
    /// WhatsApp keeps it, behind a passkey.
    Passkey,
}

/// What a backup says about itself without any key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Which kind of file it is.
    pub form: Form,
    /// What the key is kept by.
    pub key_type: KeyType,
    /// Version of the program that wrote it.
    pub app_version: Option<String>,
    /// The phone, where that is said.
    pub device: Option<String>,
    /// The last digits of the phone number.
    pub number_suffix: Option<String>,
    /// For which registration the key of the account is.
    pub registration: Option<Registration>,
    pub(super) nonce: [u8; NONCE_BYTES],
    /// Where the ciphertext begins.
    pub(super) bytes: u64,
}

/// By what the key of an account is told from that of another registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Chosen by WhatsApp.
    pub server_salt: [u8; 32],
    /// Chosen by the phone.
    pub google_id_salt: [u8; 16],
}

/// Why something is no such header.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HeaderFault {
    /// It does not look like one.
    #[error("is no encrypted backup of WhatsApp")]
    Unrecognised,
    /// It ends too early.
    #[error("ends within the header")]
    Truncated,
    /// It has no nonce: written by a version that does it in another way.
    #[error("has a header of an unknown form")]
    Unknown,
}

impl Header {
    /// What the content was encrypted with, besides the key.
    pub(crate) fn nonce(&self) -> &[u8; NONCE_BYTES] {
        &self.nonce
    }

    /// Reads the header at the beginning of a file; 64 KiB of it are always enough.
    pub fn parse(head: &[u8]) -> Result<Self, HeaderFault> {
        match head {
            [0, 1, 1..=3, ..] => crypt12(head).ok_or(HeaderFault::Truncated),
            _ => described(head),
        }
    }
}

fn crypt12(head: &[u8]) -> Option<Header> {
    let (_, rest) = head.split_first_chunk::<3>()?;
    let (server_salt, rest) = rest.split_first_chunk()?;
    let (google_id_salt, rest) = rest.split_first_chunk()?;
    let (nonce, _) = rest.split_first_chunk()?;
    Some(Header {
        form: Form::Crypt12,
        key_type: KeyType::Account,
        app_version: None,
        device: None,
        number_suffix: None,
        registration: Some(Registration {
            server_salt: *server_salt,
            google_id_salt: *google_id_salt,
        }),
        nonce: *nonce,
        bytes: CRYPT12_BYTES,
    })
}

/// The message `BackupPrefix`, its length before it.
fn described(head: &[u8]) -> Result<Header, HeaderFault> {
    let mut fields = fields(head);
    let length = fields.varint().map_err(|_malformed| HeaderFault::Unrecognised)?;
    let length =
        usize::try_from(length).ok().filter(|length| (20..HEADER_BYTES_MAX).contains(length));
    let length = length.ok_or(HeaderFault::Unrecognised)?;
    let bytes = u64::try_from(head.len() - fields.rest().len() + length).unwrap_or(u64::MAX);
    let message = fields.rest().get(..length);
    let is_whole = message.is_some();
    let mut prefix = Prefix::default();
    // Of one that ends too early as much is read as it takes to know that it is one.
    let is_sound = prefix.read(message.unwrap_or(fields.rest())).is_some();
    let has_nonce = prefix.account.is_some() || prefix.nonce.is_some();
    match (is_whole, is_sound, has_nonce) {
        (true, true, true) => prefix.header(bytes).ok_or(HeaderFault::Unknown),
        (true, true, false) if prefix.app_version.is_some() => Err(HeaderFault::Unknown),
        (false, _, true) => Err(HeaderFault::Truncated),
        _ => Err(HeaderFault::Unrecognised),
    }
}

#[derive(Default)]
struct Prefix {
    old_key_type: u64,
    new_key_type: Option<u64>,
    account: Option<(Registration, [u8; NONCE_BYTES])>,
    nonce: Option<[u8; NONCE_BYTES]>,
    has_passkey: bool,
    app_version: Option<String>,
    device: Option<String>,
    number_suffix: Option<String>,
}

impl Prefix {
    fn read(&mut self, message: &[u8]) -> Option<()> {
        for field in fields(message) {
            let (number, value) = field.ok()?;
            match (number, value) {
                (1, Value::Number(kind)) => self.old_key_type = kind,
                (2, Value::Bytes(bytes)) => self.account = Some(account(bytes)?),
                (3, Value::Bytes(bytes)) => self.nonce = Some(nonce(bytes)?),
                (4, Value::Bytes(bytes)) => self.describe(bytes)?,
                (5, Value::Bytes(_)) => self.has_passkey = true,
                (6, Value::Number(kind)) => self.new_key_type = Some(kind),
                _ => {}
            }
        }
        Some(())
    }

    fn describe(&mut self, message: &[u8]) -> Option<()> {
        let text = |bytes: &[u8]| Some(String::from_utf8_lossy(bytes).into_owned());
        for field in fields(message) {
            let (number, value) = field.ok()?;
            match (number, value) {
                (1, Value::Bytes(bytes)) => self.app_version = text(bytes),
                (2, Value::Bytes(bytes)) => self.device = text(bytes),
                (3, Value::Bytes(bytes)) => self.number_suffix = text(bytes),
                _ => {}
            }
        }
        Some(())
    }

    fn header(self, bytes: u64) -> Option<Header> {
        let key_type = match (self.new_key_type, self.old_key_type) {
            _ if self.has_passkey => KeyType::Passkey,
            (Some(2), _) => KeyType::Password,
            (Some(3), _) => KeyType::Digits,
            (Some(4), _) => KeyType::Passkey,
            (Some(0), _) | (None, 0) => KeyType::Account,
            _ => KeyType::User,
        };
        let (form, nonce, registration) = match (self.account, self.nonce) {
            (Some((registration, nonce)), None) => (Form::Crypt14, nonce, Some(registration)),
            (_, Some(nonce)) => (Form::Crypt15, nonce, None),
            (None, None) => return None,
        };
        let Self { app_version, device, number_suffix, .. } = self;
        Some(Header {
            form,
            key_type,
            app_version,
            device,
            number_suffix,
            registration,
            nonce,
            bytes,
        })
    }
}

fn account(message: &[u8]) -> Option<(Registration, [u8; NONCE_BYTES])> {
    let (mut server_salt, mut google_id_salt, mut nonce) = (None, None, None);
    for field in fields(message) {
        let (number, value) = field.ok()?;
        match (number, value) {
            (3, Value::Bytes(bytes)) => server_salt = bytes.try_into().ok(),
            (4, Value::Bytes(bytes)) => google_id_salt = bytes.try_into().ok(),
            (5, Value::Bytes(bytes)) => nonce = bytes.try_into().ok(),
            _ => {}
        }
    }
    let registration = Registration { server_salt: server_salt?, google_id_salt: google_id_salt? };
    Some((registration, nonce?))
}

fn nonce(message: &[u8]) -> Option<[u8; NONCE_BYTES]> {
    for field in fields(message) {
        let (number, value) = field.ok()?;
        if let (1, Value::Bytes(bytes)) = (number, value) {
            return bytes.try_into().ok();
        }
    }
    None
}
