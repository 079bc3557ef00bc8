//! All metrics of one daemon, by name. Labels are bounded: a flood of values ends in one series named `other`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::metrics::name::{Kind, MetricError, check_label, check_name};
use crate::metrics::value::{Counter, Gauge, Histogram, Seconds};

/// How many series one metric may have; values of labels beyond them are counted as [`OTHER`].
pub const MAX_SERIES: usize = 256;
/// The value of every label of the series that takes what has no room of its own.
pub const OTHER: &str = "other";
/// Longer values of labels are cut.
const MAX_VALUE_BYTES: usize = 96;

/// The series of one metric, one for each combination of values of its labels.
pub struct Family<T> {
    labels: &'static [&'static str],
    series: Arc<Mutex<BTreeMap<Vec<String>, T>>>,
    make: fn(&'static [f64]) -> T,
    bounds: &'static [f64],
}

impl<T> Clone for Family<T> {
    fn clone(&self) -> Self {
        Self { labels: self.labels, series: Arc::clone(&self.series), make: self.make, bounds: self.bounds }
    }
}

impl<T> fmt::Debug for Family<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family").field("labels", &self.labels).finish_non_exhaustive()
    }
}

impl<T: Clone> Family<T> {
    fn new(labels: &'static [&'static str], bounds: &'static [f64], make: fn(&'static [f64]) -> T) -> Self {
        Self { labels, series: Arc::default(), make, bounds }
    }

    /// The series with these values, in the order of the labels. Missing values are empty, further ones are ignored.
    #[must_use]
    pub fn with(&self, values: &[&str]) -> T {
        let mut given = values.iter();
        let key: Vec<String> =
            self.labels.iter().map(|_| cut(given.next().copied().unwrap_or_default()).to_owned()).collect();
        let mut series = self.series.lock();
        let full = series.len() >= MAX_SERIES && !series.contains_key(&key);
        let key = if full { vec![OTHER.to_owned(); key.len()] } else { key };
        series.entry(key).or_insert_with(|| (self.make)(self.bounds)).clone()
    }

    /// Forgets every series: what is no longer there must not stand at its last value.
    pub fn clear(&self) {
        self.series.lock().clear();
    }

    /// The names of the labels.
    pub(crate) fn labels(&self) -> &'static [&'static str] {
        self.labels
    }

    /// Every series with the values of its labels.
    pub(crate) fn series(&self) -> Vec<(Vec<String>, T)> {
        self.series.lock().iter().map(|(values, value)| (values.clone(), value.clone())).collect()
    }
}

fn cut(value: &str) -> &str {
    let end =
        (0..=value.len().min(MAX_VALUE_BYTES)).rev().find(|end| value.is_char_boundary(*end)).unwrap_or(0);
    value.get(..end).unwrap_or_default()
}

/// A metric of any kind.
#[derive(Debug, Clone)]
pub(crate) enum AnyFamily {
    Counter(Family<Counter>),
    Seconds(Family<Seconds>),
    Gauge(Family<Gauge>),
    Histogram(Family<Histogram>),
}

impl AnyFamily {
    fn described(&self) -> (Kind, &'static [&'static str]) {
        match self {
            Self::Counter(family) => (Kind::Counter, family.labels()),
            Self::Seconds(family) => (Kind::Counter, family.labels()),
            Self::Gauge(family) => (Kind::Gauge, family.labels()),
            Self::Histogram(family) => (Kind::Histogram, family.labels()),
        }
    }
}

/// What a metric is, for a page that lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// A metric with its help.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    pub(crate) help: &'static str,
    pub(crate) family: AnyFamily,
}

/// The metrics of one daemon; a clone is the same registry.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    metrics: Arc<Mutex<BTreeMap<&'static str, Registered>>>,
}

