//! Files that real apps wrote. They are no part of the project: `HEIRLOOM_FIXTURES` names the folder that they are in, and without it nothing is tested.

#[cfg(test)]
mod downloads;
#[cfg(test)]
#[expect(unreachable_pub, reason = "the same source is a public module of the kit")]
#[expect(clippy::disallowed_methods, reason = "tests are told where the files are")]
#[path = "../../../../tests/kit/src/fixtures.rs"]
mod fixtures;
#[cfg(test)]
mod read;
#[cfg(test)]
mod text_exports;
