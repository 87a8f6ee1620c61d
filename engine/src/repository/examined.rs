//! What somebody who examines a repository asks of it: the store itself, not what is remembered of it; and the ledger of
//! this installation, which says what packs it has read whole and found right.

use std::collections::{HashMap, HashSet};

use super::description::Description;
use super::{Repository, RepositoryError};
use crate::id::{PackId, SessionId};

impl Repository {
    /// Whether these are the bytes of a description of this repository.
    pub fn is_description(&self, bytes: &[u8]) -> bool {
        Description::parse(bytes).is_ok_and(|found| found.repository == self.id())
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
