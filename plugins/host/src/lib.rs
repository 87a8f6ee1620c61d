//! Starts a storage plugin and presents it as the engine's [`Storage`](heirloom_engine::repository::Storage).
//!
//! A plugin is somebody else's program. It gets ciphertext, the options of its store and their secrets, and nothing else:
//! no shell, a small environment, no open files. What it answers is checked like anything that comes from a hostile store.
//! Its death is a temporary error: the next call starts it again. `docs/plugins.md` describes the protocol.
//!
//! - [`find`] and [`installed`] look for plugins in folders and refuse those that others could have changed
//! - [`PluginSettings`] is all that a plugin is told; this crate reads no environment
//! - [`PluginStorage`] is the store

mod call;
mod failure;
mod find;
mod link;
mod process;
mod scrub;
mod settings;
mod storage;
mod table;

pub use self::failure::{Answer, PluginError};
pub use self::find::{FindError, Installed, Unsafe, find, installed, is_plugin_name};
pub use self::settings::{Limits, PluginSettings, Watcher};
pub use self::storage::{About, PluginStorage};
