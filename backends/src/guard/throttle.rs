//! Bytes per second, object by object: an object moves as fast as it can, the next one waits until its time is paid.

use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The limit of one direction, or none.
#[derive(Debug)]
pub(super) struct Throttle {
    limit: Option<NonZeroU64>,
    paid_at: Mutex<Option<Instant>>,
}

impl Throttle {
    pub(super) fn new(limit: Option<NonZeroU64>) -> Self {
        Self { limit, paid_at: Mutex::new(None) }
    }

    /// Waits until everything that moved is paid.
    pub(super) async fn wait(&self) {
        loop {
            let paid_at = *self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
            match paid_at {
                Some(at) if at > Instant::now() => sleep_until(at).await,
                _ => return,
            }
        }
    }

    pub(super) fn charge(&self, bytes: u64) {
        let Some(limit) = self.limit else { return };
        let price = Duration::from_nanos(
            u64::try_from(u128::from(bytes) * 1_000_000_000 / u128::from(limit.get()))
                .unwrap_or(u64::MAX),
        );
        let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        *paid_at = paid_at.map_or(now, |at| at.max(now)).checked_add(price);
    }
}
