//! The real program where keys of encrypted chat backups are kept, shown, copied and removed.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const IDENTITY: &str = include_str!("transcripts/keys.in/identity.txt");
const RECIPIENT: &str = "age12l06gz28stqrhcpl6nhmmhxp9jqg85xjpl3m7r3q5ad9yycvnums24kup7";
const DIGITS: &str = "6730a595a1484d0c39c101dc0ac82ec5e401bb6f0e1b8ee2dc104a6b3687f017";
const GROUPS: &str =
    "6730 a595 a148 4d0c 39c1 01dc 0ac8 2ec5 e401 bb6f 0e1b 8ee2 dc10 4a6b 3687 f017";
const KEY_FILE: &[u8] = include_bytes!("transcripts/chats-key.in/key");

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(TempDir::new().expect("a folder"));
        fs::write(place.path("identity.txt"), IDENTITY).expect("the disk is there");
        fs::write(place.path("key"), KEY_FILE).expect("the disk is there");
        place.succeeds(&["init", "--recovery-key", "none", "--recipient", RECIPIENT]);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_heirloom"));
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env_clear()
            .env("HOME", self.0.path())
            .env("TZ", "UTC")
            .env("USER", "me")
            .env("HEIRLOOM_REPOSITORY", "repository")
            .env("HEIRLOOM_CACHE_DIR", "cache")
            .env("HEIRLOOM_IDENTITY_FILE", "identity.txt");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program runs")
    }

    fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program runs");
        child.stdin.take().expect("a pipe").write_all(input).expect("it reads");
        child.wait_with_output().expect("it ends")
    }

    fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", words(&output));
        String::from_utf8(output.stdout).expect("text")
    }

    /// The first eight digits of the keys that are kept, the oldest first.
    fn ids(&self) -> Vec<String> {
        let table = self.succeeds(&["chats", "key", "list"]);
        table.lines().skip(1).map(|line| line.chars().take(8).collect()).collect()
    }
}

