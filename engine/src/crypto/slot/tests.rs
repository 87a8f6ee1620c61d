//! Slots made and opened in every way, and slots that a hostile store might hand out.

use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;
use crate::crypto::bundle::tests::sample;
use crate::crypto::{ExposeSecret as _, generate_identity};

/// Made for these tests; it opens nothing.
const SSH_KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACAo8jw5l9TK2j9HL9MhnKOCgJkAmow0NdMyl/Cva2/82AAAAJCaj2zfmo9s
3wAAAAtzc2gtZWQyNTUxOQAAACAo8jw5l9TK2j9HL9MhnKOCgJkAmow0NdMyl/Cva2/82A
AAAEDMzSbmqSFoAoGKWXFtUOEUHRkrCgD/EPpE/DLIBOJEnCjyPDmX1MraP0cv0yGco4KA
mQCajDQ10zKX8K9rb/zYAAAADWhlaXJsb29tLXRlc3Q=
-----END OPENSSH PRIVATE KEY-----
";
const SSH_PUBLIC: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICjyPDmX1MraP0cv0yGco4KAmQCajDQ10zKX8K9rb/zY heirloom-test";
/// Like the above, behind the passphrase "open sesame".
const LOCKED_KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABA5nYDvNV
10ogkpNUjQlcedAAAABAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIOUSKtSzPwgDbkSF
l/rWjmqDsl3HIzYBBkZsttuF8jgZAAAAkGuIs0tCmTEIpnDaVxZqpVbRpZ3PwtbL6WckLR
Pw1gU8aGHieeNn7IUJoLIC2ONOVbGkOB63MpnXuVGsnXaIb8rjc1jsq2zulhwxAQgqWFeL
Lxr9RyKreSH+X2UNwB6Mkq5aaCnk4664hmwPJTtt7OJNEHSi79efk+qZ+0EY8mySmJnof0
a6V1ZbQbmPoXeqEA==
-----END OPENSSH PRIVATE KEY-----
";
const LOCKED_PUBLIC: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOUSKtSzPwgDbkSFl/rWjmqDsl3HIzYBBkZsttuF8jgZ heirloom-test";

/// Knows the passphrase of every key file, or another one.
#[derive(Debug)]
struct Knows(&'static str);

impl Prompt for Knows {
    fn unlock(&self, _: &str) -> Option<SecretString> {
        Some(self.0.into())
    }

    fn secret(&self, _: &str) -> Option<SecretString> {
        None
    }

    fn text(&self, _: &str) -> Option<String> {
        None
    }

    fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
        None
    }

    fn message(&self, _: &str) {}
}

fn words(text: &str) -> SecretString {
    text.into()
}

fn file(text: &str) -> Credential {
    Credential::IdentityFile { text: text.into(), name: "the key".into() }
}

fn passphrase_slot() -> Vec<u8> {
    seal_bundle(&sample(), &Recipient::Passphrase(words("correct horse")), Some(2)).unwrap()
}

fn opens(slot: &[u8], credential: &Credential) -> Result<(), SlotError> {
    let bundle = open_bundle(slot, credential)?;
    assert_eq!(bundle.root.as_bytes(), sample().root.as_bytes());
    Ok(())
}

#[test]
fn a_passphrase_opens_its_slot_and_another_does_not() {
    let slot = passphrase_slot();
    assert_eq!(slot_kind(&slot), Ok(SlotKind::Passphrase));
    assert_eq!(opens(&slot, &Credential::Passphrase(words("correct horse"))), Ok(()));
    let wrong = opens(&slot, &Credential::Passphrase(words("correct house")));
    assert_eq!(wrong, Err(SlotError::WrongKey));
}

#[test]
fn an_identity_opens_its_slot_and_another_does_not() {
    let (secret, recipient) = generate_identity();
    let slot = seal_bundle(&sample(), &Recipient::Age(recipient), None).unwrap();
    assert_eq!(slot_kind(&slot), Ok(SlotKind::Identity));
    assert_eq!(opens(&slot, &file(secret.expose_secret())), Ok(()));
    let (other, _) = generate_identity();
    assert_eq!(opens(&slot, &file(other.expose_secret())), Err(SlotError::WrongKey));
}

