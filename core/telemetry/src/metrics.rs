//! Counters, gauges and histograms with few labels, read as OpenMetrics 1.0 text.

mod name;
mod registry;
mod render;
mod value;

pub use name::{Kind, MetricError, check_label, check_name};
pub use registry::{Description, Family, MAX_SERIES, OTHER, Registry};
pub use render::Exposition;
pub use value::{Counter, Gauge, Histogram, SECONDS_BUCKETS, Seconds};
