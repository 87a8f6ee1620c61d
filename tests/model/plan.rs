//! What happens in a schedule, as data: drawn from a seed, replayed exactly, and taken apart when something goes wrong.

use std::fmt;

use crate::random::Random;
use crate::source::{Files, LARGE, PATHS, SMALL};

/// A schedule, but for the choices that depend on how far the clients have come; those are drawn from `choices`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Seed of who goes on, of torn puts and of delays.
    pub(crate) choices: u64,
    /// Listings show an object some time after it was put.
    pub(crate) late: bool,
    /// Whether a put is there at once, and never in part.
    pub(crate) atomic: bool,
    /// Whether the store tells its folders.
    pub(crate) folders: bool,
    /// Whether packs hold one or two blobs.
    pub(crate) tiny: bool,
    pub(crate) clients: Vec<ClientPlan>,
}

/// One client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientPlan {
    /// Seed of its random numbers; stays when other clients are dropped.
    pub(crate) seed: u64,
    /// It begins after so many steps of the schedule.
    pub(crate) start: u32,
    /// How wrong its clock is.
    pub(crate) skew_days: i32,
    /// Opens the repository anew for each action.
    pub(crate) reopens: bool,
    pub(crate) actions: Vec<Action>,
    /// What goes wrong at its n-th call.
    pub(crate) faults: Vec<(u32, Fault)>,
}

/// What a client does.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Takes a snapshot, with or without a parent.
    Snapshot { files: Files, parent: bool },
    /// Reads a snapshot back.
    Restore { which: u32 },
    /// Forgets so many of the snapshots that it finds.
    Forget { which: u32, count: u32 },
    /// Makes a new snapshot of one that was forgotten, or is disputed.
    Unforget { which: u32 },
    /// Makes a new snapshot with a tag, and forgets the old one.
    Tag { which: u32 },
    /// Copies a snapshot into the other repository, or back from there.
    Copy { which: u32, back: bool },
    /// Prunes.
    Prune(PrunePlan),
}

/// How a client prunes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PrunePlan {
    /// Declares sessions of any age dead.
    pub(crate) fences: bool,
    /// Packs everything anew that holds anything unneeded.
    pub(crate) thorough: bool,
}

/// What goes wrong at one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails without effect.
    Before,
    /// The store has too much to do; without effect.
    Throttled,
    /// It takes effect, and the answer is lost.
    After,
    /// A put arrives in part and fails.
    Torn,
    /// The client dies before it.
    KillBefore,
    /// The client dies after it took effect.
    KillAfter,
    /// The client dies while a put arrives.
    KillTorn,
    /// The client sleeps before it for so many steps.
    Pause(u32),
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snapshot { files, parent } => {
                let parent = if *parent { " with parent" } else { "" };
                write!(f, "snapshot{parent} {files:?}")
            }
            Self::Restore { which } => write!(f, "restore {which}"),
            Self::Forget { which, count } => write!(f, "forget {which}+{count}"),
            Self::Unforget { which } => write!(f, "unforget {which}"),
            Self::Tag { which } => write!(f, "tag {which}"),
            Self::Copy { which, back } => {
                write!(f, "copy {which}{}", if *back { " back" } else { "" })
            }
            Self::Prune(PrunePlan { fences, thorough }) => {
                let fences = if *fences { " fences" } else { "" };
                write!(f, "prune{fences}{}", if *thorough { " thorough" } else { "" })
            }
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { choices, late, atomic, folders, tiny, clients } = self;
        writeln!(
            f,
            "late {late}, atomic {atomic}, tells folders {folders}, tiny packs {tiny}, choices {choices:016x}"
        )?;
        for (number, client) in clients.iter().enumerate() {
            let ClientPlan { start, skew_days, reopens, actions, faults, .. } = client;
            let reopens = if *reopens { ", reopens" } else { "" };
            writeln!(f, "client {number}: from step {start}, {skew_days} days off{reopens}")?;
            writeln!(f, "  {actions:?} {faults:?}")?;
        }
        Ok(())
    }
}

impl Plan {
    /// The schedule with this number.
    pub(crate) fn draw(seed: u64) -> Self {
        let mut random = Random::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x6d6f_6465_6c);
        let late = random.one_in(8);
        let atomic = !random.one_in(6);
        let folders = !late && random.one_in(2);
        let tiny = !random.one_in(3);
        // Some schedules are crowded, in others clients come one after the other.
        let spread = *random.pick(&[1, 30, 100, 300]);
        let calm = random.one_in(3);
        let clients = (0..2 + random.below(5))
            .map(|number| ClientPlan::draw(&mut random, number, (spread, calm)))
            .collect();
        Self { choices: random.next_u64(), late, atomic, folders, tiny, clients }
    }
}

impl ClientPlan {
    fn draw(random: &mut Random, number: u64, (spread, calm): (u64, bool)) -> Self {
        let start = random.below(spread) + if spread > 1 { number * spread / 3 } else { 0 };
        let skew_days = *random.pick(&[0, 0, 0, 30, -30, 4, -4]);
        let reopens = random.one_in(3);
        let actions = (0..1 + random.below(3)).map(|_| Action::draw(random)).collect();
        let mut faults = Vec::new();
        if !calm {
            if random.one_in(5) {
                let kills = [Fault::KillBefore, Fault::KillAfter, Fault::KillTorn];
                faults.push((random.below(70) as u32, *random.pick(&kills)));
            }
            if random.one_in(6) {
                let failures = [Fault::Before, Fault::Throttled, Fault::After, Fault::Torn];
                faults.push((random.below(70) as u32, *random.pick(&failures)));
            }
        }
        if random.one_in(3) {
            let steps = 1 + random.below(200) as u32;
            faults.push((random.below(50) as u32, Fault::Pause(steps)));
        }
        Self { seed: random.next_u64(), start: start as u32, skew_days, reopens, actions, faults }
    }
}

impl Action {
    fn draw(random: &mut Random) -> Self {
        let which = random.below(100) as u32;
        match random.below(100) {
            0..40 => Self::Snapshot { files: draw_files(random), parent: !random.one_in(3) },
            40..47 => Self::Restore { which },
            47..60 => Self::Forget { which, count: 1 + random.below(2) as u32 },
            60..65 => Self::Unforget { which },
            65..69 => Self::Tag { which },
            69..73 => Self::Copy { which, back: random.one_in(2) },
            _ => Self::Prune(PrunePlan { fences: random.one_in(2), thorough: random.one_in(2) }),
        }
    }
}

fn draw_files(random: &mut Random) -> Files {
    let mut files = Files::new();
    for _ in 0..1 + random.below(4) {
        let number =
            if random.one_in(12) { SMALL + random.index(LARGE) } else { random.index(SMALL) };
        // Mostly the same content under the same path, so that parents matter.
        let path = if random.one_in(4) { random.index(PATHS) } else { number % PATHS };
        files.insert(path, number);
    }
    files
}
