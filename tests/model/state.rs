//! The stores, the clients and the time of a schedule: everything that changes, one step at a time.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use heirloom_engine::error::{ErrorKind, StorageError};

use crate::image::Image;
use crate::oracle::{Knowledge, Oracle};
use crate::plan::{Fault, Plan};
use crate::random::Random;
use crate::world::Search;

/// What one step takes.
pub(crate) const STEP_NS: i64 = 100_000_000;
/// When a schedule begins: 2027.
const START_NS: i64 = 1_800_000_000_000_000_000;
/// Listings of a store that is late show an object after at most so much, to the first client ...
const LATE_NS: i64 = 40 * STEP_NS;
/// ... or now and then after so much, ...
const VERY_LATE_NS: i64 = 200 * STEP_NS;
/// ... and to all of them so much later. Who looks for flags of others waits as long.
const SETTLE_NS: i64 = 20 * STEP_NS;
/// A schedule that does not end by then does not end.
const STEPS_MAX: u64 = 40_000;
/// Folders whose objects are flags of the protocol.
pub(crate) const FLAGS: [&str; 4] = ["condemned/", "fences/", "sessions/", "snapshots/"];

/// Who is nobody's client: looks at the store when all is over.
pub(crate) const OBSERVER: usize = usize::MAX;

/// A step, for the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) client: usize,
    pub(crate) store: usize,
    pub(crate) verb: &'static str,
    pub(crate) name: String,
    pub(crate) note: String,
}

#[derive(Debug)]
struct Object {
    bytes: Bytes,
    /// When the first client sees it in a listing.
    shown_ns: i64,
}

#[derive(Debug)]
pub(crate) struct Store {
    objects: BTreeMap<String, Object>,
    pub(crate) oracle: Oracle,
}

#[derive(Debug, Default)]
pub(crate) struct Client {
    pub(crate) left: bool,
    pub(crate) dead: bool,
    pub(crate) busy: bool,
    /// Something went wrong on purpose since its action began.
    pub(crate) struck: bool,
    pub(crate) wake_ns: i64,
    pub(crate) calls: u32,
    /// The session that it announced last, as `sessions/` names it.
    pub(crate) session: String,
    /// Own flags and segments, by store and name, that somebody may not see yet, and when everybody does.
    pub(crate) flags: Vec<(usize, String, i64)>,
}

/// Everything that changes.
pub(crate) struct State {
    pub(crate) random: Random,
    pub(crate) current: usize,
    pub(crate) burst: u32,
    pub(crate) now_ns: i64,
    pub(crate) steps: u64,
    pub(crate) clients: Vec<Client>,
    pub(crate) stores: [Store; 2],
    pub(crate) violation: Option<String>,
    pub(crate) trace: u64,
    pub(crate) log: Option<Vec<Logged>>,
    pub(crate) for_losses: bool,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State({} steps)", self.steps)
    }
}

/// A call of the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) client: usize,
    pub(crate) store: usize,
    pub(crate) verb: &'static str,
    pub(crate) name: &'a str,
}

impl Call<'_> {
    pub(crate) fn error(self, kind: ErrorKind) -> StorageError {
        StorageError {
            kind,
            temporary: kind == ErrorKind::RateLimited,
            operation: self.verb,
            object: self.name.to_owned(),
            source: None,
        }
    }
}

/// How much of a put arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Portion {
    Whole,
    Part,
}

impl State {
    /// Before the first step.
    pub(crate) fn new(
        plan: &Plan,
        images: &[Image; 2],
        knowledge: [&Arc<Knowledge>; 2],
        search: Search,
    ) -> Self {
        let store = |number: usize| Store {
            objects: images[number]
                .objects
                .iter()
                .map(|(name, bytes)| {
                    (name.clone(), Object { bytes: bytes.clone(), shown_ns: i64::MIN })
                })
                .collect(),
            oracle: Oracle::new(knowledge[number]),
        };
        let clients = plan.clients.iter().map(|client| Client {
            wake_ns: START_NS + i64::from(client.start) * STEP_NS,
            ..Client::default()
        });
        let mut state = State {
            random: Random::new(plan.choices),
            current: OBSERVER,
            burst: 0,
            now_ns: START_NS,
            steps: 0,
            clients: clients.collect(),
            stores: [store(0), store(1)],
            violation: None,
            trace: 0,
            log: search.with_log.then(Vec::new),
            for_losses: search.for_losses,
        };
        state.draw_next();
        state
    }