#[test]
fn an_identity_file_may_hold_comments_blanks_and_several_keys() {
    let (secret, recipient) = generate_identity();
    let (other, _) = generate_identity();
    let (secret, other) = (secret.expose_secret(), other.expose_secret());
    let text = format!("# made by me\r\n\n{other}\n  # mine:\n  {secret} \r\n\n");
    let slot = seal_bundle(&sample(), &Recipient::Age(format!(" {recipient}\n")), None).unwrap();
    assert_eq!(opens(&slot, &file(&text)), Ok(()));
}

#[test]
fn an_ssh_key_opens_its_slot() {
    let slot = seal_bundle(&sample(), &Recipient::Ssh(SSH_PUBLIC.into()), None).unwrap();
    assert_eq!(slot_kind(&slot), Ok(SlotKind::Ssh));
    assert_eq!(opens(&slot, &file(SSH_KEY)), Ok(()));
    let other = seal_bundle(&sample(), &Recipient::Ssh(LOCKED_PUBLIC.into()), None).unwrap();
    assert_eq!(opens(&other, &file(SSH_KEY)), Err(SlotError::WrongKey));
}

#[test]
fn a_locked_ssh_key_asks_for_its_passphrase() {
    let slot = seal_bundle(&sample(), &Recipient::Ssh(LOCKED_PUBLIC.into()), None).unwrap();
    let locked = SlotError::KeyFileLocked { file: "the key".into() };
    assert_eq!(opens(&slot, &file(LOCKED_KEY)), Err(locked));
    let bundle = open_bundle_with(&slot, &file(LOCKED_KEY), Arc::new(Knows("open sesame")));
    assert_eq!(bundle.unwrap().root.as_bytes(), sample().root.as_bytes());
    let refused = open_bundle_with(&slot, &file(LOCKED_KEY), Arc::new(Knows("open barley")));
    assert_eq!(refused.unwrap_err(), SlotError::KeyFilePassphrase { file: "the key".into() });
}

#[test]
fn a_locked_ssh_key_asks_nothing_for_a_slot_of_another_key() {
    let slot = seal_bundle(&sample(), &Recipient::Ssh(SSH_PUBLIC.into()), None).unwrap();
    assert_eq!(opens(&slot, &file(LOCKED_KEY)), Err(SlotError::WrongKey));
}

#[test]
fn credentials_of_another_kind_than_the_slot_do_not_fit() {
    let (secret, recipient) = generate_identity();
    let sealed = seal_bundle(&sample(), &Recipient::Age(recipient), None).unwrap();
    let by_words = Credential::Passphrase(words("correct horse"));
    assert_eq!(opens(&sealed, &by_words), Err(SlotError::WrongKey));
    let by_file = file(secret.expose_secret());
    assert_eq!(opens(&passphrase_slot(), &by_file), Err(SlotError::WrongKey));
}

#[test]
fn files_without_a_usable_key_are_named() {
    let (_, recipient) = generate_identity();
    let slot = seal_bundle(&sample(), &Recipient::Age(recipient), None).unwrap();
    let unusable = SlotError::KeyFileUnusable { file: "the key".into() };
    let header = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----";
    for text in ["", "# nothing\n", "secret words", "AGE-SECRET-KEY-1", "-----BEGIN", header] {
        assert_eq!(opens(&slot, &file(text)), Err(unusable.clone()), "{text}");
    }
}

#[test]
fn things_that_are_no_recipients_are_refused() {
    for text in ["", "age1", "AGE-SECRET-KEY-1", "ssh-ed25519 AAAA"] {
        for recipient in [Recipient::Age(text.into()), Recipient::Ssh(text.into())] {
            let result = seal_bundle(&sample(), &recipient, None);
            assert_eq!(result, Err(SlotError::Recipient { recipient: text.into() }));
        }
    }
}

