//! Every byte of every object and every cache file, searched for everything that was put in.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use heirloom_backends::LocalDisk;
use heirloom_engine::backup::BackupOptions;
use heirloom_engine::backup::exclude::Excludes;
use heirloom_engine::backup::local::LocalSource;
use heirloom_engine::crypto::{
    Credential, ExposeSecret as _, Recipient, SecretString, generate_identity, open_bundle, padme,
};
use heirloom_engine::repository::{NewSlot, Repository};
use heirloom_engine::restore::{RestoreOptions, run};
use heirloom_engine::tree::key_from_path;
use heirloom_kit::{
    Client, CollectedProgress, Content, Random, back_up_from, options_for, scratch_folder,
};
use rustix::fs::{XattrFlags, lsetxattr};

use crate::needles::Needles;

const PASSPHRASE: &str = "correct horse battery staple";
const HEADER_BYTES: usize = 16;

/// A repository on local disk with a cache, and the texts that went into it.
struct Vault {
    folder: tempfile::TempDir,
    repository: Repository,
    needles: Needles<8>,
}

fn texts() -> Vec<(&'static str, Vec<u8>)> {
    let mut pages = Random::new(3).bytes(40_960);
    pages[..24].copy_from_slice(b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20");
    vec![
        ("tiny inline file", b"tiny inline secret".to_vec()),
        ("inline file", Content::Text(1).bytes(400)),
        ("text", Content::Text(2).bytes(300_000)),
        ("noise", Random::new(2).bytes(300_000)),
        ("database", pages),
    ]
}

/// Makes the tree, and adds all that it says to the needles.
fn fill(tree: &Path, needles: &mut Needles<8>) -> Result<()> {
    let folder = tree.join("folder of secret names");
    fs::create_dir_all(&folder)?;
    for (name, bytes) in texts() {
        fs::write(folder.join(format!("{name} with a telling name.dat")), &bytes)?;
        needles.add(name, &bytes);
        needles.add("a name", format!("{name} with a telling name.dat").as_bytes());
        needles.add("compressed", &zstd::encode_all(&bytes[..], 3)?);
    }
    symlink("/telling/target/of/a/link", folder.join("telling link"))?;
    needles.add("a link", b"/telling/target/of/a/link");
    let attributed = folder.join("inline file with a telling name.dat");
    let large = Content::Text(9).bytes(5000);
    for (name, value) in
        [("user.telling.small", &b"telling value"[..]), ("user.telling.large", &large)]
    {
        if lsetxattr(&attributed, name, value, XattrFlags::empty()).is_ok() {
            needles.add("name of an attribute", name.as_bytes());
            needles.add("value of an attribute", value);
        }
    }
    needles.add("a path", tree.as_os_str().as_bytes());
    needles.add("a folder", b"folder of secret names");
    Ok(())
}

fn options(tree: &Path) -> BackupOptions {
    BackupOptions {
        host: "telling-host-name".into(),
        user: "telling-user-name".into(),
        label: Some("telling label".into()),
        tags: vec!["telling tag".into()],
        program: "telling program 1.0".into(),
        ..options_for(tree)
    }
}

impl Vault {
    /// Two snapshots, with a change between them, and a restore by somebody else with a cache.
    fn new(seed: u64) -> Result<Self> {
        let folder = scratch_folder()?;
        let tree = folder.path().join("telling folder");
        let mut needles = Needles::new();
        fill(&tree, &mut needles)?;
        let storage = Arc::new(LocalDisk::new(folder.path().join("store")));
        let client = Client::new(Arc::clone(&storage) as _, seed);
        let client = client.with_cache(&folder.path().join("cache"));
        let (identity, recipient) = generate_identity();
        let slots = [
            slot(Recipient::Passphrase(PASSPHRASE.to_owned().into()), "telling slot label"),
            slot(Recipient::Age(recipient), "telling identity label"),
        ];
        let context = client.context().clone();
        let repository = Repository::init(storage, &slots, 1 << 20, context)?;
        for word in ["telling-host-name", "telling-user-name", "telling label", "telling tag"] {
            needles.add(word, word.as_bytes());
        }
        for word in
            ["telling slot label", "telling identity label", "telling program 1.0", PASSPHRASE]
        {
            needles.add(word, word.as_bytes());
        }
        for round in 0..2 {
            fs::write(tree.join("round"), format!("telling round number {round}"))?;
            let mut source = LocalSource::new(std::slice::from_ref(&tree), Excludes::default());
            let done = back_up_from(&repository, &mut source, &options(&tree))?;
            ensure!(done.problems.is_empty(), "{:?}", done.problems);
        }
        needles.add("round", b"telling round number ");
        let mut vault = Self { folder, repository, needles };
        vault.add_keys(&identity)?;
        vault.restore_with_another_cache(&client, identity)?;
        Ok(vault)
    }

    fn add_keys(&mut self, identity: &SecretString) -> Result<()> {
        let text = identity.expose_secret();
        self.needles.add("identity", text.as_bytes());
        let credential = Credential::IdentityFile { text: identity.clone(), name: "id".into() };
        let bundle = self.repository.list("keys/")?.into_iter().find_map(|object| {
            open_bundle(&self.repository.object(&object.name).ok()?, &credential).ok()
        });
        let bundle = bundle.context("a slot that the identity opens")?;
        self.needles.add("root secret", bundle.root.as_bytes());
        let keys = self.repository.keys();
        self.needles.add("cache key", &keys.cache_key());
        for value in keys.gear() {
            self.needles.add("chunker table", &value.to_le_bytes());
        }
        let root = bundle.root.as_bytes();
        let material = [&root[..], keys.repository().as_bytes()].concat();
        for context in CONTEXTS {
            let key = blake3::derive_key(context, &material);
            self.needles.add(context, &key);
        }
        Ok(())
    }

    fn restore_with_another_cache(&self, client: &Client, identity: SecretString) -> Result<()> {
        let client = client.clone().with_cache(&self.folder.path().join("other cache"));
        let credential = Credential::IdentityFile { text: identity, name: "id".into() };
        let storage = Arc::new(LocalDisk::new(self.folder.path().join("store")));
        let context = client.context().clone();
        let repository = Repository::open(storage, &[credential], context)?;
        let listed = repository.snapshots()?;
        let root = listed.taken.last().context("a snapshot")?.record.root;
        let options = RestoreOptions {
            target: self.folder.path().join("restored"),
            subpath: key_from_path(&self.folder.path().join("telling folder")),
            ..RestoreOptions::default()
        };
        let report = run(&repository, &mut &repository, root, &options, &CollectedProgress::new())?;
        ensure!(report.problems == 0 && report.files == 6, "{report:?}");
        Ok(())
    }

    /// All files of the store and of both caches.
    fn files(&self) -> Result<Vec<(PathBuf, Vec<u8>)>> {
        let tops = ["store", "cache", "other cache"].map(|top| self.folder.path().join(top));
        let mut waiting = tops.to_vec();
        let mut files = Vec::new();
        while let Some(folder) = waiting.pop() {
            for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
                let path = entry?.path();
                if path.is_dir() {
                    waiting.push(path);
                } else {
                    files.push((
                        path.strip_prefix(self.folder.path())?.to_owned(),
                        fs::read(&path)?,
                    ));
                }
            }
        }
        files.sort();
        Ok(files)
    }
}

