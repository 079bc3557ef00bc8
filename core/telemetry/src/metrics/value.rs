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

    /// Takes over the count of somebody else, who counts the same since the same start; it never becomes less.
    pub fn raise_to(&self, n: u64) {
        self.0.fetch_max(n, Ordering::Relaxed);
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

/// Time that only grows, kept in microseconds and read in seconds.
#[derive(Debug, Clone, Default)]
pub struct Seconds(Arc<AtomicU64>);

impl Seconds {
    /// Takes over a time in microseconds; it never becomes less.
    pub fn raise_to_us(&self, us: u64) {
        self.0.fetch_max(us, Ordering::Relaxed);
    }

    /// The time in microseconds.
    #[must_use]
    pub fn get_us(&self) -> u64 {
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

    /// Takes over what somebody else has counted with the same bounds: how many fell into each bucket and no lower one,
    /// with one more number for those above the last bound, and their sum.
    pub fn replace(&self, counts: &[u64], sum: f64) {
        let mut buckets: Vec<u64> = counts.iter().copied().take(self.bounds.len()).collect();
        buckets.resize(self.bounds.len(), 0);
        *self.seen.lock() = Seen { buckets, count: counts.iter().sum(), sum };
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
    fn what_somebody_else_counted_is_taken_over() {
        let histogram = Histogram::new(&[0.1, 1.0]);
        histogram.observe(0.5);
        histogram.replace(&[3, 2, 1], 9.5);
        let seen = histogram.seen();
        assert_eq!((seen.buckets, seen.count), (vec![3, 2], 6));
        let (counter, time) = (Counter::default(), Seconds::default());
        for n in [5, 3] {
            counter.raise_to(n);
            time.raise_to_us(n);
        }
        assert_eq!((counter.get(), time.get_us()), (5, 5), "no counter goes back");
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
