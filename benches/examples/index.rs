//! What an index of many blobs costs: bytes on disk, time to load, resident bytes a blob, lookups a second, merging.
//!
//! ```sh
//! cargo run --release -p heirloom-benches --example index -- 10 /tmp/index
//! ```
//!
//! makes a repository in that folder whose index segments list so many million blobs of no pack, measures each step in
//! a process of its own, and removes the folder. Needs 40 bytes a blob there. A database's pages: 512 to a frame, 32
//! frames to a pack, full segments of a million.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use std::{env, fs};

use bytes::Bytes;
use heirloom_backends::LocalDisk;
use heirloom_engine::clock::Clock;
use heirloom_engine::crypto::{
    Credential, Encapsulation, ExposeSecret as _, ObjectKind, Recipient, generate_identity,
};
use heirloom_engine::error::Problem;
use heirloom_engine::id::{BlobPrefix, NodeId, PackId, SessionId};
use heirloom_engine::index::{Segment, SegmentName};
use heirloom_engine::pack::{BlobKind, Codec, FrameEntry, PackRecord, PackTable};
use heirloom_engine::progress::{Counter, Progress};
use heirloom_engine::repository::{
    Compression, Context, NewSlot, Repository, Session, SessionNote, Storage as _,
};
use heirloom_engine::snapshot::Record;
use tokio::runtime::Runtime;

type Outcome<T> = Result<T, Box<dyn Error>>;

const FRAME_BLOBS: u32 = 512;
const PACK_FRAMES: u32 = 32;
const PACK_BLOBS: u64 = 512 * 32;
/// The packs of a full segment; the most that is merged.
const SEGMENT_PACKS: u64 = 64;
const SMALL_SEGMENT_PACKS: u64 = 16;
const LOOKUPS: u64 = 2_000_000;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = env::args().collect();
    let [_, millions, folder, step @ ..] = arguments.as_slice() else {
        return Err("index MILLIONS FOLDER".into());
    };
    let folder = Path::new(folder);
    let packs = (millions.parse::<u64>()? * 1_000_000).div_ceil(PACK_BLOBS);
    let lab = Lab { folder: folder.to_owned(), packs, runtime: Runtime::new()? };
    match step.first().map(String::as_str) {
        None => {
            fs::create_dir_all(folder)?;
            lab.make()?;
            for step in ["build", "load", "merge"] {
                let program = env::current_exe()?;
                let arguments = [millions, &arguments[2], step];
                if !Command::new(program).args(arguments).status()?.success() {
                    return Err(step.into());
                }
            }
            Ok(fs::remove_dir_all(folder)?)
        }
        Some("build") => lab.build(),
        Some("load") => lab.load(),
        Some(_) => lab.merge(),
    }
}

/// What is asked, how many are to be found, and which one is asked for next.
type Run<'r> = (&'r str, u64, &'r dyn Fn(u64) -> BlobPrefix);

struct Lab {
    folder: PathBuf,
    packs: u64,
    runtime: Runtime,
}

impl Lab {
    fn context(&self) -> Context {
        Context {
            clock: Arc::new(Now),
            runtime: self.runtime.handle().clone(),
            cache: Some(self.folder.join("cache")),
            store: None,
            threads: 2,
            prompt: None,
        }
    }

    fn storage(&self) -> Arc<LocalDisk> {
        Arc::new(LocalDisk::new(self.folder.join("store")))
    }

    fn open(&self) -> Outcome<Repository> {
        let text = fs::read_to_string(self.folder.join("identity"))?.into();
        let credential = Credential::IdentityFile { text, name: "identity".into() };
        Ok(Repository::open(self.storage(), &[credential], self.context())?)
    }

