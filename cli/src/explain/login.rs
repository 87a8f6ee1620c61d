//! What to say when a login did not work.

use heirloom_backends::AddressError;
use heirloom_backends::gdrive::login::LoginError;

use super::{Message, file_exit, io};
use crate::exit::Exit;
use crate::failure::LoginFailure;
use crate::render::names;

/// Google gives these to whoever registers a program, and we have none of our own.
const CLIENT: &str = "make an \"OAuth client ID\" for a \"Desktop app\" (for --device: \"TVs and Limited Input \
                      devices\") at https://console.cloud.google.com/apis/credentials, and name it with --client-id \
                      and --client-secret-file";

/// What to say about a login.
pub(super) fn message(failure: &LoginFailure) -> Message {
    match failure {
        LoginFailure::NotOffered => Message::new(
            Exit::Usage,
            "this kind of store has no login",
            "log in to Google Drive with `heirloom login gdrive:`",
        ),
        LoginFailure::Settings(error @ AddressError::MissingOption { .. }) => {
            Message::new(Exit::Configuration, format!("cannot log in: {error}"), CLIENT)
        }
        LoginFailure::Settings(error) => Message::new(
            Exit::Configuration,
            format!("cannot log in: {error}"),
            "check the options of the login",
        ),
        LoginFailure::Store(error) => failed(error),
    }
}

fn failed(error: &LoginError) -> Message {
    let (exit, hint) = match error {
        LoginError::Server { temporary: true, .. } => {
            (Exit::Unreachable, "check the connection, and try again")
        }
        LoginError::Server { .. } => (Exit::Failed, "try again later"),
        LoginError::Refused { code } if code == "invalid_client" => (Exit::Permission, CLIENT),
        LoginError::Refused { .. } => (Exit::Permission, "try again"),
        LoginError::Denied => (Exit::Permission, "say yes in the browser"),
        LoginError::TooLittle => (Exit::Permission, "tick the box in the browser"),
        LoginError::NotLasting => (
            Exit::Permission,
            "take the permission back at https://myaccount.google.com/permissions, and try again",
        ),
        LoginError::Keep { folder, source } => {
            return Message::new(
                file_exit(source, Exit::Failed),
                format!("the login cannot be kept in {}: {}", names::path(folder), io(source)),
                "check the folder and its permissions",
            );
        }
        LoginError::Listen(source) => {
            return Message::new(
                Exit::Failed,
                format!("cannot wait for the browser: {}", io(source)),
                "log in with --device",
            );
        }
        LoginError::TimedOut | _ => (Exit::Failed, "try again"),
    };
    Message::new(exit, format!("no login: {error}"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_no_client_learns_where_to_get_one() {
        let refused = LoginError::Refused { code: "invalid_client".into() };
        let message = message(&LoginFailure::Store(refused));
        assert_eq!(message.exit, Exit::Permission);
        assert!(message.hint.expect("a hint").contains("console.cloud.google.com"));
    }
}
