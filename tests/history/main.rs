//! Snapshots made of snapshots: brought back, changed, copied; and what they have in common or not.

mod copying;
mod figures;
mod recommitting;
mod scene;
