//! Presents any OpenDAL operator as the engine's [`Storage`].
//!
//! OpenDAL is used for four things only: write a whole object, read a range, list one level, delete a file. The rest of
//! its interface behaves differently from service to service. Names are checked before it sees them, because it trims
//! and joins them; whether an answer is as long as the question is checked behind it.
//!
//! Not for the local disk: OpenDAL's `fs` never syncs a directory. That is [`LocalDisk`](crate::LocalDisk).

use std::ops::Range;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use heirloom_engine::error::StorageError;
use heirloom_engine::repository::{
    Capabilities, Listed, OBJECT_BYTES_MAX, Storage, check_name, check_prefix,
};
use opendal::{Buffer, Operator};

use crate::failure::Call;

/// An OpenDAL operator as a [`Storage`]. Retries and timeouts are layers of the operator, the caller's choice.
#[derive(Debug, Clone)]
pub struct OpendalStorage {
    operator: Operator,
    capabilities: Capabilities,
}

impl OpendalStorage {
    /// `capabilities` are the caller's knowledge of the service: what OpenDAL reports does not cover them.
    pub fn new(operator: Operator, capabilities: Capabilities) -> Self {
        Self { operator, capabilities }
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
            let size = self.operator.stat(call.object).await.map_err(|e| call.opendal(e))?;
            let within = range.start <= size.content_length();
            return if within { Ok(Bytes::new()) } else { Err(beyond_the_end(call)) };
        }
        let read = self.operator.read_with(call.object).range(range).await;
        let bytes = read.map_err(|e| call.opendal(e))?.to_bytes();
        if u64::try_from(bytes.len()) == Ok(wanted) { Ok(bytes) } else { Err(beyond_the_end(call)) }
    }

    /// One request, given up as soon as the answer is longer than an object can be.
    async fn read_whole(&self, call: Call<'_>) -> Result<Bytes, StorageError> {
        let reader = self.operator.reader(call.object).await.map_err(|e| call.opendal(e))?;
        let mut stream = reader.into_stream(..).await.map_err(|e| call.opendal(e))?;
        let mut parts = Vec::new();
        let mut size = 0_u64;
        while let Some(part) = stream.try_next().await.map_err(|e| call.opendal(e))? {
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
            let call = Call { operation: "put", object: name };
            check_name(name).map_err(|e| call.refused_name(e))?;
            if u64::try_from(bytes.len()).map_or(true, |size| size > OBJECT_BYTES_MAX) {
                return Err(call.too_large());
            }
            self.operator.write(name, bytes).await.map(drop).map_err(|e| call.opendal(e))
        })
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        Box::pin(async move {
            let call = Call { operation: "read", object: name };
            check_name(name).map_err(|e| call.refused_name(e))?;
            match range {
                Some(range) => self.read_range(call, range).await,
                None => self.read_whole(call).await,
            }
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        let call = Call { operation: "list", object: prefix };
        let entries = async move {
            check_prefix(prefix).map_err(|e| call.refused_name(e))?;
            let lister = self.operator.lister(prefix).await.map_err(|e| call.opendal(e))?;
            Ok(lister.map_err(move |e| call.opendal(e)))
        };
        let ours = move |path: &str| {
            path.strip_prefix(prefix).is_some_and(|file| !file.contains('/'))
                && check_name(path).is_ok()
        };
        stream::once(entries)
            .try_flatten()
            .try_filter_map(move |entry| async move {
                let listed = entry.metadata().is_file() && ours(entry.path());
                Ok(listed.then(|| Listed {
                    name: entry.path().to_owned(),
                    size: entry.metadata().content_length(),
                }))
            })
            .boxed()
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            let call = Call { operation: "delete", object: name };
            check_name(name).map_err(|e| call.refused_name(e))?;
            self.operator.delete(name).await.map_err(|e| call.opendal(e))
        })
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }
}
