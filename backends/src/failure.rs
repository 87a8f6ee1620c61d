//! Turns what operating systems and OpenDAL report into the engine's [`StorageError`].
//!
//! The operating system's own error decides where there is one: OpenDAL calls most of them "unexpected, temporary",
//! a full disk included, and would have them repeated. So does the answer of a server, which [`HttpError`] has judged.
//! An error of OpenDAL is not passed on itself: it prints the URL with its query and all that the server wrote.

use std::borrow::Cow;
use std::error::Error;
use std::io;

use bytes::Bytes;
use heirloom_engine::error::{ErrorKind, StorageError};
use heirloom_engine::repository::{NameError, OBJECT_BYTES_MAX, check_name};
use rustix::io::Errno;

use crate::http::HttpError;

/// One call on one object, for naming it in errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) operation: &'static str,
    pub(crate) object: &'a str,
}

impl<'a> Call<'a> {
    /// A call on an object whose name every store keeps.
    pub(crate) fn on(operation: &'static str, object: &'a str) -> Result<Self, StorageError> {
        let call = Self { operation, object };
        check_name(object).map_err(|reason| call.refused_name(reason))?;
        Ok(call)
    }

    /// A put of an object that is small enough for every store.
    pub(crate) fn put(object: &'a str, bytes: &Bytes) -> Result<Self, StorageError> {
        let call = Self::on("put", object)?;
        if u64::try_from(bytes.len()).map_or(true, |size| size > OBJECT_BYTES_MAX) {
            return Err(call.error(
                ErrorKind::Unsupported,
                false,
                Some("objects have at most 64 MiB".into()),
            ));
        }
        Ok(call)
    }

    pub(crate) fn error(
        self,
        kind: ErrorKind,
        temporary: bool,
        source: Option<Box<dyn Error + Send + Sync>>,
    ) -> StorageError {
        let Self { operation, object } = self;
        StorageError { kind, temporary, operation, object: object.to_owned(), source }
    }

    /// The store answered something that it must not answer, or was asked for what it does not have.
    pub(crate) fn protocol(self, what: &'static str) -> StorageError {
        self.error(ErrorKind::Protocol, false, Some(what.into()))
    }

    pub(crate) fn refused_name(self, reason: NameError) -> StorageError {
        self.error(ErrorKind::Configuration, false, Some(reason.into()))
    }

    pub(crate) fn io(self, source: io::Error) -> StorageError {
        let (kind, temporary) = judge_io(&source);
        self.error(kind, temporary, Some(source.into()))
    }

    pub(crate) fn http(self, source: HttpError) -> StorageError {
        self.error(source.kind, source.temporary, Some(source.into()))
    }

    /// `scrub` takes secrets out of what the service says.
    pub(crate) fn opendal(
        self,
        error: &opendal::Error,
        scrub: impl FnOnce(&str) -> String,
    ) -> StorageError {
        if let Some(http) = below::<HttpError>(error) {
            return self.http(http.clone());
        }
        let (kind, temporary) = judge_opendal(error);
        let io = below::<io::Error>(error).and_then(io::Error::raw_os_error);
        let cause = io.map(io::Error::from_raw_os_error);
        let said = match &cause {
            Some(_) => Cow::Borrowed(error.message()),
            None => Cow::Owned(format!("{} {}", error.message(), deepest(error))),
        };
        let said = scrub(&said);
        let said_something = cause.is_some() || !said.is_empty();
        let source = said_something.then(|| ServiceError { said, cause }.into());
        self.error(kind, temporary, source)
    }
}

/// What a service of OpenDAL said, without the rest of its error.
#[derive(Debug, thiserror::Error)]
#[error("{said}")]
struct ServiceError {
    said: String,
    #[source]
    cause: Option<io::Error>,
}

/// What lies at the bottom of an error, unless that is the error itself.
fn deepest(error: &opendal::Error) -> String {
    let mut last: Option<&dyn Error> = error.source();
    while let Some(next) = last.and_then(Error::source) {
        last = Some(next);
    }
    last.map(ToString::to_string).unwrap_or_default()
}

