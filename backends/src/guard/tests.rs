//! Delays are short here, but they are real.

use std::sync::Mutex;

use super::*;
use crate::http::HttpError;
use crate::metered::metered;
use crate::traffic::{RequestKind, Traffic};

type Answer = Box<dyn Fn(usize) -> Result<(), StorageError> + Send + Sync>;

/// Answers the n-th call as told; remembers how many there were at once.
struct Scripted {
    answer: Answer,
    delay: Duration,
    calls: Mutex<(usize, usize, usize)>,
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

impl Scripted {
    fn new(
        delay: Duration,
        answer: impl Fn(usize) -> Result<(), StorageError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { answer: Box::new(answer), delay, calls: Mutex::default() })
    }

    async fn called(&self) -> Result<(), StorageError> {
        let call = {
            let mut calls = self.calls.lock().expect("nobody panics");
            calls.0 += 1;
            calls.1 += 1;
            calls.2 = calls.2.max(calls.1);
            calls.0
        };
        tokio::time::sleep(self.delay).await;
        self.calls.lock().expect("nobody panics").1 -= 1;
        (self.answer)(call)
    }

    fn count(&self) -> usize {
        self.calls.lock().expect("nobody panics").0
    }

    fn most_at_once(&self) -> usize {
        self.calls.lock().expect("nobody panics").2
    }
}

impl Storage for Scripted {
    fn put<'a>(&'a self, _: &'a str, _: Bytes) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(self.called())
    }

    fn read<'a>(
        &'a self,
        _: &'a str,
        _: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        Box::pin(async { self.called().await.map(|()| Bytes::from_static(b"0123456789")) })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        let listed = move |n: u64| Listed { name: format!("{prefix}{n}"), size: n };
        let end = stream::once(self.called()).map_ok(move |()| listed(3));
        stream::iter([Ok(listed(1)), Ok(listed(2))]).chain(end).boxed()
    }

    fn delete<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(self.called())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { parallel: 3, uploads: 1, atomic_put: true }
    }
}

fn failure(temporary: bool, retry_after: Option<Duration>) -> StorageError {
    let call = Call { operation: "put", object: "packs/a" };
    call.http(HttpError {
        kind: ErrorKind::Unreachable,
        temporary,
        message: "it failed".to_owned(),
        status: None,
        retry_after,
    })
}

/// Longer than any test.
const ENDLESS: Duration = Duration::from_mins(10);

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn guarded(storage: &Arc<Scripted>, change: impl FnOnce(&mut Guard)) -> Arc<dyn Storage> {
    guarded_storage(Arc::<Scripted>::clone(storage), change)
}

fn guarded_storage(storage: Arc<dyn Storage>, change: impl FnOnce(&mut Guard)) -> Arc<dyn Storage> {
    let mut settings = Guard::new("test");
    settings.first_delay = millis(4);
    change(&mut settings);
    guard(storage, settings)
}

fn failing_before(n: usize) -> Arc<Scripted> {
    Scripted::new(
        Duration::ZERO,
        move |call| {
            if call < n { Err(failure(true, None)) } else { Ok(()) }
        },
    )
}

#[tokio::test]
async fn a_temporary_failure_is_repeated_and_a_lasting_one_is_not() {
    let third = failing_before(3);
    guarded(&third, |_| ()).put("packs/a", Bytes::new()).await.expect("the third attempt succeeds");
    assert_eq!(third.count(), 3);
    let never = failing_before(100);
    let started = Instant::now();
    guarded(&never, |_| ()).delete("packs/a").await.expect_err("it never succeeds");
    assert_eq!(never.count(), 6);
    assert!(started.elapsed() >= millis(4 + 8 + 16 + 32 + 64), "{:?}", started.elapsed());
    let lasting = Scripted::new(Duration::ZERO, |_| Err(failure(false, None)));
    guarded(&lasting, |_| ()).delete("packs/a").await.expect_err("it never succeeds");
    assert_eq!(lasting.count(), 1);
    let once = failing_before(100);
    guarded(&once, |guard| guard.retries = 0).delete("packs/a").await.expect_err("it failed");
    assert_eq!(once.count(), 1);
}

