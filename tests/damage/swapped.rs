//! Objects under each other's names, within a repository and between two.

use anyhow::{Context as _, Result};
use bytes::Bytes;

use crate::specimen::Specimen;

fn objects(specimen: &Specimen) -> Vec<(String, Bytes)> {
    let store = specimen.store();
    store.names().into_iter().filter_map(|name| Some((name.clone(), store.get(&name)?))).collect()
}

#[test]
fn two_objects_that_changed_places_do_no_harm() -> Result<()> {
    let specimen = Specimen::two(1)?;
    let objects = objects(&specimen);
    for (number, (a, bytes_of_a)) in objects.iter().enumerate() {
        for (b, bytes_of_b) in &objects[..number] {
            let store = specimen.store().copy();
            store.set(a, bytes_of_b.clone());
            store.set(b, bytes_of_a.clone());
            let outcome = specimen.examine(&store).with_context(|| format!("{a} and {b}"))?;
            let harmless = [a, b].iter().all(|name| name.contains(".note"));
            assert!(outcome.noticed || harmless || is_index(a) || is_index(b), "{a} and {b}");
        }
    }
    Ok(())
}

/// A lost or damaged segment is made up for from the packs.
fn is_index(name: &str) -> bool {
    name.starts_with("index/")
}

#[test]
fn an_object_of_another_repository_does_no_harm() -> Result<()> {
    let (specimen, other) = (Specimen::two(2)?, Specimen::two(3)?);
    for (own, _) in objects(&specimen) {
        for (name, bytes) in objects(&other) {
            let store = specimen.store().copy();
            store.set(&own, bytes);
            specimen.examine(&store).with_context(|| format!("{own} is foreign {name}"))?;
        }
    }
    Ok(())
}

#[test]
fn all_objects_of_another_repository_beside_the_own_ones_do_no_harm() -> Result<()> {
    let (specimen, other) = (Specimen::two(4)?, Specimen::two(5)?);
    let store = specimen.store().copy();
    for (name, bytes) in objects(&other) {
        if name != "heirloom.json" {
            store.set(&name, bytes);
        }
    }
    let outcome = specimen.examine(&store)?;
    assert_eq!(outcome.whole.len(), 2, "{:?}", outcome.said);
    for foreign in other.snapshots.keys() {
        let name = format!("snapshots/{foreign} is damaged");
        assert!(outcome.said.contains(&name), "{name} is missing in {:?}", outcome.said);
    }
    Ok(())
}

#[test]
fn an_object_under_another_name_of_its_kind_does_no_harm() -> Result<()> {
    let specimen = Specimen::two(6)?;
    for (name, bytes) in objects(&specimen) {
        let Some((folder, rest)) = name.split_once('/') else { continue };
        // Another first digit: a name of the right form.
        let digit = if rest.starts_with('0') { '1' } else { '0' };
        let renamed = format!("{folder}/{digit}{}", &rest[1..]);
        let store = specimen.store().copy();
        store.set(&renamed, bytes);
        let outcome = specimen.examine(&store).with_context(|| name.clone())?;
        assert_eq!(outcome.whole.len(), 2, "{renamed}: {:?}", outcome.said);
    }
    Ok(())
}
