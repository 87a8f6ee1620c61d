//! A small repository that has an object of every kind.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use heirloom_engine::crypto::{Credential, Recipient, SecretString, generate_identity};
use heirloom_engine::id::PackId;
use heirloom_engine::pack::BlobKind;
use heirloom_engine::progress::Progress;
use heirloom_engine::repository::{
    Compression, Lane, NewSlot, Repository, Saying, Session, SessionNote,
};
use heirloom_engine::retention::{Policy, Scope};
use heirloom_kit::{Client, CollectedProgress, Lab, MemoryStorage, Random, back_up, identity};

use crate::specimen::Specimen;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Description,
    KeySlot,
    KeyNote,
    Session,
    ContentPack,
    TreePack,
    Segment,
    Snapshot,
    Forgotten,
    Tombstone,
    Fence,
    Condemned,
    Waits,
    Policy,
    Secret,
}

impl Kind {
    pub(crate) const ALL: [Self; 15] = [
        Self::Description,
        Self::KeySlot,
        Self::KeyNote,
        Self::Session,
        Self::ContentPack,
        Self::TreePack,
        Self::Segment,
        Self::Snapshot,
        Self::Forgotten,
        Self::Tombstone,
        Self::Fence,
        Self::Condemned,
        Self::Waits,
        Self::Policy,
        Self::Secret,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Description => "description",
            Self::KeySlot => "key slot",
            Self::KeyNote => "note of a key slot",
            Self::Session => "session",
            Self::ContentPack => "pack of content",
            Self::TreePack => "pack of nodes",
            Self::Segment => "index segment",
            Self::Snapshot => "snapshot",
            Self::Forgotten => "forgotten snapshot",
            Self::Tombstone => "tombstone",
            Self::Fence => "fence",
            Self::Condemned => "condemned list",
            Self::Waits => "waits list",
            Self::Policy => "policy",
            Self::Secret => "kept secret",
        }
    }
}

/// The repository, and what a machine remembers that took its snapshots.
#[derive(Debug)]
pub(crate) struct Rich {
    pub(crate) specimen: Specimen,
    /// Folder of a cache in which only the way in and the newest snapshots are kept.
    pub(crate) memory: PathBuf,
    /// What opens the second key slot.
    second: SecretString,
    /// Which packs hold nodes.
    tree_packs: Vec<PackId>,
}

pub(crate) fn note(client: &Client, command: &str) -> SessionNote {
    let started = i64::try_from(client.clock().now_ns()).expect("before 2262");
    let (host, program) = ("testhost".into(), "suite".into());
    SessionNote { started, host, program, command: command.into() }
}

pub(crate) fn saying(client: &Client, reason: &str) -> Saying {
    let time_ns = i64::try_from(client.clock().now_ns()).expect("before 2262");
    Saying { time_ns, host: "testhost".into(), user: "testuser".into(), reason: reason.into() }
}

fn session<'r>(lab: &Lab, repository: &'r Repository, command: &str) -> Result<Session<'r>> {
    let progress: Arc<dyn Progress> = Arc::new(CollectedProgress::new());
    let note = note(&lab.client, command);
    Ok(Session::start(repository, &note, Compression::Default, progress)?)
}

impl Rich {
    pub(crate) fn new(seed: u64) -> Result<Self> {
        let specimen = Specimen::two(seed)?;
        let lab = &specimen.lab;
        let repository = &lab.repository;
        let (second, recipient) = generate_identity();
        let recipient = Recipient::Age(recipient);
        let slot = NewSlot { recipient, label: "second".into(), recovery: false };
        repository.add_slot(&[identity()], &slot)?;
        // A forgotten snapshot, whose record is still there.
        fs::write(lab.tree.join("short-lived"), Random::new(seed).bytes(700))?;
        let forgotten = lab.back_up()?.report.snapshot.context("a snapshot")?.snapshot;
        fs::remove_file(lab.tree.join("short-lived"))?;
        repository.forget(&[forgotten], &saying(&lab.client, "test"))?;
        repository.set_policy(Scope::default(), Policy::default(), &saying(&lab.client, "test"))?;
        repository.keep_secret("chats.key", b"a key", &saying(&lab.client, "test"))?;
        // A dead session, a running one, and a pack that waits for it.
        let dead = session(lab, repository, "killed")?.id();
        let fencing = session(lab, repository, "fencing")?;
        fencing.declare_dead(dead, "testhost")?;
        fencing.suspend()?;
        drop(session(lab, repository, "running")?);
        let mut condemning = session(lab, repository, "prune")?;
        let blob = Bytes::from(Random::new(seed + 1).bytes(900));
        let id = repository.keys().content_id(&blob);
        let before = lab.store.names_in("packs/");
        condemning.put_content(Lane::Stored, &id, &blob)?;
        condemning.index_uploads()?;
        let new = lab.store.names_in("packs/").into_iter().find(|name| !before.contains(name));
        let new = new.context("a new pack")?;
        let pack = PackId::from_hex(&new["packs/".len()..]).context("a pack")?;
        condemning.condemn(&[pack])?;
        condemning.suspend()?;
        let memory = specimen.lab.fresh_path();
        let mut rich = Self { memory, specimen, second, tree_packs: Vec::new() };
        rich.remember()?;
        rich.find_tree_packs()?;
        for kind in Kind::ALL {
            ensure!(!rich.objects(kind).is_empty(), "the specimen has no {}", kind.name());
        }
        Ok(rich)
    }

