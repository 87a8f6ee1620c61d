//! A server that lies: short bodies, wrong lengths, flipped bits, torn objects. A store may pass on wrong bytes of the right
//! length, since it cannot know; whoever restores never takes them for good.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use heirloom_engine::error::ErrorKind;
use heirloom_kit::{
    Client, Compared, Exchange, Place, Proxy, ProxyFault, Random, Times, back_up, block_on,
    restore_to, scratch_folder, tree_differences,
};

use crate::bad_input::{dav_line, object, s3_line, words};

#[test]
fn an_answer_of_another_length_is_never_passed_on() -> Result<()> {
    let (s3, dav) = (s3_line()?, dav_line()?);
    for (place, proxy) in [(&s3.place, &s3.proxy), (&dav.place, &dav.proxy)] {
        let place = place.clone().option("retries", "0");
        block_on(async {
            let store = place.open()?.storage;
            store.put("packs/a", object()).await?;
            for fault in [
                ProxyFault::CutAnswer { after: 1000 },
                ProxyFault::WrongLength { announce: 400_000 },
                ProxyFault::WrongLength { announce: 1000 },
                ProxyFault::ShortAnswer { keep: 1000 },
            ] {
                proxy.heal();
                proxy.inject(fault.clone(), Times::Always, |asked| asked.method == "GET");
                // All that was asked for may have come before the answer went wrong.
                match store.read("packs/a", Some(0..200_000)).await {
                    Ok(part) => {
                        ensure!(part == object().slice(..200_000), "{fault:?}: {}", part.len());
                    }
                    Err(error) => {
                        let kinds = [ErrorKind::Protocol, ErrorKind::Unreachable];
                        ensure!(kinds.contains(&error.kind), "{fault:?}: {}", words(&error));
                    }
                }
                // What is consistent in itself cannot be told from a shorter object, or a first page of one.
                let consistent = matches!(
                    fault,
                    ProxyFault::ShortAnswer { .. } | ProxyFault::WrongLength { announce: 1000 }
                );
                let whole = store.read("packs/a", None).await;
                ensure!(whole.is_err() || consistent, "{fault:?} gave the whole object");
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// A folder with files that differ in every block.
fn make_tree(root: &Path) -> Result<()> {
    fs::create_dir(root)?;
    let mut random = Random::new(5);
    for number in 0..12 {
        fs::write(root.join(format!("file{number:02}")), random.bytes(300_000))?;
    }
    Ok(())
}

/// Whether a new client restored everything. If not, it must have said so; and what it did restore is right.
fn restores(place: &Place, root_of: &Snapshot<'_>, target: &Path) -> Result<bool> {
    let storage = block_on(async { place.open() })?.storage;
    let restored = Client::new(storage, 9)
        .open()
        .map_err(anyhow::Error::from)
        .and_then(|other| Ok(restore_to(&other, root_of.root, root_of.tree, target)?));
    let noticed = match &restored {
        Ok(restored) => !restored.problems.is_empty(),
        Err(_) => true,
    };
    let differences = if target.exists() {
        tree_differences(root_of.tree, target, Compared::default())?
    } else {
        vec!["nothing was restored".to_owned()]
    };
    ensure!(differences.is_empty() || noticed, "restored as if it were right: {differences:?}");
    for file in fs::read_dir(root_of.tree)? {
        let name = file?.file_name();
        let (Ok(right), Ok(restored)) =
            (fs::read(root_of.tree.join(&name)), fs::read(target.join(&name)))
        else {
            continue;
        };
        let wrong = right.iter().zip(&restored).filter(|(a, b)| a != b && **b != 0).count();
        ensure!(wrong == 0, "{} has {wrong} wrong bytes", name.display());
    }
    if target.exists() {
        fs::remove_dir_all(target)?;
    }
    Ok(differences.is_empty())
}

struct Snapshot<'a> {
    tree: &'a Path,
    root: heirloom_engine::id::NodeId,
}

fn lies() -> [ProxyFault; 6] {
    [
        ProxyFault::FlipAnswer { position: 20_000 },
        ProxyFault::FlipAnswer { position: -20 },
        ProxyFault::ZeroAnswer { keep: 900 },
        ProxyFault::ShortAnswer { keep: 900 },
        ProxyFault::CutAnswer { after: 900 },
        ProxyFault::WrongLength { announce: 2_000_000 },
    ]
}

fn check_liar(place: &Place, proxy: &Proxy) -> Result<()> {
    let folder = scratch_folder()?;
    let (tree, target) = (folder.path().join("tree"), folder.path().join("target"));
    make_tree(&tree)?;
    let storage = block_on(async { place.open() })?.storage;
    let done = back_up(&Client::new(storage, 1).init()?, &tree)?;
    let snapshot = Snapshot { tree: &tree, root: done.root() };
    ensure!(restores(place, &snapshot, &target)?, "not even without lies");
    let hasty = place.clone().option("retries", "0");
    for fault in lies() {
        for kind in ["/packs/", "/index/", "/keys/", "heirloom.json"] {
            proxy.heal();
            let concerned =
                move |asked: &Exchange| asked.method == "GET" && asked.path.contains(kind);
            proxy.inject(fault.clone(), Times::Always, concerned);
            let all = restores(&hasty, &snapshot, &target)
                .with_context(|| format!("{fault:?} on {kind}"))?;
            // Of an answer that is announced too long, all may be there.
            let harmless = matches!(fault, ProxyFault::WrongLength { .. });
            ensure!(kind != "/packs/" || !all || harmless, "{fault:?} on {kind} struck nothing");
        }
    }
    proxy.heal();
    ensure!(restores(place, &snapshot, &target)?, "the lies left something behind");
    Ok(())
}

#[test]
fn lies_of_an_s3_store_are_never_restored() -> Result<()> {
    let line = s3_line()?;
    check_liar(&line.place, &line.proxy)
}

#[test]
fn lies_of_a_webdav_store_are_never_restored() -> Result<()> {
    let line = dav_line()?;
    check_liar(&line.place, &line.proxy)
}

/// The server keeps a beginning of a pack and says that all is well. It is asked what arrived, and the pack is sent again.
#[test]
fn a_torn_upload_is_noticed_and_sent_again() -> Result<()> {
    let line = dav_line()?;
    let folder = scratch_folder()?;
    let (tree, target) = (folder.path().join("tree"), folder.path().join("target"));
    make_tree(&tree)?;
    let open = || Ok::<_, anyhow::Error>(block_on(async { line.place.open() })?.storage);
    let client = Client::new(open()?, 1);
    client.init()?;
    // Its packs go to a folder that is there already, so that the first upload is one.
    let before = folder.path().join("before");
    fs::create_dir(&before)?;
    fs::write(before.join("file"), Random::new(6).bytes(100_000))?;
    back_up(&client.open()?, &before)?;
    client.wait(60);
    let is_pack = |asked: &Exchange| asked.method == "PUT" && asked.path.contains("/packs/");
    line.proxy.inject(ProxyFault::TearUpload { keep: 5000 }, Times::First(1), is_pack);
    line.proxy.forget_log();
    let done = back_up(&client.open()?, &tree)?;
    line.proxy.heal();
    let mut packs: Vec<_> =
        line.proxy.log().into_iter().filter(is_pack).map(|asked| asked.path).collect();
    let sent = packs.len();
    packs.sort();
    packs.dedup();
    ensure!(packs.len() < sent, "no pack was sent twice: {packs:?}");
    let snapshot = Snapshot { tree: &tree, root: done.root() };
    ensure!(restores(&line.place, &snapshot, &target)?, "the snapshot stands on a torn pack");
    Ok(())
}
