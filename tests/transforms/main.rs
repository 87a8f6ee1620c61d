//! Files of which something else is stored: they deduplicate by what they hold, and come back bit for bit or not at all.

mod decoded;
mod elsewhere;
mod looking;
mod reading;
mod scene;
mod stored;
mod undoing;
