//! Ids for what is about to be made. Who repeats a step with the same id cannot make the thing twice.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Mutex as AsyncMutex;
use url::Url;

use crate::google::Api;
use crate::http::HttpError;

/// Steps that failed and may be repeated; more than these are forgotten, which may cost a duplicate.
const UNFINISHED_MAX: usize = 10_000;

/// Ids that wait to be used, and ids of steps whose outcome nobody knows.
#[derive(Default)]
pub(super) struct Ids {
    fresh: AsyncMutex<Vec<String>>,
    unfinished: Mutex<HashMap<String, Attempt>>,
}

/// A try to make something.
#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) id: String,
    /// Where the rest of the bytes is to be sent.
    pub(super) session: Option<Url>,
}

/// An attempt that is under way. Dropped before its end, it leaves its id to the next one of the same name.
pub(super) struct Claim<'a> {
    ids: &'a Ids,
    name: &'a str,
    pub(super) attempt: Attempt,
    done: bool,
}

impl Ids {
    /// The id of an earlier attempt that failed, or a new one.
    pub(super) async fn claim<'a>(
        &'a self,
        api: &Api,
        name: &'a str,
    ) -> Result<Claim<'a>, HttpError> {
        let earlier = self.unfinished().remove(name);
        let attempt = match earlier {
            Some(attempt) => attempt,
            None => Attempt { id: self.fresh(api).await?, session: None },
        };
        Ok(Claim { ids: self, name, attempt, done: false })
    }

    async fn fresh(&self, api: &Api) -> Result<String, HttpError> {
        let mut fresh = self.fresh.lock().await;
        loop {
            match fresh.pop() {
                Some(id) => return Ok(id),
                None => *fresh = api.new_ids().await?,
            }
        }
    }

    /// The id of an attempt that failed and will not be repeated.
    pub(super) fn give_up(&self, name: &str) -> Option<String> {
        self.unfinished().remove(name).map(|attempt| attempt.id)
    }

    fn unfinished(&self) -> MutexGuard<'_, HashMap<String, Attempt>> {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim<'_> {
    /// The id is used up: by a file that is whole, or by one that had to be removed.
    pub(super) fn finish(mut self) {
        self.done = true;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut unfinished = self.ids.unfinished();
        if !self.done && unfinished.len() < UNFINISHED_MAX {
            unfinished.insert(self.name.to_owned(), self.attempt.clone());
        }
    }
}
