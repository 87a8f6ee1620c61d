//! What a client knows of the snapshots that ought to be there.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;

use crate::id::{ClientId, SessionId};

use super::{HEADS_MAX, Snapshot, Tombstone};

/// The newest snapshot of a client that somebody has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "HeadArray", into = "HeadArray")]
pub struct Head {
    /// Who wrote it.
    pub client: ClientId,
    /// Its number.
    pub sequence: u64,
    /// Its name.
    pub session: SessionId,
    /// Hash of its record.
    pub hash: [u8; 32],
}

/// A [`Head`] as a client keeps it beside the repository.
pub type RememberedHead = Head;

/// How a head stands in a record.
type HeadArray = (ClientId, u64, SessionId, ByteArray<32>);

impl From<HeadArray> for Head {
    fn from((client, sequence, session, hash): HeadArray) -> Self {
        Self { client, sequence, session, hash: hash.into_array() }
    }
}

impl From<Head> for HeadArray {
    fn from(head: Head) -> Self {
        (head.client, head.sequence, head.session, ByteArray::new(head.hash))
    }
}

impl Snapshot {
    /// What others remember of this snapshot.
    pub fn head(&self) -> Head {
        Head {
            client: self.record.client,
            sequence: self.record.sequence,
            session: self.session,
            hash: self.record_hash(),
        }
    }
}

/// Where a new snapshot of a client belongs in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// [`Record::sequence`](super::Record::sequence)
    pub sequence: u64,
    /// [`Record::previous`](super::Record::previous)
    pub previous: Option<[u8; 32]>,
    /// [`Record::heads`](super::Record::heads)
    pub heads: Vec<Head>,
}

/// The newest snapshot of each client, in the order of the clients.
pub fn heads_of(snapshots: &[Snapshot]) -> Vec<Head> {
    newest(snapshots.iter().map(Snapshot::head)).into_values().collect()
}

/// The newest head of each client, of two sets of them.
pub fn merge_heads(a: Vec<Head>, b: Vec<Head>) -> Vec<Head> {
    newest(a.into_iter().chain(b)).into_values().collect()
}

/// Continues a client's chain, whether the store still has its end or only the client remembers it.
///
/// Of more than [`HEADS_MAX`] other clients, those that wrote last are named.
pub fn next_link(client: ClientId, present: &[Snapshot], remembered: &[RememberedHead]) -> Link {
    let known = present.iter().map(Snapshot::head).chain(remembered.iter().copied());
    let own = newest(known.filter(|head| head.client == client)).remove(&client);
    let finished: BTreeMap<SessionId, i64> =
        present.iter().map(|snapshot| (snapshot.session, snapshot.record.finished)).collect();
    let mut heads = heads_of(present);
    heads.retain(|head| head.client != client);
    heads.sort_by_key(|head| std::cmp::Reverse(finished.get(&head.session).copied()));
    heads.truncate(HEADS_MAX);
    heads.sort_unstable();
    Link {
        sequence: own.map_or(0, |head| head.sequence.saturating_add(1)),
        previous: own.map(|head| head.hash),
        heads,
    }
}

/// Snapshots that were seen, by this client or by the writer of one that is present, and that are gone or changed
/// although nobody forgot them. In the order of their names.
pub fn rollback(
    remembered: &[RememberedHead],
    present: &[Snapshot],
    tombstones: &[Tombstone],
) -> Vec<SessionId> {
    let there: BTreeMap<SessionId, [u8; 32]> =
        present.iter().map(|snapshot| (snapshot.session, snapshot.record_hash())).collect();
    let forgotten: BTreeSet<SessionId> =
        tombstones.iter().map(|tombstone| tombstone.snapshot).collect();
    let seen = present.iter().flat_map(|snapshot| &snapshot.record.heads);
    let missing: BTreeSet<SessionId> = remembered
        .iter()
        .chain(seen)
        .filter(|head| match there.get(&head.session) {
            Some(hash) => *hash != head.hash,
            None => !forgotten.contains(&head.session),
        })
        .map(|head| head.session)
        .collect();
    missing.into_iter().collect()
}

/// Two snapshots of one client with one number exist if its state was restored from a backup; the name decides.
fn newest(heads: impl Iterator<Item = Head>) -> BTreeMap<ClientId, Head> {
    let mut newest = BTreeMap::<ClientId, Head>::new();
    for head in heads {
        let known = newest.entry(head.client).or_insert(head);
        *known = head.max(*known);
    }
    newest
}
