//! How long things took, counted in fixed steps so that counting costs one addition. A leaf.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the steps, in microseconds; what takes longer falls into one more step.
const BOUNDS_US: [u64; 16] = [
    100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000,
    2_000_000, 5_000_000, 10_000_000,
];
const STEPS: usize = BOUNDS_US.len() + 1;

/// How often something took how long since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LatencyCounts {
    /// Upper bounds of the steps in microseconds, inclusive.
    pub bounds_us: &'static [u64],
    /// How many fell into each step and no lower one; one more than there are bounds.
    pub counts: Vec<u64>,
    /// The sum of all, in microseconds.
    pub sum_us: u64,
}

impl LatencyCounts {
    /// How many were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The upper bound of the step that holds the given share (0 to 1) of all, in microseconds; `None` where nothing was
    /// counted or it lies beyond the last bound.
    #[must_use]
    pub fn quantile_us(&self, share: f64) -> Option<u64> {
        let total = self.total();
        let mut left = (total as f64 * share.clamp(0.0, 1.0)).ceil().max(1.0) as u64;
        if total == 0 {
            return None;
        }
        for (bound, count) in self.bounds_us.iter().zip(&self.counts) {
            if *count >= left {
                return Some(*bound);
            }
            left -= count;
        }
        None
    }
}

/// Counts durations.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    steps: [AtomicU64; STEPS],
    sum_us: AtomicU64,
}

impl Recorder {
    pub(crate) fn note(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let step = BOUNDS_US.partition_point(|bound| *bound < us);
        if let Some(step) = self.steps.get(step) {
            step.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> LatencyCounts {
        LatencyCounts {
            bounds_us: &BOUNDS_US,
            counts: self.steps.iter().map(|step| step.load(Ordering::Relaxed)).collect(),
            sum_us: self.sum_us.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_fall_into_their_steps() {
        let recorder = Recorder::default();
        for us in [1, 100, 101, 4_000, 60_000_000] {
            recorder.note(Duration::from_micros(us));
        }
        let counts = recorder.counts();
        assert_eq!((counts.counts[0], counts.counts[1], counts.counts[5]), (2, 1, 1));
        assert_eq!(counts.counts.last(), Some(&1));
        assert_eq!((counts.total(), counts.sum_us), (5, 60_004_202));
        assert_eq!(
            (counts.quantile_us(0.4), counts.quantile_us(0.8), counts.quantile_us(1.0)),
            (Some(100), Some(5_000), None)
        );
        assert_eq!(LatencyCounts::default().quantile_us(0.5), None);
    }
}
