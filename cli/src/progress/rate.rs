//! How fast something goes, and how long the rest will take.

use std::collections::VecDeque;
use std::time::Duration;

/// Older samples do not tell how fast it goes now.
const WINDOW: Duration = Duration::from_secs(15);

/// Samples of a growing number.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    samples: VecDeque<(Duration, u64)>,
}

impl Rate {
    /// The number `at` this time since the start.
    pub(crate) fn sample(&mut self, at: Duration, number: u64) {
        self.samples.push_back((at, number));
        while self.samples.len() > 2
            && self.samples.get(1).is_some_and(|(second, _)| at.saturating_sub(*second) >= WINDOW)
        {
            self.samples.pop_front();
        }
    }

    /// How much a second, over the window; `None` before there is anything to go by.
    pub(crate) fn per_second(&self) -> Option<u64> {
        let (first, before) = self.samples.front()?;
        let (last, now) = self.samples.back()?;
        let milliseconds = last.saturating_sub(*first).as_millis();
        if milliseconds < 200 {
            return None;
        }
        let grown = u128::from(now.saturating_sub(*before)) * 1000;
        u64::try_from(grown / milliseconds).ok()
    }

    /// How long until the number is `total`.
    pub(crate) fn time_left(&self, total: u64) -> Option<Duration> {
        let (_, now) = self.samples.back()?;
        let rate = self.per_second().filter(|rate| *rate > 0)?;
        Some(Duration::from_secs(total.checked_sub(*now)?.div_ceil(rate)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_flow_has_its_rate_and_end() {
        let mut rate = Rate::default();
        assert_eq!(rate.per_second(), None);
        for second in 0..60 {
            rate.sample(Duration::from_secs(second), second * 100);
        }
        assert_eq!(rate.per_second(), Some(100));
        assert_eq!(rate.time_left(6900), Some(Duration::from_secs(10)));
        assert!(rate.samples.len() < 20);
    }

    #[test]
    fn a_flow_that_stopped_has_no_end() {
        let mut rate = Rate::default();
        for second in 0..60 {
            rate.sample(Duration::from_secs(second), 100);
        }
        assert_eq!(rate.per_second(), Some(0));
        assert_eq!(rate.time_left(200), None);
    }
}
