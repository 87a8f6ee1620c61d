//! Everything that a repository's root secret gives, and what it alone seals and signs.

use std::fmt;
use std::sync::Arc;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hpke::kem::XWing;
use hpke::{Deserializable as _, Kem as _};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::clock::{Clock, random};
use crate::crypto::cipher::{self, NONCE_BYTES, TAG_BYTES};
use crate::crypto::object::{
    FORMAT_VERSION, OBJECT_BYTES_MAX, OBJECT_HEADER_BYTES, ObjectKind, check_object_header,
    object_header,
};
use crate::crypto::secret::{Secret, derive_into};
use crate::crypto::session::{self, Encapsulation, Enveloped, SessionKey};
use crate::crypto::{RootSecret, Salt};
use crate::error::FormatError;
use crate::id::{ContentId, NodeId, RepositoryId, SessionId};

type PrivateKey = <XWing as hpke::Kem>::PrivateKey;
type PublicKey = <XWing as hpke::Kem>::PublicKey;

/// The nonce of keys that seal one text only.
pub(super) const ONLY_NONCE: [u8; NONCE_BYTES] = [0; NONCE_BYTES];

/// Stands in the associated data of a trailer where other objects have their kind.
const TRAILER: u8 = 2;

/// All keys of a repository. Cheap to clone.
#[derive(Clone)]
pub struct Keys(Arc<Inner>);

struct Inner {
    repository: RepositoryId,
    content: Secret,
    tree: Secret,
    split: Secret,
    index: Secret,
    gear: Gear,
    signing: SigningKey,
    opening: PrivateKey,
    sealing: PublicKey,
}

/// On the heap, and wiped: the table tells where somebody's files are cut.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Gear(Box<[u64; 256]>);

/// A signature and who made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed {
    /// Ed25519 public key.
    pub signer: [u8; 32],
    /// Ed25519 signature.
    pub signature: [u8; 64],
}

impl Keys {
    /// Takes well under a millisecond.
    pub fn derive(root: &RootSecret, repository: RepositoryId) -> Self {
        let material: [&[u8]; 2] = [root.as_bytes(), repository.as_bytes()];
        let derive = |context| Secret::derive(context, &material);
        let signing = derive("heirloom v1 owner signing key");
        let sealing = derive("heirloom v1 sealing key");
        let opening = PrivateKey::from_bytes(sealing.as_bytes())
            .expect("every 32 bytes are an X-Wing decapsulation key");
        Self(Arc::new(Inner {
            repository,
            content: derive("heirloom v1 content id key"),
            tree: derive("heirloom v1 tree id key"),
            split: derive("heirloom v1 tree split key"),
            index: derive("heirloom v1 index key"),
            gear: Gear::derive(&material),
            signing: SigningKey::from_bytes(signing.as_bytes()),
            sealing: XWing::sk_to_pk(&opening),
            opening,
        }))
    }

    /// The repository that these keys belong to.
    pub fn repository(&self) -> RepositoryId {
        self.0.repository
    }

    /// The id of a piece of file content.
    pub fn content_id(&self, blob: &[u8]) -> ContentId {
        ContentId(keyed(&self.0.content, &[blob]))
    }

    /// The id of a tree node or content-list node.
    pub fn node_id(&self, node: &[u8]) -> NodeId {
        NodeId(keyed(&self.0.tree, &[node]))
    }

    /// The chunker's table: without it nobody can tell a file by the sizes of its chunks.
    pub fn gear(&self) -> &[u64; 256] {
        &self.0.gear.0
    }

    /// Decides whether a tree node of this level ends after an item with this key.
    pub fn split_value(&self, level: u8, key: &[u8]) -> u32 {
        let hash = keyed(&self.0.split, &[&[level], key]);
        let (head, _) = hash.split_first_chunk().expect("a hash has more than 4 bytes");
        u32::from_le_bytes(*head)
    }

    /// For MACs of local cache files; not part of the repository format. The caller wipes it.
    pub fn cache_key(&self) -> [u8; 32] {
        *Secret::derive("heirloom v1 cache key", &[self.0.index.as_bytes()]).as_bytes()
    }

    /// A whole sealed object: header, nonce, sealed body. The name has its folder.
    pub fn seal_object(
        &self,
        kind: ObjectKind,
        name: &str,
        body: &[u8],
        clock: &dyn Clock,
    ) -> Vec<u8> {
        let nonce: [u8; NONCE_BYTES] = random(clock);
        let overhead = OBJECT_HEADER_BYTES + NONCE_BYTES + TAG_BYTES;
        let mut object = Vec::with_capacity(overhead + body.len());
        object.extend_from_slice(&object_header(kind));
        object.extend_from_slice(&nonce);
        let aad = object_aad(self.0.repository, kind, name);
        cipher::seal_onto(&mut object, &self.0.index, &nonce, &aad, body);
        object
    }

    /// The body of a sealed object that was read from under this name.
    pub fn open_object(
        &self,
        kind: ObjectKind,
        name: &str,
        bytes: &[u8],
    ) -> Result<Vec<u8>, FormatError> {
        if bytes.len() > OBJECT_BYTES_MAX {
            return Err(FormatError::OutOfBounds { what: "size of the object" });
        }
        let rest = check_object_header(bytes, kind)?;
        let (nonce, sealed) = rest.split_first_chunk().ok_or(FormatError::Truncated)?;
        let aad = object_aad(self.0.repository, kind, name);
        cipher::open_to_vec(&self.0.index, nonce, &aad, sealed)
    }

