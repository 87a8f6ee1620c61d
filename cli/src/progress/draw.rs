//! The display: two lines on a terminal, a line a minute elsewhere, objects with `--json`, nothing with `-q`.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::Counts;
use super::rate::Rate;
use crate::output::{Event, Output, complain, stderr_is_terminal};
use crate::render::names;
use crate::render::numbers::{bytes, count, duration};

/// Short operations show nothing.
const PATIENCE: Duration = Duration::from_millis(400);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Nothing,
    Bar,
    Lines,
    Objects,
}

/// The display of one operation.
#[derive(Debug)]
pub(super) struct Drawer {
    form: Form,
    output: Output,
    bar: Option<ProgressBar>,
    rate: Mutex<Rate>,
}

impl Drawer {
    pub(super) fn new(output: Output) -> Self {
        let form = if output.quiet {
            Form::Nothing
        } else if output.json {
            Form::Objects
        } else if stderr_is_terminal() {
            Form::Bar
        } else {
            Form::Lines
        };
        let bar = (form == Form::Bar).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
            if let Ok(style) = ProgressStyle::with_template("{prefix}\n  {wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { form, output, bar, rate: Mutex::default() }
    }

    /// How often to draw; `None` for never.
    pub(super) fn period(&self) -> Option<Duration> {
        match self.form {
            Form::Nothing => None,
            Form::Bar => Some(Duration::from_millis(200)),
            Form::Objects => Some(Duration::from_secs(1)),
            Form::Lines => Some(Duration::from_mins(1)),
        }
    }

    pub(super) fn draw(&self, counts: &Counts, path: &Path, elapsed: Duration) {
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        rate.sample(elapsed, counts.content_bytes);
        match (self.form, &self.bar) {
            (Form::Bar, Some(bar)) if elapsed >= PATIENCE => {
                if bar.is_hidden() {
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                }
                bar.set_message(names::path(path));
                bar.set_prefix(line(counts, &rate, elapsed));
            }
            (Form::Lines, _) => complain(&line(counts, &rate, elapsed)),
            (Form::Objects, _) => {
                let fields = json!({
                    "seconds": elapsed.as_secs(),
                    "entries": counts.entries,
                    "entries_total": counts.entries_total,
                    "content_bytes": counts.content_bytes,
                    "content_bytes_total": counts.content_bytes_total,
                    "stored_bytes": counts.stored_bytes,
                    "bytes_per_second": rate.per_second(),
                    "seconds_left": time_left(counts, &rate).map(|left| left.as_secs()),
                    "path": path.to_string_lossy(),
                });
                // A closed pipe is noticed where the summary is written.
                drop(self.output.event(Event::Status, "progress", fields));
            }
            _ => {}
        }
    }

    /// Runs something that writes lines, without the display in the way.
    pub(super) fn suspend(&self, write: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn time_left(counts: &Counts, rate: &Rate) -> Option<Duration> {
    if counts.content_bytes_total == 0 {
        return None;
    }
    rate.time_left(counts.content_bytes_total)
}

/// `0:42  12,345 of 20,000 files, 1.20 GiB of 3.40 GiB (35 %), 120 MiB/s, stored 300 MiB, 0:20 left`
fn line(counts: &Counts, rate: &Rate, elapsed: Duration) -> String {
    let mut parts = vec![
        format!("{}  ", duration(elapsed)),
        of(counts.entries, counts.entries_total, count),
        " entries, ".to_owned(),
        of(counts.content_bytes, counts.content_bytes_total, bytes),
    ];
    let percent = counts
        .content_bytes
        .min(counts.content_bytes_total)
        .saturating_mul(100)
        .checked_div(counts.content_bytes_total);
    if let Some(percent) = percent {
        parts.push(format!(" ({percent} %)"));
    }
    if let Some(rate) = rate.per_second() {
        parts.push(format!(", {}/s", bytes(rate)));
    }
    if counts.stored_bytes > 0 {
        parts.push(format!(", stored {}", bytes(counts.stored_bytes)));
    }
    if let Some(left) = time_left(counts, rate) {
        parts.push(format!(", {} left", duration(left)));
    }
    parts.concat()
}

fn of(done: u64, total: u64, show: fn(u64) -> String) -> String {
    if total > done { format!("{} of {}", show(done), show(total)) } else { show(done) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_rate_share_and_time_left() {
        let mut rate = Rate::default();
        rate.sample(Duration::ZERO, 0);
        rate.sample(Duration::from_secs(10), 1 << 30);
        let counts = Counts {
            entries: 1200,
            content_bytes: 1 << 30,
            stored_bytes: 300 << 20,
            entries_total: 20_000,
            content_bytes_total: 4 << 30,
        };
        assert_eq!(
            line(&counts, &rate, Duration::from_secs(10)),
            "0:10  1,200 of 20,000 entries, 1.00 GiB of 4.00 GiB (25 %), 102 MiB/s, stored 300 MiB, 0:31 left"
        );
    }

    #[test]
    fn without_a_total_there_is_no_share() {
        let line = line(&Counts::default(), &Rate::default(), Duration::ZERO);
        assert_eq!(line, "0:00  0 entries, 0 B");
    }
}
