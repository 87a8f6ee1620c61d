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
    /// Looks for damage.
    Check,
    /// Prunes.
    Prune(PrunePlan),
}

/// How a client prunes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PrunePlan {
    /// Declares sessions of any age dead.
    pub(crate) fences: bool,
    /// How much that is not needed may stay.
    pub(crate) unused: Unused,
}

/// How much a prune leaves that nobody needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unused {
    /// Nothing.
    None,
    /// What is left by default.
    Little,
    /// Whatever lies in a pack with something needed.
    Any,
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
            Self::Check => write!(f, "check"),
            Self::Prune(PrunePlan { fences, unused }) => {
                let fences = if *fences { " fences" } else { "" };
                write!(f, "prune{fences} unused {unused:?}")
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

/// What kind of schedule it is.
#[derive(Debug, Clone, Copy)]
struct Kind {
    /// All clients want the same few things at the same time.
    crowded: bool,
    /// Nothing fails.
    calm: bool,
    /// Over how many steps the clients begin.
    spread: u64,
}

impl Plan {
    /// The schedule with this number.
    pub(crate) fn draw(seed: u64) -> Self {
        let mut random = start(seed);
        let crowded = random.one_in(3);
        let kind =
            Kind { crowded, calm: random.one_in(3), spread: *random.pick(&[1, 30, 100, 300]) };
        let late = random.one_in(8);
        Self {
            late,
            atomic: !random.one_in(6),
            folders: !late && random.one_in(2),
            tiny: !random.one_in(3),
            clients: draw_clients(&mut random, kind),
            choices: random.next_u64(),
        }
    }

    /// A schedule of the kind in which a missing precaution does harm soonest.
    pub(crate) fn draw_crowded(seed: u64) -> Self {
        let mut random = start(seed);
        if !seed.is_multiple_of(3) {
            return Self::draw_staged(random, false);
        }
        let kind =
            Kind { crowded: true, calm: random.one_in(2), spread: *random.pick(&[1, 30, 100]) };
        Self {
            late: false,
            atomic: true,
            folders: random.one_in(2),
            tiny: !random.one_in(4),
            clients: draw_clients(&mut random, kind),
            choices: random.next_u64(),
        }
    }
}

impl Plan {
    /// A schedule in stages on a store that lists late.
    pub(crate) fn draw_late(seed: u64) -> Self {
        Self::draw_staged(start(seed), true)
    }

    /// First something is stored and forgotten, then several prune and write at once, slowly; at last somebody stores the
    /// same again, and relies on whatever the index says by then.
    fn draw_staged(mut random: Random, late: bool) -> Self {
        // Of a large file's content, the parent's list is taken over unseen.
        let large = *random.pick(&[12, 12, 2]);
        let (mut begin, mut end) = *random.pick(&[(30, 150), (50, 200), (80, 300)]);
        if late {
            // Everybody waits until his flags are seen.
            (begin, end) = (6 * begin, 6 * end);
        }
        let mut clients = vec![ClientPlan::draw_first(&mut random, large)];
        for _ in 0..2 + random.below(3) {
            clients.push(ClientPlan::draw_slow(&mut random, begin, large));
        }
        for _ in 0..=random.below(2) {
            clients.push(ClientPlan::draw_last(&mut random, end, large));
        }
        Self {
            late,
            atomic: true,
            folders: random.one_in(2) && !late,
            tiny: !random.one_in(4),
            clients,
            choices: random.next_u64(),
        }
    }

    /// Whether anything fails, apart from being late.
    pub(crate) fn has_faults(&self) -> bool {
        let faults = self.clients.iter().flat_map(|client| &client.faults);
        faults.into_iter().any(|(_, fault)| !matches!(fault, Fault::Pause(_)))
    }
}

fn start(seed: u64) -> Random {
    Random::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x006d_6f64_656c)
}

fn draw_clients(random: &mut Random, kind: Kind) -> Vec<ClientPlan> {
    let count = if kind.crowded { 3 + random.below(4) } else { 2 + random.below(5) };
    (0..count).map(|number| ClientPlan::draw(random, number, kind)).collect()
}

