//! How a series of snapshots grew, from what each says about itself.

use heirloom_engine::snapshot::Snapshot;
use serde_json::{Value, json};

use crate::render::numbers::bytes;
use crate::render::table::{Side, Table};
use crate::render::{key, time};

/// Wider lines do not fit beside words.
const MARKS_MAX: usize = 60;

/// A table of the snapshots, and lines that show their course.
pub(super) fn text(snapshots: &[&Snapshot]) -> String {
    let columns = [
        ("Snapshot", Side::Left),
        ("Time", Side::Left),
        ("Size", Side::Right),
        ("New", Side::Right),
        ("Stored", Side::Right),
    ];
    let mut table = Table::new(&columns);
    for snapshot in snapshots {
        let stats = &snapshot.record.stats;
        table.row(&[
            key::short(&snapshot.session.to_string()),
            time::local(snapshot.record.time.into()),
            bytes(stats.content_bytes),
            bytes(stats.new_bytes),
            bytes(stats.stored_bytes),
        ]);
    }
    let of = |what: fn(&Snapshot) -> u64| -> Vec<u64> {
        snapshots.iter().map(|snapshot| what(snapshot)).collect()
    };
    let sizes = sparkline(&of(|snapshot| snapshot.record.stats.content_bytes));
    let stored = sparkline(&of(|snapshot| snapshot.record.stats.stored_bytes));
    format!("{}Size    {sizes}\nStored  {stored}\n", table.render())
}

/// What one snapshot added.
pub(super) fn fields(snapshot: &Snapshot) -> Value {
    let stats = &snapshot.record.stats;
    json!({
        "snapshot": snapshot.session.to_string(),
        "snapshot_time": time::rfc3339(snapshot.record.time.into()),
        "entries": stats.entries,
        "content_bytes": stats.content_bytes,
        "new_bytes": stats.new_bytes,
        "stored_bytes": stats.stored_bytes,
    })
}

/// One mark for each number, or for the largest of several if there are many.
fn sparkline(numbers: &[u64]) -> String {
    const MARKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = numbers.iter().copied().max().unwrap_or(0).max(1);
    let together = numbers.len().div_ceil(MARKS_MAX).max(1);
    let mark = |number: u64| {
        let eighths = u128::from(number) * 8 / u128::from(most);
        let height = usize::try_from(eighths).unwrap_or(0).saturating_sub(1);
        MARKS.get(height).copied().unwrap_or('█')
    };
    let largest = numbers.chunks(together).filter_map(|some| some.iter().copied().max());
    largest.map(mark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_the_course_of_numbers() {
        assert_eq!(sparkline(&[0, 1, 4, 8]), "▁▁▄█");
        assert_eq!(sparkline(&[]), "");
        assert_eq!(sparkline(&[5; 1000]).chars().count(), 59);
    }
}
