//! Words for people. Everything that the program says about an error or a result is written here and nowhere else.

pub(crate) mod doctor;
pub(crate) mod entry;
pub(crate) mod key;
pub(crate) mod login;
pub(crate) mod names;
pub(crate) mod numbers;
pub(crate) mod objects;
pub(crate) mod plugin;
pub(crate) mod problem;
pub(crate) mod qr;
pub(crate) mod restore;
pub(crate) mod snapshot;
pub(crate) mod table;
pub(crate) mod time;
pub(crate) mod traffic;
