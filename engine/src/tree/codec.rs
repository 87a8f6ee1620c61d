//! Bytes of an entry: a kind and numbered fields in ascending order.

use crate::error::FormatError;
use crate::id::{ContentId, NodeId};

use super::wire::{
    Reader, put_length, put_varint, put_varint_wide, unzigzag, varint_bytes, wide, zigzag,
};
use super::{
    BlobRef, Entry, FileContent, Kind, Transform, UnknownField, UnknownValue, Xattr, XattrValue,
};

/// The highest field number that this version knows.
const CHANGED: u64 = 25;

impl Entry {
    /// Appends the encoded entry.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.kind.to_byte());
        put_number(out, 1, self.mode.into());
        put_number(out, 2, self.uid.into());
        put_number(out, 3, self.gid.into());
        put_optional(out, 4, self.user.as_deref());
        put_optional(out, 5, self.group.as_deref());
        put_number(out, 6, self.size);
        if self.mtime_ns != 0 {
            put_wide(out, 7, zigzag(self.mtime_ns));
        }
        for (number, time) in [(8, self.ctime_ns), (9, self.btime_ns)] {
            if let Some(time) = time {
                put_wide(out, number, zigzag(time.wrapping_sub(self.mtime_ns)));
            }
        }
        put_number(out, 10, self.inode);
        put_number(out, 11, self.device);
        if self.links > 1 {
            put_number(out, 12, self.links);
        }
        put_optional(out, 13, self.target.as_deref());
        if let Some((major, minor)) = self.rdev {
            put_wide(out, 14, major.into());
            put_wide(out, 15, minor.into());
        }
        if !self.xattrs.is_empty() {
            put_xattrs(out, &self.xattrs);
        }
        put_number(out, 18, self.flags.into());
        if !self.holes.is_empty() {
            put_holes(out, &self.holes);
        }
        put_optional(out, 20, self.hash.as_ref().map(<[u8; 32]>::as_slice));
        put_content(out, &self.content);
        if let Some(transform) = &self.transform {
            put_transform(out, transform);
        }
        put_number(out, CHANGED, self.changed.into());
        for field in &self.unknown {
            put_unknown(out, field);
        }
    }

    /// Reads an encoded entry, to the last byte.
    pub fn parse(encoded: &[u8]) -> Result<Self, FormatError> {
        let (kind, mut fields) = FieldReader::new(encoded)?;
        let mut entry = Self::new(kind);
        while let Some(field) = fields.next()? {
            match field.value {
                Value::Number(value) => entry.set_number(&field, value)?,
                Value::Bytes(bytes) => entry.set_bytes(field.number, bytes)?,
            }
        }
        // The format lists short attributes before long ones; here they are one list by name.
        entry.xattrs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entry)
    }

    fn set_number(&mut self, field: &Field<'_>, value: u128) -> Result<(), FormatError> {
        match field.number {
            1 => self.mode = field.number_of("mode")?,
            2 => self.uid = field.number_of("user id")?,
            3 => self.gid = field.number_of("group id")?,
            6 => self.size = field.number_of("size")?,
            7 => self.mtime_ns = unzigzag(value),
            8 => self.ctime_ns = Some(unzigzag(value).wrapping_add(self.mtime_ns)),
            9 => self.btime_ns = Some(unzigzag(value).wrapping_add(self.mtime_ns)),
            10 => self.inode = field.number_of("inode")?,
            11 => self.device = field.number_of("device")?,
            12 => self.links = field.number_of("links")?,
            14 => self.rdev = Some((field.number_of("device number")?, 0)),
            15 => {
                let major = self.rdev.map_or(0, |(major, _)| major);
                self.rdev = Some((major, field.number_of("device number")?));
            }
            18 => self.flags = field.number_of("flags")?,
            CHANGED => self.changed = value != 0,
            number => self.set_unknown(number, UnknownValue::Number(value))?,
        }
        Ok(())
    }

    fn set_bytes(&mut self, number: u64, bytes: &[u8]) -> Result<(), FormatError> {
        match number {
            4 => self.user = Some(bytes.into()),
            5 => self.group = Some(bytes.into()),
            13 => self.target = Some(bytes.to_vec()),
            16 => self.xattrs.push(parse_inline_xattr(bytes)?),
            17 => self.xattrs.push(parse_blob_xattr(bytes)?),
            19 => self.holes = parse_holes(bytes)?,
            20 => self.hash = Some(exactly(bytes)?),
            21 => self.set_content(FileContent::Inline(bytes.to_vec()))?,
            22 => self.set_content(FileContent::List(parse_list(bytes)?))?,
            23 => self.set_content(FileContent::Tree(NodeId(exactly(bytes)?)))?,
            24 => self.transform = Some(parse_transform(bytes)?),
            number => self.set_unknown(number, UnknownValue::Bytes(bytes.to_vec()))?,
        }
        Ok(())
    }

    fn set_content(&mut self, content: FileContent) -> Result<(), FormatError> {
        if self.content != FileContent::Empty {
            return Err(FormatError::OutOfBounds { what: "content of an entry" });
        }
        self.content = content;
        Ok(())
    }

    fn set_unknown(&mut self, number: u64, value: UnknownValue) -> Result<(), FormatError> {
        if is_known(number) {
            // A field that we know, in a wire type that it cannot have.
            return Err(FormatError::Unrecognised { expected: "tree entry" });
        }
        self.unknown.push(UnknownField { number, value });
        Ok(())
    }
}