    pub(crate) fn is_over(&self, client: usize) -> bool {
        self.violation.is_some() || self.clients.get(client).is_some_and(|client| client.dead)
    }

    /// Something that must not happen.
    pub(crate) fn violate(&mut self, what: String) {
        if !self.for_losses {
            self.violation.get_or_insert(what);
        }
    }

    /// Data is lost, or the schedule with it.
    pub(crate) fn lose(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }

    pub(crate) fn advance(&mut self) {
        self.steps += 1;
        self.now_ns += STEP_NS;
        if self.steps > STEPS_MAX {
            self.lose(format!("no end after {STEPS_MAX} steps"));
        }
    }

    /// Chooses who goes on, and for how many steps.
    pub(crate) fn draw_next(&mut self) {
        let here = |client: &Client| !client.left;
        // Once something went wrong, everybody is to come to an end.
        let hurry = self.violation.is_some();
        let earliest =
            self.clients.iter().filter(|client| here(client)).map(|client| client.wake_ns);
        let Some(earliest) = earliest.min() else {
            self.current = OBSERVER;
            return;
        };
        self.now_ns = self.now_ns.max(earliest);
        let now_ns = self.now_ns;
        let awake = |client: &Client| here(client) && (hurry || client.wake_ns <= now_ns);
        let count = self.clients.iter().filter(|client| awake(client)).count();
        let chosen = self.random.index(count);
        let mut awake = self.clients.iter().enumerate().filter(|(_, client)| awake(client));
        self.current = awake.nth(chosen).expect("it is one of them").0;
        self.burst = *self.random.pick(&[0, 0, 0, 1, 4, 19]);
    }

