//! Real servers for the suites: started on a free port of 127.0.0.1, with their data in a scratch folder, ended on drop.
//!
//! - [`Moto`] is S3 in memory; [`Apache`] and [`Nginx`] are WebDAV servers with and without a password
//! - [`Browser`] is Chromium; it is no server, but is started and ended like one
//! - [`Garage`], [`Wsgidav`], [`RcloneDav`] and [`Sshd`] are for runs with `HEIRLOOM_TEST_STORES=all`
//!
//! A program that is missing is an error that says how to get it: no suite passes because it could not run.

mod apache;
mod browser;
mod garage;
mod moto;
mod nginx;
mod process;
mod small;
mod sshd;

use std::env;

pub use self::apache::{Apache, Login};
pub use self::browser::Browser;
pub use self::garage::Garage;
pub use self::moto::Moto;
pub use self::nginx::Nginx;
pub use self::small::{RcloneDav, Wsgidav};
pub use self::sshd::Sshd;

/// User of every server that asks for one.
pub const USER: &str = "anna";

/// Password of every server that asks for one; odd enough that finding it in an output is no accident.
pub const PASSWORD: &str = "pa%ss-w0rd+7f3a9c1e";

/// Whether suites are to use every server there is: `HEIRLOOM_TEST_STORES` is `all`.
#[expect(clippy::disallowed_methods, reason = "a suite has no command line of its own")]
pub fn all_stores() -> bool {
    env::var_os("HEIRLOOM_TEST_STORES").is_some_and(|stores| stores == "all")
}