    /// A key for a new session, sealed to this repository.
    pub fn new_session_key(&self, clock: &dyn Clock) -> SessionKey {
        session::encapsulate(&self.0.sealing, self.0.repository, clock)
    }

    /// The key of a session that wrote something. Damage does not show here, but in what the key then fails to open.
    pub fn open_session_key(&self, sealed: &Encapsulation) -> Result<SessionKey, FormatError> {
        #[cfg(feature = "weakened")]
        return session::remembered(sealed, || {
            session::decapsulate(&self.0.opening, self.0.repository, sealed)
        });
        #[cfg(not(feature = "weakened"))]
        session::decapsulate(&self.0.opening, self.0.repository, sealed)
    }

    /// The body of a snapshot or a kept secret that was read from under this name.
    pub fn open_enveloped(
        &self,
        kind: Enveloped,
        name: &str,
        bytes: &[u8],
    ) -> Result<Vec<u8>, FormatError> {
        if bytes.len() > OBJECT_BYTES_MAX {
            return Err(FormatError::OutOfBounds { what: "size of the object" });
        }
        let rest = check_object_header(bytes, kind.kind())?;
        let (sealed_key, rest) =
            rest.split_at_checked(Encapsulation::BYTES).ok_or(FormatError::Truncated)?;
        let sealed_key = Encapsulation::from_slice(sealed_key).ok_or(FormatError::Truncated)?;
        let (salt, sealed) = rest.split_first_chunk().ok_or(FormatError::Truncated)?;
        self.open_session_key(&sealed_key)?.open_enveloped(kind, name, (salt, sealed))
    }

    /// The table of a pack, sealed. `header` is the pack's whole header, which holds the salt too.
    pub fn seal_trailer(&self, salt: &Salt, header: &[u8], table: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(table.len() + TAG_BYTES);
        let aad = self.trailer_aad(header);
        cipher::seal_onto(&mut sealed, &self.trailer_key(salt), &ONLY_NONCE, &aad, table);
        sealed
    }

    /// The table of a pack.
    pub fn open_trailer(
        &self,
        salt: &Salt,
        header: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, FormatError> {
        let aad = self.trailer_aad(header);
        cipher::open_to_vec(&self.trailer_key(salt), &ONLY_NONCE, &aad, sealed)
    }

    /// Signs a record as the owner.
    pub fn sign(&self, domain: &'static str, session: SessionId, record: &[u8]) -> Signed {
        let message = self.message(domain, session, record);
        Signed {
            signer: self.0.signing.verifying_key().to_bytes(),
            signature: self.0.signing.sign(&message).to_bytes(),
        }
    }

    /// Checks that the owner signed this record in this session.
    pub fn verify(
        &self,
        domain: &'static str,
        session: SessionId,
        record: &[u8],
        signed: &Signed,
    ) -> Result<(), FormatError> {
        let owner: VerifyingKey = self.0.signing.verifying_key();
        if signed.signer != owner.to_bytes() {
            return Err(FormatError::Signature);
        }
        owner
            .verify_strict(
                &self.message(domain, session, record),
                &Signature::from_bytes(&signed.signature),
            )
            .map_err(|_says_no_more| FormatError::Signature)
    }

    /// The record may be a secret.
    fn message(&self, domain: &str, session: SessionId, record: &[u8]) -> Zeroizing<Vec<u8>> {
        let repository = self.0.repository;
        let parts = [domain.as_bytes(), repository.as_bytes(), session.as_bytes(), record];
        Zeroizing::new(parts.concat())
    }

    fn trailer_key(&self, salt: &Salt) -> Secret {
        Secret::derive("heirloom v1 trailer key", &[self.0.index.as_bytes(), salt])
    }

    fn trailer_aad(&self, header: &[u8]) -> Vec<u8> {
        [self.0.repository.as_bytes().as_slice(), &[TRAILER, FORMAT_VERSION], header].concat()
    }

    #[cfg(test)]
    pub(super) fn sealing_key(&self) -> Vec<u8> {
        hpke::Serializable::to_bytes(&self.0.sealing).to_vec()
    }
}

impl Gear {
    fn derive(material: &[&[u8]]) -> Self {
        let mut bytes = Zeroizing::new([0; 2048]);
        derive_into("heirloom v1 chunker table", material, bytes.as_mut_slice());
        let mut table = Box::new([0; 256]);
        for (number, bytes) in table.iter_mut().zip(bytes.as_chunks().0) {
            *number = u64::from_le_bytes(*bytes);
        }
        Self(table)
    }
}

/// What binds a sealed object to its place.
pub(super) fn object_aad(repository: RepositoryId, kind: ObjectKind, name: &str) -> Vec<u8> {
    [repository.as_bytes().as_slice(), &[kind.code(), FORMAT_VERSION], name.as_bytes()].concat()
}

fn keyed(key: &Secret, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Zeroizing::new(blake3::Hasher::new_keyed(key.as_bytes()));
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("repository", &self.0.repository).finish_non_exhaustive()
    }
}
