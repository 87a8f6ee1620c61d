//! Time that stands still or ticks, and randomness from a seed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use heirloom_engine::clock::Clock;

use crate::Random;

/// A [`Clock`] under the test's control. Two clients need two seeds, or they choose the same ids.
#[derive(Debug)]
pub struct TestClock(Mutex<State>);

#[derive(Debug)]
struct State {
    now_ns: i128,
    step_ns: i128,
    random: Random,
}

impl TestClock {
    /// Noon of 2026-11-01 UTC: what [`fixed`](Self::fixed) and most tests start from.
    pub const NOON_NS: i128 = 1_793_534_400_000_000_000;

    /// Stands still at [`NOON_NS`](Self::NOON_NS).
    pub fn fixed(seed: u64) -> Self {
        Self::ticking(Self::NOON_NS, 0, seed)
    }

    /// Starts at a time and goes on by `step_ns` with every look at it.
    pub fn ticking(start_ns: i128, step_ns: i128, seed: u64) -> Self {
        Self(Mutex::new(State { now_ns: start_ns, step_ns, random: Random::new(seed) }))
    }

    /// Moves the time, also backwards.
    pub fn advance(&self, by_ns: i128) {
        self.state().now_ns += by_ns;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for TestClock {
    fn now_ns(&self) -> i128 {
        let mut state = self.state();
        let now = state.now_ns;
        state.now_ns += state.step_ns;
        now
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.state().random.fill(bytes);
    }

    /// Lets only the test's time pass.
    fn sleep(&self, duration: Duration) {
        self.advance(i128::try_from(duration.as_nanos()).expect("nobody waits for ages"));
    }
}
