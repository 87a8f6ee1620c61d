//! Commands about the places that repositories lie in, not about what is in them.

pub(crate) mod doctor;
pub(crate) mod login;
pub(crate) mod plugin;