#[test]
fn a_plugin_that_is_not_installed_is_named() {
    let (_, recipient) = generate_identity();
    let slot = seal_bundle(&sample(), &Recipient::Age(recipient), None).unwrap();
    let identity = plugin::Identity::default_for_plugin("heirloom-test-nowhere").to_string();
    let missing = SlotError::PluginMissing { program: "age-plugin-heirloom-test-nowhere".into() };
    assert_eq!(opens(&slot, &file(&identity)), Err(missing));
}

#[test]
fn work_factors_that_could_not_be_opened_are_not_written() {
    let recipient = Recipient::Passphrase(words("correct horse"));
    for given in [0, 21, 64, 255] {
        let result = seal_bundle(&sample(), &recipient, Some(given));
        assert_eq!(result, Err(SlotError::WorkFactor { given }));
    }
}

#[test]
fn the_calibrated_work_factor_is_in_bounds() {
    assert!(WORK_FACTOR_WRITTEN.contains(&calibrated_work_factor()));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "measures real work")]
fn a_hostile_work_factor_is_refused_before_any_work() {
    let begin = SystemTime::now();
    let slot = passphrase_slot();
    let text = String::from_utf8_lossy(slot.get(..60).unwrap()).into_owned();
    let line_end = text.find(" 2\n").unwrap() + 1;
    for required in [21_u8, 63, 64, 255] {
        let mut hostile = slot.clone();
        hostile.splice(line_end..=line_end, required.to_string().into_bytes());
        let result = opens(&hostile, &Credential::Passphrase(words("correct horse")));
        assert_eq!(result, Err(SlotError::ExcessiveWork { required }));
    }
    let elapsed = SystemTime::now().duration_since(begin).unwrap();
    assert!(elapsed < Duration::from_secs(5), "{elapsed:?}");
}

#[test]
fn a_slot_that_is_too_large_or_too_new_is_refused() {
    let any = Credential::Passphrase(words("correct horse"));
    let mut large = passphrase_slot();
    large.resize(SLOT_BYTES_MAX + 1, 0);
    assert_eq!(opens(&large, &any), Err(SlotError::Damaged));
    let newer = b"age-encryption.org/v9\n-> scrypt\n";
    assert_eq!(opens(newer, &any), Err(SlotError::Newer));
    assert_eq!(slot_kind(newer), Err(SlotError::Damaged));
}

#[test]
fn no_slot_opens_when_a_byte_is_changed_or_the_end_is_missing() {
    let (secret, recipient) = generate_identity();
    let slot = seal_bundle(&sample(), &Recipient::Age(recipient), None).unwrap();
    let credential = file(secret.expose_secret());
    for end in 0..slot.len() {
        assert!(open_bundle(&slot[..end], &credential).is_err(), "cut at {end}");
    }
    for offset in 0..slot.len() {
        let mut damaged = slot.clone();
        damaged[offset] ^= 1;
        assert!(open_bundle(&damaged, &credential).is_err(), "changed at {offset}");
    }
}

#[test]
fn credentials_and_recipients_do_not_show_their_secrets() {
    let (secret, _) = generate_identity();
    let shown = format!(
        "{:?} {:?} {:?}",
        Credential::Passphrase(words("correct horse")),
        file(secret.expose_secret()),
        Recipient::Passphrase(words("correct horse")),
    );
    assert!(!shown.contains("correct") && !shown.contains("AGE-SECRET"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn reading_a_slot_survives_any_input(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        header in "(age-encryption.org/v1\n)?(-> [ -~]{0,20}\n([A-Za-z0-9+/]{0,64}\n){0,2}){0,3}(--- )?",
    ) {
        let any = Credential::Passphrase(words("correct horse"));
        drop(slot_kind(&bytes));
        drop(open_bundle(&bytes, &any));
        drop(slot_kind(header.as_bytes()));
        drop(open_bundle(header.as_bytes(), &any));
    }

    #[test]
    fn reading_a_key_file_survives_any_input(text in "(-----BEGIN OPENSSH PRIVATE KEY-----\n)?[ -~\n]{0,200}") {
        drop(open_bundle(b"age-encryption.org/v1\n", &file(&text)));
    }
}
