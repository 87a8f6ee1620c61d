//! What a login leaves on this machine: one file per account, for its owner's eyes only.
//!
//! The file holds the refresh token and the client that it belongs to. Tokens of access live in memory. A file that others
//! can read, or that somebody else put there, is refused: it is no longer a secret, or not ours.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use crate::AddressError;

/// Longer files are not ours.
const FILE_BYTES_MAX: u16 = 16 << 10;

/// What opens an account for a program.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    /// The program, as it is registered with Google.
    pub(crate) client_id: String,
    /// Not really a secret for a program on people's own machines, but treated as one.
    pub(crate) client_secret: Option<SecretString>,
    pub(crate) refresh_token: SecretString,
}

/// The file as it is written. Values are wiped when they have been copied out.
#[derive(Serialize, Deserialize)]
struct Contents {
    version: u32,
    client_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    refresh_token: String,
    /// Which server the token comes from, if not Google's: it must not be sent to any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
}

impl Drop for Contents {
    fn drop(&mut self) {
        self.client_secret.zeroize();
        self.refresh_token.zeroize();
    }
}

/// Which of several logins: a name that people choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account(String);

impl Account {
    /// A name that can be part of a file's name; `default` if none is given.
    pub(crate) fn new(name: Option<String>) -> Result<Self, AddressError> {
        let name = name.unwrap_or_else(|| "default".to_owned());
        let fits =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@');
        if (1..=64).contains(&name.len()) && name.bytes().all(fits) {
            Ok(Self(name))
        } else {
            Err(AddressError::OptionValue {
                option: "account".to_owned(),
                expected: "a name of letters, digits and . _ - @",
            })
        }
    }

    pub(crate) fn path(&self, folder: &Path) -> PathBuf {
        folder.join(format!("gdrive-{}.json", self.0))
    }

    /// What a login at this server left.
    pub(crate) fn read(
        &self,
        folder: &Path,
        endpoint: Option<&str>,
    ) -> Result<Login, AddressError> {
        let path = self.path(folder);
        let refuse = |why: &str| AddressError::Service {
            scheme: "gdrive".to_owned(),
            reason: format!("{why}: {}", path.display()),
        };
        let text = match read_private(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(AddressError::Service {
                    scheme: "gdrive".to_owned(),
                    reason: "nobody has logged in: run `heirloom login gdrive:`".to_owned(),
                });
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(refuse("the login is not used, as others can read or change it"));
            }
            Err(_) => return Err(refuse("the login cannot be read")),
        };
        // What is wrong with it is not repeated: it would quote the file.
        let mut contents: Contents =
            serde_json::from_str(&text).map_err(|_quotes| refuse("the login is damaged"))?;
        if contents.version != 1 {
            return Err(refuse("the login needs a newer program"));
        }
        if contents.endpoint.as_deref() != endpoint {
            return Err(refuse("the login is for another server"));
        }
        Ok(Login {
            client_id: std::mem::take(&mut contents.client_id),
            client_secret: contents.client_secret.take().map(SecretString::from),
            refresh_token: SecretString::from(std::mem::take(&mut contents.refresh_token)),
        })
    }

    /// Keeps a login, in place of an earlier one.
    pub(crate) fn write(
        &self,
        folder: &Path,
        login: &Login,
        endpoint: Option<&str>,
    ) -> io::Result<PathBuf> {
        let contents = Contents {
            version: 1,
            client_id: login.client_id.clone(),
            client_secret: login.client_secret.as_ref().map(|s| s.expose_secret().to_owned()),
            refresh_token: login.refresh_token.expose_secret().to_owned(),
            endpoint: endpoint.map(str::to_owned),
        };
        let text = Zeroizing::new(serde_json::to_vec(&contents)?);
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let path = self.path(folder);
        let fresh = path.with_extension("json.new");
        // Left behind by a login that was killed.
        fs::remove_file(&fresh).or_else(absent_is_fine)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&fresh, &path)?;
        File::open(folder)?.sync_all()?;
        Ok(path)
    }
}

fn absent_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// A plain file of this user that nobody else can read, in a folder that nobody else can change.
fn read_private(path: &Path) -> io::Result<Zeroizing<String>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    let user = rustix::process::geteuid().as_raw();
    let folder = path.parent().map(fs::metadata).transpose()?;
    let exposed = folder.is_some_and(|folder| folder.mode() & 0o022 != 0);
    if !metadata.is_file() || metadata.uid() != user || metadata.mode() & 0o077 != 0 || exposed {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    // Reserved at once, so that no half-filled copy is left behind by growing.
    let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES_MAX.into()));
    file.take(FILE_BYTES_MAX.into()).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn login() -> Login {
        Login {
            client_id: "client".into(),
            client_secret: Some("client secret".into()),
            refresh_token: "refresh token".into(),
        }
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    }

    #[test]
    fn a_login_is_kept_for_its_owner_only() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("heirloom/tokens");
        let account = Account::new(None).expect("a name");
        account.write(&folder, &login(), None).expect("written");
        let path = account.write(&folder, &login(), None).expect("written again");
        assert_eq!(fs::metadata(&path).expect("it exists").mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&folder).expect("it exists").mode() & 0o777, 0o700);
        let read = account.read(&folder, None).expect("readable");
        assert_eq!(read.refresh_token.expose_secret(), "refresh token");
        assert_eq!(fs::read_dir(&folder).expect("it exists").count(), 1);
        assert!(!format!("{read:?}").contains("token\""), "{read:?}");
    }

    #[test]
    fn a_login_that_others_can_read_or_change_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let account = Account::new(Some("me@example".into())).expect("a name");
        let path = account.write(folder.path(), &login(), None).expect("written");
        for mode in [0o640, 0o604, 0o620] {
            set_mode(&path, mode);
            assert!(account.read(folder.path(), None).is_err(), "{mode:o}");
        }
        set_mode(&path, 0o600);
        assert!(account.read(folder.path(), None).is_ok());
        set_mode(folder.path(), 0o770);
        assert!(account.read(folder.path(), None).is_err(), "others can replace the file");
    }

    #[test]
    fn a_login_is_only_used_where_it_comes_from() {
        let folder = tempfile::tempdir().expect("a folder");
        let account = Account::new(None).expect("a name");
        account.write(folder.path(), &login(), None).expect("written");
        assert!(account.read(folder.path(), Some("https://evil.example")).is_err());
    }

    #[test]
    fn a_damaged_login_is_not_quoted() {
        let folder = tempfile::tempdir().expect("a folder");
        let account = Account::new(None).expect("a name");
        let path = account.path(folder.path());
        fs::write(&path, r#"{"version":1,"refresh_token":"secret"}"#).expect("written");
        set_mode(&path, 0o600);
        let error = account.read(folder.path(), None).expect_err("it is damaged");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }

    #[test]
    fn names_of_accounts_cannot_leave_the_folder() {
        for bad in ["", "../x", "a/b", "a b", "ä"] {
            assert!(Account::new(Some(bad.to_owned())).is_err(), "{bad}");
        }
    }
}
