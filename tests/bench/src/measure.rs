//! What a promise is to the bench, and what measuring it yields.

use std::time::Duration;

use camino::Utf8PathBuf;

/// What a measurement may use.
#[derive(Debug, Clone)]
pub struct Bench {
    /// A directory of its own on a real disk, removed afterwards.
    pub scratch: Utf8PathBuf,
    /// How long the measured part of one promise should take, so that a run of all has an end.
    pub budget: Duration,
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

/// A figure and, where it could be measured in the same run, that of the peer.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// Ours, in the unit of the promise; for a ratio in the unit of `unit`.
    pub figure: f64,
    /// The unit of both figures, such as `us` or `writes/s`; empty for a bare number.
    pub unit: &'static str,
    /// The peer's, or why there is none here.
    pub peer: Result<f64, String>,
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
}
