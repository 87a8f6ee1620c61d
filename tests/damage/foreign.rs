//! Objects that do not belong into a repository's folders.

use std::sync::Arc;

use anyhow::Result;
use heirloom_kit::{Client, Random, back_up};

use crate::specimen::Specimen;

/// Names that no object of a repository has.
const ODD: &[&str] = &[
    "notes.txt",
    "condemned/readme.waits",
    "fences/readme",
    "fences/0123.4567",
    "index/readme",
    "index/00112233445566778899aabbccddeeff",
    "index/00112233445566778899aabbccddeeff.007",
    "keys/readme",
    "packs/readme",
    "packs/00112233445566778899aabbccddeeff",
    "sessions/readme",
    "snapshots/readme",
    "snapshots/00112233445566778899aabbccddeeff.old",
    "tombstones/readme",
];

/// Names that an object could have.
const FITTING: &[&str] = &[
    "condemned/1",
    "fences/00112233445566778899aabbccddeeff.00112233445566778899aabbccddeeff",
    "index/00112233445566778899aabbccddeeff.0",
    "keys/00112233445566778899aabbccddeeff",
    "keys/00112233445566778899aabbccddeeff.note",
    "packs/00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
    "sessions/00112233445566778899aabbccddeeff",
    "snapshots/00112233445566778899aabbccddeeff",
    "tombstones/00112233445566778899aabbccddeeff",
];

#[test]
fn foreign_objects_in_any_folder_stop_neither_a_restore_nor_a_backup() -> Result<()> {
    let specimen = Specimen::two(1)?;
    for bytes in [Vec::new(), b"hello".to_vec(), Random::new(1).bytes(5000)] {
        let store = specimen.store().copy();
        for name in ODD.iter().chain(FITTING) {
            store.set(name, bytes.clone());
        }
        let outcome = specimen.examine(&store)?;
        assert_eq!(outcome.whole.len(), 2, "{:?}", outcome.said);
        let repository = Client::new(Arc::clone(&store) as _, 2).open()?;
        let done = back_up(&repository, &specimen.lab.tree)?;
        let kept = ODD.iter().chain(FITTING).all(|name| store.get(name).is_some());
        assert!(kept, "a foreign object was removed");
        assert!(done.report.snapshot.is_some());
    }
    Ok(())
}

#[test]
fn every_foreign_object_is_reported_once_somebody_asks() -> Result<()> {
    let specimen = Specimen::two(2)?;
    for name in ODD {
        specimen.store().set(name, b"hello".to_vec());
    }
    let repository = Client::new(specimen.lab.storage(), 2).open()?;
    let reported: Vec<_> = repository.foreign_objects()?.iter().map(ToString::to_string).collect();
    for name in ODD {
        let wanted = format!("{name} is not part of the repository");
        assert!(reported.contains(&wanted), "{name} is missing in {reported:?}");
    }
    assert_eq!(reported.len(), ODD.len());
    Ok(())
}

#[test]
fn foreign_objects_are_reported_by_the_operations_that_meet_them() -> Result<()> {
    let specimen = Specimen::two(3)?;
    let met = |folder: &'static str| ODD.iter().filter(move |name| name.starts_with(folder));
    for name in ODD {
        specimen.store().set(name, b"hello".to_vec());
    }
    let repository = Client::new(specimen.lab.storage(), 2).open()?;
    let listed: Vec<_> = repository.snapshots()?.problems.iter().map(ToString::to_string).collect();
    for name in met("snapshots/").chain(met("tombstones/")).chain(met("fences/")) {
        assert!(listed.iter().any(|said| said.contains(name)), "{name}: {listed:?}");
    }
    let done = back_up(&repository, &specimen.lab.tree)?;
    for name in met("index/") {
        assert!(done.problems.iter().any(|said| said.contains(name)), "{:?}", done.problems);
    }
    Ok(())
}
