//! How often each call was made, how it ended and how long it took, for whoever shows it. Only calls that exist have a
//! row of their own, so a caller cannot make rows.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use prost_reflect::DescriptorPool;
use tonic::Code;

/// The upper bounds of the latencies, in microseconds; what took longer than the last is counted beyond it.
pub(crate) const BOUNDS_US: [u64; 14] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    10_000_000,
];

/// The row of everything that is no call: paths nobody serves, the document, the metrics.
pub(crate) const OTHER: &str = "other";

/// Every gRPC status code by its name in the specification.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The gRPC code for an HTTP status.
pub(crate) fn code_of(status: StatusCode) -> Code {
    match status {
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::METHOD_NOT_ALLOWED => Code::Unimplemented,
        StatusCode::CONFLICT => Code::Aborted,
        StatusCode::TOO_MANY_REQUESTS => Code::ResourceExhausted,
        StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        other if other.is_success() => Code::Ok,
        other if other.is_client_error() => Code::InvalidArgument,
        _ => Code::Internal,
    }
}

/// The name of a status code.
pub(crate) fn code_name(code: Code) -> &'static str {
    usize::try_from(code as i32).ok().and_then(|index| CODES.get(index)).copied().unwrap_or("UNKNOWN")
}

/// How one request ended; the REST face leaves it in the answer's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    /// The call as it is counted.
    pub(crate) call: String,
    /// How it ended.
    pub(crate) code: Code,
}

#[derive(Debug, Default)]
struct Row {
    codes: [AtomicU64; CODES.len()],
    /// One more than there are bounds: the last is for what took longer than every bound.
    took: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Row {
    fn count(&self, code: Code, took: Duration) {
        let index = usize::try_from(code as i32).unwrap_or(2);
        if let Some(counter) = self.codes.get(index) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS_US.partition_point(|bound| *bound < us);
        if let Some(counter) = self.took.get(place) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    fn read(&self, call: &str) -> CallCounts {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let codes = CODES.iter().zip(&self.codes).map(|(name, counter)| (*name, value(counter)));
        CallCounts {
            call: call.to_owned(),
            codes: codes.filter(|(_, count)| *count > 0).collect(),
            took: self.took.iter().map(value).collect(),
            sum_us: value(&self.sum_us),
        }
    }
}

/// What was counted of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallCounts {
    /// Package, service and method, such as `holdfast.v1.Jobs/Submit`.
    pub(crate) call: String,
    /// How often it ended with each code, those that occurred.
    pub(crate) codes: Vec<(&'static str, u64)>,
    /// How many took at most each of [`BOUNDS_US`] but longer than the bound before, and last those beyond all. Of
    /// streams it is the time to the first byte.
    pub(crate) took: Vec<u64>,
    /// The sum of all times, in microseconds.
    pub(crate) sum_us: u64,
}

/// The counts of every call, whichever face it came by.
#[derive(Debug, Default)]
pub(crate) struct CallStats {
    rows: BTreeMap<String, Row>,
    other: Row,
}

impl CallStats {
    /// Rows for every call of these services.
    pub(crate) fn new(pool: &DescriptorPool) -> Self {
        let methods = pool.services().flat_map(|s| {
            let service = s.full_name().to_owned();
            let names: Vec<String> = s.methods().map(|m| format!("{service}/{}", m.name())).collect();
            names
        });
        Self { rows: methods.map(|name| (name, Row::default())).collect(), other: Row::default() }
    }

    /// The name of a call as it is counted, from a gRPC path.
    pub(crate) fn known(&self, path: &str) -> &str {
        let found = self.rows.get_key_value(path.trim_start_matches('/'));
        found.map_or(OTHER, |(name, _)| name)
    }

    /// Counts one answer.
    pub(crate) fn count(&self, call: &str, code: Code, took: Duration) {
        self.rows.get(call).unwrap_or(&self.other).count(code, took);
    }

    /// What was counted so far, those calls that occurred.
    pub(crate) fn read(&self) -> Vec<CallCounts> {
        let rows = self.rows.iter().map(|(call, row)| row.read(call));
        rows.chain([self.other.read(OTHER)]).filter(|row| !row.codes.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calls_that_exist_have_rows() {
        let stats = CallStats::new(&holdfast_api::pool().unwrap());
        let submit = stats.known("/holdfast.v1.Jobs/Submit").to_owned();
        assert_eq!(submit, "holdfast.v1.Jobs/Submit");
        assert_eq!(stats.known("/holdfast.v1.Jobs/Invented"), OTHER);
        stats.count(&submit, Code::Ok, Duration::from_micros(300));
        stats.count(&submit, Code::ResourceExhausted, Duration::from_secs(60));
        stats.count("invented", Code::Unimplemented, Duration::ZERO);
        let read = stats.read();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].codes, [("OK", 1), ("RESOURCE_EXHAUSTED", 1)]);
        assert_eq!((read[0].took[1], read[0].took[BOUNDS_US.len()], read[0].sum_us), (1, 1, 60_000_300));
        assert_eq!((read[1].call.as_str(), read[1].took[0]), (OTHER, 1));
    }
}