impl Registry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a counter; `holdfast_<noun>_<unit>_total`.
    ///
    /// # Errors
    ///
    /// A name or label that breaks the rule, or a name that is taken.
    pub fn counter(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Result<Family<Counter>, MetricError> {
        check_name(name, Kind::Counter)?;
        let family = Family::new(labels, &[], |_| Counter::default());
        self.add(name, help, labels, AnyFamily::Counter(family.clone()))?;
        Ok(family)
    }

    /// Registers a counter of time; `holdfast_<noun>_seconds_total`.
    ///
    /// # Errors
    ///
    /// A name or label that breaks the rule, or a name that is taken.
    pub fn seconds(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Result<Family<Seconds>, MetricError> {
        check_name(name, Kind::Counter)?;
        let family = Family::new(labels, &[], |_| Seconds::default());
        self.add(name, help, labels, AnyFamily::Seconds(family.clone()))?;
        Ok(family)
    }

    /// Registers a gauge; `holdfast_<noun>_<unit>`.
    ///
    /// # Errors
    ///
    /// A name or label that breaks the rule, or a name that is taken.
    pub fn gauge(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Result<Family<Gauge>, MetricError> {
        check_name(name, Kind::Gauge)?;
        let family = Family::new(labels, &[], |_| Gauge::default());
        self.add(name, help, labels, AnyFamily::Gauge(family.clone()))?;
        Ok(family)
    }

    /// Registers a histogram with these bounds; `holdfast_<noun>_<unit>`.
    ///
    /// # Errors
    ///
    /// A name or label that breaks the rule, bounds that do not rise, or a name that is taken.
    pub fn histogram(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        bounds: &'static [f64],
    ) -> Result<Family<Histogram>, MetricError> {
        check_name(name, Kind::Histogram)?;
        let rising = bounds.iter().zip(bounds.iter().skip(1)).all(|(a, b)| a < b);
        if bounds.is_empty() || !rising || !bounds.iter().all(|b| b.is_finite()) {
            return Err(MetricError::Buckets(name.to_owned()));
        }
        let family = Family::new(labels, bounds, Histogram::new);
        self.add(name, help, labels, AnyFamily::Histogram(family.clone()))?;
        Ok(family)
    }

    fn add(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[&str],
        family: AnyFamily,
    ) -> Result<(), MetricError> {
        labels.iter().try_for_each(|label| check_label(name, label))?;
        let mut metrics = self.metrics.lock();
        if metrics.contains_key(name) {
            return Err(MetricError::Twice(name.to_owned()));
        }
        metrics.insert(name, Registered { help, family });
        Ok(())
    }

    /// Every metric by name, for a page that lists them.
    #[must_use]
    pub fn describe(&self) -> Vec<Description> {
        let metrics = self.metrics.lock();
        let each = metrics.iter().map(|(name, registered)| {
            let (kind, labels) = registered.family.described();
            Description { name, kind, labels, help: registered.help }
        });
        each.collect()
    }

    /// Every metric by name.
    pub(crate) fn metrics(&self) -> Vec<(&'static str, Registered)> {
        self.metrics.lock().iter().map(|(name, registered)| (*name, registered.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_belongs_to_one_metric() {
        let registry = Registry::new();
        registry.counter("holdfast_http_requests_total", "Requests", &["code"]).unwrap();
        let again = registry.counter("holdfast_http_requests_total", "Requests", &[]).unwrap_err();
        assert_eq!(again.to_string(), "metric `holdfast_http_requests_total` is registered twice");
        assert!(registry.gauge("holdfast_x_jobs", "x", &["le"]).is_err());
        for bounds in [&[][..], &[1.0, 1.0], &[1.0, f64::INFINITY], &[2.0, 1.0]] {
            assert!(registry.histogram("holdfast_x_seconds", "x", &[], bounds).is_err(), "{bounds:?}");
        }
    }

    #[test]
    fn a_flood_of_values_ends_in_one_series() {
        let registry = Registry::new();
        let jobs = registry.counter("holdfast_x_jobs_total", "x", &["queue"]).unwrap();
        for number in 0..MAX_SERIES * 2 {
            jobs.with(&[&number.to_string()]).increment();
        }
        jobs.with(&["0"]).increment();
        assert_eq!(jobs.series().len(), MAX_SERIES + 1);
        assert_eq!(jobs.with(&[OTHER]).get(), u64::try_from(MAX_SERIES).unwrap());
        assert_eq!(jobs.with(&["0"]).get(), 2);
    }

    #[test]
    fn values_are_cut_between_characters() {
        let long = "é".repeat(200);
        assert_eq!(cut(&long).len(), MAX_VALUE_BYTES);
        assert_eq!(cut("a"), "a");
    }
}