fn is_known(number: u64) -> bool {
    number <= CHANGED
}

fn put_wide(out: &mut Vec<u8>, number: u64, value: u128) {
    put_varint(out, number * 4);
    put_varint_wide(out, value);
}

fn put_number(out: &mut Vec<u8>, number: u64, value: u64) {
    if value != 0 {
        put_varint(out, number * 4);
        put_varint(out, value);
    }
}

fn put_field_of(out: &mut Vec<u8>, number: u64, length: usize) {
    put_varint(out, number * 4 + 1);
    put_length(out, length);
}

fn put_optional(out: &mut Vec<u8>, number: u64, bytes: Option<&[u8]>) {
    if let Some(bytes) = bytes {
        put_field_of(out, number, bytes.len());
        out.extend_from_slice(bytes);
    }
}

fn put_xattrs(out: &mut Vec<u8>, xattrs: &[Xattr]) {
    let mut sorted: Vec<&Xattr> = xattrs.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    for xattr in &sorted {
        if let XattrValue::Inline(value) = &xattr.value {
            let name = varint_bytes(wide(xattr.name.len())) + xattr.name.len();
            put_field_of(out, 16, name + value.len());
            put_length(out, xattr.name.len());
            out.extend_from_slice(&xattr.name);
            out.extend_from_slice(value);
        }
    }
    for xattr in &sorted {
        if let XattrValue::Blob(blob) = &xattr.value {
            let name = varint_bytes(wide(xattr.name.len())) + xattr.name.len();
            put_field_of(out, 17, name + ContentId::BYTES + varint_bytes(blob.bytes));
            put_length(out, xattr.name.len());
            out.extend_from_slice(&xattr.name);
            put_blob(out, blob);
        }
    }
}

fn put_holes(out: &mut Vec<u8>, holes: &[(u64, u64)]) {
    let length = holes.iter().map(|(data, hole)| varint_bytes(*data) + varint_bytes(*hole)).sum();
    put_field_of(out, 19, length);
    for (data, hole) in holes {
        put_varint(out, *data);
        put_varint(out, *hole);
    }
}

fn put_content(out: &mut Vec<u8>, content: &FileContent) {
    match content {
        FileContent::Empty => {}
        FileContent::Inline(bytes) => put_optional(out, 21, Some(bytes)),
        FileContent::List(blobs) => {
            let length = blobs.iter().map(|blob| ContentId::BYTES + varint_bytes(blob.bytes)).sum();
            put_field_of(out, 22, length);
            for blob in blobs {
                put_blob(out, blob);
            }
        }
        FileContent::Tree(root) => put_optional(out, 23, Some(root.as_bytes())),
    }
}

fn put_transform(out: &mut Vec<u8>, transform: &Transform) {
    let name = transform.name.as_bytes();
    let decoded = transform.decoded_bytes.map_or(0, varint_bytes);
    let numbers = varint_bytes(wide(name.len())) + varint_bytes(transform.stored_bytes) + decoded;
    put_field_of(out, 24, numbers + name.len() + transform.stored_hash.len());
    put_length(out, name.len());
    out.extend_from_slice(name);
    put_varint(out, transform.stored_bytes);
    out.extend_from_slice(&transform.stored_hash);
    if let Some(decoded_bytes) = transform.decoded_bytes {
        put_varint(out, decoded_bytes);
    }
}

fn parse_transform(bytes: &[u8]) -> Result<Transform, FormatError> {
    let out_of_bounds = || FormatError::OutOfBounds { what: "transform" };
    let mut reader = Reader::new(bytes);
    let name = str::from_utf8(reader.counted()?).map_err(|_not_text| out_of_bounds())?;
    let stored_bytes = reader.varint()?;
    let stored_hash = reader.array()?;
    let decoded_bytes = if reader.is_empty() { None } else { Some(reader.varint()?) };
    let is_sound = (1..=Transform::NAME_BYTES_MAX).contains(&name.len())
        && decoded_bytes.is_none_or(|decoded| decoded <= stored_bytes)
        && reader.is_empty();
    if !is_sound {
        return Err(out_of_bounds());
    }
    Ok(Transform { name: name.to_owned(), stored_bytes, stored_hash, decoded_bytes })
}

