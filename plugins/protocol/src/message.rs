//! What the frames say, as JSON. Unknown fields are ignored, so that later versions can add some.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The name of the protocol, first field of the host's HELLO.
pub const PROTOCOL: &str = "heirloom-store";

/// HELLO of the host.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostHello {
    /// [`PROTOCOL`].
    pub protocol: String,
    /// Versions that the host speaks.
    pub versions: Vec<u32>,
    /// Name and version of the program.
    #[serde(default)]
    pub host: String,
    /// What follows `plugin+NAME:` in the address.
    #[serde(default)]
    pub target: String,
    /// Options that are no secrets.
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    /// Options that are secrets; nowhere else does a plugin get any.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// Bytes of DATA that the plugin may send per stream before it needs credit.
    #[serde(default = "default_window")]
    pub window: u32,
}

impl fmt::Debug for HostHello {
    /// Options may be private; secrets are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostHello")
            .field("versions", &self.versions)
            .field("host", &self.host)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

/// HELLO of the plugin: the version that it chose and what it can do, or why it cannot work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginHello {
    /// The chosen version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Name of the plugin, for people.
    #[serde(default)]
    pub name: String,
    /// Version of the plugin, for people.
    #[serde(default)]
    pub plugin_version: String,
    /// Bytes of DATA that the host may send per stream before it needs credit.
    #[serde(default = "default_window")]
    pub window: u32,
    /// What the plugin can do.
    #[serde(default)]
    pub capabilities: Ability,
    /// Why it cannot work; everything else is meaningless then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorBody>,
}

/// What a plugin can do. The defaults promise nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ability {
    /// A `put` is never seen half done, whatever happens.
    pub atomic_put: bool,
    /// What was acknowledged survives the loss of power.
    pub durable: bool,
    /// The operation `size` exists.
    pub size: bool,
    /// How many calls are worth having in flight at once.
    pub parallel: u32,
    /// The largest object that can be put.
    pub max_object_bytes: u64,
}

impl Default for Ability {
    fn default() -> Self {
        Self {
            atomic_put: false,
            durable: false,
            size: false,
            parallel: 1,
            max_object_bytes: crate::OBJECT_BYTES_MAX,
        }
    }
}

/// REQUEST.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Request {
    /// Store an object; DATA and END follow.
    Put {
        /// Its name.
        name: String,
        /// How many bytes will follow.
        size: u64,
    },
    /// Give an object, or a range of it.
    Read {
        /// Its name.
        name: String,
        /// First byte; the beginning if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        offset: Option<u64>,
        /// How many bytes; up to the end if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        length: Option<u64>,
    },
    /// Give names and sizes of the objects in a folder.
    List {
        /// `folder/`, or nothing for the top.
        prefix: String,
    },
    /// Remove an object; a missing one is fine.
    Delete {
        /// Its name.
        name: String,
    },
    /// Give the size of an object that is whole and as durable as after its `put`. Optional.
    Size {
        /// Its name.
        name: String,
    },
}

/// RESPONSE.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// `read`: how many bytes of DATA follow. `size`: the size of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Why the call failed; the stream has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorBody>,
}

/// One object of a listing; DATA of a `list` is an array of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its full name, folder included.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
}

/// LOG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// `error`, `warn`, `info` or `debug`; anything else counts as `info`.
    #[serde(default)]
    pub level: String,
    /// The remark.
    pub message: String,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The decision that the failure calls for.
    pub kind: ErrorKind,
    /// For people; no secrets.
    #[serde(default)]
    pub message: String,
    /// Whether the same call may succeed later.
    #[serde(default)]
    pub temporary: bool,
    /// When to try again at the earliest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// The decision that a failure calls for. The names are those of the engine's `ErrorKind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorKind {
    /// There is no such object.
    NotFound,
    /// Refused for lack of rights.
    PermissionDenied,
    /// The store is full or over its quota.
    NoSpace,
    /// The store cannot be reached, or fails in a way that a retry may cure.
    Unreachable,
    /// The store asks to slow down.
    RateLimited,
    /// The target or an option makes no sense.
    Configuration,
    /// The plugin cannot do this.
    Unsupported,
    /// The request or the stored object is not what it must be; a range beyond the end, for example.
    Protocol,
    /// Something that this version does not know.
    #[serde(other)]
    Unknown,
}

fn default_window() -> u32 {
    crate::WINDOW_BYTES
}

/// A message as the payload of a frame.
pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    // Maps with text as keys and numbers always become JSON.
    serde_json::to_vec(message).unwrap_or_default()
}

/// A message from the payload of a frame; `None` if it is something else.
pub fn decode<T: DeserializeOwned>(payload: &[u8]) -> Option<T> {
    serde_json::from_slice(payload).ok()
}
