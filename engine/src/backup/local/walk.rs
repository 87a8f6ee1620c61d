//! Goes through folders in key order and decides what is part of the backup.

use std::collections::VecDeque;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::{CWD, OFlags};

use super::KEY_BYTES_MAX;
use super::folder::{Folder, Names, Shared};
use super::handle::LocalHandle;
use super::placeholder;
use super::roots::{Root, Roots};
use super::stat::{Links, Stat};
use crate::backup::exclude::{Excludes, IgnoreScope, MountPoints, Verdict};
use crate::backup::source::{Found, KindChanged};
use crate::error::Problem;
use crate::tree::{Kind, path_from_key};

/// Room for some thousand names per call.
const LIST_BUFFER_BYTES: usize = 64 << 10;

/// Ignore files above this size are refused.
const IGNORE_FILE_BYTES_MAX: u64 = 1 << 20;

/// The state of a walk: one level for each folder from the root of the file system to the current one.
pub(super) struct Walk {
    excludes: Excludes,
    shared: Arc<Shared>,
    roots: Roots,
    levels: Vec<Level>,
    problems: VecDeque<Problem>,
    excluded: u64,
    buffer: Vec<u8>,
}

/// A folder that is being walked.
struct Level {
    folder: Arc<Folder>,
    names: Names,
    next: usize,
    /// Everything in it is wanted, not only what leads to roots.
    whole: bool,
    /// If a tag keeps its content out: the names of its tags.
    only: Option<Vec<Vec<u8>>>,
    /// Its node among the roots.
    root: Option<usize>,
    verdict: Verdict,
    ignore: Option<Arc<IgnoreScope>>,
    /// The file system that the walk stays in, if it has to.
    device: u64,
}

/// What the rules say about a name before anything is known but its name.
struct Candidate {
    name: Vec<u8>,
    key: Vec<u8>,
    /// Its node among the roots.
    root: Option<usize>,
    /// It is a root itself.
    explicit: bool,
    /// It leads to roots.
    ancestor: bool,
    /// It is wanted because its folder is.
    inherited: bool,
    links: Links,
    verdict: Verdict,
}

impl Candidate {
    fn wanted(&self) -> bool {
        self.explicit || self.inherited
    }
}

impl Walk {
    pub(super) fn new(roots: &[PathBuf], excludes: Excludes) -> Self {
        let mut problems = VecDeque::new();
        let roots = Roots::find(roots, |problem| problems.push_back(problem));
        let mut walk = Self {
            excludes,
            shared: Shared::new(),
            roots,
            levels: Vec::new(),
            problems,
            excluded: 0,
            buffer: Vec::with_capacity(LIST_BUFFER_BYTES),
        };
        if let Err(source) = walk.enter_top() {
            walk.problems.push_back(Problem::Unreadable { path: PathBuf::from("/"), source });
        }
        walk
    }

    pub(super) fn excluded(&self) -> u64 {
        self.excluded
    }

    pub(super) fn next(&mut self) -> Option<Result<Found, Problem>> {
        loop {
            if let Some(problem) = self.problems.pop_front() {
                return Some(Err(problem));
            }
            let level = self.levels.last_mut()?;
            let Some(name) = level.names.get(level.next) else {
                self.levels.pop();
                continue;
            };
            let name = name.to_vec();
            level.next += 1;
            if let Some(found) = self.visit(name) {
                return Some(Ok(found));
            }
        }
    }

    fn enter_top(&mut self) -> io::Result<()> {
        let Some(root) = self.roots.get(0).filter(|root| root.whole || root.is_ancestor()) else {
            return Ok(());
        };
        let whole = root.whole;
        let descriptor = open_folder(&self.shared, CWD, b"/", OFlags::empty(), Access::any(whole))?;
        let stat = Stat::of_open(&descriptor)?;
        let folder = Folder::new(Vec::new(), &self.shared, descriptor, &stat);
        self.push_level(Level {
            folder,
            names: Names::default(),
            next: 0,
            whole,
            only: None,
            root: Some(0),
            verdict: Verdict::default(),
            ignore: None,
            device: stat.device,
        });
        Ok(())
    }

