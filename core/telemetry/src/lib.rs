//! How a program of ours speaks: tracing set-up, the metrics registry and build information.
//!
//! It sends nothing anywhere: logs go to stderr, metrics are text for whoever asks the daemon. It must not know what
//! is logged or counted, and it knows no other crate of ours.

#![forbid(unsafe_code)]

mod build;
mod logs;
mod metrics;

pub use build::{BuildInfo, build_info};
pub use logs::{DAEMON_FILTER, InitError, LogFormat, ParseLogFormatError, init};
pub use metrics::{
    Counter, Description, Exposition, Family, Gauge, Histogram, Kind, MAX_SERIES, MetricError, OTHER,
    Registry, SECONDS_BUCKETS, Seconds, check_label, check_name,
};
