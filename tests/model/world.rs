//! The scheduler and the store: one client runs at a time, and one call of the store is one step.
//!
//! Each client has a thread of its own. The one whose turn it is goes on until its next call; there it draws who is next,
//! from the seed, so that a schedule is replayed exactly. Time is the number of steps.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use heirloom_engine::error::{ErrorKind, StorageError};

use crate::image::Image;
use crate::oracle::Knowledge;
use crate::plan::{Fault, Plan};
use crate::state::{Call, FLAGS, Logged, OBSERVER, Portion, STEP_NS, State};

/// A schedule on its way.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Arc<Plan>,
    state: Mutex<State>,
    bells: Vec<Condvar>,
    over: Condvar,
}

/// What a schedule is run for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Search {
    /// Only lost data counts: the engine lacks a precaution.
    pub(crate) for_losses: bool,
    /// Keep all steps for a report.
    pub(crate) with_log: bool,
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
        search: Search,
    ) -> Arc<Self> {
        let state = State::new(plan, images, knowledge, search);
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
            state.lose(format!("client {} has two calls at once", call.client));
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

    /// On a store that lists late, whoever looks for flags waits until everybody can see the own ones, and the own segments.
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

    /// Waits until everybody sees what this client put.
    pub(crate) fn await_sight(&self, call: Call<'_>) {
        let state = self.state();
        if !state.is_over(call.client) {
            drop(self.settle(call, state));
        }
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

    pub(crate) fn lose(&self, what: String) {
        self.state().lose(what);
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
