//! Conversations that the tests make up, written as apps write them, and hostile files.

#[cfg(test)]
mod archives;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod json;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod text;
