//! The suite itself: it passes a good store, fails a bad one, and leaves nothing behind in either.

use heirloom_engine::error::ErrorKind;
use heirloom_engine::repository::OBJECT_BYTES_MAX;

use super::*;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

fn failed(outcomes: &[Outcome]) -> Vec<&str> {
    outcomes.iter().filter(|outcome| outcome.result.is_err()).map(|outcome| outcome.name).collect()
}

/// Breaks the contract in one way.
#[derive(Debug)]
struct Bad {
    inner: Store,
    how: How,
}

#[derive(Debug, PartialEq)]
enum How {
    ForgetsTheLastByte,
    ListsNothing,
    CannotDelete,
    HalfDoneAndSaysSo,
}

impl Storage for Bad {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            let fits = u64::try_from(bytes.len()).is_ok_and(|size| size <= OBJECT_BYTES_MAX);
            if self.how == How::HalfDoneAndSaysSo && fits {
                self.inner.put(name, bytes.slice(..bytes.len() / 2)).await?;
                tokio::task::yield_now().await;
            }
            self.inner.put(name, bytes).await
        })
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        Box::pin(async move {
            let bytes = self.inner.read(name, range).await?;
            let lost = usize::from(self.how == How::ForgetsTheLastByte && !bytes.is_empty());
            Ok(bytes.slice(..bytes.len() - lost))
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        let keep = self.how != How::ListsNothing;
        self.inner
            .list(prefix)
            .filter(move |entry| {
                let keep = keep || entry.is_err();
                async move { keep }
            })
            .boxed()
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        if self.how != How::CannotDelete {
            return self.inner.delete(name);
        }
        Box::pin(async move {
            let (kind, object) = (ErrorKind::PermissionDenied, name.to_owned());
            Err(StorageError { kind, temporary: false, operation: "delete", object, source: None })
        })
    }

    fn capabilities(&self) -> Capabilities {
        let atomic_put = self.how != How::HalfDoneAndSaysSo;
        Capabilities { atomic_put, ..self.inner.capabilities() }
    }
}

async fn objects_in(store: &Store) -> usize {
    let mut count = 0;
    for folder in FOLDERS {
        count += store.list(folder).count().await;
    }
    count
}

#[test]
fn a_good_store_passes_every_check_and_is_left_empty() {
    block_on(async {
        let store = crate::memory();
        let mut told = 0;
        let outcomes = run(Arc::clone(&store), &mut |_| told += 1).await;
        assert_eq!(failed(&outcomes), [""; 0]);
        assert_eq!((outcomes.len(), told), (check_count(), check_count()));
        assert_eq!(objects_in(&store).await, 0);
    });
}

#[test]
fn a_store_that_breaks_its_contract_fails_and_is_left_empty() {
    block_on(async {
        for how in [How::ForgetsTheLastByte, How::ListsNothing] {
            let inner = crate::memory();
            let outcomes = run(Arc::new(Bad { inner: Arc::clone(&inner), how }), &mut |_| {}).await;
            assert!(failed(&outcomes).contains(&"what_was_put_is_read_listed_and_deleted"));
            assert_eq!((outcomes.len(), objects_in(&inner).await), (check_count(), 0));
        }
    });
}

#[test]
fn a_store_that_cannot_delete_is_not_filled_further() {
    block_on(async {
        let bad = Bad { inner: crate::memory(), how: How::CannotDelete };
        let outcomes = run(Arc::new(bad), &mut |_| {}).await;
        let words = outcomes[0].result.as_ref().expect_err("nothing can be removed");
        assert_eq!(outcomes.len(), 1);
        assert_eq!(words, "cleaning up: delete index/a: PermissionDenied");
    });
}

#[test]
fn a_store_that_admits_half_done_puts_is_not_blamed_for_them() {
    block_on(async {
        let bad = Bad { inner: crate::memory(), how: How::HalfDoneAndSaysSo };
        assert_eq!(failed(&run(Arc::new(bad), &mut |_| {}).await), [""; 0]);
    });
}

#[test]
fn a_store_that_holds_anything_is_refused_and_not_touched() {
    block_on(async {
        for name in ["heirloom.json", "keys/00", "packs/00", "note"] {
            let store = crate::memory();
            store.put(name, Bytes::from_static(b"x")).await.expect("memory holds it");
            let outcomes = run(Arc::clone(&store), &mut |_| {}).await;
            assert_eq!(failed(&outcomes), ["the_store_is_empty"]);
            assert_eq!((outcomes.len(), objects_in(&store).await), (1, 1));
        }
    });
}