fn words(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("the program was not killed")
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_key_comes_in_by_standard_input_and_goes_out_as_digits_or_as_the_phones_file() {
    let place = Place::new();
    let added = place.run_with_input(&["chats", "key", "add", "-"], GROUPS.as_bytes());
    assert_eq!(code(&added), 0, "{}", words(&added));
    assert_eq!(place.succeeds(&["chats", "key", "show"]), format!("{GROUPS}\n"));
    place.succeeds(&["chats", "key", "show", "--target", "encrypted_backup.key"]);
    let file = fs::read(place.path("encrypted_backup.key")).expect("written");
    assert_eq!(file.len(), 59);
    let rights = fs::metadata(place.path("encrypted_backup.key")).expect("there").permissions();
    assert_eq!(rights.mode() & 0o777, 0o600);
    let again = place.run(&["chats", "key", "add", "encrypted_backup.key"]);
    assert_eq!(code(&again), 7, "{}", words(&again));
    let refused = place.run(&["chats", "key", "show", "--target", "encrypted_backup.key"]);
    assert_eq!(code(&refused), 1, "{}", words(&refused));
    assert_eq!(fs::read(place.path("encrypted_backup.key")).expect("there"), file);
}

#[test]
fn a_key_file_has_no_digits_and_is_written_as_it_was() {
    let place = Place::new();
    place.succeeds(&["chats", "key", "add", "key"]);
    let refused = place.run(&["chats", "key", "show"]);
    assert_eq!(code(&refused), 2, "{}", words(&refused));
    assert!(words(&refused).contains("--target FILE"), "{}", words(&refused));
    place.succeeds(&["chats", "key", "show", "--target", "again"]);
    assert_eq!(fs::read(place.path("again")).expect("written"), KEY_FILE);
}

#[test]
fn a_key_that_is_removed_is_gone_and_one_that_cannot_be_read_goes_too() {
    let place = Place::new();
    place.succeeds(&["chats", "key", "add", "key"]);
    fs::write(place.path("digits"), DIGITS).expect("the disk is there");
    place.succeeds(&["chats", "key", "add", "digits"]);
    let ids = place.ids();
    assert_eq!(ids.len(), 2);
    place.succeeds(&["chats", "key", "remove", "--yes", &ids[0]]);
    assert_eq!(place.ids(), ids[1..]);
    let object = files(&place.path("repository/secrets")).remove(0);
    fs::set_permissions(&object, fs::Permissions::from_mode(0o644)).expect("ours");
    let mut bytes = fs::read(&object).expect("there");
    bytes[1300] ^= 1;
    fs::write(&object, bytes).expect("ours");
    let list = place.run(&["chats", "key", "list"]);
    assert_eq!(code(&list), 4, "{}", words(&list));
    assert!(words(&list).contains("was passed over"), "{}", words(&list));
    assert_eq!(code(&place.run(&["check"])), 5);
    place.succeeds(&["chats", "key", "remove", "--yes", &ids[1]]);
    place.succeeds(&["check"]);
    assert!(place.ids().is_empty());
}

#[test]
fn nobody_is_asked_where_there_is_no_terminal() {
    let place = Place::new();
    let mut command = Command::new("setsid");
    command.args(["--wait", env!("CARGO_BIN_EXE_heirloom"), "chats", "key", "add"]);
    command.current_dir(place.0.path()).env("HEIRLOOM_REPOSITORY", "repository");
    command.env("HEIRLOOM_IDENTITY_FILE", "identity.txt").stdin(Stdio::null());
    let refused = command.output().expect("setsid is part of every Linux");
    assert_eq!(code(&refused), 18, "{}", words(&refused));
    assert!(words(&refused).contains("- for standard input"), "{}", words(&refused));
}

#[test]
fn a_copy_takes_the_keys_along_once() {
    let place = Place::new();
    place.succeeds(&["chats", "key", "add", "key"]);
    place.succeeds(&["snapshot", "key"]);
    let init = ["-r", "other", "init", "--recovery-key", "none", "--recipient", RECIPIENT];
    place.succeeds(&init);
    let copy = ["copy", "--to", "other", "--to-identity-file", "identity.txt"];
    let said = place.succeeds(&copy);
    assert!(said.contains("1 key of encrypted backups"), "{said}");
    place.succeeds(&["-r", "other", "chats", "key", "show", "--target", "copied"]);
    assert_eq!(fs::read(place.path("copied")).expect("written"), KEY_FILE);
    let again = place.run(&copy);
    assert_eq!(code(&again), 7, "{}", words(&again));
}

/// Eight bytes of the key in a row, in any spelling, would be too much.
#[test]
fn the_key_is_in_no_object_no_cache_file_and_no_words() {
    let place = Place::new();
    fs::write(place.path("digits"), DIGITS).expect("the disk is there");
    let mut said = String::new();
    for arguments in [
        &["-vvv", "chats", "key", "add", "digits"][..],
        &["-vvv", "chats", "key", "add", "key"],
        &["-vvv", "--json", "chats", "key", "add", "digits"],
        &["-vvv", "--json", "chats", "key", "list"],
        &["-vvv", "chats", "key", "list"],
        &["-vvv", "snapshot", "identity.txt"],
        &["-vvv", "check"],
        &["-vvv", "chats", "list"],
    ] {
        let output = place.run(arguments);
        said.push_str(&words(&output));
    }
    assert!(said.contains("digits") && said.len() > 500, "{said}");
    let pairs = DIGITS.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).expect("ASCII"));
    let root: Vec<u8> = pairs.map(|pair| u8::from_str_radix(pair, 16).expect("digits")).collect();
    let needles: Vec<Vec<u8>> = [&root[..], DIGITS.as_bytes(), GROUPS.as_bytes(), &KEY_FILE[126..]]
        .iter()
        .flat_map(|text| text.windows(8).filter(|part| part.windows(2).any(|two| two[0] != two[1])))
        .map(<[u8]>::to_vec)
        .collect();
    let holds =
        |bytes: &[u8]| needles.iter().any(|needle| bytes.windows(8).any(|part| part == needle));
    assert!(holds(DIGITS.as_bytes()) && !holds(b"nothing of that kind"));
    assert!(!holds(said.to_lowercase().as_bytes()), "{said}");
    let mut searched = 0;
    for folder in ["repository", "cache"] {
        for file in files(&place.path(folder)) {
            assert!(!holds(&fs::read(&file).expect("there")), "{}", file.display());
            searched += 1;
        }
    }
    assert!(searched > 8, "{searched} files");
}

#[expect(clippy::disallowed_methods, reason = "real files lie outside the project")]
fn fixtures() -> Option<PathBuf> {
    std::env::var_os("HEIRLOOM_FIXTURES").map(PathBuf::from)
}

/// Real files, where there are any.
#[test]
fn a_key_that_is_kept_opens_backups_without_being_named() {
    let Some(fixtures) = fixtures() else { return };
    let real = fixtures.join("encrypted/wa-crypt-tools");
    let place = Place::new();
    fs::create_dir(place.path("Databases")).expect("the disk is there");
    let name = "msgstore.db.crypt15";
    fs::copy(real.join(name), place.path("Databases").join(name)).expect("a fixture");
    place.succeeds(&["snapshot", "Databases"]);
    let locked = place.run(&["--json", "chats", "list"]);
    assert!(words(&locked).contains("chats.locked"), "{}", words(&locked));
    let key = real.join("encrypted_backup.key");
    place.succeeds(&["chats", "key", "add", key.to_str().expect("text")]);
    let open = place.run(&["--json", "chats", "list"]);
    assert!(!words(&open).contains("chats.locked"), "{}", words(&open));
    assert!(!words(&open).contains("chats.not-decrypted"), "{}", words(&open));
}
