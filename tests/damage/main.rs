//! A hostile or failing store: flipped bytes, cut, lost, swapped, foreign, forged and replayed objects.
//!
//! Whatever is done to the objects, no wrong byte is restored, nothing panics, and what is missing is named.

mod bytes;
mod foreign;
mod forged;
mod lost;
mod matrix;
mod rollback;
mod specimen;
mod swapped;
