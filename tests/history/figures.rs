//! What snapshots take, and what differs between them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result};
use heirloom_engine::stats::{self, Figures, Needed};
use heirloom_engine::tree::path_from_key;
use heirloom_engine::view::{Compared, Differs, compare};
use heirloom_kit::{CollectedProgress, Lab, Random};

use crate::scene::{live, other, record, scene, taken};

fn figures(lab: &Lab, of: &[usize], freed: bool) -> Result<Figures> {
    let repository = other(&lab.store, 600)?;
    let snapshots = live(&repository)?;
    let chosen: Vec<_> = of.iter().map(|number| &snapshots[*number]).collect();
    let others = snapshots.iter().filter(|one| !chosen.iter().any(|it| it.session == one.session));
    let others: Vec<_> = others.map(|one| one.record.root).collect();
    let progress = CollectedProgress::new();
    Ok(stats::run(&repository, &chosen, freed.then_some(others.as_slice()), &progress)?)
}

#[test]
fn what_two_snapshots_share_counts_once_and_forgetting_one_frees_what_only_it_has() -> Result<()> {
    let (lab, _) = scene(61)?;
    fs::write(lab.tree.join("only here"), Random::new(1).bytes(600_000))?;
    lab.back_up()?;
    fs::remove_file(lab.tree.join("only here"))?;
    lab.back_up()?;
    let (one, all) = (figures(&lab, &[0], false)?, figures(&lab, &[0, 1, 2], false)?);
    assert_eq!((one.snapshots, all.snapshots, one.freed), (1, 3, None));
    assert!(all.content_bytes > 3 * one.content_bytes);
    let more = all.needed.content.plain_bytes - one.needed.content.plain_bytes;
    assert!((599_000..605_000).contains(&more), "{more}");
    let freed = figures(&lab, &[1], true)?.freed.context("asked for")?;
    assert_eq!(freed.content.blobs, all.needed.content.blobs - one.needed.content.blobs);
    assert!(freed.content.stored_bytes >= 590_000);
    assert!(freed.trees.blobs >= 1);
    // The first and the third have the same content: neither is alone in needing it.
    assert_eq!(figures(&lab, &[0], true)?.freed.context("asked for")?.content.blobs, 0);
    let everything = figures(&lab, &[0, 1, 2], true)?;
    assert_eq!(everything.freed, Some(everything.needed));
    assert_eq!((everything.lost, everything.unreadable), (0, 0));
    let store = stats::store(&lab.repository)?;
    assert_eq!(store.bytes(), lab.store.total_bytes());
    assert!(store.packs.bytes >= everything.needed.content.stored_bytes);
    Ok(())
}

#[test]
fn what_is_lost_is_counted_as_lost() -> Result<()> {
    let (lab, _) = scene(62)?;
    for name in lab.store.names_in("packs/").into_iter().chain(lab.store.names_in("index/")) {
        lab.store.remove(&name);
    }
    let figures = figures(&lab, &[0], true)?;
    assert_eq!(figures.needed, Needed::default());
    assert_eq!((figures.lost, figures.unreadable), (1, 1), "the root");
    Ok(())
}

#[test]
fn each_kind_of_difference_is_told_apart() -> Result<()> {
    let (lab, first) = scene(63)?;
    let path = |name: &str| lab.tree.join(name);
    fs::write(path("added"), b"12345")?;
    fs::remove_file(path("pictures/other"))?;
    fs::set_permissions(path("documents/book"), fs::Permissions::from_mode(0o600))?;
    fs::write(path("documents/letters/tiny"), b"other words")?;
    fs::remove_file(path("link"))?;
    fs::create_dir(path("link"))?;
    let second = taken(&lab.back_up()?)?;
    let roots = (record(&lab.repository, first)?.root, record(&lab.repository, second)?.root);
    let mut seen = Vec::new();
    let found = compare(
        &lab.repository,
        roots,
        b"",
        &mut |difference| {
            let path = path_from_key(&difference.key);
            let name = path.strip_prefix(&lab.tree).unwrap_or(&path).to_string_lossy().into_owned();
            seen.push((name, difference.differs));
            true
        },
        &mut |problem| panic!("{problem}"),
    );
    seen.retain(|(name, differs)| *differs != Differs::Metadata || name == "documents/book");
    seen.sort();
    let expected = [
        ("added", Differs::Added),
        ("documents/book", Differs::Metadata),
        ("documents/letters/tiny", Differs::Content),
        ("link", Differs::Kind),
        ("pictures/other", Differs::Removed),
    ];
    assert_eq!(seen, expected.map(|(name, differs)| (name.to_owned(), differs)));
    assert_eq!((found.added, found.removed, found.changed, found.kinds), (1, 1, 1, 1));
    assert_eq!((found.added_bytes, found.removed_bytes, found.changed_bytes), (5, 90_000, 11));
    let same = compare(&lab.repository, (roots.0, roots.0), b"", &mut |_| true, &mut |_| {});
    assert_eq!(same, Compared::default());
    Ok(())
}

#[test]
fn a_damaged_part_is_reported_and_the_rest_compared() -> Result<()> {
    let (lab, first) = scene(64)?;
    let before = lab.store.names_in("packs/");
    fs::write(lab.tree.join("added"), b"12345")?;
    let second = taken(&lab.back_up()?)?;
    let roots = (record(&lab.repository, first)?.root, record(&lab.repository, second)?.root);
    for name in lab.store.names_in("packs/").iter().filter(|name| !before.contains(name)) {
        lab.store.remove(name);
    }
    let mut problems = 0;
    let found =
        compare(&other(&lab.store, 601)?, roots, b"", &mut |_| true, &mut |_| problems += 1);
    assert_eq!((found.damaged, problems), (1, 1));
    Ok(())
}