#[tokio::test]
async fn a_store_that_asks_to_wait_gets_its_time() {
    let patient = Scripted::new(Duration::ZERO, |call| match call {
        1 => Err(failure(true, Some(millis(400)))),
        _ => Ok(()),
    });
    let started = Instant::now();
    guarded(&patient, |_| ()).delete("packs/a").await.expect("it succeeds later");
    assert!(started.elapsed() >= millis(400), "{:?}", started.elapsed());
    let day = Duration::from_hours(24);
    let absurd = Scripted::new(Duration::ZERO, move |_| Err(failure(true, Some(day))));
    guarded(&absurd, |_| ()).delete("packs/a").await.expect_err("nobody waits for a day");
    assert_eq!(absurd.count(), 1);
}

#[tokio::test]
async fn a_call_that_takes_too_long_names_the_store_and_the_object() {
    let impatience = |guard: &mut Guard| {
        guard.retries = 0;
        guard.timeout = millis(50);
    };
    let impatient = guarded(&Scripted::new(ENDLESS, |_| Ok(())), impatience);
    let error = impatient.put("packs/a", Bytes::new()).await.expect_err("it takes too long");
    assert_eq!((error.kind, error.temporary), (ErrorKind::Unreachable, true));
    let words = error.source().expect("it says why").to_string();
    assert!(words.contains("test") && words.contains("packs/a"), "{words}");
    let listed = impatient.list("packs/").try_collect::<Vec<_>>().await;
    assert_eq!(listed.expect_err("it takes too long").kind, ErrorKind::Unreachable);
    let large = Bytes::from(vec![0; 20 << 10]);
    let impatient = guarded(&Scripted::new(millis(400), |_| Ok(())), impatience);
    impatient.put("packs/a", large).await.expect("a large object may take a second more");
}

#[tokio::test]
async fn a_limit_on_bytes_leaves_a_call_more_time() {
    let limit = |guard: &mut Guard| {
        guard.retries = 0;
        guard.timeout = millis(50);
        guard.upload_limit = NonZeroU64::new(600);
    };
    let limited = guarded(&Scripted::new(millis(400), |_| Ok(())), limit);
    limited.put("packs/a", Bytes::from(vec![0; 100])).await.expect("it has another second");
    let limited = guarded(&Scripted::new(ENDLESS, |_| Ok(())), limit);
    limited.put("packs/a", Bytes::from(vec![0; 99])).await.expect_err("it has not");
}

#[tokio::test]
async fn a_listing_that_breaks_off_is_repeated_without_duplicates() {
    let store = guarded(&failing_before(3), |_| ());
    let listed: Vec<_> = store.list("packs/").try_collect().await.expect("the third is whole");
    let names: Vec<_> = listed.into_iter().map(|listed| listed.name).collect();
    assert_eq!(names, ["packs/1", "packs/2", "packs/3"]);
}

#[tokio::test]
async fn no_more_calls_are_in_flight_than_allowed() {
    for (connections, most) in [(None, 3), (Some(2), 2), (Some(50), 20)] {
        let busy = Scripted::new(millis(20), |_| Ok(()));
        let store = guarded(&busy, |guard| guard.connections = connections);
        let calls = (0..20).map(|_| store.delete("packs/a"));
        futures::future::try_join_all(calls).await.expect("all succeed");
        assert_eq!(busy.most_at_once(), most);
        assert_eq!(store.capabilities().parallel, connections.unwrap_or(3));
    }
}

#[tokio::test]
async fn a_store_without_limits_of_its_own_is_throttled_and_counted() {
    let traffic = Arc::new(Traffic::default());
    let fast = Scripted::new(Duration::ZERO, |_| Ok(()));
    let counted = metered(Arc::<Scripted>::clone(&fast), Arc::clone(&traffic));
    let store = guarded_storage(counted, |guard| {
        guard.throttle = true;
        guard.upload_limit = NonZeroU64::new(10_000);
        guard.download_limit = NonZeroU64::new(40);
    });
    let started = Instant::now();
    for _ in 0..5 {
        store.put("packs/a", Bytes::from(vec![0; 1000])).await.expect("it is stored");
    }
    let took = started.elapsed().as_secs_f64();
    assert!((0.4..2.0).contains(&took), "the last one is paid by the next: {took}");
    store.read("packs/a", None).await.expect("it is read");
    store.read("packs/a", None).await.expect("it is read");
    let took = started.elapsed().as_secs_f64() - took;
    assert!((0.25..2.0).contains(&took), "{took}");
    let put = traffic.of(RequestKind::Put);
    let read = traffic.of(RequestKind::Read);
    assert_eq!((put.requests, put.sent, read.requests, read.received), (5, 5000, 2, 20));
}
