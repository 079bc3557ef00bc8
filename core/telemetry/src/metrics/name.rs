//! What a metric may be called: `holdfast_<noun>_<unit>`, and `_total` for a counter.

use std::fmt;

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows; its name ends in `_total`.
    Counter,
    /// It goes up and down.
    Gauge,
    /// It spreads observations over buckets.
    Histogram,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        })
    }
}

/// Why a metric cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetricError {
    /// The name does not follow the rule.
    #[error("{kind} `{name}` is not named `{}`", rule(*.kind))]
    Name {
        /// The name.
        name: String,
        /// What it names.
        kind: Kind,
    },
    /// A label has no plain name, or one that the format keeps for itself.
    #[error("label `{label}` of `{metric}` is not a plain lowercase name")]
    Label {
        /// The metric.
        metric: String,
        /// The label.
        label: String,
    },
    /// Another metric has the name.
    #[error("metric `{0}` is registered twice")]
    Twice(String),
    /// The bounds of a histogram are empty, not finite, or do not rise.
    #[error("the buckets of histogram `{0}` do not rise")]
    Buckets(String),
}

fn rule(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "holdfast_<noun>_<unit>_total",
        Kind::Gauge | Kind::Histogram => "holdfast_<noun>_<unit>",
    }
}

/// Endings that the format adds itself; a name must not carry one of its own.
const RESERVED: [&str; 6] = ["total", "created", "bucket", "count", "sum", "info"];

/// Checks the name of a metric.
///
/// # Errors
///
/// A name that does not follow the rule of its kind.
pub fn check_name(name: &str, kind: Kind) -> Result<(), MetricError> {
    let refused = || MetricError::Name { name: name.to_owned(), kind };
    let stem = match kind {
        Kind::Counter => name.strip_suffix("_total").ok_or_else(refused)?,
        Kind::Gauge | Kind::Histogram => name,
    };
    let words: Vec<&str> = stem.split('_').collect();
    let reserved = words.last().is_some_and(|last| RESERVED.contains(last));
    let plain = words.iter().all(|word| is_plain(word));
    if words.first() == Some(&"holdfast") && words.len() >= 3 && plain && !reserved {
        Ok(())
    } else {
        Err(refused())
    }
}

/// Checks the name of a label of a metric.
///
/// # Errors
///
/// A label that is not a plain lowercase name, or is one that the format keeps for itself.
pub fn check_label(metric: &str, label: &str) -> Result<(), MetricError> {
    let plain = label.split('_').all(is_plain) && label.starts_with(|c: char| c.is_ascii_lowercase());
    if plain && !matches!(label, "le" | "quantile") {
        Ok(())
    } else {
        Err(MetricError::Label { metric: metric.to_owned(), label: label.to_owned() })
    }
}

fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule_of_their_kind() {
        for (name, kind) in [
            ("holdfast_http_requests_total", Kind::Counter),
            ("holdfast_blob_read_bytes_total", Kind::Counter),
            ("holdfast_queue_jobs", Kind::Gauge),
            ("holdfast_commit_seconds", Kind::Histogram),
        ] {
            assert_eq!(check_name(name, kind), Ok(()), "{name}");
        }
        for (name, kind) in [
            ("holdfast_http_requests", Kind::Counter),
            ("holdfast_total", Kind::Counter),
            ("holdfast_http_total_total", Kind::Counter),
            ("http_requests_total", Kind::Counter),
            ("holdfast_Http_requests_total", Kind::Counter),
            ("holdfast__requests_total", Kind::Counter),
            ("holdfast_queue_jobs_total", Kind::Gauge),
            ("holdfast_queue_count", Kind::Gauge),
            ("holdfast_jobs", Kind::Gauge),
            ("holdfast_queue_jobs\n", Kind::Gauge),
            ("", Kind::Histogram),
        ] {
            assert!(check_name(name, kind).is_err(), "{name}");
        }
        let error = check_name("x_total", Kind::Counter).unwrap_err();
        assert_eq!(error.to_string(), "counter `x_total` is not named `holdfast_<noun>_<unit>_total`");
    }

    #[test]
    fn labels_are_plain() {
        assert_eq!(check_label("m", "code"), Ok(()));
        for label in ["le", "", "Code", "a-b", "_x", "1x", "quantile"] {
            assert!(check_label("m", label).is_err(), "{label}");
        }
    }
}
