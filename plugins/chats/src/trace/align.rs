//! Pairs the messages of two tellings of one conversation.
//!
//! First by their ids. What one of the two has no id for is paired by the minute, the sender and the words; of several
//! that say the same, the first with the first. An export has another clock than a database: by how much it differs is
//! found out from long texts that both have once, and not assumed. Nothing is paired twice.

use std::collections::BTreeMap;

use super::{Flags, Trace};

/// Clocks differ by no more, in minutes.
const SHIFT_MAX: i64 = 26 * 60;
/// Clocks differ by a multiple of this.
const SHIFT_STEP: i64 = 15;
/// Summer, winter, and two journeys.
const SHIFTS_MAX: usize = 4;

/// Which message of an earlier telling is which of a later one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alignment {
    /// For each message of the earlier one the number of the message in the later one.
    pub later: Vec<Option<usize>>,
    /// For each message of the later one, whether the earlier one has it.
    pub is_known: Vec<bool>,
    /// So many minutes the clock of the later one is ahead.
    pub shift_minutes: i64,
}

impl Alignment {
    /// Of a telling with itself.
    pub fn same(messages: usize) -> Self {
        Self {
            later: (0..messages).map(Some).collect(),
            is_known: vec![true; messages],
            shift_minutes: 0,
        }
    }

    fn pair_by<K: Ord>(
        &mut self,
        (earlier, later): (&[Trace], &[Trace]),
        key: impl Fn(&Trace) -> Option<K>,
        later_key: impl Fn(&Trace) -> Option<K>,
    ) {
        let mut old: Vec<(K, usize)> = earlier
            .iter()
            .enumerate()
            .filter(|(number, _)| self.later.get(*number) == Some(&None))
            .filter_map(|(number, trace)| Some((key(trace)?, number)))
            .collect();
        let mut new: Vec<(K, usize)> = later
            .iter()
            .enumerate()
            .filter(|(number, _)| self.is_known.get(*number) == Some(&false))
            .filter_map(|(number, trace)| Some((later_key(trace)?, number)))
            .collect();
        old.sort_unstable();
        new.sort_unstable();
        let mut new = new.into_iter().peekable();
        for (key, number) in old {
            while new.next_if(|(other, _)| *other < key).is_some() {}
            if let Some((_, other)) = new.next_if(|(other, _)| *other == key) {
                self.later.get_mut(number).into_iter().for_each(|slot| *slot = Some(other));
                self.is_known.get_mut(other).into_iter().for_each(|known| *known = true);
            }
        }
    }
}

/// Pairs two tellings.
pub fn align(earlier: &[Trace], later: &[Trace]) -> Alignment {
    let mut alignment = Alignment {
        later: vec![None; earlier.len()],
        is_known: vec![false; later.len()],
        shift_minutes: 0,
    };
    let both = (earlier, later);
    alignment.pair_by(both, |trace| trace.id, |trace| trace.id);
    let have_ids = |traces: &[Trace]| traces.iter().all(Trace::has_id);
    if have_ids(earlier) && have_ids(later) {
        return alignment;
    }
    let shifts = shifts(earlier, later);
    alignment.shift_minutes = shifts.first().copied().unwrap_or(0);
    // What has an id on both sides, and not the same, is not the same.
    for without_id in [true, false] {
        let of_earlier = |trace: &Trace| trace.has_id() != without_id;
        let of_later = |trace: &Trace| without_id || !trace.has_id();
        for shift in &shifts {
            alignment.pair_by(
                both,
                |one| of_earlier(one).then_some((one.content, one.sender, one.minute())),
                |one| {
                    let minute = one.minute().saturating_sub(*shift);
                    of_later(one).then_some((one.content, one.sender, minute))
                },
            );
            // Who somebody is called differs from phone to phone.
            alignment.pair_by(
                both,
                |one| of_earlier(one).then_some((one.content, one.minute())),
                |one| of_later(one).then_some((one.content, one.minute().saturating_sub(*shift))),
            );
        }
    }
    pair_what_was_changed(&mut alignment, both, &shifts);
    alignment
}

/// Where there are no ids, what was edited or taken back is known by its minute and sender.
fn pair_what_was_changed(alignment: &mut Alignment, both: (&[Trace], &[Trace]), shifts: &[i64]) {
    for shift in shifts {
        alignment.pair_by(
            both,
            |one| {
                let is_said = !one.is_system() && !one.has_id();
                is_said.then_some((one.minute(), one.sender))
            },
            |one| {
                let is_changed = one.is_deleted() || one.flags.has(Flags::EDITED);
                let minute = one.minute().saturating_sub(*shift);
                (is_changed && !one.has_id()).then_some((minute, one.sender))
            },
        );
    }
}

