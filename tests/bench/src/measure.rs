//! What a promise is to the bench, and what measuring it yields.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8PathBuf;
use parking_lot::Mutex;

/// What was made once for several promises, by name.
type Kept = Arc<Mutex<BTreeMap<String, Arc<dyn Any + Send + Sync>>>>;

/// What a measurement may use.
#[derive(Clone)]
pub struct Bench {
    /// A directory of its own on a real disk, removed afterwards.
    pub scratch: Utf8PathBuf,
    /// How long the measured part of one promise should take, so that a run of all has an end.
    pub budget: Duration,
    kept: Kept,
}

impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench").field("scratch", &self.scratch).finish_non_exhaustive()
    }
}

impl Bench {
    /// A bench that measures in this directory.
    #[must_use]
    pub fn new(scratch: Utf8PathBuf, budget: Duration) -> Self {
        Self { scratch, budget, kept: Kept::default() }
    }

    /// What `make` makes, made for the first promise that asks and kept for those after it.
    pub(crate) fn once<T: Send + Sync + 'static>(
        &self,
        name: &str,
        make: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<Arc<T>> {
        let known = self.kept.lock().get(name).cloned();
        if let Some(known) = known.and_then(|known| known.downcast().ok()) {
            return Ok(known);
        }
        let made = Arc::new(make()?);
        self.kept.lock().insert(name.to_owned(), Arc::<T>::clone(&made));
        Ok(made)
    }

    /// Drops what was kept under a name, such as processes that would disturb what is measured next.
    pub(crate) fn forget(&self, name: &str) {
        self.kept.lock().remove(name);
    }
}

/// One promise and how it is measured.
#[derive(Debug, Clone, Copy)]
pub struct Promise {
    /// Its id in `docs/promises.md`.
    pub id: &'static str,
    /// Its area there.
    pub area: &'static str,
    /// Measures it; none where nothing does yet.
    pub run: Option<fn(&Bench) -> anyhow::Result<Measurement>>,
}

/// Samples of one side, for a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Whose.
    pub name: &'static str,
    /// How long each took.
    pub samples: Vec<Duration>,
}

/// A figure and, where it could be measured in the same run, that of the peer.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// Ours, in the unit of the promise; for a ratio in the unit of `unit`.
    pub figure: f64,
    /// The unit of both figures, such as `us` or `writes/s`; empty for a bare number.
    pub unit: &'static str,
    /// The peer's, or why there is none here.
    pub peer: Result<f64, String>,
    /// Ours to the peer's where that is not the ratio of the two figures, such as a median over rounds.
    pub ratio: Option<f64>,
    /// What else was seen, in words.
    pub details: Vec<String>,
    /// What to draw.
    pub curves: Vec<Curve>,
}

impl Measurement {
    /// A figure and that of the peer.
    #[must_use]
    pub fn new(figure: f64, unit: &'static str, peer: Result<f64, String>) -> Self {
        Self { figure, unit, peer, ratio: None, details: Vec::new(), curves: Vec::new() }
    }
}

/// The value below which the share `q` of the samples lies, by nearest rank; none of no samples. Sorts the samples.
#[must_use]
pub fn quantile(samples: &mut [Duration], q: f64) -> Option<Duration> {
    samples.sort_unstable();
    let rank = (q.clamp(0.0, 1.0) * samples.len() as f64).ceil() as usize;
    samples.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_nearest_rank() {
        let mut samples: Vec<Duration> = (1..=100).rev().map(Duration::from_micros).collect();
        assert_eq!(quantile(&mut samples, 0.5), Some(Duration::from_micros(50)));
        assert_eq!(quantile(&mut samples, 0.99), Some(Duration::from_micros(99)));
        assert_eq!(quantile(&mut samples, 1.0), Some(Duration::from_micros(100)));
        assert_eq!(quantile(&mut [], 0.5), None);
    }

    #[test]
    fn what_is_kept_is_made_once_until_it_is_forgotten() {
        let bench = Bench::new("/nowhere".into(), Duration::ZERO);
        assert_eq!(*bench.once("a", || Ok(1)).unwrap(), 1);
        assert_eq!(*bench.once("a", || Ok(2)).unwrap(), 1);
        bench.forget("a");
        assert_eq!(*bench.once("a", || Ok(2)).unwrap(), 2);
        assert!(bench.once::<i32>("b", || anyhow::bail!("no")).is_err());
    }
}
