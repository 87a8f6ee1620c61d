//! The scheduler and the store: one client runs at a time, and one call of the store is one step.
//!
//! Each client has a thread of its own. The one whose turn it is goes on until its next call; there it draws who is next,
//! from the seed, so that a schedule is replayed exactly. Time is the number of steps.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use heirloom_engine::error::{ErrorKind, StorageError};

use crate::image::Image;
use crate::oracle::{Knowledge, Oracle};
use crate::plan::{Fault, Plan};
use crate::random::Random;

/// What one step takes.
const STEP_NS: i64 = 100_000_000;
/// When a schedule begins: 2027.
const START_NS: i64 = 1_800_000_000_000_000_000;
/// Listings of a store that is late show an object after at most so much, to the first client ...
const LATE_NS: i64 = 40 * STEP_NS;
/// ... and to all of them so much later. Who looks for flags of others waits as long.
const SETTLE_NS: i64 = 20 * STEP_NS;
/// A schedule that does not end by then does not end.
const STEPS_MAX: u64 = 40_000;
/// Folders whose objects are flags of the protocol.
const FLAGS: [&str; 4] = ["condemned/", "fences/", "sessions/", "snapshots/"];

/// Who is nobody's client: looks at the store when all is over.
pub(crate) const OBSERVER: usize = usize::MAX;

/// A schedule on its way.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Arc<Plan>,
    state: Mutex<State>,
    bells: Vec<Condvar>,
    over: Condvar,
}

/// A step, for the report.
#[derive(Debug, Clone)]
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
struct Client {
    left: bool,
    dead: bool,
    busy: bool,
    /// Something went wrong on purpose since its action began.
    struck: bool,
    wake_ns: i64,
    calls: u32,
    /// The session that it announced last, as `sessions/` names it.
    session: String,
    /// Own flags, by store and name, that somebody may not see yet, and when everybody does.
    flags: Vec<(usize, String, i64)>,
}

/// Everything that changes.
pub(crate) struct State {
    random: Random,
    current: usize,
    burst: u32,
    now_ns: i64,
    steps: u64,
    clients: Vec<Client>,
    pub(crate) stores: [Store; 2],
    violation: Option<String>,
    trace: u64,
    log: Option<Vec<Logged>>,
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

/// What a schedule came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) violation: Option<String>,
    pub(crate) steps: u64,
    /// A hash of all steps.
    pub(crate) trace: u64,
}

impl World {
    pub(crate) fn new(
        plan: &Arc<Plan>,
        images: &[Image; 2],
        knowledge: [&Arc<Knowledge>; 2],
        with_log: bool,
    ) -> Arc<Self> {
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
            log: with_log.then(Vec::new),
        };
        state.draw_next();
        Arc::new(Self {
            plan: Arc::clone(plan),
            state: Mutex::new(state),
            bells: plan.clients.iter().map(|_| Condvar::new()).collect(),
            over: Condvar::new(),
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for this client's first turn.
    pub(crate) fn enter(&self, client: usize) {
        drop(self.wait(client, self.state()));
    }

    /// This client has done everything that it was to do.
    pub(crate) fn leave(&self, client: usize) {
        let mut state = self.state();
        state.clients[client].left = true;
        self.pass_on(&mut state);
    }

    /// Waits until every client has left; false if they never do.
    pub(crate) fn wait_until_over(&self, at_most: Duration) -> bool {
        let state = self.state();
        let waiting = |state: &mut State| state.clients.iter().any(|client| !client.left);
        let waited = self.over.wait_timeout_while(state, at_most, waiting);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn pass_on(&self, state: &mut State) {
        state.draw_next();
        match self.bells.get(state.current) {
            Some(bell) => bell.notify_one(),
            None => self.over.notify_all(),
        }
    }

    fn wait<'s>(&'s self, client: usize, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        let bell = &self.bells[client];
        let elsewhere = |state: &mut State| state.current != client;
        bell.wait_while(state, elsewhere).unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on when it is this client's turn again.
    fn take_turn<'s>(
        &'s self,
        client: usize,
        mut state: MutexGuard<'s, State>,
    ) -> MutexGuard<'s, State> {
        if state.burst > 0 && state.clients[client].wake_ns <= state.now_ns {
            state.burst -= 1;
            return state;
        }
        state.draw_next();
        if state.current == client {
            return state;
        }
        self.bells[state.current].notify_one();
        self.wait(client, state)
    }

    /// Lets time pass for one client.
    pub(crate) fn sleep(&self, client: usize, duration: Duration) {
        let duration_ns = i64::try_from(duration.as_nanos()).expect("nobody waits for ages");
        let mut state = self.state();
        if client == OBSERVER {
            state.now_ns += duration_ns;
        } else if !state.is_over(client) {
            state.clients[client].wake_ns = state.now_ns + duration_ns;
            drop(self.take_turn(client, state));
        }
    }

    /// The time as this client sees it, in ns since 1970.
    pub(crate) fn now_ns(&self, client: usize) -> i128 {
        let mut state = self.state();
        // Two looks at the clock are never the same.
        state.now_ns += 1;
        let skew_days = self.plan.clients.get(client).map_or(0, |client| client.skew_days);
        i128::from(state.now_ns) + i128::from(skew_days) * 86_400_000_000_000
    }

    /// One step: `effect` happens at once, when it is this client's turn.
    pub(crate) fn step<T>(
        &self,
        call: Call<'_>,
        mut effect: impl FnMut(&mut State, Portion) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let mut state = self.state();
        if call.client == OBSERVER {
            return effect(&mut state, Portion::Whole);
        }
        if state.is_over(call.client) {
            return Err(call.error(ErrorKind::Unreachable));
        }
        if state.clients[call.client].busy {
            state.violate(format!("client {} has two calls at once", call.client));
            return Err(call.error(ErrorKind::Unreachable));
        }
        state.clients[call.client].busy = true;
        let (mut state, result) = self.scheduled(call, state, &mut effect);
        state.clients[call.client].busy = false;
        result
    }

    fn scheduled<'s, T>(
        &'s self,
        call: Call<'_>,
        state: MutexGuard<'s, State>,
        effect: &mut dyn FnMut(&mut State, Portion) -> Result<T, StorageError>,
    ) -> (MutexGuard<'s, State>, Result<T, StorageError>) {
        let client = call.client;
        let mut state = self.take_turn(client, state);
        let number = state.clients[client].calls;
        state.clients[client].calls += 1;
        let faults = &self.plan.clients[client].faults;
        let due = |fault: &&(u32, Fault)| fault.0 == number;
        for (_, fault) in faults.iter().filter(due) {
            if let Fault::Pause(steps) = fault {
                state.clients[client].wake_ns = state.now_ns + i64::from(*steps) * STEP_NS;
                state = self.take_turn(client, state);
            }
        }
        if self.plan.late && call.verb == "list" && FLAGS.contains(&call.name) {
            state = self.settle(call, state);
        }
        if state.is_over(client) {
            return (state, Err(call.error(ErrorKind::Unreachable)));
        }
        let faults = faults.iter().filter(due).map(|(_, fault)| *fault);
        let fault = faults.into_iter().find(|fault| !matches!(fault, Fault::Pause(_)));
        state.advance();
        let is_put = call.verb == "put";
        if let (None, true) = (fault, is_put && !self.plan.atomic && state.random.one_in(3)) {
            state.note(call, "begins");
            let begun = effect(&mut state, Portion::Part);
            drop(begun);
            let steps = i64::try_from(state.random.below(12)).expect("a small number");
            state.clients[client].wake_ns = state.now_ns + steps * STEP_NS;
            state.burst = 0;
            state = self.take_turn(client, state);
            if state.is_over(client) {
                return (state, Err(call.error(ErrorKind::Unreachable)));
            }
            state.advance();
        }
        let result = state.perform(call, fault, self.plan.atomic, effect);
        (state, result)
    }

