//! Kept secrets.

use anyhow::{Context as _, Result};
use heirloom_engine::copy;
use heirloom_engine::error::{FormatError, Problem};
use heirloom_engine::id::SecretId;
use heirloom_engine::repository::{Repository, RepositoryError};
use heirloom_engine::secrets::Keeping;
use heirloom_engine::snapshot::{SECRET_BYTES_MAX, secret_name};
use heirloom_kit::{Client, CollectedProgress, Lab};

use crate::{demand, saying};

const KIND: &str = "chats.key";

fn keep(repository: &Repository, value: &[u8]) -> Result<SecretId> {
    match repository.keep_secret(KIND, value, &saying(""))? {
        Keeping::Kept(id) => Ok(id),
        Keeping::Present(id) => anyhow::bail!("{id} was there"),
    }
}

fn values(repository: &Repository) -> Result<Vec<Vec<u8>>> {
    Ok(repository.kept_secrets()?.secrets.iter().map(|one| one.value.to_vec()).collect())
}

#[test]
fn a_secret_comes_back_on_another_machine_and_is_not_kept_twice() -> Result<()> {
    let lab = Lab::new(41)?;
    assert!(lab.repository.kept_secrets()?.secrets.is_empty());
    let first = keep(&lab.repository, b"first")?;
    let again = lab.repository.keep_secret(KIND, b"first", &saying("later"))?;
    assert_eq!(again, Keeping::Present(first));
    keep(&lab.repository, b"second")?;
    let other_kind = lab.repository.keep_secret("other", b"first", &saying(""))?;
    assert!(matches!(other_kind, Keeping::Kept(_)), "{other_kind:?}");
    let found = Client::new(lab.storage(), 42).open()?.kept_secrets()?;
    assert!(found.problems.is_empty() && found.unreadable.is_empty());
    let one = found.secrets.iter().find(|one| one.id == first).context("it")?;
    assert_eq!((one.kind.as_str(), one.value.as_slice()), (KIND, &b"first"[..]));
    assert_eq!((one.time, one.host.as_str(), one.user.as_str()), (7, "desk", "me"));
    assert_eq!(found.secrets.len(), 3);
    assert!(lab.repository.foreign_objects()?.is_empty());
    Ok(())
}

#[test]
fn what_is_removed_is_gone_and_the_others_stay() -> Result<()> {
    let lab = Lab::new(43)?;
    let first = keep(&lab.repository, b"first")?;
    keep(&lab.repository, b"second")?;
    lab.repository.remove_secret(first)?;
    assert_eq!(values(&lab.repository)?, [b"second"]);
    assert_eq!(lab.store.names_in("secrets/").len(), 1);
    Ok(())
}

#[test]
fn one_under_another_name_or_of_another_repository_is_no_secret() -> Result<()> {
    let (lab, other) = (Lab::new(44)?, Lab::new(45)?);
    let first = keep(&lab.repository, b"first")?;
    let second = keep(&lab.repository, b"second")?;
    let foreign = keep(&other.repository, b"foreign")?;
    let object = lab.store.get(&secret_name(first)).context("its object")?;
    lab.store.set(&secret_name(second), object);
    let object = other.store.get(&secret_name(foreign)).context("its object")?;
    lab.store.set(&secret_name(foreign), object);
    let found = lab.repository.kept_secrets()?;
    let kept: Vec<SecretId> = found.secrets.iter().map(|one| one.id).collect();
    assert_eq!(kept, [first]);
    let mut expected = [second, foreign];
    expected.sort();
    assert_eq!(found.unreadable, expected);
    for problem in &found.problems {
        let is_unauthentic =
            matches!(problem, Problem::ObjectDamaged { source: FormatError::Unauthentic, .. });
        assert!(is_unauthentic, "{problem:?}");
    }
    // Readable or not, it can be taken away.
    lab.repository.remove_secret(foreign)?;
    lab.repository.remove_secret(second)?;
    assert!(lab.repository.kept_secrets()?.problems.is_empty());
    Ok(())
}

#[test]
fn what_does_not_belong_there_is_named_and_left_alone() -> Result<()> {
    let lab = Lab::new(46)?;
    keep(&lab.repository, b"first")?;
    lab.store.set("secrets/notes.txt", b"x".to_vec());
    let found = lab.repository.kept_secrets()?;
    assert_eq!(found.secrets.len(), 1);
    assert!(
        matches!(found.problems.as_slice(), [Problem::ForeignObject { object }] if object == "secrets/notes.txt"),
        "{:?}",
        found.problems
    );
    Ok(())
}

#[test]
fn a_secret_that_is_too_long_is_refused_before_anything_is_written() -> Result<()> {
    let lab = Lab::new(47)?;
    let refused = lab.repository.keep_secret(KIND, &vec![1; SECRET_BYTES_MAX + 1], &saying(""));
    assert!(matches!(refused, Err(RepositoryError::SecretTooLarge { .. })), "{refused:?}");
    assert!(lab.store.names_in("secrets/").is_empty());
    keep(&lab.repository, &vec![1; SECRET_BYTES_MAX])?;
    Ok(())
}

#[test]
fn who_may_not_write_keeps_nothing_and_who_may_not_delete_removes_nothing() -> Result<()> {
    for (feature, may_keep) in [("write", false), ("delete", true)] {
        let lab = Lab::new(48)?;
        let first = keep(&lab.repository, b"first")?;
        demand(&lab, feature)?;
        let repository = Client::new(lab.storage(), 49).open()?;
        let kept = repository.keep_secret(KIND, b"second", &saying(""));
        assert_eq!(kept.is_ok(), may_keep, "{feature}");
        let removed = repository.remove_secret(first);
        assert!(matches!(removed, Err(RepositoryError::UnknownFeature { .. })), "{removed:?}");
        assert!(values(&repository)?.contains(&b"first".to_vec()));
    }
    Ok(())
}

#[test]
fn a_copy_of_a_repository_keeps_what_the_original_kept() -> Result<()> {
    let (from, to) = (Lab::new(51)?, Lab::new(52)?);
    let progress = CollectedProgress::new();
    let both = (&from.repository, &to.repository);
    assert_eq!(copy::secrets(both, &progress)?, 0);
    keep(&from.repository, b"shared")?;
    keep(&to.repository, b"shared")?;
    let damaged = keep(&from.repository, b"damaged")?;
    from.repository.keep_secret(KIND, b"new", &saying("phone of Mia"))?;
    from.store.flip(&secret_name(damaged), 1300, 1);
    assert_eq!(copy::secrets(both, &progress)?, 1);
    assert_eq!(copy::secrets(both, &progress)?, 0);
    let there = to.repository.kept_secrets()?.secrets;
    let copied = there.iter().find(|one| *one.value == b"new").context("it")?;
    assert_eq!((copied.note.as_str(), copied.host.as_str()), ("phone of Mia", "desk"));
    assert_eq!(there.len(), 2);
    let problems = progress.problems();
    assert_eq!(problems.len(), 2, "the damaged one is named each time: {problems:?}");
    Ok(())
}
