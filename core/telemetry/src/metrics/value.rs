//! The values behind metrics: cheap handles that any thread may hold and change.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use parking_lot::Mutex;

/// Bounds for durations in seconds, from a local write to a request that somebody gave up on.
pub const SECONDS_BUCKETS: &[f64] =
    &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// A number that only grows.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Counts one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Counts `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// How many were counted.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<AtomicI64>);

impl Gauge {
    /// Says what it is now.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds `n`, which may be negative.
    pub fn add(&self, n: i64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// What it is now.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Observations spread over fixed buckets.
#[derive(Debug, Clone)]
pub struct Histogram {
    bounds: &'static [f64],
    seen: Arc<Mutex<Seen>>,
}

/// What a histogram has seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Seen {
    /// For each bound, how many were at most that large and larger than the bound before.
    pub(crate) buckets: Vec<u64>,
    /// How many there were, those above the last bound included.
    pub(crate) count: u64,
    /// Their sum.
    pub(crate) sum: f64,
}

impl Histogram {
    pub(crate) fn new(bounds: &'static [f64]) -> Self {
        let seen = Seen { buckets: vec![0; bounds.len()], ..Seen::default() };
        Self { bounds, seen: Arc::new(Mutex::new(seen)) }
    }

    /// Takes an observation; one that is no number or is negative is not taken, for no sum survives it.
    pub fn observe(&self, value: f64) {
        if value.is_nan() || value < 0.0 {
            return;
        }
        let bucket = self.bounds.iter().position(|bound| value <= *bound);
        let mut seen = self.seen.lock();
        if let Some(count) = bucket.and_then(|index| seen.buckets.get_mut(index)) {
            *count += 1;
        }
        seen.count += 1;
        seen.sum += value;
    }

    /// The bounds of its buckets.
    pub(crate) fn bounds(&self) -> &'static [f64] {
        self.bounds
    }

    /// What it has seen up to now.
    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observations_fall_into_the_first_bucket_that_holds_them() {
        let histogram = Histogram::new(&[0.1, 1.0]);
        for value in [0.1, 0.5, 3.0, f64::NAN, -1.0] {
            histogram.observe(value);
        }
        let seen = histogram.seen();
        assert_eq!((seen.buckets, seen.count), (vec![1, 1], 3));
        assert!((seen.sum - 3.6).abs() < 1e-9);
    }

    #[test]
    fn handles_of_one_number_share_it() {
        let (counter, gauge) = (Counter::default(), Gauge::default());
        counter.clone().increment();
        counter.add(2);
        gauge.clone().set(5);
        gauge.add(-7);
        assert_eq!((counter.get(), gauge.get()), (3, -2));
    }
}