    pub(crate) fn note(&mut self, call: Call<'_>, note: &str) {
        let Call { client, store, verb, name } = call;
        for part in [verb, name, note] {
            for byte in part.bytes() {
                self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        self.trace = (self.trace ^ client as u64).wrapping_mul(0x0100_0000_01b3);
        if let Some(log) = &mut self.log {
            log.push(Logged { client, store, verb, name: name.to_owned(), note: note.to_owned() });
        }
    }

    pub(crate) fn perform<T>(
        &mut self,
        call: Call<'_>,
        fault: Option<Fault>,
        atomic: bool,
        effect: &mut dyn FnMut(&mut Self, Portion) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let Some(fault) = fault else {
            let result = effect(self, Portion::Whole);
            let missing = result.as_ref().is_err_and(|error| error.kind == ErrorKind::NotFound);
            self.note(call, if missing { "not there" } else { "" });
            return result;
        };
        let client = &mut self.clients[call.client];
        client.struck = true;
        client.dead = matches!(fault, Fault::KillBefore | Fault::KillAfter | Fault::KillTorn);
        let torn = call.verb == "put" && !atomic;
        match fault {
            Fault::After | Fault::KillAfter => drop(effect(self, Portion::Whole)),
            Fault::Torn | Fault::KillTorn if torn => drop(effect(self, Portion::Part)),
            Fault::Torn
            | Fault::KillTorn
            | Fault::Before
            | Fault::Throttled
            | Fault::KillBefore
            | Fault::Pause(_) => {}
        }
        self.note(call, &format!("{fault:?}"));
        let throttled = fault == Fault::Throttled;
        Err(call.error(if throttled { ErrorKind::RateLimited } else { ErrorKind::Unreachable }))
    }

    /// Puts an object, or the first part of it.
    pub(crate) fn put(&mut self, call: Call<'_>, bytes: &Bytes, portion: Portion, late: bool) {
        let part = match portion {
            Portion::Whole => bytes.clone(),
            Portion::Part => bytes.slice(..bytes.len() / 2),
        };
        let mut shown_ns = self.now_ns;
        if late {
            let limit = *self.random.pick(&[LATE_NS, LATE_NS, VERY_LATE_NS]);
            let delay = self.random.below(limit as u64);
            shown_ns += if self.random.one_in(2) { delay as i64 } else { 0 };
        }
        let store = &mut self.stores[call.store];
        if portion == Portion::Whole {
            store.oracle.put(call.name, bytes);
        }
        let object = Object { bytes: part, shown_ns };
        // What was listed once stays listed.
        if let Some(before) = store.objects.insert(call.name.to_owned(), object) {
            let object = store.objects.get_mut(call.name).expect("just put");
            object.shown_ns = object.shown_ns.min(before.shown_ns);
        }
        self.note_session(call);
        let mut awaited = FLAGS.iter().chain(&["index/"]);
        let is_awaited = awaited.any(|folder| call.name.starts_with(folder));
        if let (true, true, Some(client)) = (late, is_awaited, self.clients.get_mut(call.client)) {
            // The own listing shows it at `shown_ns` plus less than the settling time; then it settles. How late it was
            // for everybody does not matter: who put the other flag waits in the same way before it looks.
            let everybody_ns = shown_ns + 2 * SETTLE_NS;
            client.flags.push((call.store, call.name.to_owned(), everybody_ns));
        }
    }

    /// Whoever is declared dead may fail in any way: what it counted on need not be there any more.
    fn note_session(&mut self, call: Call<'_>) {
        if let Some(session) = call.name.strip_prefix("sessions/") {
            if let Some(client) = self.clients.get_mut(call.client) {
                session.clone_into(&mut client.session);
            }
        } else if let Some((session, _)) =
            call.name.strip_prefix("fences/").and_then(|name| name.split_once('.'))
        {
            let concerned = self.clients.iter_mut().filter(|client| client.session == session);
            concerned.for_each(|client| client.struck = true);
        }
    }

    pub(crate) fn read(&self, call: Call<'_>) -> Result<Bytes, StorageError> {
        let object = self.stores[call.store].objects.get(call.name);
        object.map(|object| object.bytes.clone()).ok_or_else(|| call.error(ErrorKind::NotFound))
    }

    pub(crate) fn delete(&mut self, call: Call<'_>) {
        let store = &mut self.stores[call.store];
        let was_there = store.objects.remove(call.name).is_some();
        if let Some(client) = self.clients.get_mut(call.client) {
            client.flags.retain(|(store, name, _)| *store != call.store || name != call.name);
        }
        if let Some(lost) = was_there.then(|| store.oracle.delete(call.name)).flatten() {
            self.lose(format!("client {} deletes {}: {lost}", call.client, call.name));
        }
    }

    /// Names and sizes of what this client's listing shows.
    pub(crate) fn list(&self, call: Call<'_>, late: bool) -> Vec<(String, u64)> {
        let objects = &self.stores[call.store].objects;
        let range = objects.range(call.name.to_owned()..);
        let inside = range.take_while(|(name, _)| name.starts_with(call.name));
        inside
            .filter(|(name, _)| !name[call.name.len()..].contains('/'))
            .filter(|(name, object)| {
                !late || call.client == OBSERVER || {
                    let jitter = SETTLE_NS * jitter(name, call.client) / 256;
                    object.shown_ns + jitter <= self.now_ns
                }
            })
            .map(|(name, object)| (name.clone(), object.bytes.len() as u64))
            .collect()
    }

    /// Whether nobody ever stored anything here.
    pub(crate) fn is_untouched(&self, store: usize) -> bool {
        self.folders(store).iter().all(|folder| folder == "keys")
    }

    /// Objects that only something unfinished needs.
    pub(crate) fn leftovers(&self, store: usize) -> Vec<String> {
        let names = self.stores[store].objects.keys();
        let unfinished = |name: &&String| {
            ["condemned/", "sessions/"].iter().any(|folder| name.starts_with(folder))
        };
        names.filter(unfinished).cloned().collect()
    }

    /// Folders with objects.
    pub(crate) fn folders(&self, store: usize) -> Vec<String> {
        let names = self.stores[store].objects.keys();
        let mut folders: Vec<String> =
            names.filter_map(|name| Some(name.split_once('/')?.0.to_owned())).collect();
        folders.dedup();
        folders
    }
}

/// How much later than others a client sees an object, below 256.
fn jitter(name: &str, client: usize) -> i64 {
    let seed = client as u64 ^ 0xcbf2_9ce4_8422_2325;
    let hash = name
        .bytes()
        .fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    (hash >> 40 & 0xff) as i64
}
