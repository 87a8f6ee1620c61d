//! What a backup is: formats, repository, operations. No terminal, no environment, no network library.
//!
//! Modules form a ladder; each imports only from lower levels (`docs/architecture.md`).
//!
//! - vocabulary: [`id`], [`error`], [`progress`], [`clock`], [`looks`]
//! - level 1: [`chunker`] cuts a byte stream into chunks; [`crypto`] derives keys, seals and opens
//! - level 2: [`pack`] lays blobs into frames and frames into packs; [`index`] says which pack holds a blob;
//!   [`tree`] is the sorted map from paths to entries
//! - level 3: [`transform`] is the port to whoever makes a file again from what is stored instead of it; [`snapshot`] is the signed record of one backup; [`retention`] says which of them a policy keeps
//! - level 4: [`repository`] opens a store, reads and writes objects, runs sessions
//! - [`deletion`] has the steps of the protocol that deleting needs; [`reach`] marks what snapshots need, `fetch` reads many blobs at once, [`examine`] looks for damage; all are for
//!   several operations
//! - [`secrets`] keeps small secrets for the owner
//! - level 5: [`backup`], [`restore`], [`prune`], [`check`], [`repair`] and [`view`] are the operations;
//!   [`rewrite`] and [`copy`] make snapshots of snapshots, [`stats`] says what they take

pub mod backup;
mod cache;
pub mod check;
pub mod chunker;
pub mod clock;
pub mod copy;
pub mod crypto;
pub mod deletion;
pub mod error;
pub mod examine;
mod fetch;
pub mod id;
pub mod index;
pub mod looks;
pub mod pack;
pub mod progress;
pub mod prune;
pub mod reach;
pub mod repair;
pub mod repository;
pub mod restore;
pub mod retention;
pub mod rewrite;
pub mod secrets;
pub mod snapshot;
pub mod stats;
mod storage;
mod stored;
pub mod transform;
pub mod tree;
mod upload;
pub mod view;
