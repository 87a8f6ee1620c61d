//! Objects that somebody made up: a store that knows no key, and one that got hold of some.

use std::fs;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use heirloom_engine::clock::random;
use heirloom_engine::crypto::ObjectKind;
use heirloom_engine::id::{BlobPrefix, SessionId};
use heirloom_engine::index::{Segment, SegmentName};
use heirloom_engine::pack::{BlobKind, Compressor, FrameBuilder, PackWriter};
use heirloom_engine::repository::{Repository, Storage as _};
use heirloom_engine::snapshot::{Snapshot, object_name};
use heirloom_engine::tree::{FileContent, key_from_path};
use heirloom_engine::view::View;
use heirloom_kit::{Client, Lab, Random, SMALL_PACKS, back_up, block_on, restore_to};

#[test]
fn a_snapshot_that_somebody_else_signed_is_refused_and_named() -> Result<()> {
    let (lab, other) = (Lab::new(1)?, Lab::new(2)?);
    fs::write(lab.tree.join("file"), b"content")?;
    let mut record = lab.back_up()?.report.snapshot.context("a snapshot")?.record;
    record.label = Some("forged".into());
    let clock = lab.client.clock();
    let session = SessionId(random(clock));
    // Sealed as it must be, which a thief of a writer's key could do; only the signature is another's.
    let session_key = lab.repository.keys().new_session_key(clock);
    let signing = (other.repository.keys(), &session_key);
    let forged = Snapshot::new(session, record).seal(signing, clock);
    lab.store.set(&object_name(session), forged);
    let listed = lab.repository.snapshots()?;
    assert_eq!(listed.taken.len(), 1);
    let problems: Vec<_> = listed.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems, [format!("{} is damaged", object_name(session))]);
    Ok(())
}

#[test]
fn a_snapshot_under_another_name_is_refused() -> Result<()> {
    let lab = Lab::new(3)?;
    fs::write(lab.tree.join("file"), b"content")?;
    let taken = lab.back_up()?.report.snapshot.context("a snapshot")?.snapshot;
    let bytes = lab.store.get(&object_name(taken)).context("its object")?;
    let other = SessionId([7; 16]);
    lab.store.set(&object_name(other), bytes);
    let listed = lab.repository.snapshots()?;
    assert_eq!(listed.taken.iter().map(|found| found.session).collect::<Vec<_>>(), [taken]);
    assert_eq!(listed.problems.len(), 1, "{:?}", listed.problems);
    Ok(())
}

/// Makes a pack with these bytes under the given ids, and a segment that says so.
fn poison(lab: &Lab, session: SessionId, blobs: &[(BlobPrefix, Vec<u8>)]) -> Result<()> {
    let (keys, clock) = (lab.repository.keys(), lab.client.clock());
    let session_key = keys.new_session_key(clock);
    let mut frame = FrameBuilder::new();
    for (prefix, bytes) in blobs {
        frame.push(*prefix, bytes);
    }
    let mut pack = PackWriter::new(BlobKind::Content, &session_key, SMALL_PACKS, clock);
    pack.push(frame.finish().encode(None, &mut Compressor::new()?));
    let finished = pack.finish(keys, clock);
    lab.store.set(&format!("packs/{}", finished.id), finished.bytes);
    let name = SegmentName { session, n: 0 }.to_string();
    let segment = Segment { replaces: Vec::new(), packs: vec![finished.record] };
    let body = segment.encode_body();
    let sealed = keys.seal_object(ObjectKind::IndexSegment, &name, &body, clock);
    Ok(block_on(lab.store.put(&name, Bytes::from(sealed)))?)
}

/// The ids of the one file's blobs.
fn blobs_of(repository: &Repository, lab: &Lab, name: &str) -> Result<Vec<BlobPrefix>> {
    let root = repository.snapshots()?.taken.last().context("a snapshot")?.record.root;
    let key = key_from_path(&lab.tree.join(name));
    let entry = View::new(repository, root).entry(&key)?.context("the file")?;
    let FileContent::List(blobs) = entry.content else { anyhow::bail!("{:?}", entry.content) };
    Ok(blobs.iter().map(|blob| blob.id.prefix()).collect())
}

#[test]
fn wrong_content_under_a_known_id_is_never_restored() -> Result<()> {
    for seed in 0..8 {
        let lab = Lab::new(10 + seed)?;
        let content = Random::new(seed).bytes(3000);
        fs::write(lab.tree.join("file"), &content)?;
        let root = lab.back_up()?.root();
        let wrong = [vec![1; 3000], vec![1; 2999], Vec::new()];
        let blobs = blobs_of(&lab.repository, &lab, "file")?;
        let poisoned: Vec<_> = blobs
            .iter()
            .map(|prefix| (*prefix, wrong[usize::try_from(seed).unwrap_or(0) % 3].clone()))
            .collect();
        // Before and after the true segment in the order of names.
        let byte = if seed % 2 == 0 { 0 } else { 0xff };
        poison(&lab, SessionId([byte; 16]), &poisoned)?;
        let repository = Client::new(lab.storage(), 90 + seed).open()?;
        let target = lab.fresh_path();
        let restored = restore_to(&repository, root, &lab.tree, &target)?;
        match fs::read(target.join("file")) {
            Ok(bytes) => assert!(bytes == content, "seed {seed}: a poisoned blob was restored"),
            Err(_) => assert!(
                restored.problems.iter().any(|said| said.contains("file")),
                "{:?}",
                restored.problems
            ),
        }
        assert!(target.join("file").exists(), "seed {seed}: the true copy was not looked for");
    }
    Ok(())
}

#[test]
fn a_segment_of_another_repository_is_reported_and_not_believed() -> Result<()> {
    let (lab, other) = (Lab::new(30)?, Lab::new(31)?);
    for (lab, seed) in [(&lab, 1), (&other, 1)] {
        fs::write(lab.tree.join("file"), Random::new(seed).bytes(50_000))?;
    }
    other.back_up()?;
    let foreign = other.store.names_in("index/");
    assert_eq!(foreign.len(), 1);
    for name in &foreign {
        lab.store.set(name, other.store.get(name).context("just listed")?);
    }
    let done = back_up(&lab.repository, &lab.tree)?;
    assert_eq!(done.problems, [format!("{} is damaged: authentication failed", foreign[0])]);
    lab.check(done.root(), &lab.tree)
}

#[test]
fn a_segment_under_another_name_is_reported_and_not_believed() -> Result<()> {
    let lab = Lab::new(32)?;
    fs::write(lab.tree.join("file"), Random::new(1).bytes(50_000))?;
    lab.back_up()?;
    let name = lab.store.names_in("index/").pop().context("a segment")?;
    let bytes = lab.store.get(&name).context("just listed")?;
    lab.store.remove(&name);
    let moved = format!("index/{}.0", "ab".repeat(16));
    lab.store.set(&moved, bytes);
    let repository = Client::new(Arc::clone(&lab.store) as _, 33).open()?;
    let done = back_up(&repository, &lab.tree)?;
    assert_eq!(done.problems, [format!("{moved} is damaged: authentication failed")]);
    lab.check(done.root(), &lab.tree)
}
