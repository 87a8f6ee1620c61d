//! Files that real apps wrote. They are no part of the project: `HEIRLOOM_FIXTURES` names the folder that they are in, and without it nothing is tested.

#[cfg(test)]
mod downloads;
#[cfg(test)]
mod read;
#[cfg(test)]
mod text_exports;
