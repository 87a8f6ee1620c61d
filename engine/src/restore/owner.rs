//! Whose the restored entries are.

use std::collections::HashMap;
use std::fs;

use rustix::process::{getegid, geteuid};

use super::options::Owner;
use crate::tree::Entry;

/// The users and groups that a machine knows, by name.
#[derive(Debug, Default, Clone)]
pub struct Accounts {
    users: HashMap<Vec<u8>, u32>,
    groups: HashMap<Vec<u8>, u32>,
}

impl Accounts {
    /// Those in `/etc/passwd` and `/etc/group`; other directories are not asked, and their names restore by number.
    pub fn of_this_machine() -> Self {
        let read = |path| fs::read(path).unwrap_or_default();
        Self::parse(&read("/etc/passwd"), &read("/etc/group"))
    }

    /// From the text of the two files. Lines that make no sense are passed over.
    pub fn parse(passwd: &[u8], group: &[u8]) -> Self {
        Self { users: ids_by_name(passwd), groups: ids_by_name(group) }
    }
}

fn ids_by_name(text: &[u8]) -> HashMap<Vec<u8>, u32> {
    text.split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let mut fields = line.split(|byte| *byte == b':');
            let name = fields.next().filter(|name| !name.is_empty())?;
            let id = std::str::from_utf8(fields.nth(1)?).ok()?.parse().ok()?;
            Some((name.to_vec(), id))
        })
        .collect()
}

/// What to do about the owner of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OwnerPlan {
    /// The owner to set, if it has to be set.
    pub(super) set: Option<(u32, u32)>,
    /// Whether the user will be the one of the snapshot.
    pub(super) user_right: bool,
    /// Whether the group will be the one of the snapshot.
    pub(super) group_right: bool,
}

/// How owners are restored in this run.
#[derive(Debug)]
pub(super) struct Ownership<'a> {
    accounts: Option<&'a Accounts>,
    restores: bool,
    pub(super) uid: u32,
    gid: u32,
}

impl<'a> Ownership<'a> {
    pub(super) fn new(owner: &'a Owner) -> Self {
        let uid = geteuid().as_raw();
        let accounts = match owner {
            Owner::Named(accounts) => Some(accounts),
            Owner::Numeric | Owner::Skip => None,
        };
        let restores = uid == 0 && !matches!(owner, Owner::Skip);
        Self { accounts, restores, uid, gid: getegid().as_raw() }
    }

    pub(super) fn privileged(&self) -> bool {
        self.uid == 0
    }

    /// `inherited`: whether the parent folder hands its group down, so that a new entry's group is not ours.
    pub(super) fn plan(&self, entry: &Entry, inherited: bool) -> OwnerPlan {
        let named = |name: Option<&[u8]>, ids: fn(&Accounts) -> &HashMap<Vec<u8>, u32>| {
            self.accounts.and_then(|accounts| ids(accounts).get(name?).copied())
        };
        let uid = named(entry.user.as_deref(), |accounts| &accounts.users).unwrap_or(entry.uid);
        let gid = named(entry.group.as_deref(), |accounts| &accounts.groups).unwrap_or(entry.gid);
        let same_user = uid == self.uid;
        let same_group = gid == self.gid && !inherited;
        if self.restores {
            let set = (!same_user || !same_group).then_some((uid, gid));
            return OwnerPlan { set, user_right: true, group_right: true };
        }
        OwnerPlan { set: None, user_right: same_user, group_right: same_group }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Kind;

    #[test]
    fn names_win_over_numbers_only_where_the_machine_knows_them() {
        let accounts = Accounts::parse(
            b"root:x:0:0::/root:/bin/sh\nme:x:1234:5::/:/bin/sh\nbad\n:x:3\n",
            b"staff:x:50:\nwrong:x:minus:\n",
        );
        let owner = Owner::Named(accounts);
        let mut ownership = Ownership::new(&owner);
        ownership.restores = true;
        let mut entry = Entry::new(Kind::File);
        entry.uid = 77;
        entry.gid = 78;
        entry.user = Some(b"me".as_slice().into());
        entry.group = Some(b"wrong".as_slice().into());
        assert_eq!(ownership.plan(&entry, false).set, Some((1234, 78)));
    }
}
