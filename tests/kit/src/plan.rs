//! Random file trees with everything that a file system can hold, the same for the same seed.
//!
//! The first `n` entries of a seed do not depend on how many follow, so a failing tree shrinks to a smaller one.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use proptest::prelude::{Strategy, any};

use crate::Random;

/// What a tree may contain.
#[derive(Debug, Clone, Copy)]
pub struct TreeShape {
    /// How many entries below the root.
    pub entries: usize,
    /// Largest amount of data in one file; holes come on top.
    pub file_bytes_max: usize,
    /// Extended attributes and access control lists.
    pub attributes: bool,
    /// Foreign owners and modes that lock everybody out; they need a test that runs as root.
    pub owners: bool,
}

impl TreeShape {
    /// A tree of so many entries with everything in it that the user running the test can make.
    pub fn of(entries: usize) -> Self {
        let owners = rustix::process::geteuid().is_root();
        Self { entries, file_bytes_max: 200_000, attributes: true, owners }
    }
}

/// A file tree that is yet to be made. Parents come before their children.
#[derive(Debug, Clone)]
pub struct TreePlan {
    /// Where it came from.
    pub seed: u64,
    /// Its entries.
    pub nodes: Vec<Node>,
}

/// One entry.
#[derive(Debug, Clone)]
pub struct Node {
    /// Relative to the root.
    pub path: PathBuf,
    /// What it is.
    pub kind: NodeKind,
    /// Permission bits; a link has none.
    pub mode: u32,
    /// Time of last change, seconds and nanoseconds.
    pub modified: (i64, i64),
    /// User and group, if not those of the test.
    pub owner: Option<(u32, u32)>,
    /// Extended attributes.
    pub attributes: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What an entry is.
#[derive(Clone)]
pub enum NodeKind {
    /// A folder.
    Folder,
    /// A file: runs of data, and of nothing where `None`.
    File(Vec<(u64, Option<Content>)>),
    /// A symbolic link to this target.
    Link(Vec<u8>),
    /// Another name of an earlier entry.
    HardLink(PathBuf),
    /// A named pipe.
    Fifo,
}

impl fmt::Debug for NodeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder => write!(f, "Folder"),
            Self::File(runs) => f.debug_list().entries(runs).finish(),
            Self::Link(target) => write!(f, "Link({:?})", OsString::from_vec(target.clone())),
            Self::HardLink(to) => write!(f, "HardLink({})", to.display()),
            Self::Fifo => write!(f, "Fifo"),
        }
    }
}

/// How the bytes of a run are made.
#[derive(Debug, Clone, Copy)]
pub enum Content {
    /// Cannot be compressed.
    Random(u64),
    /// Lines of words.
    Text(u64),
    /// Zeros that are stored, unlike a hole.
    Zeros,
}

impl Content {
    /// The bytes of a run.
    pub fn bytes(self, count: usize) -> Vec<u8> {
        match self {
            Self::Random(seed) => Random::new(seed).bytes(count),
            Self::Zeros => vec![0; count],
            Self::Text(seed) => {
                let mut random = Random::new(seed);
                let mut text = Vec::with_capacity(count + 16);
                while text.len() < count {
                    let end = if random.one_in(9) { b'\n' } else { b' ' };
                    text.extend_from_slice(format!("word{}", random.below(300)).as_bytes());
                    text.push(end);
                }
                text.truncate(count);
                text
            }
        }
    }
}

impl TreePlan {
    /// The tree of a seed.
    pub fn random(seed: u64, shape: TreeShape) -> Self {
        let mut planner = Planner {
            seed,
            shape,
            folders: vec![PathBuf::new()],
            taken: HashSet::new(),
            nodes: Vec::new(),
        };
        for number in 0..shape.entries {
            planner.add(number);
        }
        Self { seed, nodes: planner.nodes }
    }
}

/// Trees of up to so many entries, for property tests; they shrink by dropping entries from the end.
pub fn tree_plans(entries_max: usize) -> impl Strategy<Value = TreePlan> {
    (any::<u64>().no_shrink(), 0..=entries_max)
        .prop_map(|(seed, entries)| TreePlan::random(seed, TreeShape::of(entries)))
}

struct Planner {
    seed: u64,
    shape: TreeShape,
    folders: Vec<PathBuf>,
    taken: HashSet<PathBuf>,
    nodes: Vec<Node>,
}

impl Planner {
    fn add(&mut self, number: usize) {
        let place = u64::try_from(number).expect("a usize has at most 64 bits");
        let mut random = Random::new(self.seed ^ place.wrapping_mul(0x1234_5678_9abc_def1));
        let parent = random.pick(&self.folders).clone();
        let mut path = parent.join(name(&mut random));
        if self.taken.contains(&path) {
            path = parent.join(format!("entry {number}"));
        }
        self.taken.insert(path.clone());
        let kind = self.kind(&mut random);
        if matches!(kind, NodeKind::Folder) && path.components().count() < 9 {
            self.folders.push(path.clone());
        }
        let attributes = match kind {
            NodeKind::File(_) | NodeKind::Folder if self.shape.attributes => {
                attributes(&mut random)
            }
            _ => Vec::new(),
        };
        let owners = self.shape.owners && random.one_in(3);
        let owner = owners.then(|| (id(&mut random), id(&mut random)));
        let mode = mode(&kind, self.shape.owners, &mut random);
        let modified = time(&mut random);
        self.nodes.push(Node { path, kind, mode, modified, owner, attributes });
    }

    fn kind(&self, random: &mut Random) -> NodeKind {
        match random.below(20) {
            0..4 => NodeKind::Folder,
            4..6 => NodeKind::Link(target(random)),
            6 => NodeKind::Fifo,
            7..9 => self.hard_link(random),
            9 => NodeKind::File(sparse_runs(random)),
            _ => NodeKind::File(self.runs(random)),
        }
    }

