//! Every kind of object, damaged in every way: found, harmless to the rest, and mended.
//!
//! Makes the table in `docs/reliability.md`. To write it anew: `HEIRLOOM_WRITE_TABLES=1`.

mod random;
mod rich;
mod trial;
mod ways;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context as _, Result, anyhow, ensure};

use self::rich::{Kind, Rich};
use self::trial::Operation;
use self::ways::{Way, strike};

const THREADS: usize = 2;

/// How many cases there were of a kind of object and of damage, and in how many it showed.
#[derive(Debug, Default, Clone, Copy)]
struct Cell {
    cases: u32,
    check: u32,
    read_data: u32,
    given_up: u32,
}

type Table = BTreeMap<(Kind, Way), Cell>;

/// Tries everything, on several threads.
fn fill() -> Result<Table> {
    let (rich, other) = (Rich::new(1)?, Rich::new(2)?);
    let cells: Vec<_> =
        Kind::ALL.into_iter().flat_map(|kind| Way::ALL.map(|way| (kind, way))).collect();
    let next = AtomicUsize::new(0);
    let work = || -> Result<Table> {
        let mut table = Table::new();
        while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
            table.insert(*cell, try_cell(&rich, &other, *cell)?);
        }
        Ok(table)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        let mut all = Table::new();
        for thread in threads {
            all.append(&mut thread.join().map_err(|_| anyhow!("a thread panicked"))??);
        }
        Ok(all)
    })
}

fn try_cell(rich: &Rich, other: &Rich, (kind, way): (Kind, Way)) -> Result<Cell> {
    let mut cell = Cell::default();
    for object in rich.objects(kind) {
        for (number, store) in strike(rich, other, (kind, way), &object)?.into_iter().enumerate() {
            let case = || format!("{object}, {}, case {number}", way.name());
            let trial = trial::try_all(rich, &store).with_context(case)?;
            let count = |operation| u32::from(trial.before[&operation]);
            cell.cases += 1;
            cell.check += count(Operation::Check);
            cell.read_data += count(Operation::CheckReadData);
            cell.given_up += u32::from(trial.given_up);
            let found = trial.before[&Operation::CheckReadData];
            ensure!(found || way.leaves_no_trace(kind), "{}: not found", case());
        }
    }
    Ok(cell)
}

fn text(table: &Table) -> String {
    let ways: Vec<_> = Way::ALL.iter().map(|way| way.name()).collect();
    let mut text =
        format!("| object | {} |\n|---|{}\n", ways.join(" | "), "---|".repeat(ways.len()));
    for kind in Kind::ALL {
        let cells: Vec<_> = Way::ALL.iter().map(|way| word(table, kind, *way)).collect();
        writeln!(text, "| {} | {} |", kind.name(), cells.join(" | ")).expect("a String takes it");
    }
    text
}

fn word(table: &Table, kind: Kind, way: Way) -> String {
    let cell = table[&(kind, way)];
    let found = if cell.read_data == 0 {
        "no trace"
    } else if cell.check == cell.cases {
        "check"
    } else {
        "read-data"
    };
    let lost = if cell.given_up > 0 { ", loss" } else { "" };
    format!("{found}{lost}")
}

#[test]
fn the_undamaged_specimen_is_in_order() -> Result<()> {
    let rich = Rich::new(3)?;
    let store = rich.store().copy();
    let trial = trial::try_all(&rich, &store)?;
    ensure!(trial.before.values().all(|noticed| !noticed), "{:?}", trial.before);
    ensure!(!trial.given_up, "something was given up without need");
    Ok(())
}

#[test]
fn every_damage_is_found_and_harmless_to_the_rest_and_mended() -> Result<()> {
    let table = text(&fill()?);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reliability.md");
    let page = fs::read_to_string(&path)?;
    let (begin, end) = ("<!-- damage table -->\n", "<!-- end of damage table -->");
    let (before, rest) = page.split_once(begin).context("the mark where the table begins")?;
    let (old, after) = rest.split_once(end).context("the mark where the table ends")?;
    if std::env::var_os("HEIRLOOM_WRITE_TABLES").is_some() {
        fs::write(&path, format!("{before}{begin}{table}{end}{after}"))?;
    } else if !heirloom_kit::is_thorough() {
        ensure!(
            old == table,
            "docs/reliability.md has another table; HEIRLOOM_WRITE_TABLES=1\n{table}"
        );
    }
    Ok(())
}
