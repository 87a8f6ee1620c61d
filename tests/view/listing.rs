//! Listings that are taken up again where they ended.

use std::fs;

use anyhow::{Context as _, Result};
use heirloom_engine::tree::{Entry, key_from_path};
use heirloom_engine::view::Depth;
use heirloom_kit::Lab;

use crate::scene::reader;

#[test]
fn a_listing_goes_on_behind_any_of_its_entries() -> Result<()> {
    let lab = Lab::new(1)?;
    for n in 0..300 {
        let folder = lab.tree.join(format!("{n:03}"));
        fs::create_dir(&folder)?;
        fs::write(folder.join("below"), "x")?;
        fs::write(lab.tree.join(format!("{n:03}.txt")), "x")?;
    }
    let root = lab.back_up()?.root();
    let reader = reader(&lab.client)?;
    let (view, key) = (reader.view(root), key_from_path(&lab.tree));
    for depth in [Depth::Children, Depth::All] {
        let list = |last: &[u8], at_most: usize| {
            let mut found = Vec::new();
            let keep = &mut |key: &[u8], _: &Entry| {
                found.push(key.to_vec());
                found.len() < at_most
            };
            view.list_after((&key, last), depth, keep, &mut |problem| panic!("{problem}"));
            found
        };
        let whole = list(&key, usize::MAX);
        assert_eq!(whole.len(), if depth == Depth::Children { 600 } else { 900 });
        for (n, last) in whole.iter().enumerate() {
            assert_eq!(list(last, 3), whole[n + 1..whole.len().min(n + 4)]);
        }
    }
    Ok(())
}

#[test]
fn sums_of_a_folder_are_those_of_its_files() -> Result<()> {
    let lab = Lab::new(2)?;
    for n in 0..2000_usize {
        let folder = lab.tree.join(format!("{}/{}", n % 7, n % 3));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(n.to_string()), "x".repeat(n))?;
    }
    let root = lab.back_up()?.root();
    let reader = reader(&lab.client)?;
    let of_three = (0..2000_u64).filter(|n| n % 7 == 3);
    let totals = reader.view(root).totals(&key_from_path(&lab.tree.join("3")))?;
    assert_eq!(totals.bytes, of_three.clone().sum::<u64>());
    assert_eq!(totals.entries, of_three.count() as u64 + 3 + 1);
    let one = lab.tree.join("3/0/3");
    assert_eq!(reader.view(root).totals(&key_from_path(&one))?.entries, 1);
    reader.view(root).entry(&key_from_path(&one))?.context("the file")?;
    Ok(())
}
