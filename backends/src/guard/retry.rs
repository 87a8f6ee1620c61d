//! Repeats what failed for a while.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use heirloom_engine::error::StorageError;

use super::Guard;
use crate::failure::Call;
use crate::http::HttpError;

const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// Whoever asks for more patience than this is told to the user instead.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(10);

/// The result, and how many attempts it took.
pub(super) async fn until_it_holds<T, F>(
    guard: &Guard,
    call: Call<'_>,
    attempt: impl Fn() -> F,
) -> (Result<T, StorageError>, usize)
where
    F: Future<Output = Result<T, StorageError>>,
{
    let attempts = AtomicUsize::new(0);
    let counted = || {
        attempts.fetch_add(1, Ordering::Relaxed);
        attempt()
    };
    let delays = ExponentialBuilder::new()
        .with_min_delay(guard.first_delay)
        .with_max_delay(LONGEST_DELAY)
        .with_max_times(guard.retries)
        .with_jitter();
    let result = counted
        .retry(delays)
        .when(|error| error.temporary)
        .adjust(|error, delay| {
            let delay = delay?;
            match retry_after(guard, error) {
                None => Some(delay),
                Some(asked) if asked > RETRY_AFTER_MAX => None,
                Some(asked) => Some(delay.max(asked)),
            }
        })
        .notify(|error, delay| {
            let Call { operation, object } = call;
            let attempt = attempts.load(Ordering::Relaxed);
            let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
            let store = guard.kind.as_str();
            tracing::info!(
                target: "heirloom::store", store, operation, object, attempt, kind = ?error.kind, millis,
                "will be tried again"
            );
        })
        .await;
    (result, attempts.into_inner())
}

fn retry_after(guard: &Guard, error: &StorageError) -> Option<Duration> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        let http = error.downcast_ref::<HttpError>().and_then(|http| http.retry_after);
        if let Some(asked) = http.or_else(|| (guard.retry_after)(error)) {
            return Some(asked);
        }
        next = error.source();
    }
    None
}
