//! When which pack was last read whole and found right, by this installation. Losing it costs a check more time.

use std::collections::HashMap;
use std::fs;

use super::{Cache, MAC_BYTES, authentication};
use crate::crypto::Keys;
use crate::id::PackId;

const LEDGER: &str = "verified";
/// A pack's id and a time in ns since 1970.
const ROW_BYTES: usize = PackId::BYTES + 8;

impl Cache {
    /// What was kept; nothing if it is not intact.
    pub(crate) fn ledger(&self, keys: &Keys) -> HashMap<PackId, i64> {
        let read = || {
            let path = self.folder.as_ref()?.join(LEDGER);
            let bytes = fs::read(&path).ok()?;
            let (mac, rows) = bytes.split_at_checked(MAC_BYTES)?;
            let mac: [u8; MAC_BYTES] = mac.try_into().ok()?;
            let (rows, rest) = rows.as_chunks::<ROW_BYTES>();
            let intact = rest.is_empty() && authentication(keys, &path, rows.as_flattened()) == mac;
            intact.then(|| rows.iter().filter_map(parse_row).collect())
        };
        read().unwrap_or_default()
    }

    /// Keeps it.
    pub(crate) fn keep_ledger(&self, keys: &Keys, ledger: &HashMap<PackId, i64>) {
        let Some(path) = self.folder.as_ref().map(|folder| folder.join(LEDGER)) else { return };
        let mut rows = Vec::with_capacity(ledger.len() * ROW_BYTES);
        for (pack, time) in ledger {
            rows.extend_from_slice(pack.as_bytes());
            rows.extend_from_slice(&time.to_le_bytes());
        }
        self.write_authenticated(keys, &path, &rows);
    }
}

fn parse_row(row: &[u8; ROW_BYTES]) -> Option<(PackId, i64)> {
    let (pack, time) = row.split_at_checked(PackId::BYTES)?;
    Some((PackId::from_slice(pack)?, i64::from_le_bytes(time.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::crypto::RootSecret;
    use crate::id::RepositoryId;

    #[derive(Debug)]
    struct Still;

    impl Clock for Still {
        fn now_ns(&self) -> i128 {
            0
        }

        fn fill_random(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }

        fn sleep(&self, _: std::time::Duration) {}
    }

    #[test]
    fn a_ledger_comes_back_and_a_changed_one_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let repository = RepositoryId([1; 16]);
        let keys = Keys::derive(&RootSecret::generate(&Still), repository);
        let cache = Cache::open(Some(folder.path()), repository);
        assert!(cache.ledger(&keys).is_empty());
        let ledger = HashMap::from([(PackId([1; 32]), 5), (PackId([2; 32]), -7)]);
        cache.keep_ledger(&keys, &ledger);
        assert_eq!(cache.ledger(&keys), ledger);
        let path = folder.path().join(repository.to_string()).join(LEDGER);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(cache.ledger(&keys).is_empty());
    }
}
