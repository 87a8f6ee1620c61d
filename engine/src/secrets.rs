//! Secrets that the repository keeps for its owner: one signed object each, never overwritten.

use bytes::Bytes;
use zeroize::Zeroizing;

use crate::clock::random;
use crate::error::Problem;
use crate::id::SecretId;
use crate::repository::{Repository, RepositoryError, Saying, Signed};
use crate::snapshot::{KeptSecret, SECRET_BYTES_MAX, secret_name};

/// The secrets of a repository.
#[derive(Debug, Default)]
pub struct KeptSecrets {
    /// Those that can be read, the oldest first.
    pub secrets: Vec<KeptSecret>,
    /// Those that cannot.
    pub unreadable: Vec<SecretId>,
    /// What is wrong with those, and objects that do not belong there.
    pub problems: Vec<Problem>,
}

/// What became of a secret that was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// It is kept from now on.
    Kept(SecretId),
    /// It was kept before, and nothing was written.
    Present(SecretId),
}

impl Repository {
    /// Every kept secret, whatever its kind.
    pub fn kept_secrets(&self) -> Result<KeptSecrets, RepositoryError> {
        let open = |bytes: &Bytes, id| KeptSecret::open(bytes, self.keys(), id);
        let Signed { stored, unreadable, problems } =
            self.signed("secrets/", SecretId::from_hex, open)?;
        let mut found = KeptSecrets { secrets: stored, unreadable, problems };
        found.secrets.sort_by_key(|secret| (secret.time, secret.id));
        Ok(found)
    }

    /// Keeps a secret, unless one of the same kind and value is kept.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::SecretTooLarge`] for a value that is longer than [`SECRET_BYTES_MAX`].
    pub fn keep_secret(
        &self,
        kind: &str,
        value: &[u8],
        said: &Saying,
    ) -> Result<Keeping, RepositoryError> {
        self.check_writable()?;
        if value.len() > SECRET_BYTES_MAX {
            return Err(RepositoryError::SecretTooLarge { bytes: value.len() });
        }
        let secret = KeptSecret {
            id: SecretId(random(self.clock())),
            kind: kind.to_owned(),
            value: Zeroizing::new(value.to_vec()),
            note: said.reason.clone(),
            time: said.time_ns,
            host: said.host.clone(),
            user: said.user.clone(),
        };
        self.keep(&secret, &self.kept_secrets()?.secrets)
    }

    /// Keeps what another repository kept, with what it says about itself.
    pub(crate) fn keep(
        &self,
        secret: &KeptSecret,
        kept: &[KeptSecret],
    ) -> Result<Keeping, RepositoryError> {
        let is_same =
            |other: &&KeptSecret| (&other.kind, &other.value) == (&secret.kind, &secret.value);
        if let Some(other) = kept.iter().find(is_same) {
            return Ok(Keeping::Present(other.id));
        }
        self.put(&secret_name(secret.id), Bytes::from(secret.seal(self.keys(), self.clock())))?;
        Ok(Keeping::Kept(secret.id))
    }

    /// Deletes a secret, readable or not.
    pub fn remove_secret(&self, id: SecretId) -> Result<(), RepositoryError> {
        self.check_writable()?;
        if let Some(feature) = self.may_not_delete_because() {
            return Err(RepositoryError::UnknownFeature { feature: feature.to_owned() });
        }
        self.confirm(true)?;
        self.delete(&secret_name(id))
    }
}
