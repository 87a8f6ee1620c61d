//! Waits until others can see what this process has announced.
//!
//! The engine's protocol is: put a flag, then look for the flags of others; of two clients at least one sees the other. That
//! holds where a listing shows everything that was put before it. Drive's listings come late. So a listing of flags is repeated
//! until it shows this process's own, and once more after a settling time. That is enough if a flag does not appear to one client
//! later than to another by more than the settling time, however late to both (docs/decisions/0007-own-drive-store.md has the
//! proof). Own segments of the index are waited for like flags, so that whoever sees a session's flags sees what it put into the
//! index before. Listings of packs and index do not wait: what they lack is stored again, or looked up by name.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::{Duration, Instant};

/// Folders whose objects are flags of the protocol.
const FOLDERS: [&str; 4] = ["condemned", "fences", "sessions", "snapshots"];

/// Its objects are waited for, but its listings wait for nothing.
const INDEX: &str = "index";

/// Older flags are visible for everybody; nobody waits for them.
const RECENT: Duration = Duration::from_mins(10);

#[derive(Debug)]
struct Flag {
    name: String,
    id: String,
    put: Instant,
    seen: Option<Instant>,
}

/// The flags that this process put, and that may not be visible yet.
#[derive(Debug, Default)]
pub(super) struct Flags(Mutex<Vec<Flag>>);

/// How far the own flags are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// No listing shows all of them.
    Missing,
    /// All are shown; at this time they will have been for long enough.
    From(Instant),
}

pub(super) fn is_flag_folder(folder: &str) -> bool {
    FOLDERS.contains(&folder)
}

impl Flags {
    /// Notes an object that is being put.
    pub(super) fn put(&self, name: &str, id: &str, now: Instant) {
        let folder = name.split_once('/').map_or("", |(folder, _)| folder);
        if is_flag_folder(folder) || folder == INDEX {
            let (name, id) = (name.to_owned(), id.to_owned());
            let mut flags = self.flags();
            // Another attempt.
            flags.retain(|flag| flag.id != id);
            flags.push(Flag { name, id, put: now, seen: None });
        }
    }

    /// Nobody needs to see an object that was deleted.
    pub(super) fn deleted(&self, name: &str) {
        self.flags().retain(|flag| flag.name != name);
    }

    /// Folders that are to be listed together with whatever is asked for.
    pub(super) fn folders(&self, now: Instant) -> BTreeSet<String> {
        let mut flags = self.flags();
        flags.retain(|flag| now.duration_since(flag.put) < RECENT);
        let unseen = flags.iter().filter(|flag| flag.seen.is_none());
        unseen.filter_map(|flag| Some(flag.name.split_once('/')?.0.to_owned())).collect()
    }

    /// Names and ids of those that no listing has shown.
    pub(super) fn missing(&self) -> Vec<(String, String)> {
        let flags = self.flags();
        let unseen = flags.iter().filter(|flag| flag.seen.is_none());
        unseen.map(|flag| (flag.name.clone(), flag.id.clone())).collect()
    }

    /// A listing showed this file.
    pub(super) fn shown(&self, id: &str, now: Instant) {
        for flag in self.flags().iter_mut().filter(|flag| flag.id == id) {
            flag.seen.get_or_insert(now);
        }
    }

    /// Whether all are shown, and since when for long enough.
    pub(super) fn sight(&self, settle: Duration, now: Instant) -> Sight {
        let mut until = now;
        for flag in self.flags().iter() {
            match flag.seen {
                None => return Sight::Missing,
                Some(seen) => until = until.max(seen + settle),
            }
        }
        Sight::From(until)
    }

    /// Forgets those that everybody sees now.
    pub(super) fn drop_settled(&self, settle: Duration, now: Instant) {
        self.flags().retain(|flag| flag.seen.is_none_or(|seen| seen + settle > now));
    }

    fn flags(&self) -> MutexGuard<'_, Vec<Flag>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(5);

    #[test]
    fn a_flag_settles_after_its_first_sight() {
        let now = Instant::now();
        let flags = Flags::default();
        flags.put("packs/a", "1", now);
        assert_eq!(flags.sight(SETTLE, now), Sight::From(now));
        flags.put("sessions/a", "2", now);
        assert_eq!(flags.folders(now), BTreeSet::from(["sessions".to_owned()]));
        assert_eq!(flags.sight(SETTLE, now), Sight::Missing);
        let (first, second) = (now + SETTLE / 2, now + SETTLE);
        flags.shown("2", first);
        flags.shown("2", second);
        assert_eq!(flags.sight(SETTLE, second), Sight::From(first + SETTLE));
        flags.drop_settled(SETTLE, second);
        assert_eq!(flags.sight(SETTLE, second), Sight::From(first + SETTLE));
        let settled = first + SETTLE;
        flags.drop_settled(SETTLE, settled);
        assert_eq!(flags.sight(SETTLE, settled), Sight::From(settled));
    }

    #[test]
    fn a_segment_is_waited_for_and_a_second_attempt_is_no_second_flag() {
        let now = Instant::now();
        let flags = Flags::default();
        for _ in 0..2 {
            flags.put("index/a.0", "1", now);
        }
        assert_eq!(flags.folders(now), BTreeSet::from(["index".to_owned()]));
        assert_eq!(flags.missing().len(), 1);
        assert_eq!(flags.sight(SETTLE, now), Sight::Missing);
        flags.shown("1", now);
        assert_eq!(flags.sight(SETTLE, now), Sight::From(now + SETTLE));
    }

    #[test]
    fn nobody_waits_for_what_is_deleted_or_old() {
        let now = Instant::now();
        let flags = Flags::default();
        flags.put("sessions/a", "1", now);
        flags.deleted("sessions/a");
        assert!(flags.folders(now).is_empty());
        flags.put("fences/a.b", "2", now);
        let later = now + RECENT;
        assert!(flags.folders(later).is_empty());
        assert_eq!(flags.sight(SETTLE, later), Sight::From(later));
    }
}
