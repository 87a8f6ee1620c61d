//! Whole repositories on every kind of store, good days and bad: real servers, broken lines, lying answers.
//!
//! Servers that need a download of their own run with `HEIRLOOM_TEST_STORES=all`, and then trees are larger, too.

mod bad_input;
mod bandwidth;
mod credentials;
mod exits;
mod lies;
mod machine;
mod program;
mod program_secrets;
mod race;
mod repositories;
mod requests;
mod rights;
mod secrets;
mod stages;
mod table;
mod trees;
