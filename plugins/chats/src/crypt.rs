//! WhatsApp's encrypted backups: `crypt12`, `crypt14`, `crypt15`.
//!
//! A file is a header, AES-256-GCM ciphertext with a nonce of 16 bytes, its tag, and mostly an MD5 of everything
//! before. Inside is zlib of a database, or a zip of several files. Formats: the `BackupPrefix` message and offsets as
//! documented by ElDavoo/wa-crypt-tools and KnugiHK/WhatsApp-Chat-Exporter, checked on their files.
//!
//! Nothing is given out before its tag was verified. Files are read in pieces: memory does not grow with them.

mod container;
mod gcm;
mod header;
mod held;
mod key;
#[cfg(test)]
mod tests;
mod unlocked;

pub use self::container::{Checksum, CryptFault, Opened, Payload, open};
pub(crate) use self::gcm::{Cipher, NONCE_BYTES};
pub(crate) use self::header::HEADER_BYTES_MAX;
pub use self::header::{Form, Header, HeaderFault, KeyType};
pub use self::held::Held;
pub use self::key::{AccountKey, KEY_FILE_BYTES_MAX, Key, KeyFault, RootKey};
pub use self::unlocked::{Tested, Unlocked, is_backup, test};
