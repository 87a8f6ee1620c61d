//! Time and randomness as arguments, so that tests can freeze and seed them.

use std::fmt::Debug;
use std::time::Duration;

/// Where the engine gets the time and random bytes from.
pub trait Clock: Send + Sync + Debug {
    /// Nanoseconds since 1970-01-01 UTC.
    fn now_ns(&self) -> i128;

    /// Fills the buffer with bytes that nobody can predict.
    fn fill_random(&self, bytes: &mut [u8]);

    /// Lets so much time pass; blocks the calling thread where time is real.
    fn sleep(&self, duration: Duration);
}

/// Random bytes as an array.
pub fn random<const N: usize>(clock: &dyn Clock) -> [u8; N] {
    let mut bytes = [0; N];
    clock.fill_random(&mut bytes);
    bytes
}