    /// Looks at the next name of the current folder.
    fn visit(&mut self, name: Vec<u8>) -> Option<Found> {
        let Some(mut candidate) = self.judge_name(name) else {
            self.excluded += 1;
            return None;
        };
        if candidate.key.len() > KEY_BYTES_MAX {
            self.unreadable(&candidate.key, io::Error::from(io::ErrorKind::InvalidFilename));
            return None;
        }
        let folder = Arc::clone(&self.levels.last()?.folder);
        let looked = folder.descriptor().and_then(|descriptor| {
            let stat = Self::look(&descriptor, &mut candidate)?;
            Ok((descriptor, stat))
        });
        let (descriptor, stat) = match looked {
            Ok(looked) => looked,
            // Gone since its folder was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound && candidate.root.is_none() => {
                return None;
            }
            Err(error) => {
                self.unreadable(&candidate.key, error);
                return None;
            }
        };
        if !self.judge_stat(&mut candidate, &stat) {
            self.excluded += 1;
            return None;
        }
        if self.rejects_content(&folder, &candidate.name, &stat) {
            self.excluded += 1;
            return None;
        }
        if stat.kind == Kind::Folder {
            return Some(self.visit_folder(&folder, &descriptor, candidate, &stat));
        }
        self.look_for_placeholder(&folder, &candidate.name, &stat);
        Some(Found {
            handle: Box::new(LocalHandle::named(&folder, &candidate.name)),
            key: candidate.key,
            entry: stat.entry(),
        })
    }

    /// One that cannot be read is left in, and told as such later.
    fn rejects_content(&self, folder: &Arc<Folder>, name: &[u8], stat: &Stat) -> bool {
        let Some(rule) = &self.excludes.by_content else { return false };
        stat.kind == Kind::File
            && stat.size() > 0
            && read_start(folder, name, rule.head_bytes())
                .is_ok_and(|head| rule.rejects(name, &head, stat.size()))
    }

    /// Says so if a file only stands for another one that is elsewhere. One that cannot be read is told as such later.
    fn look_for_placeholder(&mut self, folder: &Arc<Folder>, name: &[u8], stat: &Stat) {
        let Some(other) = placeholder::stands_for(name) else { return };
        if stat.kind == Kind::File
            && stat.size() <= placeholder::BYTES_MAX
            && read_start(folder, name, placeholder::BYTES_MAX)
                .is_ok_and(|start| placeholder::is_placeholder(&start))
        {
            let path = path_from_key(&folder.key_of(other));
            self.problems.push_back(Problem::NotOnThisMachine { path });
        }
    }

    /// Applies what needs no more than the name; `None` if it is left out.
    fn judge_name(&self, name: Vec<u8>) -> Option<Candidate> {
        let level = self.levels.last()?;
        let tagged_out = |only: &Vec<Vec<u8>>| !only.contains(&name);
        let mut inherited = level.whole && !level.only.as_ref().is_some_and(tagged_out);
        let root = level.root.and_then(|node| self.roots.child(node, &name));
        if !inherited && root.is_none() {
            return None;
        }
        let node = root.and_then(|node| self.roots.get(node));
        let verdict = self.excludes.judge(level.verdict, &level.folder.key, &name);
        let rejected = self.excludes.rejects(verdict);
        inherited &= !rejected;
        let explicit = node.is_some_and(|node| node.whole) && !rejected;
        let ancestor = node.is_some_and(Root::is_ancestor);
        if !inherited && !explicit && !ancestor {
            return None;
        }
        let follow = ancestor || node.is_some_and(|node| node.follow);
        let links = if follow { Links::Follow } else { Links::Keep };
        let key = level.folder.key_of(&name);
        Some(Candidate { name, key, root, explicit, ancestor, inherited, links, verdict })
    }

    /// Asks the kernel. A link on the way to a root has to be a folder in the snapshot, but nobody asked for all of it.
    fn look(folder: &OwnedFd, candidate: &mut Candidate) -> io::Result<Stat> {
        if candidate.links == Links::Follow && candidate.inherited {
            let itself = Stat::of_name(folder, &candidate.name, Links::Keep)?;
            if itself.kind != Kind::Symlink {
                return Ok(itself);
            }
            candidate.inherited = false;
        }
        Stat::of_name(folder, &candidate.name, candidate.links)
    }

    /// Applies what needs kind and size; `false` if it is left out.
    fn judge_stat(&self, candidate: &mut Candidate, stat: &Stat) -> bool {
        let is_folder = stat.kind == Kind::Folder;
        let ignore = self.levels.last().and_then(|level| level.ignore.as_ref());
        if candidate.inherited
            && !candidate.explicit
            && ignore.is_some_and(|scope| scope.rejects(&candidate.key, is_folder))
        {
            candidate.inherited = false;
        }
        let too_large = stat.kind == Kind::File
            && self.excludes.larger_than.is_some_and(|limit| stat.size() > limit);
        (candidate.wanted() || candidate.ancestor && is_folder) && !too_large
    }

    /// Enters a folder, unless it is the border of what is wanted.
    fn visit_folder(
        &mut self,
        above: &Arc<Folder>,
        descriptor: &OwnedFd,
        candidate: Candidate,
        stat: &Stat,
    ) -> Found {
        let below_border = self.is_mount_point(&candidate, stat);
        if below_border && !candidate.ancestor {
            let handle = Box::new(LocalHandle::named(above, &candidate.name));
            return Found { key: candidate.key, entry: stat.entry(), handle };
        }
        let whole = candidate.wanted() && !below_border;
        let links = if candidate.links == Links::Keep { OFlags::NOFOLLOW } else { OFlags::empty() };
        let access = Access { owner: Some(stat.owner()), ..Access::any(whole) };
        let opened = open_folder(&self.shared, descriptor, &candidate.name, links, access)
            .and_then(|opened| Ok((Stat::of_open(&opened)?, opened)));
        match opened {
            Ok((stat, opened)) => {
                let found_key = candidate.key.clone();
                let folder = Folder::new(candidate.key, &self.shared, opened, &stat);
                let handle = Box::new(LocalHandle::entered(&folder));
                let level = self.levels.last();
                let ignore = level.and_then(|level| level.ignore.clone());
                let inherited_device = level.filter(|_| !candidate.explicit).map(|l| l.device);
                self.push_level(Level {
                    folder,
                    names: Names::default(),
                    next: 0,
                    whole,
                    only: None,
                    root: candidate.root,
                    verdict: candidate.verdict,
                    ignore: if candidate.explicit { None } else { ignore },
                    device: inherited_device.unwrap_or(stat.device),
                });
                Found { key: found_key, entry: stat.entry(), handle }
            }
            Err(error) => {
                // Its metadata is worth keeping also if its content cannot be listed.
                self.unreadable(&candidate.key, error);
                let handle = Box::new(LocalHandle::named(above, &candidate.name));
                Found { key: candidate.key, entry: stat.entry(), handle }
            }
        }
    }

    fn is_mount_point(&self, candidate: &Candidate, stat: &Stat) -> bool {
        self.excludes.mount_points == MountPoints::Skip
            && !candidate.explicit
            && self.levels.last().is_some_and(|level| level.device != stat.device)
    }

    /// Lists a folder that was opened, and looks for tags and ignore files in it.
    fn push_level(&mut self, mut level: Level) {
        if level.whole {
            self.buffer.clear();
            let listed = level.folder.descriptor().and_then(|descriptor| {
                level.names.read(&*descriptor, self.buffer.spare_capacity_mut())
            });
            if let Err(error) = listed {
                self.unreadable(&level.folder.key, error);
            }
        }
        if let Some(root) = level.root.and_then(|node| self.roots.get(node)) {
            root.names().for_each(|name| level.names.push(name));
        }
        level.names.sort();
        if level.whole {
            self.find_tags(&mut level);
            if level.only.is_none() {
                self.find_ignore_files(&mut level);
            }
        }
        self.levels.push(level);
    }

    fn find_tags(&mut self, level: &mut Level) {
        for tag in self.excludes.tags() {
            if !level.names.contains(&tag.name) {
                continue;
            }
            let limit = u64::try_from(tag.header.len()).unwrap_or(u64::MAX);
            let applies = if tag.header.is_empty() {
                Ok(true)
            } else {
                read_start(&level.folder, &tag.name, limit).map(|start| start == tag.header)
            };
            match applies {
                Ok(true) => level.only.get_or_insert_default().push(tag.name.clone()),
                Ok(false) => {}
                Err(source) => {
                    let path = path_from_key(&level.folder.key_of(&tag.name));
                    let attribute = "the tag";
                    self.problems.push_back(Problem::AttributeUnreadable {
                        path,
                        attribute,
                        source,
                    });
                }
            }
        }
    }

    fn find_ignore_files(&mut self, level: &mut Level) {
        let mut texts = Vec::new();
        for name in &self.excludes.ignore_files {
            if !level.names.contains(name) {
                continue;
            }
            let text =
                read_start(&level.folder, name, IGNORE_FILE_BYTES_MAX + 1).and_then(|text| {
                    // Half of the rules must not be taken for all of them.
                    let fits =
                        u64::try_from(text.len()).is_ok_and(|bytes| bytes <= IGNORE_FILE_BYTES_MAX);
                    if fits { Ok(text) } else { Err(io::ErrorKind::FileTooLarge.into()) }
                });
            match text {
                Ok(text) => texts.push(text),
                Err(source) => {
                    let path = path_from_key(&level.folder.key_of(name));
                    let attribute = "the ignore rules";
                    self.problems.push_back(Problem::AttributeUnreadable {
                        path,
                        attribute,
                        source,
                    });
                }
            }
        }
        if texts.is_empty() {
            return;
        }
        let above = level.ignore.take();
        let folder = &level.folder.key;
        level.ignore = IgnoreScope::below(above, folder, &texts, &mut |error| {
            self.problems.push_back(Problem::AttributeUnreadable {
                path: path_from_key(folder),
                attribute: "some ignore rules",
                source: io::Error::new(io::ErrorKind::InvalidData, error),
            });
        });
    }

    fn unreadable(&mut self, key: &[u8], source: io::Error) {
        self.problems.push_back(Problem::Unreadable { path: path_from_key(key), source });
    }
}

/// How much of a folder is needed.
#[derive(Clone, Copy)]
struct Access {
    owner: Option<u32>,
    /// Without a list of its names, permission to pass through is enough.
    list: bool,
}

impl Access {
    fn any(list: bool) -> Self {
        Self { owner: None, list }
    }
}

fn open_folder(
    shared: &Shared,
    above: impl AsFd,
    name: &[u8],
    flags: OFlags,
    access: Access,
) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::DIRECTORY;
    match shared.open(&above, name, flags, access.owner) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !access.list => {
            shared.open(&above, name, flags | OFlags::PATH, None)
        }
        result => result,
    }
}

/// The first bytes of a regular file in a folder.
fn read_start(folder: &Arc<Folder>, name: &[u8], limit: u64) -> io::Result<Vec<u8>> {
    let descriptor = folder.descriptor()?;
    let file = folder.shared.open(&*descriptor, name, OFlags::NOFOLLOW, None)?;
    if Stat::of_open(&file)?.kind != Kind::File {
        return Err(KindChanged.into());
    }
    let mut start = Vec::new();
    std::fs::File::from(file).take(limit).read_to_end(&mut start)?;
    Ok(start)
}