    /// On a store that lists late, whoever looks for flags waits until everybody can see the own ones.
    fn settle<'s>(
        &'s self,
        call: Call<'_>,
        mut state: MutexGuard<'s, State>,
    ) -> MutexGuard<'s, State> {
        let flags = &state.clients[call.client].flags;
        let own = flags.iter().filter(|(store, ..)| *store == call.store).map(|(.., ns)| *ns);
        let until = own.max().unwrap_or(i64::MIN);
        if until > state.now_ns {
            state.clients[call.client].wake_ns = until;
            state = self.take_turn(call.client, state);
        }
        let now_ns = state.now_ns;
        state.clients[call.client].flags.retain(|(.., ns)| *ns > now_ns);
        state
    }

    /// From here on nothing counts as struck.
    pub(crate) fn begin_action(&self, client: usize) {
        self.state().clients[client].struck = false;
    }

    /// Whether something went wrong on purpose since the action began.
    pub(crate) fn is_struck(&self, client: usize) -> bool {
        let state = self.state();
        state.is_over(client) || state.clients[client].struck
    }

    pub(crate) fn is_over(&self, client: usize) -> bool {
        self.state().is_over(client)
    }

    /// Ends the schedule: this must not have happened.
    pub(crate) fn violate(&self, what: String) {
        self.state().violate(what);
    }

    /// Everybody sees everything that was ever put.
    pub(crate) fn let_a_year_pass(&self) {
        self.state().now_ns += 365 * 86_400_000_000_000;
    }

    pub(crate) fn summary(&self) -> Summary {
        let State { violation, steps, trace, .. } = &*self.state();
        Summary { violation: violation.clone(), steps: *steps, trace: *trace }
    }

    pub(crate) fn take_log(&self) -> Vec<Logged> {
        self.state().log.take().unwrap_or_default()
    }
}

/// How much of a put arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Portion {
    Whole,
    Part,
}

impl State {
    fn is_over(&self, client: usize) -> bool {
        self.violation.is_some() || self.clients.get(client).is_some_and(|client| client.dead)
    }

    pub(crate) fn violate(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }

    fn advance(&mut self) {
        self.steps += 1;
        self.now_ns += STEP_NS;
        if self.steps > STEPS_MAX {
            self.violate(format!("no end after {STEPS_MAX} steps"));
        }
    }

    /// Chooses who goes on, and for how many steps.
    fn draw_next(&mut self) {
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

    fn note(&mut self, call: Call<'_>, note: &str) {
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

    fn perform<T>(
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
            Fault::Torn | Fault::KillTorn | Fault::Before | Fault::Throttled => {}
            Fault::KillBefore | Fault::Pause(_) => {}
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
            let delay = self.random.below(LATE_NS as u64);
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
        let is_flag = FLAGS.iter().any(|folder| call.name.starts_with(folder));
        if let (true, true, Some(client)) = (late, is_flag, self.clients.get_mut(call.client)) {
            // The own listing shows it at `shown_ns` plus less than the settling time; then it settles.
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
            self.violate(format!("client {} deletes {}: {lost}", call.client, call.name));
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

    /// Whether there is a snapshot of a session that was declared dead.
    pub(crate) fn has_disputed(&self, store: usize) -> bool {
        let objects = &self.stores[store].objects;
        let fences =
            objects.keys().filter_map(|name| name.strip_prefix("fences/")?.split_once('.'));
        fences.into_iter().any(|(id, _)| objects.contains_key(&format!("snapshots/{id}")))
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