impl ClientPlan {
    fn draw(random: &mut Random, number: u64, kind: Kind) -> Self {
        let spread = kind.spread;
        let start = random.below(spread) + if spread > 1 { number * spread / 3 } else { 0 };
        let skew_days = *random.pick(&[0, 0, 0, 30, -30, 4, -4]);
        let reopens = random.one_in(3);
        let actions = 0..1 + random.below(3);
        let actions = actions.map(|_| Action::draw(random, kind.crowded)).collect();
        let mut faults = Vec::new();
        if !kind.calm {
            if random.one_in(5) {
                let kills = [Fault::KillBefore, Fault::KillAfter, Fault::KillTorn];
                faults.push((random.below(70) as u32, *random.pick(&kills)));
            }
            if random.one_in(6) {
                let failures = [Fault::Before, Fault::Throttled, Fault::After, Fault::Torn];
                faults.push((random.below(70) as u32, *random.pick(&failures)));
            }
        }
        for _ in 0..random.below(if kind.crowded { 3 } else { 2 }) {
            let calls = *random.pick(&[10, 30, 70]);
            let steps = *random.pick(&[20, 80, 200]);
            let pause = Fault::Pause(1 + random.below(steps) as u32);
            faults.push((random.below(calls) as u32, pause));
        }
        Self { seed: random.next_u64(), start: start as u32, skew_days, reopens, actions, faults }
    }
}

impl ClientPlan {
    fn of(random: &mut Random, start: u64, actions: Vec<Action>) -> Self {
        let skew_days = *random.pick(&[0, 0, 4, -4]);
        let (seed, reopens) = (random.next_u64(), random.one_in(3));
        Self { seed, start: start as u32, skew_days, reopens, actions, faults: Vec::new() }
    }

    fn draw_first(random: &mut Random, large: u64) -> Self {
        let mut actions = Vec::new();
        for _ in 0..=random.below(3) {
            let (files, parent) = (draw_files(random, true, large), random.one_in(2));
            actions.push(Action::Snapshot { files, parent });
        }
        let (which, count) = (random.below(100) as u32, 1 + random.below(2) as u32);
        actions.push(Action::Forget { which, count });
        Self::of(random, 0, actions)
    }

    fn draw_slow(random: &mut Random, begin: u64, large: u64) -> Self {
        let start = begin + random.below(60);
        let mut actions = Vec::new();
        for _ in 0..=random.below(2) {
            let (files, parent) = (draw_files(random, true, large), random.one_in(2));
            let unused = *random.pick(&[Unused::None, Unused::None, Unused::Any]);
            let prune = Action::Prune(PrunePlan { fences: random.one_in(2), unused });
            let (which, count) = (random.below(100) as u32, 1 + random.below(2) as u32);
            actions.push(match random.below(10) {
                0..4 => Action::Snapshot { files, parent },
                4 => Action::Forget { which, count },
                _ => prune,
            });
        }
        let mut plan = Self::of(random, start, actions);
        for _ in 0..random.below(4) {
            let (calls, steps) = (*random.pick(&[20, 60]), *random.pick(&[10, 40, 120]));
            let pause = Fault::Pause(1 + random.below(steps) as u32);
            plan.faults.push((random.below(calls) as u32, pause));
        }
        plan
    }

    fn draw_last(random: &mut Random, end: u64, large: u64) -> Self {
        let start = end + random.below(100);
        let mut actions = Vec::new();
        for _ in 0..=random.below(2) {
            let (files, parent) = (draw_files(random, true, large), random.one_in(2));
            actions.push(Action::Snapshot { files, parent });
        }
        Self::of(random, start, actions)
    }
}

impl Action {
    fn draw(random: &mut Random, crowded: bool) -> Self {
        let which = random.below(100) as u32;
        let files = draw_files(random, crowded, 12);
        let parent = !random.one_in(3);
        let fences = random.one_in(2);
        let unused = *random.pick(&[Unused::None, Unused::Little, Unused::Any]);
        let prune = Self::Prune(PrunePlan { fences, unused });
        match random.below(100) {
            0..40 => Self::Snapshot { files, parent },
            40..55 => Self::Forget { which, count: 1 + random.below(2) as u32 },
            55..80 => prune,
            _ if crowded => {
                if random.one_in(2) {
                    Self::Snapshot { files, parent }
                } else {
                    prune
                }
            }
            80..86 => Self::Restore { which },
            86..90 => Self::Unforget { which },
            90..94 => Self::Tag { which },
            94..98 => Self::Copy { which, back: random.one_in(2) },
            _ => Self::Check,
        }
    }
}

/// One of `large` contents is large.
fn draw_files(random: &mut Random, crowded: bool, large: u64) -> Files {
    let mut files = Files::new();
    let (small, paths) = if crowded { (3, 3) } else { (SMALL, PATHS) };
    for _ in 0..=random.below(if crowded { 2 } else { 4 }) {
        let number =
            if random.one_in(large) { SMALL + random.index(LARGE) } else { random.index(small) };
        // Mostly the same content under the same path, so that parents matter.
        let path = if random.one_in(4) { random.index(paths) } else { number % paths };
        files.insert(path, number);
    }
    files
}