fn judge_io(error: &io::Error) -> (ErrorKind, bool) {
    let Some(errno) = Errno::from_io_error(error) else {
        return judge_io_kind(error.kind());
    };
    match errno {
        Errno::NOENT => (ErrorKind::NotFound, false),
        Errno::NOSPC | Errno::DQUOT | Errno::FBIG => (ErrorKind::NoSpace, false),
        Errno::ACCESS | Errno::PERM | Errno::ROFS => (ErrorKind::PermissionDenied, false),
        Errno::NOTDIR | Errno::ISDIR | Errno::LOOP | Errno::NAMETOOLONG | Errno::XDEV => {
            (ErrorKind::Configuration, false)
        }
        Errno::OPNOTSUPP | Errno::NOSYS => (ErrorKind::Unsupported, false),
        Errno::AGAIN
        | Errno::INTR
        | Errno::BUSY
        | Errno::NOMEM
        | Errno::MFILE
        | Errno::NFILE
        | Errno::STALE
        | Errno::TIMEDOUT
        | Errno::CONNRESET
        | Errno::CONNREFUSED
        | Errno::HOSTDOWN
        | Errno::HOSTUNREACH
        | Errno::NETDOWN
        | Errno::NETUNREACH => (ErrorKind::Unreachable, true),
        _ => (ErrorKind::Unreachable, false),
    }
}

/// For errors without a number: made by a library, mostly about a connection.
fn judge_io_kind(kind: io::ErrorKind) -> (ErrorKind, bool) {
    if kind == io::ErrorKind::NotFound {
        (ErrorKind::NotFound, false)
    } else if kind == io::ErrorKind::PermissionDenied {
        (ErrorKind::PermissionDenied, false)
    } else if matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        (ErrorKind::NoSpace, false)
    } else {
        (ErrorKind::Unreachable, true)
    }
}

fn judge_opendal(error: &opendal::Error) -> (ErrorKind, bool) {
    use opendal::ErrorKind as Kind;
    if let Some(io) = below::<io::Error>(error) {
        return judge_io(io);
    }
    // A temporary error that was repeated in vain arrives as "persistent"; a later call may still succeed.
    let passing = error.is_temporary() || error.is_persistent();
    match error.kind() {
        Kind::NotFound => (ErrorKind::NotFound, false),
        Kind::PermissionDenied => (ErrorKind::PermissionDenied, passing),
        Kind::RateLimited => (ErrorKind::RateLimited, true),
        Kind::ConfigInvalid => (ErrorKind::Configuration, false),
        Kind::Unsupported => (ErrorKind::Unsupported, false),
        Kind::IsADirectory
        | Kind::NotADirectory
        | Kind::AlreadyExists
        | Kind::IsSameFile
        | Kind::ConditionNotMatch
        | Kind::RangeNotSatisfied => (ErrorKind::Protocol, false),
        Kind::Unexpected | Kind::Conflict | _ => (ErrorKind::Unreachable, passing),
    }
}

/// The first error of this type that an error stands upon.
pub(crate) fn below<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operating_systems_error_decides_over_what_opendal_makes_of_it() {
        let call = Call { operation: "put", object: "packs/a" };
        for (errno, kind) in [
            (Errno::NOSPC, ErrorKind::NoSpace),
            (Errno::DQUOT, ErrorKind::NoSpace),
            (Errno::ACCESS, ErrorKind::PermissionDenied),
            (Errno::PERM, ErrorKind::PermissionDenied),
            (Errno::ROFS, ErrorKind::PermissionDenied),
            (Errno::NOENT, ErrorKind::NotFound),
        ] {
            let wrapped = opendal::Error::new(opendal::ErrorKind::Unexpected, "unexpected")
                .set_source(io::Error::from(errno))
                .set_temporary();
            let error = call.opendal(&wrapped, str::to_owned);
            assert_eq!((error.kind, error.temporary), (kind, false), "{errno}");
        }
    }

    #[test]
    fn failures_that_a_retry_may_cure_are_temporary() {
        let call = Call { operation: "read", object: "packs/a" };
        assert!(call.io(Errno::TIMEDOUT.into()).temporary);
        assert!(!call.io(Errno::IO.into()).temporary, "a broken disk stays broken");
        let limited = opendal::Error::new(opendal::ErrorKind::RateLimited, "slow down");
        let error = call.opendal(&limited, str::to_owned);
        assert_eq!((error.kind, error.temporary), (ErrorKind::RateLimited, true));
        let unexpected = opendal::Error::new(opendal::ErrorKind::Unexpected, "strange");
        assert!(!call.opendal(&unexpected, str::to_owned).temporary);
    }

    #[test]
    fn an_error_names_the_call_and_the_object() {
        let error = Call { operation: "read", object: "packs/a" }.protocol("too short");
        assert_eq!(error.to_string(), "read packs/a: Protocol");
    }
}