/// All keys that are derived from the root secret; docs/format.md, section 5.
const CONTEXTS: [&str; 7] = [
    "heirloom v1 content id key",
    "heirloom v1 tree id key",
    "heirloom v1 chunker table",
    "heirloom v1 tree split key",
    "heirloom v1 index key",
    "heirloom v1 owner signing key",
    "heirloom v1 sealing key",
];

fn slot(recipient: Recipient, label: &str) -> NewSlot {
    NewSlot { recipient, label: label.into(), recovery: false }
}

#[test]
fn no_object_and_no_cache_file_holds_a_piece_of_what_was_backed_up_or_of_a_key() -> Result<()> {
    let vault = Vault::new(1)?;
    let files = vault.files()?;
    for top in
        ["store/packs", "store/index", "store/snapshots", "store/keys", "cache", "other cache"]
    {
        assert!(files.iter().any(|(path, _)| path.starts_with(top)), "nothing in {top}");
    }
    assert!(vault.needles.len() > 400_000, "{} windows", vault.needles.len());
    let total: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    println!("{} windows looked for in {total} bytes", vault.needles.len());
    for (path, bytes) in &files {
        assert_eq!(vault.needles.find(bytes), None, "in {}", path.display());
        let name = path.as_os_str().as_bytes();
        assert_eq!(vault.needles.find(name), None, "in the name {}", path.display());
    }
    Ok(())
}

#[test]
fn the_same_content_in_two_repositories_leaves_nothing_in_common() -> Result<()> {
    let (left, right) = (Vault::new(2)?, Vault::new(3)?);
    let mut windows = Needles::<16>::new();
    for (path, bytes) in left.files()? {
        if is_sealed(&path) {
            windows.add(&path.display().to_string(), &bytes[HEADER_BYTES..]);
        }
    }
    assert!(windows.len() > 400_000);
    for (path, bytes) in right.files()? {
        if is_sealed(&path) {
            assert_eq!(windows.find(&bytes[HEADER_BYTES..]), None, "in {}", path.display());
        }
    }
    Ok(())
}

/// All but the description and the age files, which begin with words.
fn is_sealed(path: &Path) -> bool {
    let is_slot = path.starts_with("store/keys") && path.extension().is_none();
    path.starts_with("store") && !path.ends_with("heirloom.json") && !is_slot
}

#[test]
fn sizes_of_packs_and_records_are_rounded() -> Result<()> {
    /// Object header, encapsulated key, salt and tag: what a record has besides its padded body.
    const AROUND_A_RECORD: u64 = 16 + 1120 + 32 + 16;
    let vault = Vault::new(4)?;
    let (mut packs, mut records) = (0, 0);
    for (path, bytes) in vault.files()? {
        let size = u64::try_from(bytes.len())?;
        if path.starts_with("store/packs") {
            assert_eq!(padme(size), size, "{}", path.display());
            packs += 1;
        }
        if path.starts_with("store/snapshots") {
            let body = size - AROUND_A_RECORD;
            assert!(body >= 512 && padme(body) == body, "{body} bytes in {}", path.display());
            records += 1;
        }
    }
    assert!(packs >= 3 && records == 2);
    Ok(())
}
