//! Words about what a restore did.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use heirloom_engine::id::SessionId;
use heirloom_engine::restore::RestoreReport;
use serde_json::{Value, json};

use super::numbers::{bytes, count, counted, took};
use super::{key, names};

/// What a restore did.
#[derive(Debug)]
pub(crate) struct Summary<'a> {
    pub(crate) report: &'a RestoreReport,
    pub(crate) snapshot: SessionId,
    pub(crate) target: &'a Path,
    pub(crate) dry_run: bool,
    pub(crate) taken: Duration,
}

impl Summary<'_> {
    /// For `--json`.
    pub(crate) fn id(&self) -> &'static str {
        if self.dry_run { "restore.dry-run" } else { "restore.done" }
    }

    pub(crate) fn text(&self) -> String {
        let report = self.report;
        let snapshot = key::short(&self.snapshot.to_string());
        let target = names::path(self.target);
        let mut text = if self.dry_run {
            format!("Nothing was written: this was a dry run of {snapshot} to {target}\n")
        } else {
            format!("Restored snapshot {snapshot} to {target}\n")
        };
        let mut line = |words: String| writeln!(text, "  {words}").expect("a String takes it");
        let mut made = vec![
            counted(report.files, "file", "files"),
            counted(report.folders, "folder", "folders"),
        ];
        if report.specials > 0 {
            made.push(counted(report.specials, "link or device", "links and devices"));
        }
        if report.hard_links > 0 {
            made.push(counted(report.hard_links, "hard link", "hard links"));
        }
        line(made.join(", "));
        for (number, words) in [
            (report.overwritten, "replaced"),
            (report.unchanged, "left as they were"),
            (report.differing, "left although they differ; `--overwrite always` replaces them"),
            (report.deleted, "deleted"),
            (report.left_out, "left out"),
            (report.damaged, "not restored: damaged in the repository"),
            (report.failed, "not restored"),
        ] {
            if number > 0 {
                line(format!("{} {words}", count(number)));
            }
        }
        if report.verified_bytes > 0 {
            line(format!("{} read back and found right", bytes(report.verified_bytes)));
        }
        if report.problems > 0 {
            line(counted(report.problems, "problem, see above", "problems, see above"));
        }
        let wrote = if self.dry_run { "would write" } else { "wrote" };
        line(format!("{wrote} {} in {}", bytes(report.bytes), took(self.taken)));
        text
    }

    pub(crate) fn fields(&self) -> Value {
        let report = self.report;
        json!({
            "snapshot": self.snapshot.to_string(),
            "target": self.target.to_string_lossy(),
            "files": report.files,
            "folders": report.folders,
            "specials": report.specials,
            "hard_links": report.hard_links,
            "bytes": report.bytes,
            "resumed_bytes": report.resumed_bytes,
            "overwritten": report.overwritten,
            "unchanged": report.unchanged,
            "differing": report.differing,
            "deleted": report.deleted,
            "left_out": report.left_out,
            "damaged": report.damaged,
            "failed": report.failed,
            "verified_bytes": report.verified_bytes,
            "problems": report.problems,
            "seconds": self.taken.as_secs_f64(),
        })
    }
}
