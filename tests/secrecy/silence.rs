//! What is printed for programmers names no secret.

use std::fs;

use anyhow::Result;
use heirloom_engine::clock::Clock as _;
use heirloom_engine::crypto::{Bundle, Credential, Role, RootSecret, SecretString};
use heirloom_engine::repository::Repository;
use heirloom_kit::{Lab, TestClock, identity, identity_text};

/// How a secret could show up in a `Debug` output.
fn spellings(secret: &[u8]) -> Vec<String> {
    let digits = secret.iter().map(|byte| format!("{byte:02x}"));
    let hex = digits.collect::<Vec<_>>().concat();
    let list = format!("{secret:?}");
    // Half of it is as bad as all of it.
    let list = list[1..list.len() / 2].to_owned();
    vec![hex[..hex.len() / 2].to_owned(), hex[..hex.len() / 2].to_uppercase(), list]
}

fn assert_silent(printed: &str, secret: &[u8], what: &str) {
    for spelling in spellings(secret) {
        assert!(!printed.contains(&spelling), "{what} is printed: {printed}");
    }
}

#[test]
fn nothing_that_holds_keys_prints_them() -> Result<()> {
    let clock = TestClock::fixed(12_345);
    let root = RootSecret::generate(&clock);
    let lab = Lab::new(1)?;
    fs::write(lab.tree.join("file"), b"content")?;
    lab.back_up()?;
    let keys = lab.repository.keys();
    let session_key = keys.new_session_key(lab.client.clock());
    let pack_key = session_key.pack_key(&[7; 32]);
    let bundle =
        Bundle { role: Role::Owner, repository: keys.repository(), root, pack_bytes: 1 << 20 };
    let printed = [
        format!("{keys:?} {keys:#?}"),
        format!("{session_key:?} {pack_key:?}"),
        format!("{bundle:?} {:?}", bundle.root),
        format!("{:?} {:#?}", lab.repository, lab.client),
    ]
    .join("\n");
    assert_silent(&printed, bundle.root.as_bytes(), "the root secret");
    assert_silent(&printed, &keys.cache_key(), "the cache key");
    let gear = keys.gear()[..4].iter().map(|value| format!("{value:?}")).collect::<Vec<_>>();
    assert!(!gear.iter().any(|value| printed.contains(value)), "the chunker table is printed");
    assert!(clock.now_ns() > 0);
    Ok(())
}

#[test]
fn credentials_and_errors_about_them_print_no_secret() -> Result<()> {
    let lab = Lab::new(2)?;
    let passphrase = "a passphrase that fits nothing";
    let wrong = [
        Credential::Passphrase(SecretString::from(passphrase.to_owned())),
        Credential::IdentityFile {
            text: SecretString::from(format!("{}X", identity_text())),
            name: "bad identity".into(),
        },
    ];
    let mut printed = format!("{wrong:?} {:?}", identity());
    for credential in wrong {
        let context = lab.client.context().clone();
        let refused = Repository::open(lab.storage(), &[credential], context);
        let Err(error) = refused else { anyhow::bail!("opened by a wrong key") };
        printed = format!("{printed} {error} {error:?} {error:#?}");
    }
    assert!(!printed.contains(passphrase), "{printed}");
    let key = &identity_text()[..30];
    assert!(!printed.contains(key) && !printed.contains(&key.to_lowercase()), "{printed}");
    Ok(())
}
