//! How many messages each conversation has, about, without reading them.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::ChatError;
use crate::sqlite::First;

use super::table::{Key, Main};

impl Main<'_> {
    /// About how many messages each of these has; `None` if no index tells.
    pub(crate) fn estimate(
        &self,
        keys: &BTreeSet<Key>,
    ) -> Result<Option<BTreeMap<Key, u64>>, ChatError> {
        let Some(shape) = self.database.shape(self.layout.table, self.layout.chat)? else {
            return Ok(None);
        };
        let mut all: BTreeMap<Key, u64> = BTreeMap::new();
        let between: Vec<Key> = shape.between.into_iter().map(key).collect();
        let ends = between.iter().map(Some).chain([None]);
        let begins = std::iter::once(None).chain(between.iter().map(Some));
        for (begin, end) in begins.zip(ends) {
            // A leaf between two entries of one conversation is all of that; otherwise its entries are shared.
            let within: Vec<&Key> = match (begin, end) {
                (Some(begin), Some(end)) if begin == end => vec![begin],
                (Some(begin), Some(end)) if begin < end => keys.range(begin..=end).collect(),
                (Some(begin), None) => keys.range(begin..).collect(),
                (None, Some(end)) => keys.range(..=end).collect(),
                (None, None) => keys.iter().collect(),
                (Some(_), Some(_)) => Vec::new(),
            };
            let parts = u64::try_from(within.len()).unwrap_or(1).max(1);
            for key in within {
                *all.entry(key.clone()).or_default() += (shape.in_a_leaf / parts).max(1);
            }
        }
        Ok(Some(all))
    }
}

fn key(first: First) -> Key {
    match first {
        First::Number(number) => Key::Row(number),
        First::Text(text) => Key::Address(text),
    }
}
