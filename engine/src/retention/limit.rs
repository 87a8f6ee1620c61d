//! Refuses to drop more of a group than was permitted.

use super::{DropError, Group, Percent};

/// Whether the verdicts may be carried out. A group that would be left with nothing, or that would lose more than the
/// permitted share, refuses the whole run; [`Percent::ALL`] permits everything.
///
/// One snapshot may always be dropped if another stays: else a group that loses one a day, as it should, would be
/// stuck for want of size.
pub fn check_drops<'a, 'g: 'a>(
    groups: impl IntoIterator<Item = &'a Group<'g>>,
    permitted: Percent,
) -> Result<(), DropError> {
    if permitted == Percent::ALL {
        return Ok(());
    }
    for group in groups {
        let total = group.verdicts.len();
        let dropped = group.verdicts.iter().filter(|verdict| !verdict.keep).count();
        if dropped == 0 {
            continue;
        }
        let needed = Percent::of(dropped, total);
        let key = || Box::new(group.key.clone());
        if dropped == total {
            return Err(DropError::KeepsNothing { group: key(), total });
        }
        if dropped > 1 && needed > permitted {
            return Err(DropError::TooMany { group: key(), dropped, total, permitted, needed });
        }
    }
    Ok(())
}