pub(super) fn put_blob(out: &mut Vec<u8>, blob: &BlobRef) {
    out.extend_from_slice(blob.id.as_bytes());
    put_varint(out, blob.bytes);
}

pub(super) fn read_blob(reader: &mut Reader<'_>) -> Result<BlobRef, FormatError> {
    Ok(BlobRef { id: ContentId(reader.array()?), bytes: reader.varint()? })
}

fn put_unknown(out: &mut Vec<u8>, field: &UnknownField) {
    match &field.value {
        UnknownValue::Number(value) => {
            put_varint_wide(out, u128::from(field.number) * 4);
            put_varint_wide(out, *value);
        }
        UnknownValue::Bytes(bytes) => {
            put_varint_wide(out, u128::from(field.number) * 4 + 1);
            put_length(out, bytes.len());
            out.extend_from_slice(bytes);
        }
    }
}

fn parse_inline_xattr(bytes: &[u8]) -> Result<Xattr, FormatError> {
    let mut reader = Reader::new(bytes);
    let name = reader.counted()?.to_vec();
    Ok(Xattr { name, value: XattrValue::Inline(reader.rest().to_vec()) })
}

fn parse_blob_xattr(bytes: &[u8]) -> Result<Xattr, FormatError> {
    let mut reader = Reader::new(bytes);
    let name = reader.counted()?.to_vec();
    let value = XattrValue::Blob(read_blob(&mut reader)?);
    if !reader.is_empty() {
        return Err(FormatError::OutOfBounds { what: "extended attribute" });
    }
    Ok(Xattr { name, value })
}

fn parse_holes(bytes: &[u8]) -> Result<Vec<(u64, u64)>, FormatError> {
    let mut reader = Reader::new(bytes);
    let mut holes = Vec::new();
    while !reader.is_empty() {
        holes.push((reader.varint()?, reader.varint()?));
    }
    Ok(holes)
}

fn parse_list(bytes: &[u8]) -> Result<Vec<BlobRef>, FormatError> {
    let mut reader = Reader::new(bytes);
    let mut blobs = Vec::with_capacity(bytes.len() / (ContentId::BYTES + 1));
    while !reader.is_empty() {
        blobs.push(read_blob(&mut reader)?);
    }
    Ok(blobs)
}

fn exactly(bytes: &[u8]) -> Result<[u8; 32], FormatError> {
    bytes.try_into().map_err(|_length| FormatError::OutOfBounds { what: "length of an id" })
}

/// One field of an encoded entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) number: u64,
    pub(super) value: Value<'a>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Number(u128),
    Bytes(&'a [u8]),
}

impl Field<'_> {
    pub(super) fn number_of<T: TryFrom<u128>>(&self, what: &'static str) -> Result<T, FormatError> {
        let Value::Number(value) = self.value else {
            return Err(FormatError::Unrecognised { expected: "tree entry" });
        };
        T::try_from(value).map_err(|_too_large| FormatError::OutOfBounds { what })
    }

    pub(super) fn signed(&self) -> Result<i128, FormatError> {
        self.number_of::<u128>("time").map(unzigzag)
    }
}

/// The fields of an encoded entry, in ascending order.
#[derive(Debug)]
pub(super) struct FieldReader<'a> {
    reader: Reader<'a>,
    last: u64,
}

impl<'a> FieldReader<'a> {
    pub(super) fn new(encoded: &'a [u8]) -> Result<(Kind, Self), FormatError> {
        let mut reader = Reader::new(encoded);
        let kind = Kind::from_byte(reader.byte()?)
            .ok_or(FormatError::Unrecognised { expected: "kind of tree entry" })?;
        Ok((kind, Self { reader, last: 0 }))
    }

    pub(super) fn next(&mut self) -> Result<Option<Field<'a>>, FormatError> {
        if self.reader.is_empty() {
            return Ok(None);
        }
        let tag = self.reader.varint()?;
        let number = tag >> 2;
        let repeatable = matches!(number, 16 | 17) || !is_known(number);
        if number < self.last || number == self.last && !repeatable {
            return Err(FormatError::OutOfBounds { what: "order of fields" });
        }
        self.last = number;
        let value = match tag & 3 {
            0 => Value::Number(self.reader.varint_wide()?),
            1 => Value::Bytes(self.reader.counted()?),
            _ => return Err(FormatError::Unrecognised { expected: "tree entry" }),
        };
        Ok(Some(Field { number, value }))
    }
}
