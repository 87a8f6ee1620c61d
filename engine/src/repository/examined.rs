//! What somebody who examines a repository asks of it: the store itself, not what is remembered of it; and the ledger of
//! this installation, which says what packs it has read whole and found right.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::description::{DESCRIPTION, Description};
use super::{Repository, RepositoryError, Session};
use crate::id::{PackId, SessionId};

impl Repository {
    /// Whether these are the bytes of the description of this repository. It carries no authentication, so every byte is
    /// compared, unless a newer program wrote features into it.
    pub fn is_description(&self, bytes: &[u8]) -> bool {
        let known = &self.description;
        Description::parse(bytes).is_ok_and(|found| {
            let plain = *known == Description::new(known.repository);
            found == *known && (!plain || bytes == known.encode())
        })
    }

    /// Sessions that somebody declared dead.
    pub fn fenced_sessions(&self) -> Result<HashSet<SessionId>, RepositoryError> {
        self.fenced(&mut Vec::new())
    }

    /// When packs were last verified by this installation, in ns since 1970.
    pub fn verified_packs(&self) -> HashMap<PackId, i64> {
        self.cache.ledger(&self.keys)
    }

    /// Notes packs that were verified, takes out those that failed, and drops what `is_there` does not know.
    pub fn note_verified(
        &self,
        verdicts: &[(PackId, bool)],
        is_there: &dyn Fn(&PackId) -> bool,
    ) -> HashMap<PackId, i64> {
        let now_ns = i64::try_from(self.clock().now_ns()).unwrap_or(i64::MAX);
        // Read anew: another process may have noted something meanwhile.
        let mut ledger = self.verified_packs();
        for (pack, intact) in verdicts {
            if *intact {
                ledger.insert(*pack, now_ns);
            } else {
                ledger.remove(pack);
            }
        }
        ledger.retain(|pack, _| is_there(pack));
        self.cache.keep_ledger(&self.keys, &ledger);
        ledger
    }
}

impl Session<'_> {
    /// From now on this session does not refer to what only these packs hold: they are broken.
    pub fn distrust(&mut self, packs: &HashSet<PackId>) -> Result<(), RepositoryError> {
        let all = self.condemned.packs.union(packs).copied().collect();
        self.catalogue = self.repository.reload_catalogue(&all)?;
        Ok(())
    }

    /// Puts the description again, from what this client knows.
    pub fn put_description(&self) -> Result<(), RepositoryError> {
        let bytes = self.repository.description.encode();
        self.repository.put(DESCRIPTION, Bytes::from(bytes))
    }

    /// Deletes an object that makes no sense.
    pub fn delete_damaged(&self, object: &str) -> Result<(), RepositoryError> {
        self.repository.delete(object)
    }
}
