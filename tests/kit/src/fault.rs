//! A store that fails at a chosen operation: before or after its effect, torn, without an answer, or dead from then on.
//!
//! Operations are numbered from 1 in the order in which they are first polled. A test of all crash points runs the
//! operation once without faults, reads [`FaultStorage::operations`], and then runs it once per number and fault on a
//! copy of the store.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _};
use heirloom_engine::error::{ErrorKind, StorageError};
use heirloom_engine::repository::{Capabilities, Listed, Storage};

/// What happens to one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails and has no effect.
    Before {
        /// What the error says about a retry.
        temporary: bool,
    },
    /// It takes effect, and the caller is told that it failed: a lost answer.
    After {
        /// What the error says about a retry.
        temporary: bool,
    },
    /// A `put` stores only so many bytes and fails; other calls fail without effect.
    Torn {
        /// The bytes that arrive.
        keep: usize,
    },
    /// The store is full from here on: this `put`, or else the next one, and every later one fails without effect.
    Full,
    /// The client dies before it; this and every later call fails.
    KillBefore,
    /// The client dies after it took effect; this and every later call fails.
    KillAfter,
    /// The client dies in the middle of a `put`, of which so many bytes arrive.
    KillTorn {
        /// The bytes that arrive.
        keep: usize,
    },
}

/// Which operations are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// All four.
    All,
    /// `put` and `delete`: the only ones that a crash can leave half done.
    Changes,
}

/// Passes everything on until its fault is due.
#[derive(Debug)]
pub struct FaultStorage {
    inner: Arc<dyn Storage>,
    counted: Counted,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    operations: u64,
    faults: BTreeMap<u64, Fault>,
    dead: bool,
    full: bool,
    denied: Option<&'static str>,
    struck: Vec<String>,
}

/// What is left of a fault once the effect is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Whole,
    Torn { keep: usize },
}

impl FaultStorage {
    /// A store without faults so far.
    pub fn new(inner: Arc<dyn Storage>, counted: Counted) -> Arc<Self> {
        Arc::new(Self { inner, counted, state: Arc::default() })
    }

    /// Another store of the same client: numbered together with this one, and dead when this one is.
    pub fn beside(&self, inner: Arc<dyn Storage>) -> Arc<Self> {
        Arc::new(Self { inner, counted: self.counted, state: Arc::clone(&self.state) })
    }

    /// The `number`-th operation from now on (1 is the next) gets this fault.
    pub fn at(&self, number: u64, fault: Fault) {
        let mut state = self.state();
        let due = state.operations + number;
        state.faults.insert(due, fault);
    }

    /// From now on the store permits nobody this operation; `None`: everything is permitted again.
    pub fn deny(&self, operation: Option<&'static str>) {
        self.state().denied = operation;
    }

    /// How many operations were numbered so far.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Whether a kill has happened.
    pub fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// The operations that got a fault, as `put packs/00ff: KillAfter`.
    pub fn struck(&self) -> Vec<String> {
        self.state().struck.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Numbers a call and looks up its fault; an error if the client is dead.
    fn arrive(&self, call: Call<'_>) -> Result<Option<Fault>, StorageError> {
        let mut state = self.state();
        if state.dead {
            return Err(call.error(false));
        }
        if state.full && call.operation == "put" {
            return Err(call.no_space());
        }
        if state.denied == Some(call.operation) {
            return Err(call.denied());
        }
        if self.counted == Counted::Changes && !matches!(call.operation, "put" | "delete") {
            return Ok(None);
        }
        state.operations += 1;
        let number = state.operations;
        let fault = state.faults.remove(&number);
        if let Some(fault) = fault {
            state.struck.push(format!("{} {}: {fault:?}", call.operation, call.object));
        }
        Ok(fault)
    }

    /// Decides what takes effect, and what the caller is told about it afterwards.
    fn begin(&self, call: Call<'_>) -> Result<(Effect, Result<(), StorageError>), StorageError> {
        match self.arrive(call)? {
            None => Ok((Effect::Whole, Ok(()))),
            Some(Fault::Before { temporary }) => Err(call.error(temporary)),
            Some(Fault::After { temporary }) => Ok((Effect::Whole, Err(call.error(temporary)))),
            Some(Fault::Torn { keep }) => Ok((Effect::Torn { keep }, Err(call.error(false)))),
            Some(Fault::Full) => {
                self.state().full = true;
                let put = call.operation == "put";
                if put { Err(call.no_space()) } else { Ok((Effect::Whole, Ok(()))) }
            }
            Some(Fault::KillBefore) => {
                self.state().dead = true;
                Err(call.error(false))
            }
            Some(Fault::KillAfter) => {
                self.state().dead = true;
                Ok((Effect::Whole, Err(call.error(false))))
            }
            Some(Fault::KillTorn { keep }) => {
                self.state().dead = true;
                Ok((Effect::Torn { keep }, Err(call.error(false))))
            }
        }
    }

    /// For calls that cannot be torn.
    fn begin_whole(&self, call: Call<'_>) -> Result<Result<(), StorageError>, StorageError> {
        match self.begin(call)? {
            (Effect::Whole, answer) => Ok(answer),
            (Effect::Torn { .. }, answer) => answer.map(Ok),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Call<'a> {
    operation: &'static str,
    object: &'a str,
}

impl Call<'_> {
    fn denied(self) -> StorageError {
        StorageError { kind: ErrorKind::PermissionDenied, ..self.error(false) }
    }

    fn no_space(self) -> StorageError {
        StorageError { kind: ErrorKind::NoSpace, ..self.error(false) }
    }

    fn error(self, temporary: bool) -> StorageError {
        StorageError {
            kind: ErrorKind::Unreachable,
            temporary,
            operation: self.operation,
            object: self.object.to_owned(),
            source: Some("injected fault".into()),
        }
    }
}

impl Storage for FaultStorage {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            let (effect, answer) = self.begin(Call { operation: "put", object: name })?;
            let arriving = match effect {
                Effect::Whole => bytes,
                Effect::Torn { keep } => bytes.slice(..keep.min(bytes.len())),
            };
            self.inner.put(name, arriving).await?;
            answer
        })
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        Box::pin(async move {
            let answer = self.begin_whole(Call { operation: "read", object: name })?;
            let bytes = self.inner.read(name, range).await?;
            answer.map(|()| bytes)
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        let begun = async move {
            // A listing with a lost answer breaks off after its last entry.
            match self.begin_whole(Call { operation: "list", object: prefix }) {
                Ok(answer) => {
                    let end = stream::iter(answer.err().map(Err));
                    self.inner.list(prefix).chain(end).boxed()
                }
                Err(error) => stream::iter([Err(error)]).boxed(),
            }
        };
        stream::once(begun).flatten().boxed()
    }

    fn folders(&self) -> BoxFuture<'_, Result<Option<BTreeSet<String>>, StorageError>> {
        Box::pin(async move {
            let answer = self.begin_whole(Call { operation: "list", object: "" })?;
            let folders = self.inner.folders().await?;
            answer.map(|()| folders)
        })
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            let answer = self.begin_whole(Call { operation: "delete", object: name })?;
            self.inner.delete(name).await?;
            answer
        })
    }

    fn capabilities(&self) -> Capabilities {
        // A torn put is seen by readers, so nothing better may be promised.
        Capabilities { atomic_put: false, ..self.inner.capabilities() }
    }
}
