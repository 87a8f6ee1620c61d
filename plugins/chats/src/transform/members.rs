//! What an archive consists of, as far as its list and the archive itself agree.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::tap::Inner;
use crate::archive::{self, Limits, Member};
use crate::error::Fault;
use crate::export;
use crate::files::ReadAt;

/// Where the bytes of a member lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) start: u64,
    pub(super) bytes: u64,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Not compressed; or encrypted, or compressed in a way that is not known.
    AsItLies,
    /// So long when it is inflated.
    Deflated { plain: u64 },
}

/// Members are kept in memory while an archive is taken apart, and each is a section.
const LIMITS: Limits = Limits { members: 50_000, list_bytes: 8 << 20 };
/// A member that is no longer is noted with what is around it.
const SMALL_BYTES: u64 = 64;
/// Zeros shrink to a thousandth; what people send each other does not.
const SHRINKS_MAX: u64 = 250;
/// Up to this size it may.
const HARMLESS_BYTES: u64 = 64 << 20;
/// All members together are not larger than the archive by more.
const ALL_SHRINK_MAX: u64 = 50;
/// So many files that are named as the app names them are an export, even if there is no text.
const MEDIA_MIN: usize = 3;
/// So many texts are looked into.
const TEXTS_MAX: usize = 4;

/// The members in the order in which they lie; what overlaps or is not there is left out. `None`: it is no archive, or
/// one with more members than are kept.
pub(super) fn pieces(inner: &Inner) -> io::Result<Option<Vec<Piece>>> {
    let list = match archive::members(inner, LIMITS) {
        Ok(list) => list,
        Err(Fault::Read(error)) => return Err(error),
        Err(_) => return Ok(None),
    };
    let mut members: Vec<Member> = list.into_iter().map(|(_, member)| member).collect();
    members.sort_by_key(|member| member.header);
    let mut room = inner.size().saturating_mul(ALL_SHRINK_MAX).max(HARMLESS_BYTES);
    let (mut pieces, mut at) = (Vec::new(), 0);
    for member in members {
        let Some(start) = member.start(inner)?.filter(|_| member.header >= at) else { continue };
        let Some(end) = start.checked_add(member.packed).filter(|end| *end <= inner.size()) else {
            continue;
        };
        at = end;
        if member.packed <= SMALL_BYTES {
            continue;
        }
        let is_bomb = member.size > HARMLESS_BYTES && member.size / SHRINKS_MAX > member.packed;
        let is_inflated = member.is_packed && member.is_readable && !is_bomb && member.size <= room;
        let kind = if is_inflated {
            room -= member.size;
            Kind::Deflated { plain: member.size }
        } else {
            Kind::AsItLies
        };
        pieces.push(Piece { start, bytes: member.packed, kind });
    }
    Ok(Some(pieces))
}

/// Whether an archive is one that somebody exported conversations into, by the names in it, and by its texts.
pub(super) fn is_of_chats(path: &Path, file: &Arc<dyn ReadAt>) -> io::Result<bool> {
    let list = match archive::members(file.as_ref(), LIMITS) {
        Ok(list) => list,
        Err(Fault::Read(error)) => return Err(error),
        Err(_) => return Ok(false),
    };
    let name = |name: &str| name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    let names: Vec<String> = list.iter().map(|(path, _)| name(path)).collect();
    let is_download = |path: &str| path.contains("messages/") && path.ends_with("message_1.json");
    if export::is_named_like_one(path)
        || list.iter().any(|(path, _)| is_download(path))
        || names.iter().filter(|name| export::is_called_attachment(name)).count() >= MEDIA_MIN
    {
        return Ok(true);
    }
    let texts = names.iter().zip(&list).filter(|(name, _)| is_text(name));
    for (name, (_, member)) in texts.clone() {
        if export::is_named_like_one(Path::new(name)) && member.size > 0 {
            return Ok(true);
        }
    }
    for (_, (_, member)) in texts.take(TEXTS_MAX) {
        // A text that cannot be read makes no export of an archive.
        let Ok(text) = archive::open_member(file, *member) else { continue };
        if export::is_text_of_one(&text).unwrap_or(false) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_text(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end.eq_ignore_ascii_case("txt"))
        && !name.starts_with("._")
}
