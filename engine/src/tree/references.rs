//! What a node refers to, without keys and sums: for whoever marks what is in use.

use crate::error::FormatError;
use crate::id::NodeId;

use super::codec::{FieldReader, Value, read_blob};
use super::content_list::LIST_NODE;
use super::wire::Reader;
use super::{BlobRef, LEVEL_MAX, NODE_BYTES_MAX};

/// Something that a node needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// A node of the same tree or list, or the root of a content list.
    Node(NodeId),
    /// A piece of content, or the value of an extended attribute.
    Blob(BlobRef),
}

/// Calls `visit` with everything that this node of a tree or of a content list refers to.
///
/// Whether the node fits to its parent is not checked: it is the right one if its id is.
pub fn references(node: &[u8], visit: &mut dyn FnMut(Reference)) -> Result<(), FormatError> {
    if node.len() > NODE_BYTES_MAX {
        return Err(FormatError::OutOfBounds { what: "size of a node" });
    }
    let mut reader = Reader::new(node);
    let level = reader.byte()?;
    let items = reader.varint()?;
    for _ in 0..items {
        if level <= LEVEL_MAX {
            let _key = (reader.varint()?, reader.counted()?);
        }
        match level {
            0 => of_entry(reader.counted()?, visit)?,
            LIST_NODE => visit(Reference::Blob(read_blob(&mut reader)?)),
            _ if level <= LIST_NODE + LEVEL_MAX => {
                visit(Reference::Node(NodeId(reader.array()?)));
                let _totals = (reader.varint()?, reader.varint()?);
            }
            _ => return Err(FormatError::Unrecognised { expected: "node" }),
        }
    }
    if reader.is_empty() {
        Ok(())
    } else {
        Err(FormatError::OutOfBounds { what: "length of a node" })
    }
}

fn of_entry(encoded: &[u8], visit: &mut dyn FnMut(Reference)) -> Result<(), FormatError> {
    let (_, mut fields) = FieldReader::new(encoded)?;
    while let Some(field) = fields.next()? {
        let Value::Bytes(bytes) = field.value else { continue };
        let mut reader = Reader::new(bytes);
        match field.number {
            17 => {
                reader.counted()?;
                visit(Reference::Blob(read_blob(&mut reader)?));
            }
            22 => {
                while !reader.is_empty() {
                    visit(Reference::Blob(read_blob(&mut reader)?));
                }
            }
            23 => visit(Reference::Node(NodeId(reader.array()?))),
            _ => {}
        }
    }
    Ok(())
}