/// By how many minutes the later clock may be ahead, the most frequent first.
fn shifts(earlier: &[Trace], later: &[Trace]) -> Vec<i64> {
    let is_local = |traces: &[Trace]| traces.iter().any(|trace| trace.is_local);
    if !is_local(earlier) && !is_local(later) {
        return vec![0];
    }
    let (old, new) = (said_once(earlier), said_once(later));
    let mut found: BTreeMap<i64, u64> = BTreeMap::new();
    for (content, minute) in &old {
        let Some(Some(other)) = new.get(content) else { continue };
        let Some(minute) = minute else { continue };
        let shift = other.saturating_sub(*minute);
        if shift.abs() <= SHIFT_MAX && shift % SHIFT_STEP == 0 {
            *found.entry(shift).or_default() += 1;
        }
    }
    let pairs: u64 = found.values().sum();
    let mut shifts: Vec<(u64, i64)> =
        found.into_iter().map(|(shift, count)| (count, shift)).collect();
    shifts.sort_unstable_by(|a, b| b.cmp(a));
    // What one pair in twenty says may be chance.
    shifts.retain(|(count, _)| *count == pairs || *count >= 2 && count * 20 >= pairs);
    shifts.truncate(SHIFTS_MAX);
    let mut shifts: Vec<i64> = shifts.into_iter().map(|(_, shift)| shift).collect();
    // Two exports of one phone have one clock, even if they share no long text.
    if is_local(earlier) == is_local(later) && !shifts.contains(&0) {
        shifts.push(0);
    }
    shifts
}

/// Long texts that were said once, with their minute; `None` for what was said more often.
fn said_once(traces: &[Trace]) -> BTreeMap<u64, Option<i64>> {
    let mut once = BTreeMap::new();
    for trace in traces.iter().filter(|trace| trace.flags.has(Flags::LONG)) {
        let minute = Some(trace.minute());
        once.entry(trace.content).and_modify(|seen| *seen = None).or_insert(minute);
    }
    once
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Edit, Message, MessageKind, Participant, Time};
    use crate::trace::Became;

    fn said(id: Option<&str>, time: Time, sender: &str, text: &str) -> Message {
        let mut message = Message::new(0, MessageKind::Text);
        message.id = id.map(str::to_owned);
        message.time = Some(time);
        message.sender = Some(Participant { id: sender.to_owned(), name: None, is_self: false });
        message.text = Some(text.to_owned());
        message
    }

    fn traces(messages: &[Message]) -> Vec<Trace> {
        messages.iter().map(Trace::of).collect()
    }

    fn minute(minute: i64) -> i64 {
        minute * 60_000
    }

    #[test]
    fn ids_pair_whatever_else_changed() {
        let old = [
            said(Some("A"), Time::Utc(0), "x", "one"),
            said(Some("B"), Time::Utc(0), "x", "two"),
            said(Some("C"), Time::Utc(0), "x", "three"),
        ];
        let mut new = [
            said(Some("D"), Time::Utc(9), "x", "one"),
            said(Some("C"), Time::Utc(0), "x", ""),
            said(Some("B"), Time::Utc(0), "x", "two, corrected"),
        ];
        new[1].kind = MessageKind::Deleted;
        let (old, new) = (traces(&old), traces(&new));
        let alignment = align(&old, &new);
        assert_eq!(alignment.later, [None, Some(2), Some(1)]);
        assert_eq!(alignment.is_known, [false, true, true]);
        assert_eq!(old[1].became(&new[2]), Became::Edited);
        assert_eq!(old[2].became(&new[1]), Became::Revoked);
    }

    #[test]
    fn the_same_word_twice_in_a_minute_is_two_messages() {
        let one = || said(None, Time::Local(minute(5)), "x", "ok");
        let alignment = align(&traces(&[one(), one()]), &traces(&[one(), one(), one()]));
        assert_eq!(alignment.later, [Some(0), Some(1)]);
        assert_eq!(alignment.is_known, [true, true, false]);
    }

    #[test]
    fn an_export_is_paired_with_a_database_of_another_clock_and_other_names() {
        let database = [
            said(
                Some("A"),
                Time::Utc(minute(10) + 59_000),
                "1@s.whatsapp.net",
                "A long text that is said once",
            ),
            said(Some("B"), Time::Utc(minute(11)), "1@s.whatsapp.net", "ok"),
            said(Some("C"), Time::Utc(minute(300)), "me", "ok"),
        ];
        let export = [
            said(None, Time::Local(minute(10 + 60)), "Mia", "A long text that is said once"),
            said(None, Time::Local(minute(11 + 60)), "Mia", "\u{200e}ok"),
            said(None, Time::Local(minute(11)), "Mia", "ok"),
        ];
        let alignment = align(&traces(&database), &traces(&export));
        assert_eq!(alignment.later, [Some(0), Some(1), None]);
        assert_eq!(alignment.shift_minutes, 60);
    }

    #[test]
    fn without_ids_what_was_changed_is_known_by_its_minute_and_sender() {
        let at = |text: &str| said(None, Time::Local(minute(5)), "x", text);
        let mut edited = at("new words");
        edited.edit = Some(Edit { time: None, earlier: Vec::new() });
        let mut deleted = said(None, Time::Local(minute(6)), "x", "This message was deleted");
        deleted.kind = MessageKind::Deleted;
        let old = traces(&[at("old words"), said(None, Time::Local(minute(6)), "x", "secret")]);
        let new = traces(&[edited, deleted]);
        let alignment = align(&old, &new);
        assert_eq!(alignment.later, [Some(0), Some(1)]);
        assert_eq!(old[0].became(&new[0]), Became::Edited);
        assert_eq!(old[1].became(&new[1]), Became::Revoked);
    }

    #[test]
    fn nothing_is_paired_where_clocks_cannot_be_compared() {
        let database = traces(&[said(Some("A"), Time::Utc(minute(1)), "x", "ok")]);
        let export = traces(&[said(None, Time::Local(minute(1)), "x", "ok")]);
        assert_eq!(align(&database, &export).later, [None]);
    }
}
