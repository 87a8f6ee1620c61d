//! Uploads on the thread of the caller: the same packs, without threads of their own.

use std::collections::HashSet;
use std::fs;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use anyhow::Result;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use heirloom_engine::error::{ErrorKind, StorageError};
use heirloom_engine::repository::{Capabilities, Listed, Storage};
use heirloom_kit::{Client, Lab, MemoryStorage, Random, back_up, restore_all};

/// Notes which threads put packs, and refuses one of them.
#[derive(Debug)]
struct Noting {
    inner: Arc<MemoryStorage>,
    uploads: usize,
    refused: Option<usize>,
    packs: Mutex<Vec<ThreadId>>,
}

impl Noting {
    fn new(inner: &Arc<MemoryStorage>, uploads: usize, refused: Option<usize>) -> Arc<Self> {
        Arc::new(Self { inner: Arc::clone(inner), uploads, refused, packs: Mutex::default() })
    }

    fn note(&self, name: &str) -> Result<(), StorageError> {
        if !name.starts_with("packs/") {
            return Ok(());
        }
        let mut packs = self.packs.lock().expect("no holder of this lock panics");
        packs.push(thread::current().id());
        if Some(packs.len()) == self.refused {
            let object = name.to_owned();
            let kind = ErrorKind::NoSpace;
            return Err(StorageError {
                kind,
                temporary: false,
                operation: "put",
                object,
                source: None,
            });
        }
        Ok(())
    }

    fn packs(&self) -> Vec<ThreadId> {
        self.packs.lock().expect("no holder of this lock panics").clone()
    }
}

impl Storage for Noting {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            self.note(name)?;
            self.inner.put(name, bytes).await
        })
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        self.inner.read(name, range)
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        self.inner.list(prefix)
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        self.inner.delete(name)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { uploads: self.uploads, ..self.inner.capabilities() }
    }
}

fn lab() -> Result<Lab> {
    let lab = Lab::new(1)?;
    for number in 0..6_u64 {
        fs::write(lab.tree.join(format!("noise{number}")), Random::new(number).bytes(700_000))?;
        fs::write(lab.tree.join(format!("text{number}")), format!("line {number}\n").repeat(900))?;
    }
    Ok(lab)
}

/// Sizes of the objects of a folder.
fn sizes(store: &MemoryStorage, folder: &str) -> Vec<usize> {
    let names = store.names_in(folder);
    let mut sizes: Vec<_> =
        names.iter().map(|name| store.get(name).expect("just listed").len()).collect();
    sizes.sort_unstable();
    sizes
}

#[test]
fn uploads_without_threads_make_the_same_packs() -> Result<()> {
    let lab = lab()?;
    let mut found = Vec::new();
    for uploads in [0, 1] {
        let store = lab.store.copy();
        let noting = Noting::new(&store, uploads, None);
        let repository = Client::new(Arc::clone(&noting) as _, 2).open()?;
        let done = back_up(&repository, &lab.tree)?;
        let other = Client::new(Arc::<MemoryStorage>::clone(&store), 3).open()?;
        restore_all(&other, done.root(), &lab.tree, &lab.fresh_path())?;
        let threads: HashSet<_> = noting.packs().into_iter().collect();
        assert!(noting.packs().len() > 3, "content and tree");
        // The collector, and the caller for what is left at the end.
        assert!(uploads > 0 || threads.len() <= 2 && threads.contains(&thread::current().id()));
        found.push((sizes(&store, "packs/"), sizes(&store, "snapshots/")));
    }
    assert_eq!(found[0], found[1]);
    Ok(())
}

#[test]
fn an_upload_without_threads_that_fails_says_why_and_the_next_run_continues() -> Result<()> {
    for refused in 1..4 {
        let lab = lab()?;
        let noting = Noting::new(&lab.store, 0, Some(refused));
        let failure =
            back_up(&Client::new(noting as _, 2).open()?, &lab.tree).expect_err("refused");
        assert!(failure.to_string().contains("packs/"), "{failure}");
        let done = back_up(&Client::new(Noting::new(&lab.store, 0, None), 3).open()?, &lab.tree)?;
        lab.check(done.root(), &lab.tree)?;
    }
    Ok(())
}
