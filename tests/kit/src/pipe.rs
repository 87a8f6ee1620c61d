//! A line that carries so many bytes a second, whoever sends them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Bytes wait until those before them have passed.
#[derive(Debug)]
pub(crate) struct Pipe {
    nanos_per_byte: f64,
    free_at: Mutex<Option<Instant>>,
}

impl Pipe {
    pub(crate) fn new(bytes_per_second: f64) -> Self {
        Self { nanos_per_byte: 1e9 / bytes_per_second, free_at: Mutex::default() }
    }

    /// Returns when so many bytes have passed.
    pub(crate) async fn pass(&self, bytes: usize) {
        #[expect(clippy::cast_precision_loss, reason = "nobody sends 2^53 bytes at once")]
        let nanos = bytes as f64 * self.nanos_per_byte;
        let until = {
            let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let start = free_at.map_or(now, |at| at.max(now));
            *free_at.insert(start + Duration::from_secs_f64(nanos / 1e9))
        };
        sleep_until(until).await;
    }
}
