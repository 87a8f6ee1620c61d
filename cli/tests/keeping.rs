//! The real program where policies are damaged, replayed or doubled.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const IDENTITY: &str = include_str!("transcripts/keys.in/identity.txt");
const RECIPIENT: &str = "age12l06gz28stqrhcpl6nhmmhxp9jqg85xjpl3m7r3q5ad9yycvnums24kup7";

struct Place(TempDir);

impl Place {
    /// A repository with three snapshots of three days.
    fn new() -> Self {
        let place = Self(TempDir::new().expect("a folder"));
        fs::write(place.path("identity.txt"), IDENTITY).expect("the disk is there");
        fs::create_dir(place.path("documents")).expect("the disk is there");
        fs::write(place.path("documents/list"), b"list").expect("the disk is there");
        place.succeeds(&["init", "--recovery-key", "none", "--recipient", RECIPIENT]);
        for day in 1..4 {
            let time = format!("2026-11-0{day}T12:00:00Z");
            place.succeeds(&["snapshot", "documents", "--host", "desk", "--time", &time]);
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_heirloom"))
            .args(arguments)
            .current_dir(self.0.path())
            .env_clear()
            .env("HOME", self.0.path())
            .env("TZ", "UTC")
            .env("USER", "me")
            .env("HEIRLOOM_REPOSITORY", "repository")
            .env("HEIRLOOM_IDENTITY_FILE", "identity.txt")
            .env("HEIRLOOM_CACHE_DIR", "cache")
            .output()
            .expect("the program starts")
    }

    /// What it says on standard output and standard error.
    fn ends_with(&self, code: i32, arguments: &[&str]) -> (String, String) {
        let Output { status, stdout, stderr } = self.run(arguments);
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let (stdout, stderr) = (text(stdout), text(stderr));
        assert_eq!(status.code(), Some(code), "{arguments:?}\n{stdout}\n{stderr}");
        (stdout, stderr)
    }

    fn succeeds(&self, arguments: &[&str]) -> String {
        self.ends_with(0, arguments).0
    }

    fn policies(&self) -> Vec<PathBuf> {
        let folder = fs::read_dir(self.path("repository/policies")).into_iter().flatten();
        let mut files: Vec<PathBuf> = folder.map(|entry| entry.expect("readable").path()).collect();
        files.sort();
        files
    }

    fn snapshots(&self) -> usize {
        let listed = self.succeeds(&["--json", "snapshots"]);
        listed.matches("\"snapshot.found\"").count()
    }
}

fn id_of(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

#[test]
fn a_damaged_policy_stops_all_stored_ones_and_can_be_taken_away() {
    let place = Place::new();
    place.succeeds(&["policy", "set", "--host", "desk", "--keep-last", "3"]);
    let lost = place.policies().remove(0);
    place.succeeds(&["policy", "set", "--keep-last", "1", "--max-drop", "100%"]);
    let mut bytes = fs::read(&lost).expect("it is there");
    bytes[60] ^= 1;
    fs::write(&lost, bytes).expect("the disk is there");

    let (_, said) = place.ends_with(5, &["forget"]);
    assert!(said.contains(&format!("policies/{} was passed over", id_of(&lost))), "{said}");
    assert!(said.contains("policy remove"), "{said}");
    let (said, _) = place.ends_with(5, &["--json", "forget"]);
    assert!(said.contains("\"id\":\"damage\""), "{said}");
    assert_eq!(place.snapshots(), 3);
    let (shown, _) = place.ends_with(5, &["policy", "show"]);
    assert!(shown.contains("cannot be read") && shown.contains("keeps last 1"), "{shown}");
    // Rules on the command line need no stored ones.
    place.succeeds(&["forget", "--keep-last", "2"]);
    assert_eq!(place.snapshots(), 2);

    let digits: String = id_of(&lost).chars().take(8).collect();
    place.succeeds(&["policy", "remove", &digits]);
    place.succeeds(&["policy", "show"]);
    place.succeeds(&["forget"]);
    assert_eq!(place.snapshots(), 1);
}

#[test]
fn a_policy_that_is_replayed_under_another_name_is_damage() {
    let place = Place::new();
    place.succeeds(&["policy", "set", "--keep-last", "1"]);
    let old = place.policies().remove(0);
    let bytes = fs::read(&old).expect("it is there");
    place.succeeds(&["policy", "set", "--keep-last", "3"]);
    let new = place.policies().remove(0);
    let replayed = old.with_file_name("00112233445566778899aabbccddeeff");
    fs::write(&replayed, &bytes).expect("the disk is there");
    place.ends_with(5, &["forget"]);
    // In place of the new one.
    fs::remove_file(&replayed).expect("it is there");
    fs::write(&new, &bytes).expect("the disk is there");
    place.ends_with(5, &["forget"]);
    assert_eq!(place.snapshots(), 3);
}

#[test]
fn a_policy_that_comes_back_under_its_own_name_stays_replaced() {
    let place = Place::new();
    place.succeeds(&["policy", "set", "--keep-last", "1", "--max-drop", "100%"]);
    let old = place.policies().remove(0);
    let bytes = fs::read(&old).expect("it is there");
    place.succeeds(&["policy", "set", "--keep-last", "2"]);
    fs::write(&old, &bytes).expect("the disk is there");
    let shown = place.succeeds(&["policy", "show"]);
    assert!(shown.contains("does not count: another one replaced it"), "{shown}");
    place.succeeds(&["forget"]);
    assert_eq!(place.snapshots(), 2);
}

#[test]
fn of_two_policies_for_one_scope_the_newer_decides_and_the_other_is_shown() {
    let place = Place::new();
    // Both machines looked before the other had written.
    place.succeeds(&["policy", "set", "--keep-last", "1", "--max-drop", "100%"]);
    let first = place.policies().remove(0);
    let bytes = fs::read(&first).expect("it is there");
    fs::remove_file(&first).expect("it is there");
    place.succeeds(&["policy", "set", "--keep-last", "2"]);
    fs::write(&first, &bytes).expect("the disk is there");
    let shown = place.succeeds(&["policy", "show"]);
    assert!(shown.contains("does not count: there is a newer one for the same"), "{shown}");
    place.succeeds(&["forget"]);
    assert_eq!(place.snapshots(), 2);
    let said = place.succeeds(&["policy", "set", "--keep-last", "5"]);
    assert!(said.contains("in place of"), "{said}");
    assert_eq!(place.policies().len(), 1);
    place.succeeds(&["policy", "set", "--label", "x", "--keep-last", "5"]);
    let (_, said) = place.ends_with(1, &["policy", "remove", ""]);
    assert!(said.contains("there is no policy"), "{said}");
    place.succeeds(&["policy", "remove"]);
    assert_eq!(place.policies().len(), 1);
}

#[test]
fn days_are_those_of_the_zone_that_is_asked_for() {
    let place = Place::new();
    for hour in ["09", "11"] {
        let time = format!("2026-11-05T{hour}:00:00Z");
        place.succeeds(&["snapshot", "documents", "--label", "z", "--time", &time]);
    }
    let one_day = ["forget", "-n", "--label", "z", "--keep-daily", "1"];
    assert!(place.succeeds(&one_day).contains("would be 1 of 2"));
    let zone = [&one_day[..], &["--time-zone", "Pacific/Kiritimati"]].concat();
    let shown = place.succeeds(&zone);
    assert!(shown.contains("2026-11-06 01:00:00  daily 2026-11-06"), "{shown}");
    let both = ["forget", "-n", "--label", "z", "--keep-daily", "2"];
    let shown = place.succeeds(&[&both[..], &["--time-zone", "Pacific/Kiritimati"]].concat());
    assert!(shown.contains("Nothing to forget"), "{shown}");
}
