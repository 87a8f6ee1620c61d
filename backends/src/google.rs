//! A Google account: where its interfaces lie, how people log in, and requests with a token of access.
//!
//! What is asked for is not this module's matter; that is [`gdrive`](crate::gdrive).

mod api;
mod endpoints;
mod failure;
pub mod login;
mod oauth;
mod vault;

pub(crate) use self::api::{Answer, Api, Request, is_id};
pub(crate) use self::endpoints::Endpoints;
pub(crate) use self::failure::{failure, nonsense, storage_error};
pub(crate) use self::oauth::Tokens;
pub(crate) use self::vault::{Account, Login};

use crate::AddressError;
use crate::http::HttpError;

#[expect(clippy::needless_pass_by_value, reason = "it stands behind map_err")]
pub(crate) fn no_service(error: HttpError) -> AddressError {
    AddressError::Service { scheme: "gdrive".to_owned(), reason: error.to_string() }
}
