//! Names of users and groups, each looked up once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use nix::unistd::{Gid, Group, Uid, User};

type Names = Mutex<HashMap<u32, Option<Arc<[u8]>>>>;

/// What the system says about ids. An id that cannot be looked up has no name.
#[derive(Debug, Default)]
pub(super) struct Owners {
    users: Names,
    groups: Names,
}

impl Owners {
    pub(super) fn user(&self, uid: u32) -> Option<Arc<[u8]>> {
        cached(&self.users, uid, || Some(User::from_uid(Uid::from_raw(uid)).ok()??.name))
    }

    pub(super) fn group(&self, gid: u32) -> Option<Arc<[u8]>> {
        cached(&self.groups, gid, || Some(Group::from_gid(Gid::from_raw(gid)).ok()??.name))
    }
}

fn cached(names: &Names, id: u32, look_up: impl FnOnce() -> Option<String>) -> Option<Arc<[u8]>> {
    // A map of finished values is sound whatever happened to another thread.
    let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
    names.entry(id).or_insert_with(|| look_up().map(|name| Arc::from(name.into_bytes()))).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_everything_has_a_name_and_an_unknown_id_has_none() {
        let owners = Owners::default();
        assert_eq!(owners.user(0).as_deref(), Some(&b"root"[..]));
        assert!(owners.group(0).is_some());
        assert_eq!(owners.user(4_000_000_123), None);
        assert_eq!(owners.group(4_000_000_123), None);
    }
}