    fn hard_link(&self, random: &mut Random) -> NodeKind {
        let linkable =
            |node: &&Node| !matches!(node.kind, NodeKind::Folder | NodeKind::HardLink(_));
        let candidates: Vec<_> = self.nodes.iter().filter(linkable).collect();
        if candidates.is_empty() {
            return NodeKind::Fifo;
        }
        NodeKind::HardLink(random.pick(&candidates).path.clone())
    }

    fn runs(&self, random: &mut Random) -> Vec<(u64, Option<Content>)> {
        let largest =
            u64::try_from(self.shape.file_bytes_max).expect("a usize has at most 64 bits");
        let size = match random.below(8) {
            0 => 0,
            1 => 1,
            2..5 => random.below(3000),
            5 => 4095 + random.below(3),
            _ => random.below(largest + 1),
        };
        // Few seeds, so that some files are alike.
        let content = match random.below(5) {
            0 => Content::Zeros,
            1..3 => Content::Random(random.below(6)),
            _ => Content::Text(random.below(6)),
        };
        if size == 0 { Vec::new() } else { vec![(size.min(largest), Some(content))] }
    }
}

fn sparse_runs(random: &mut Random) -> Vec<(u64, Option<Content>)> {
    let mut hole = random.one_in(2);
    (0..=random.below(5))
        .map(|_| {
            hole = !hole;
            let unaligned = if random.one_in(2) { random.below(5000) } else { 0 };
            let content = (!hole).then(|| Content::Random(random.below(1000)));
            (4096 * (1 + random.below(40)) + unaligned, content)
        })
        .collect()
}

fn name(random: &mut Random) -> OsString {
    const ODD: &[&[u8]] = &[
        b"...",
        b"..a",
        b"-rf",
        b" leading",
        b"trailing ",
        b"new\nline",
        b"tab\tbell\x07",
        b"back\\slash",
        b"quote'\"`$(x)",
        b"*?[a]",
        b"caf\xc3\xa9",
        b"cafe\xcc\x81",
        b"caf\xe9",
        b"\xff\xfe\xfd",
        b"\x80",
        b"\xed\xa0\x80",
        b"CON",
        b".hidden",
        b"a:b",
        b"#~",
        "\u{1f600}\u{200d}".as_bytes(),
        "\u{202e}gnp".as_bytes(),
        b"\x7f\x01",
        b"%2e%2e",
    ];
    match random.below(12) {
        0..3 => OsString::from_vec(random.pick(ODD).to_vec()),
        3 => OsString::from_vec(vec![b'a' + random.bytes(1)[0] % 26; 255]),
        4 => {
            // Any bytes but the two that no name can have.
            let length = 1 + random.index(40);
            let bytes = random
                .bytes(length)
                .into_iter()
                .map(|byte| if matches!(byte, 0 | b'/') { b'_' } else { byte });
            OsString::from_vec(bytes.chain(*b"x").collect())
        }
        5 => format!("file{}.TXT", random.below(30)).into(),
        _ => format!("{:x}.dat", random.below(5000)).into(),
    }
}

fn target(random: &mut Random) -> Vec<u8> {
    match random.below(6) {
        0 => b"../../outside".to_vec(),
        1 => b"/nonexistent/\xff".to_vec(),
        2 => vec![b't'; 1 + random.index(1000)],
        3 => b".".to_vec(),
        _ => format!("{:x}.dat", random.below(5000)).into_bytes(),
    }
}

fn attributes(random: &mut Random) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut attributes: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    if random.one_in(5) {
        for number in 0..=random.below(4) {
            let size = if random.one_in(6) { random.index(1500) } else { random.index(40) };
            attributes.push((format!("user.test{number}").into_bytes(), random.bytes(size)));
        }
    }
    if random.one_in(12) {
        attributes.push((b"system.posix_acl_access".to_vec(), access_list(id(random))));
    }
    attributes
}

/// The kernel's form of `user::rw-,user:<id>:r--,group::r--,mask::r--,other::---`.
fn access_list(user: u32) -> Vec<u8> {
    const NOBODY: u32 = u32::MAX;
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permission, id) in
        [(1_u16, 6_u16, NOBODY), (2, 4, user), (4, 4, NOBODY), (0x10, 4, NOBODY), (0x20, 0, NOBODY)]
    {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permission.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

fn id(random: &mut Random) -> u32 {
    u32::try_from(random.below(70_000)).expect("70,000 fits")
}

fn mode(kind: &NodeKind, everything: bool, random: &mut Random) -> u32 {
    let folder = matches!(kind, NodeKind::Folder);
    let plain: &[u32] = if folder { &[0o755, 0o700, 0o775] } else { &[0o644, 0o600, 0o755, 0o444] };
    let odd: &[u32] =
        if folder { &[0o000, 0o1777, 0o2770, 0o500] } else { &[0o000, 0o4755, 0o2711, 0o777] };
    let choices = if everything && random.one_in(4) { odd } else { plain };
    *random.pick(choices)
}

fn time(random: &mut Random) -> (i64, i64) {
    let number = |value| i64::try_from(value).expect("far below the limit");
    let seconds = match random.below(10) {
        0 => 0,
        1 => -number(random.below(1 << 30)),
        2 => number((1 << 31) + random.below(1 << 30)),
        _ => number(1_700_000_000 + random.below(100_000_000)),
    };
    let nanoseconds = match random.below(5) {
        0 => 0,
        1 => 999_999_999,
        _ => number(random.below(1_000_000_000)),
    };
    (seconds, nanoseconds)
}
