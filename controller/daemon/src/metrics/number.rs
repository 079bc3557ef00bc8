//! Numbers as gauges hold them. A leaf.

/// A value as a gauge holds it.
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