    /// Lets a machine take one more snapshot, and keeps only the little that says what it saw.
    fn remember(&mut self) -> Result<()> {
        let lab = &self.specimen.lab;
        let full = lab.fresh_path();
        let client = Client::new(lab.storage(), 7).with_cache(&full).named("specimen");
        let repository = client.open()?;
        let taken = back_up(&repository, &lab.tree)?.report.snapshot.context("a snapshot")?;
        let root = taken.record.root;
        let copy = lab.restore(root)?;
        Self::copy_memory(lab, &full, &self.memory)?;
        self.specimen.snapshots.insert(taken.snapshot, (root, copy));
        Ok(())
    }

    /// What is neither index, nodes nor records.
    fn copy_memory(lab: &Lab, from: &Path, to: &Path) -> Result<()> {
        let id = lab.repository.id().to_string();
        fs::create_dir_all(to.join("stores"))?;
        fs::create_dir_all(to.join(&id))?;
        for file in fs::read_dir(from.join("stores"))? {
            let file = file?;
            fs::copy(file.path(), to.join("stores").join(file.file_name()))?;
        }
        fs::copy(from.join(&id).join("client"), to.join(&id).join("client"))?;
        Ok(())
    }

    /// A machine that has never been here, with both keys.
    pub(crate) fn newcomer(&self, store: &Arc<MemoryStorage>) -> Result<Repository> {
        let storage = Arc::<MemoryStorage>::clone(store);
        let client = Client::new(Arc::<MemoryStorage>::clone(store), 92);
        let second = Credential::IdentityFile { text: self.second.clone(), name: "second".into() };
        Ok(Repository::open(storage, &[identity(), second], client.context().clone())?)
    }

    fn find_tree_packs(&mut self) -> Result<()> {
        let lab = &self.specimen.lab;
        for object in lab.repository.list("packs/")? {
            let pack = PackId::from_hex(&object.name["packs/".len()..]).context("a pack")?;
            let record = lab.repository.pack_record(pack, object.size)?;
            if record.table.kind == BlobKind::Tree {
                self.tree_packs.push(pack);
            }
        }
        Ok(())
    }

    pub(crate) fn store(&self) -> &MemoryStorage {
        self.specimen.store()
    }

    /// A machine that remembers its snapshots, on a damaged store.
    pub(crate) fn client(&self, store: &Arc<MemoryStorage>, seed: u64) -> Result<Client> {
        let lab = &self.specimen.lab;
        let cache = lab.fresh_path();
        Self::copy_memory(lab, &self.memory, &cache)?;
        let storage = Arc::<MemoryStorage>::clone(store);
        Ok(Client::new(storage, seed).with_cache(&cache).named("specimen"))
    }

    pub(crate) fn objects(&self, kind: Kind) -> Vec<String> {
        self.store().names().into_iter().filter(|name| self.kind(name) == Some(kind)).collect()
    }

    fn kind(&self, name: &str) -> Option<Kind> {
        let (folder, rest) = name.split_once('/').unwrap_or(("", name));
        Some(match folder {
            "" => Kind::Description,
            "keys" if rest.contains('.') => Kind::KeyNote,
            "keys" => Kind::KeySlot,
            "sessions" => Kind::Session,
            "packs" if self.tree_packs.iter().any(|pack| pack.to_string() == rest) => {
                Kind::TreePack
            }
            "packs" => Kind::ContentPack,
            "index" => Kind::Segment,
            "snapshots" if self.store().get(&format!("tombstones/{rest}")).is_some() => {
                Kind::Forgotten
            }
            "snapshots" => Kind::Snapshot,
            "tombstones" => Kind::Tombstone,
            "fences" => Kind::Fence,
            "condemned" if rest.contains('.') => Kind::Waits,
            "condemned" => Kind::Condemned,
            "policies" => Kind::Policy,
            "secrets" => Kind::Secret,
            _ => return None,
        })
    }
}