    fn make(&self) -> Outcome<()> {
        let (secret, recipient) = generate_identity();
        fs::write(self.folder.join("identity"), secret.expose_secret())?;
        let slot = NewSlot {
            recipient: Recipient::Age(recipient),
            label: "bench".into(),
            recovery: false,
        };
        Repository::init(self.storage(), &[slot], 32 << 20, self.context())?;
        let repository = self.open()?;
        let session = start(&repository)?;
        for (n, first) in (0..).zip((0..self.packs).step_by(at(SEGMENT_PACKS))) {
            let packs = first..(first + SEGMENT_PACKS).min(self.packs);
            self.put_segment(&session, SegmentName { session: SessionId([1; 16]), n }, packs)?;
        }
        session.suspend()?;
        println!(
            "{} blobs, {} bytes in the store",
            self.blobs(),
            bytes_in(&self.folder.join("store/index"))?
        );
        Ok(())
    }

    fn put_segment(
        &self,
        session: &Session<'_>,
        name: SegmentName,
        packs: std::ops::Range<u64>,
    ) -> Outcome<()> {
        let key = Arc::new(Encapsulation(Box::new([3; 1120])));
        let packs = packs.map(|n| pack(n, &key)).collect();
        let body = Segment { replaces: Vec::new(), packs }.encode_body();
        let object = name.to_string();
        let sealed = session.keys().seal_object(ObjectKind::IndexSegment, &object, &body, &Now);
        self.runtime.block_on(self.storage().put(&object, Bytes::from(sealed)))?;
        Ok(())
    }

    fn blobs(&self) -> u64 {
        self.packs * PACK_BLOBS
    }

    /// With an empty cache: opens each segment, sorts it and writes it into the cache.
    fn build(&self) -> Outcome<()> {
        let repository = self.open()?;
        let before = memory()?;
        let (known, seconds) = timed(|| repository.known());
        drop(known?);
        let after = memory()?;
        let cache = bytes_in(&self.folder.join("cache"))?;
        println!(
            "built in {seconds:.2} s; peak {} MiB, of which mapped files at the end {} MiB; cache {cache} bytes, {:.1} a blob",
            after.peak >> 20,
            after.mapped() >> 20,
            share(cache, self.blobs()),
        );
        println!(
            "  anonymous memory: {} KiB more than before",
            after.anonymous.saturating_sub(before.anonymous) >> 10
        );
        Ok(())
    }

    /// With the cache: maps what is there, and asks.
    fn load(&self) -> Outcome<()> {
        let repository = self.open()?;
        let before = memory()?;
        let (known, seconds) = timed(|| repository.known());
        let known = known?;
        let loaded = memory()?;
        println!("loaded in {seconds:.2} s");
        println!(
            "{:.2} bytes a blob anonymous, {:.1} mapped and clean",
            share(loaded.anonymous.saturating_sub(before.anonymous), self.blobs()),
            share(loaded.mapped().saturating_sub(before.mapped()), self.blobs()),
        );
        let blobs = self.blobs();
        let runs: [Run<'_>; 3] = [
            ("hits, random", LOOKUPS, &|n| prefix(mixed(n) % blobs)),
            ("hits, as stored", LOOKUPS, &|n| prefix(n % blobs)),
            ("misses", 0, &|n| prefix(blobs + n)),
        ];
        for (what, expected, ask) in runs {
            let asked: Vec<_> = (0..LOOKUPS).map(ask).collect();
            let (found, seconds) =
                timed(|| asked.iter().filter(|prefix| known.contains(prefix)).count());
            if found != at(expected) {
                return Err(format!("{what}: {found} found").into());
            }
            println!("{what}: {:.2} million a second", share(LOOKUPS, 1_000_000) / seconds);
        }
        Ok(())
    }

    /// A commit that puts eight segments of a quarter of a million together.
    fn merge(&self) -> Outcome<()> {
        let repository = self.open()?;
        let session = start(&repository)?;
        for n in 0..8 {
            let name = SegmentName { session: SessionId([2; 16]), n };
            let first = self.packs + u64::from(n) * SMALL_SEGMENT_PACKS;
            self.put_segment(&session, name, first..first + SMALL_SEGMENT_PACKS)?;
        }
        session.suspend()?;
        let before = fs::read_dir(self.folder.join("store/index"))?.count();
        drop(repository);
        // Another process would know nothing of what was made: neither does this one from here on.
        let repository = self.open()?;
        drop(repository.known()?);
        fs::write("/proc/self/clear_refs", "5")?;
        let session = start(&repository)?;
        let record = Record { root: NodeId([0; 32]), ..Record::default() };
        let (committed, seconds) = timed(|| session.commit(record));
        committed?;
        let after = fs::read_dir(self.folder.join("store/index"))?.count();
        let memory = memory()?;
        println!(
            "merged in {seconds:.2} s: {before} segments before, {after} after; peak {} MiB, of it mapped at the end {} MiB",
            memory.peak >> 20,
            memory.mapped() >> 20,
        );
        Ok(())
    }
}

