//! Presents any OpenDAL operator as the engine's [`Storage`].
//!
//! OpenDAL is used for four things only: write a whole object, read a range, list one level, delete a file. The rest of
//! its interface behaves differently from service to service. Names are checked before it sees them, because it trims
//! and joins them; whether an answer is as long as the question is checked behind it. A panic of a service over a
//! listing that makes no sense is an error like any other.
//!
//! Not for the local disk: OpenDAL's `fs` never syncs a directory. That is [`LocalDisk`](crate::LocalDisk).

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{self, BoxStream, Stream, StreamExt as _, TryStreamExt as _};
use heirloom_engine::error::{ErrorKind, StorageError};
use heirloom_engine::repository::{
    Capabilities, Listed, OBJECT_BYTES_MAX, Storage, check_name, check_prefix,
};
use opendal::{Buffer, Entry, Operator};

use crate::failure::{Call, below};
use crate::http::HttpError;

type Scrub = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// An OpenDAL operator as a [`Storage`]. Retries and timeouts are not its business but of whoever wraps it.
#[derive(Clone)]
pub struct OpendalStorage {
    operator: Operator,
    capabilities: Capabilities,
    /// Stands before every name; empty, or ends with a slash.
    folder: String,
    /// The service has no folders but what names have in common, so that one without objects is not there.
    flat: bool,
    scrub: Scrub,
    finds_credentials: bool,
}

impl fmt::Debug for OpendalStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpendalStorage").field("operator", &self.operator).finish_non_exhaustive()
    }
}

impl OpendalStorage {
    /// `capabilities` are the caller's knowledge of the service: what OpenDAL reports does not cover them.
    pub fn new(operator: Operator, capabilities: Capabilities) -> Self {
        let scrub = Arc::new(|text: &str| text.chars().take(200).collect());
        Self {
            operator,
            capabilities,
            folder: String::new(),
            flat: false,
            scrub,
            finds_credentials: false,
        }
    }

    /// The same, which passes all words of the service through `scrub`.
    #[must_use]
    pub(crate) fn scrubbing(self, scrub: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self { scrub: Arc::new(scrub), ..self }
    }

    /// The same, for services whose folders are only what names have in common.
    #[must_use]
    pub(crate) fn without_folders(self) -> Self {
        Self { flat: true, ..self }
    }

    /// The same in a folder, for services whose root cannot be there.
    #[must_use]
    pub(crate) fn in_folder(self, folder: String) -> Self {
        Self { folder, ..self }
    }

    /// The same, of a service that looks for credentials itself. What it reports about them has no kind of its own; all
    /// other failures of such a service have been judged on the line.
    #[must_use]
    pub(crate) fn finding_credentials(self) -> Self {
        Self { finds_credentials: true, ..self }
    }

