//! What a local web page needs whatever it shows: who may look, what an address asks for, what a browser may be told.

pub(crate) mod ask;
pub(crate) mod gate;
pub(crate) mod launch;
pub(crate) mod media;
pub(crate) mod parts;
pub(crate) mod shrink;
pub(crate) mod sign;
