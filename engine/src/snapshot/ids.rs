//! Ids stand in msgpack as byte strings.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::{ClientId, NodeId, PolicyId, SecretId, SessionId};

macro_rules! byte_string {
    ($($id:ident),*) => {$(
        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_bytes(self.as_bytes())
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                serde_bytes::deserialize(from).map(Self)
            }
        }
    )*};
}

byte_string!(ClientId, NodeId, PolicyId, SecretId, SessionId);