    pub(crate) fn operator(&self) -> &Operator {
        &self.operator
    }

    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}{name}", self.folder)
    }

    pub(crate) fn failed(&self, call: Call<'_>, error: &opendal::Error) -> StorageError {
        let mut failure = call.opendal(error, |text| (self.scrub)(text));
        let judged = below::<HttpError>(error).is_some();
        let unknown = error.kind() == opendal::ErrorKind::Unexpected && !failure.temporary;
        if self.finds_credentials && unknown && !judged {
            failure.kind = ErrorKind::PermissionDenied;
            let said = (self.scrub)(error.message());
            failure.source = Some(format!("no usable credentials were found: {said}").into());
        }
        failure
    }

    /// Whether there is a folder where an object is looked for. Names that already have a folder are objects.
    pub(crate) async fn is_folder(&self, call: Call<'_>) -> Result<bool, StorageError> {
        if call.object.contains('/') || check_name(call.object).is_err() {
            return Ok(false);
        }
        match self.operator.stat(&self.path(call.object)).await {
            Ok(found) => Ok(found.is_dir()),
            Err(error) if error.kind() == opendal::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.failed(call, &error)),
        }
    }

    /// Whatever the service lists, one level deep.
    fn entries<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Stream<Item = Result<Entry, StorageError>> + Send + 'a {
        let call = Call { operation: "list", object: prefix };
        let folder = self.path(prefix);
        let path = if folder.is_empty() { "/" } else { &folder }.to_owned();
        let entries = async move {
            check_prefix(prefix).map_err(|e| call.refused_name(e))?;
            let lister = self.operator.lister(&path).await;
            let lister = lister.map_err(|e| self.failed(call, &e))?;
            Ok(stream::try_unfold(lister, move |mut lister| async move {
                let next = AssertUnwindSafe(lister.try_next()).catch_unwind().await;
                let next = next.or(Err(call.protocol("the listing makes no sense")))?;
                let next = next.map_err(|e| self.failed(call, &e))?;
                Ok(next.map(|entry| (entry, lister)))
            }))
        };
        stream::once(entries).try_flatten()
    }

    async fn read_range(&self, call: Call<'_>, range: Range<u64>) -> Result<Bytes, StorageError> {
        let Some(wanted) = range.end.checked_sub(range.start) else {
            return Err(call.protocol("the range ends before it starts"));
        };
        if wanted > OBJECT_BYTES_MAX {
            return Err(call.protocol("the range is longer than any object"));
        }
        if wanted == 0 {
            // Services disagree about empty ranges; the object must still exist and reach that far.
            let size = self.operator.stat(&self.path(call.object)).await;
            let size = size.map_err(|e| self.failed(call, &e))?;
            if size.is_dir() {
                return Err(call.error(ErrorKind::NotFound, false, None));
            }
            let within = range.start <= size.content_length();
            return if within { Ok(Bytes::new()) } else { Err(beyond_the_end(call)) };
        }
        let path = self.path(call.object);
        let bytes = match self.operator.read_with(&path).range(range.clone()).await {
            Ok(read) => read.to_bytes(),
            Err(error) => {
                // Some services report a short object as one of several things that could also be something else.
                let unclear = error.kind() == opendal::ErrorKind::Unexpected
                    && !error.is_temporary()
                    && below::<HttpError>(&error).is_none();
                let short =
                    unclear
                        && self.operator.stat(&path).await.is_ok_and(|found| {
                            found.is_file() && found.content_length() < range.end
                        });
                return Err(if short { beyond_the_end(call) } else { self.failed(call, &error) });
            }
        };
        if u64::try_from(bytes.len()) == Ok(wanted) { Ok(bytes) } else { Err(beyond_the_end(call)) }
    }

    /// One request, given up as soon as the answer is longer than an object can be.
    async fn read_whole(&self, call: Call<'_>) -> Result<Bytes, StorageError> {
        let failed = |error| self.failed(call, &error);
        let reader = self.operator.reader(&self.path(call.object)).await.map_err(failed)?;
        let mut stream = reader.into_stream(..).await.map_err(failed)?;
        let mut parts = Vec::new();
        let mut size = 0_u64;
        while let Some(part) = stream.try_next().await.map_err(failed)? {
            size = size.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
            if size > OBJECT_BYTES_MAX {
                return Err(call.protocol("the object is larger than any that was put"));
            }
            parts.push(part);
        }
        Ok(parts.into_iter().flatten().collect::<Buffer>().to_bytes())
    }
}

fn beyond_the_end(call: Call<'_>) -> StorageError {
    call.protocol("the range reaches beyond the end of the object")
}

impl Storage for OpendalStorage {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            let call = Call::put(name, &bytes)?;
            let put = self.operator.write(&self.path(name), bytes).await;
            put.map(drop).map_err(|e| self.failed(call, &e))
        })
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        Box::pin(async move {
            let call = Call::on("read", name)?;
            match range {
                Some(range) => self.read_range(call, range).await,
                None => self.read_whole(call).await,
            }
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        let ours = move |entry: &Entry| {
            let name = entry.path().strip_prefix(&self.folder)?;
            let file = name.strip_prefix(prefix)?;
            let is_ours = entry.metadata().is_file() && !file.contains('/');
            (is_ours && check_name(name).is_ok())
                .then(|| Listed { name: name.to_owned(), size: entry.metadata().content_length() })
        };
        self.entries(prefix).try_filter_map(move |entry| async move { Ok(ours(&entry)) }).boxed()
    }

    fn folders(&self) -> BoxFuture<'_, Result<Option<BTreeSet<String>>, StorageError>> {
        Box::pin(async move {
            if !self.flat {
                return Ok(None);
            }
            let name = |entry: &Entry| {
                let path = entry.path().strip_prefix(&self.folder)?.strip_suffix('/')?;
                (!path.is_empty()).then(|| path.to_owned())
            };
            let names = self.entries("").try_filter_map(|entry| async move { Ok(name(&entry)) });
            names.try_collect().await.map(Some)
        })
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            let call = Call::on("delete", name)?;
            let deleted = self.operator.delete(&self.path(name)).await;
            deleted.map_err(|e| self.failed(call, &e))
        })
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }
}