fn start(repository: &Repository) -> Outcome<Session<'_>> {
    let text = String::from("bench");
    let note = SessionNote { started: 0, host: text.clone(), program: text.clone(), command: text };
    Ok(Session::start(repository, &note, Compression::Default, Arc::new(Silent))?)
}

fn pack(n: u64, key: &Arc<Encapsulation>) -> PackRecord {
    let mut table = PackTable::new(BlobKind::Content);
    for _ in 0..PACK_FRAMES {
        let (stored_bytes, plain_bytes) = (1 << 20, FRAME_BLOBS * 4100);
        table.frames.push(FrameEntry {
            stored_bytes,
            plain_bytes,
            codec: Codec::Zstd,
            blobs: FRAME_BLOBS,
        });
    }
    table.prefixes.extend((n * PACK_BLOBS..(n + 1) * PACK_BLOBS).map(prefix));
    let id = PackId(*blake3::hash(&n.to_le_bytes()).as_bytes());
    let size = table.frames_end() + 400_000;
    PackRecord { id, encapsulation: Arc::clone(key), salt: [4; 32], size, table }
}

fn prefix(n: u64) -> BlobPrefix {
    let hash = blake3::hash(&n.to_le_bytes());
    BlobPrefix(*hash.as_bytes().first_chunk().expect("a hash is longer than a prefix"))
}

/// Spreads numbers, the same way in every run.
fn mixed(n: u64) -> u64 {
    let n = (n ^ n >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (n ^ n >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 3
}

#[derive(Clone, Copy)]
struct Memory {
    anonymous: u64,
    resident: u64,
    peak: u64,
}

impl Memory {
    /// Pages of files, which the kernel can drop at any time: nobody writes to them.
    fn mapped(self) -> u64 {
        self.resident.saturating_sub(self.anonymous)
    }
}

fn memory() -> Outcome<Memory> {
    let field = |file: &str, name: &str| -> Outcome<u64> {
        let text = fs::read_to_string(file)?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? << 10)
    };
    let rollup = "/proc/self/smaps_rollup";
    Ok(Memory {
        anonymous: field(rollup, "Anonymous:")?,
        resident: field(rollup, "Rss:")?,
        peak: field("/proc/self/status", "VmHWM:")?,
    })
}

fn bytes_in(folder: &Path) -> Outcome<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { bytes_in(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed().as_secs_f64())
}

fn share(a: u64, b: u64) -> f64 {
    let number = |n: u64| u32::try_from(n >> 8).map_or(0.0, f64::from);
    number(a << 4) / number(b << 4)
}

fn at(n: u64) -> usize {
    usize::try_from(n).expect("fits")
}

/// The system's time, and random bytes from the names of moments: nothing here is a secret.
#[derive(Debug)]
struct Now;

impl Clock for Now {
    fn now_ns(&self) -> i128 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i128::try_from(since.as_nanos()).unwrap_or_default()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        blake3::Hasher::new().update(&self.now_ns().to_le_bytes()).finalize_xof().fill(bytes);
    }

    fn sleep(&self, duration: std::time::Duration) {
        std::thread::sleep(duration);
    }
}

#[derive(Debug)]
struct Silent;

impl Progress for Silent {
    fn add(&self, _: Counter, _: u64) {}

    fn current(&self, _: &Path) {}

    fn problem(&self, _: &Problem) {}

    fn cancelled(&self) -> bool {
        false
    }
}
