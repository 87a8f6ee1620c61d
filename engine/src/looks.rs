//! The looks of the protocol of sessions and deletion: at whom one must look before one may go on.
//!
//! A test can leave each of them out, in a build made for that (feature `weakened`), to show that the simulator of
//! concurrent clients notices. In every other build none is left out, and asking costs nothing.

#[cfg(feature = "weakened")]
use std::sync::atomic::{AtomicU8, Ordering};

/// A precaution of `docs/concurrency.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Look {
    /// A writer does not refer to what only segments of sessions that were declared dead list.
    FencesOfSegments = 1,
    /// A writer reads the condemned lists when it has announced itself.
    CondemnedAtStart = 2,
    /// A merged segment has no condemned pack.
    CondemnedAtMerge = 3,
    /// A merged segment has nothing of a session that was declared dead.
    FencesAtMerge = 4,
    /// A writer looks for fences when its snapshot is visible.
    FencesAtCommit = 5,
    /// A pruner announces itself like any other writer.
    PrunerAnnounced = 6,
    /// A pruner lists the sessions that it waits for after its condemned list is visible.
    WaitsAfterCondemned = 7,
    /// A pruner waits for them.
    Waits = 8,
    /// A fence is one's own object, which nobody else takes away.
    OwnFence = 9,
    /// What is needed from a condemned pack is copied; the pack is not put back.
    CopiesFromCondemned = 10,
    /// A pack that was ever seen condemned is no safe place, even if its list is gone by now.
    RemembersCondemned = 11,
    /// Blobs of a parent are taken over unseen only if nothing was condemned when the session had announced itself.
    NothingCondemnedForParent = 12,
    /// The parent is looked up when the session has announced itself.
    ParentAfterAnnouncement = 13,
    /// A pruner reads the snapshots again before it deletes.
    SnapshotsBeforeReclaim = 14,
    /// A pruner looks for fences of its own session before it deletes what its index replaces.
    FencesAtReclaim = 15,
    /// Whoever declares a session dead looks for its snapshot afterwards.
    SnapshotAfterFence = 16,
    /// A session's segments can be seen by everybody before its snapshot can, and before its own object goes away.
    SegmentsBeforeEnd = 17,
}

#[cfg(feature = "weakened")]
static LEFT_OUT: AtomicU8 = AtomicU8::new(0);

/// From now on this look is left out, in the whole process; `None` for none.
#[cfg(feature = "weakened")]
pub fn leave_out(look: Option<Look>) {
    #[expect(clippy::as_conversions, reason = "the discriminant")]
    LEFT_OUT.store(look.map_or(0, |look| look as u8), Ordering::Relaxed);
}

/// Whether a test wants this look to be left out.
#[cfg(feature = "weakened")]
pub(crate) fn is_left_out(look: Look) -> bool {
    #[expect(clippy::as_conversions, reason = "the discriminant")]
    let number = look as u8;
    LEFT_OUT.load(Ordering::Relaxed) == number
}

/// Whether a test wants this look to be left out: never in this build.
#[cfg(not(feature = "weakened"))]
#[expect(clippy::inline_always, reason = "the question must vanish from the program")]
#[inline(always)]
pub(crate) const fn is_left_out(_look: Look) -> bool {
    false
}
