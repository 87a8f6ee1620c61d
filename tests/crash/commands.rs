//! Every command, killed at every operation; and the page that says how many points that are.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::case::{Case, Operations};
use crate::{points, prunes, repairs, settings, writers};

fn cases() -> Vec<Case> {
    [writers::cases(), prunes::cases(), repairs::cases(), settings::cases()]
        .into_iter()
        .flatten()
        .collect()
}

/// All cases of a command whose situations begin like this.
fn kill(command: &str, situation: &str) -> Result<()> {
    let is_meant = |case: &Case| case.command == command && case.situation.starts_with(situation);
    let cases: Vec<Case> = cases().into_iter().filter(is_meant).collect();
    ensure!(!cases.is_empty(), "no case of {command}");
    cases.iter().try_for_each(Case::try_all)
}

macro_rules! killed {
    ($($name:ident: $command:literal $situation:literal;)*) => {
        $(
            #[test]
            fn $name() -> Result<()> {
                kill($command, $situation)
            }
        )*
    };
}

killed! {
    snapshot_may_be_killed_anywhere: "snapshot" "";
    forget_may_be_killed_anywhere: "forget" "";
    unforget_may_be_killed_anywhere: "unforget" "";
    tag_may_be_killed_anywhere: "tag" "";
    rewrite_may_be_killed_anywhere: "rewrite --drop" "";
    copy_may_be_killed_anywhere: "copy" "";
    a_deleting_prune_may_be_killed_anywhere: "prune" "packs that";
    a_merging_prune_may_be_killed_anywhere: "prune" "small";
    a_prune_that_goes_on_may_be_killed_anywhere: "prune" "a condemned list";
    a_prune_that_meets_a_session_may_be_killed_anywhere: "prune" "a session";
    repair_index_may_be_killed_anywhere: "repair index" "";
    repair_snapshots_may_be_killed_anywhere: "repair snapshots" "";
    key_add_may_be_killed_anywhere: "key add" "";
    key_remove_may_be_killed_anywhere: "key remove" "";
    policy_set_may_be_killed_anywhere: "policy set" "";
    chats_key_add_may_be_killed_anywhere: "chats key add" "";
    chats_key_remove_may_be_killed_anywhere: "chats key remove" "";
}

fn table() -> Result<String> {
    let mut text = String::from(
        "| command | what it finds | looks | puts | deletions | points |\n|---|---|---|---|---|---|\n",
    );
    let [looks, puts, deletes, points] = points::of_init()?;
    writeln!(text, "| `init` | an empty store | {looks} | {puts} | {deletes} | {points} |")?;
    for case in cases() {
        let counted = case.count()?;
        let Operations { looks, puts, deletes } = counted;
        let points = counted.points();
        let Case { command, situation, .. } = case;
        writeln!(text, "| `{command}` | {situation} | {looks} | {puts} | {deletes} | {points} |")?;
    }
    Ok(text)
}

#[test]
fn the_page_says_how_many_points_there_are() -> Result<()> {
    let table = table()?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/crash-points.md");
    let page = fs::read_to_string(&path)?;
    let (begin, end) = ("<!-- points -->\n", "<!-- end of points -->");
    let (before, rest) = page.split_once(begin).context("the mark where the table begins")?;
    let (old, after) = rest.split_once(end).context("the mark where the table ends")?;
    if std::env::var_os("HEIRLOOM_WRITE_TABLES").is_some() {
        fs::write(&path, format!("{before}{begin}{table}{end}{after}"))?;
    } else {
        ensure!(
            old == table,
            "docs/crash-points.md has another table; HEIRLOOM_WRITE_TABLES=1\n{table}"
        );
    }
    Ok(())
}
