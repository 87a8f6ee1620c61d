//! What the suites share: doubles of the engine's ports, generated file trees and a comparer, the storage contract.
//!
//! - [`MemoryStorage`] is a store that can be looked into, copied and damaged
//! - [`FaultStorage`] fails, tears, loses answers and dies at a chosen operation; [`CountingStorage`] counts
//! - [`HookStorage`] lets a test do something in the middle of an operation
//! - [`TestClock`] and [`CollectedProgress`] stand in for time, randomness and whoever watches
//! - [`Client`] opens a repository on any store; [`back_up`] and [`restore_to`] run the engine on real folders
//! - [`Lab`] is a repository in memory with a folder to back up and a place to restore to
//! - [`fixtures`] are real files that are no part of the project
//! - [`scratch_folder`] is a folder in memory where there is one
//! - [`TreePlan`] is a random file tree, the same for the same seed; [`assert_same_tree`] compares two on disk
//! - [`DriveEmulator`] is Google Drive on this machine
//! - [`crypt`] writes encrypted backups of a messenger, [`msgstore`] its databases
//! - [`storage_conformance`] is the contract of every store
//! - [`SlowStorage`] is as far away as one wants
//! - [`KitSource`] takes files of its own kind apart, and [`KitUndo`] puts them together, or fails to
//! - [`Moto`](servers::Moto), [`Apache`](servers::Apache), [`Nginx`](servers::Nginx) and others are real servers;
//!   [`TearingDav`] is one that tears writes; [`Proxy`] stands before any of them and misbehaves
//! - [`Place`] is a store's address with what opens it; [`raw_http`] asks a server without any store
//!
//! Helpers return `Result`; the test decides to panic.

mod client;
mod clock;
mod compare;
mod conformance;
mod counting;
pub mod crypt;
mod dav;
mod drive;
mod fault;
mod fixtures;
mod hook;
mod lab;
mod listener;
mod memory;
pub mod msgstore;
mod pipe;
mod place;
mod plan;
mod plan_on_disk;
mod progress;
mod proxy;
mod random;
mod raw_http;
mod scratch;
pub mod servers;
mod slow;
mod transform;
mod xattr;

pub use self::client::{
    BackedUp, Client, Restored, SMALL_PACKS, back_up, back_up_from, files_of, identity,
    identity_slot, identity_text, options_for, prune_options, prune_with, restore_to,
};
pub use self::clock::TestClock;
pub use self::compare::{Compared, assert_same_tree, tree_differences};
pub use self::conformance::storage_conformance;
pub use self::counting::{CountingStorage, Counts};
pub use self::dav::{DavHabits, TearingDav};
pub use self::drive::{
    DRIVE_CLIENT_ID, DRIVE_CLIENT_SECRET, DRIVE_REFRESH_TOKEN, DriveEmulator, DriveFault,
    DriveFile, DriveRequest, Late, Trouble,
};
pub use self::fault::{Counted, Fault, FaultStorage};
pub use self::fixtures::fixtures;
pub use self::hook::HookStorage;
pub use self::lab::{Lab, restore_all};
pub use self::memory::MemoryStorage;
pub use self::place::Place;
pub use self::plan::{Content, Node, NodeKind, TreePlan, TreeShape, tree_plans};
pub use self::progress::CollectedProgress;
pub use self::proxy::{Exchange, Fault as ProxyFault, Proxy, Times};
pub use self::random::Random;
pub use self::raw_http::{RawAnswer, raw_http};
pub use self::scratch::{is_continuous_integration, is_thorough, scratch_folder};
pub use self::slow::{Distance, SlowStorage};
pub use self::transform::{KIT_TRANSFORM, KitFile, KitSource, KitUndo, UndoFault};

/// Runs a future to its end on a runtime of two threads.
pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("the operating system gives two threads")
        .block_on(future)
}
