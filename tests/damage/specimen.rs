//! A tiny repository with everything in it, and the question that every test asks: did damage do harm?

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, anyhow, bail, ensure};
use heirloom_engine::id::{NodeId, SessionId};
use heirloom_kit::{
    Client, Compared, Content, Lab, MemoryStorage, Random, restore_to, scratch_folder,
    tree_differences,
};
use rustix::fs::{XattrFlags, lsetxattr};

/// A repository and what its snapshots must restore.
#[derive(Debug)]
pub(crate) struct Specimen {
    pub(crate) lab: Lab,
    /// Root and expected tree of each snapshot.
    pub(crate) snapshots: BTreeMap<SessionId, (NodeId, PathBuf)>,
}

/// What became of a damaged repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Anything was reported, or something failed.
    pub(crate) noticed: bool,
    /// Restored completely and without a word.
    pub(crate) whole: Vec<SessionId>,
    /// All problems and errors.
    pub(crate) said: Vec<String>,
}

/// A database whose pages are nearly empty, so that many blobs take little space.
fn database(pages: usize, seed: u8) -> Vec<u8> {
    let mut bytes = vec![0; pages * 4096];
    for (number, page) in bytes.chunks_mut(4096).enumerate() {
        page[100] = seed;
        page[101] = u8::try_from(number).expect("few pages");
    }
    bytes[..24].copy_from_slice(b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20");
    bytes
}

fn fill(tree: &Path) -> Result<()> {
    fs::write(tree.join("empty"), b"")?;
    fs::write(tree.join("inline"), b"a few bytes that lie in the tree itself")?;
    fs::write(tree.join("packed"), Content::Text(1).bytes(1500))?;
    fs::write(tree.join("noise"), Random::new(1).bytes(600))?;
    fs::write(tree.join("list"), database(5, 1))?;
    fs::create_dir(tree.join("folder"))?;
    fs::write(tree.join("folder/list tree"), database(20, 2))?;
    fs::hard_link(tree.join("packed"), tree.join("folder/second name"))?;
    symlink("../packed", tree.join("folder/link"))?;
    let attributed = tree.join("folder/attributed");
    fs::write(&attributed, b"attributed")?;
    // A file system without attributes gives a smaller specimen.
    let _ = lsetxattr(&attributed, "user.small", b"value", XattrFlags::empty());
    let _ = lsetxattr(&attributed, "user.large", &[7; 5000], XattrFlags::empty());
    Ok(())
}

impl Specimen {
    /// One snapshot.
    pub(crate) fn small(seed: u64) -> Result<Self> {
        let lab = Lab::new(seed)?;
        fill(&lab.tree)?;
        let mut specimen = Self { lab, snapshots: BTreeMap::new() };
        specimen.take()?;
        Ok(specimen)
    }

    /// Two snapshots with different files.
    pub(crate) fn two(seed: u64) -> Result<Self> {
        let mut specimen = Self::small(seed)?;
        let tree = &specimen.lab.tree;
        fs::write(tree.join("packed"), Content::Text(2).bytes(1700))?;
        fs::write(tree.join("more noise"), Random::new(seed).bytes(900))?;
        fs::remove_file(tree.join("noise"))?;
        specimen.take()?;
        Ok(specimen)
    }

    fn take(&mut self) -> Result<()> {
        let done = self.lab.back_up()?;
        let snapshot = done.report.snapshot.ok_or_else(|| anyhow!("no snapshot"))?;
        let copy = self.lab.restore(snapshot.record.root)?;
        let differences = tree_differences(&self.lab.tree, &copy, Compared::default())?;
        ensure!(differences.is_empty(), "even without damage: {differences:?}");
        self.snapshots.insert(snapshot.snapshot, (snapshot.record.root, copy));
        Ok(())
    }

    /// All objects.
    pub(crate) fn store(&self) -> &MemoryStorage {
        &self.lab.store
    }

    /// Reads everything that the damaged store still gives; an error is a broken promise.
    pub(crate) fn examine(&self, damaged: &Arc<MemoryStorage>) -> Result<Outcome> {
        catch_unwind(AssertUnwindSafe(|| self.examine_calmly(damaged)))
            .unwrap_or_else(|_| bail!("a panic"))
    }

    fn examine_calmly(&self, damaged: &Arc<MemoryStorage>) -> Result<Outcome> {
        let mut outcome = Outcome { noticed: true, whole: Vec::new(), said: Vec::new() };
        let client = Client::new(Arc::<MemoryStorage>::clone(damaged), 99);
        let repository = match client.open() {
            Ok(repository) => repository,
            Err(error) => {
                outcome.said.push(format!("{error:?}"));
                return Ok(outcome);
            }
        };
        let listed = match repository.snapshots() {
            Ok(listed) => listed,
            Err(error) => {
                outcome.said.push(format!("{error:?}"));
                return Ok(outcome);
            }
        };
        outcome.said.extend(listed.problems.iter().map(ToString::to_string));
        let folder = scratch_folder()?;
        for (session, (root, expected)) in &self.snapshots {
            let Some(found) = listed.taken.iter().find(|found| found.session == *session) else {
                let name = format!("snapshots/{session}");
                let gone = damaged.get(&name).is_none();
                let named = outcome.said.iter().any(|said| said.contains(&name));
                ensure!(gone || named, "{name} is not listed, and nothing is said about it");
                continue;
            };
            ensure!(found.record.root == *root, "{session} claims another tree");
            let target = folder.path().join(session.to_string());
            match restore_to(&repository, *root, &self.lab.tree, &target) {
                Err(error) => outcome.said.push(format!("restore: {error:?}")),
                Ok(restored) => {
                    if compare(expected, &target, &restored.problems)? {
                        outcome.whole.push(*session);
                    }
                    outcome.said.extend(restored.problems);
                }
            }
        }
        for other in &listed.taken {
            ensure!(self.snapshots.contains_key(&other.session), "{} was made up", other.session);
        }
        outcome.noticed = !outcome.said.is_empty() || outcome.whole.len() < self.snapshots.len();
        Ok(outcome)
    }
}

/// Whether everything is there; an error if something is wrong, or missing without a word.
pub(crate) fn compare(expected: &Path, target: &Path, problems: &[String]) -> Result<bool> {
    if !target.exists() {
        ensure!(!problems.is_empty(), "nothing was restored, and nothing said");
        return Ok(false);
    }
    let compared = Compared { owners: true, holes: false, roots: false };
    let differences = tree_differences(expected, target, compared)?;
    let gap = problems.iter().any(|problem| problem.starts_with("the list of entries"));
    for difference in &differences {
        let (path, what) = difference.split_once(": ").unwrap_or((difference, ""));
        let missing = what == "only left" || what.starts_with("attributes");
        ensure!(missing, "restored wrongly: {difference}");
        let named = problems.iter().any(|problem| problem.contains(path));
        ensure!(named || gap, "{difference}, and nothing said about it: {problems:?}");
    }
    Ok(differences.is_empty())
}
