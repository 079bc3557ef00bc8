//! The wall clock, read here and nowhere deeper.

use std::time::{SystemTime, UNIX_EPOCH};

use holdfast_types::Time;

/// Now.
pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
