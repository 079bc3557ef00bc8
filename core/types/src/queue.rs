//! Queues: where jobs wait.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::device::DeviceClass;
use crate::id::QueueName;
use crate::time::Span;

/// The most queues on the way from one to the root of its tree, with both.
pub const MAX_QUEUE_DEPTH: usize = 8;
/// The most that a queue weighs.
pub const MAX_WEIGHT: u32 = 10_000;
/// The shortest half-life: below it the past counts for nothing.
const MIN_HALF_LIFE: Span = Span::from_secs(60);
/// The longest that the jobs of a queue are not stopped for others: a queue is not for keeping.
const MAX_MIN_RUN_TIME: Span = Span::from_secs(30 * 86_400);
/// The most stops that a budget allows: each is remembered for as long as it counts.
const MAX_DISRUPTIONS: u32 = 1_000;
/// The shortest and the longest that a stop may count.
const MIN_DISRUPTION_SPAN: Span = Span::from_secs(60);
const MAX_DISRUPTION_SPAN: Span = Span::from_secs(30 * 86_400);

/// How many jobs of a queue, with those below it, are stopped for others in any stretch of time: a disruption budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disruptions {
    /// The most.
    pub max: u32,
    /// For so long each counts.
    pub per: Span,
}

/// A queue as its owner wants it, checked whole: what it lends and borrows has a class that it counts, and somebody to share with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawQueueSpec", into = "RawQueueSpec")]
pub struct QueueSpec {
    /// Higher queues are served first.
    pub priority: i32,
    /// A stopped queue takes jobs but starts none.
    pub stopped: bool,
    /// The most accelerators its jobs may hold at once; 0 for no limit.
    pub max_devices: u32,
    /// The queue it shares with.
    pub parent: Option<QueueName>,
    /// How many accelerators of a class are its own. Where no queue of its tree has any of a class, that class is not counted there;
    /// where another has, one that does not say has none.
    pub nominal: BTreeMap<DeviceClass, u32>,
    /// The most that it, with those below it, borrows; a class that is not in it has no limit.
    pub borrowing_limit: BTreeMap<DeviceClass, u32>,
    /// The most that it, with those below it, lends; a class that is not in it is lent whole.
    pub lending_limit: BTreeMap<DeviceClass, u32>,
    /// Beside the other queues below the same parent it gets this many parts of what all of them use.
    pub weight: u32,
    /// How long until what the queues of its tree have used counts half; only the root says it.
    pub half_life: Option<Span>,
    /// For how long its jobs, and those of queues below that say nothing, run on end before they are stopped for others.
    pub min_run_time: Option<Span>,
    /// How many of its jobs, with those below it, are stopped for others; `None` for any number.
    pub disruptions: Option<Disruptions>,
}

impl Default for QueueSpec {
    fn default() -> Self {
        Self {
            priority: 0,
            stopped: false,
            max_devices: 0,
            parent: None,
            nominal: BTreeMap::new(),
            borrowing_limit: BTreeMap::new(),
            lending_limit: BTreeMap::new(),
            weight: usual_weight(),
            half_life: None,
            min_run_time: None,
            disruptions: None,
        }
    }
}

/// A queue as written, before it is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of QueueSpec")]
pub struct RawQueueSpec {
    #[serde(default)]
    pub priority: i32,
    #[serde(default)]
    pub stopped: bool,
    #[serde(default)]
    pub max_devices: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<QueueName>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub nominal: BTreeMap<DeviceClass, u32>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub borrowing_limit: BTreeMap<DeviceClass, u32>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lending_limit: BTreeMap<DeviceClass, u32>,
    #[serde(default = "usual_weight", skip_serializing_if = "is_usual_weight")]
    pub weight: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub half_life: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_run_time: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disruptions: Option<Disruptions>,
}

/// What a queue weighs that says nothing.
fn usual_weight() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_usual_weight(weight: &u32) -> bool {
    *weight == usual_weight()
}

/// Why a queue cannot exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's text says what it means")]
pub enum QueueSpecError {
    #[error("{field}: a queue without a parent shares with nobody: name its `parent` or leave {field} out")]
    NoParent { field: &'static str },
    #[error("{field}: `{class}` is not in `nominal`: say there how many are its own, or 0")]
    NotNominal { field: &'static str, class: DeviceClass },
    #[error("weight: {0} is not between 1 and {MAX_WEIGHT}: say how many parts it gets beside its sisters")]
    Weight(u32),
    #[error("halfLife: the root of a tree says it for all below: leave it out, or `parent`")]
    HalfLifeBelow,
    #[error("halfLife: {0} is less than {MIN_HALF_LIFE}: say how long until what was used counts half")]
    HalfLife(Span),
    #[error("minRunTime: {0} is more than {MAX_MIN_RUN_TIME}: others would never get back what they lend")]
    MinRunTime(Span),
    #[error(
        "disruptions.max: {0} is not between 1 and {MAX_DISRUPTIONS}: say how many jobs may be stopped, or `preemptible: false` in jobs \
         that may not be"
    )]
    Disruptions(u32),
    #[error(
        "disruptions.per: {0} is not between {MIN_DISRUPTION_SPAN} and {MAX_DISRUPTION_SPAN}: say for how long a stop counts"
    )]
    DisruptionsPer(Span),
}

impl TryFrom<RawQueueSpec> for QueueSpec {
    type Error = QueueSpecError;

    fn try_from(raw: RawQueueSpec) -> Result<Self, QueueSpecError> {
        for (field, limit) in [("borrowingLimit", &raw.borrowing_limit), ("lendingLimit", &raw.lending_limit)]
        {
            if raw.parent.is_none() && !limit.is_empty() {
                return Err(QueueSpecError::NoParent { field });
            }
            if let Some(class) = limit.keys().find(|class| !raw.nominal.contains_key(class)) {
                return Err(QueueSpecError::NotNominal { field, class: *class });
            }
        }
        if !(1..=MAX_WEIGHT).contains(&raw.weight) {
            return Err(QueueSpecError::Weight(raw.weight));
        }
        if raw.parent.is_some() && raw.half_life.is_some() {
            return Err(QueueSpecError::HalfLifeBelow);
        }
        if let Some(short) = raw.half_life.filter(|half_life| *half_life < MIN_HALF_LIFE) {
            return Err(QueueSpecError::HalfLife(short));
        }
        if let Some(long) = raw.min_run_time.filter(|min_run_time| *min_run_time > MAX_MIN_RUN_TIME) {
            return Err(QueueSpecError::MinRunTime(long));
        }
        if let Some(Disruptions { max, per }) = raw.disruptions {
            if !(1..=MAX_DISRUPTIONS).contains(&max) {
                return Err(QueueSpecError::Disruptions(max));
            }
            if !(MIN_DISRUPTION_SPAN..=MAX_DISRUPTION_SPAN).contains(&per) {
                return Err(QueueSpecError::DisruptionsPer(per));
            }
        }
        Ok(Self {
            priority: raw.priority,
            stopped: raw.stopped,
            max_devices: raw.max_devices,
            parent: raw.parent,
            nominal: raw.nominal,
            borrowing_limit: raw.borrowing_limit,
            lending_limit: raw.lending_limit,
            weight: raw.weight,
            half_life: raw.half_life,
            min_run_time: raw.min_run_time,
            disruptions: raw.disruptions,
        })
    }
}

impl From<QueueSpec> for RawQueueSpec {
    fn from(spec: QueueSpec) -> Self {
        Self {
            priority: spec.priority,
            stopped: spec.stopped,
            max_devices: spec.max_devices,
            parent: spec.parent,
            nominal: spec.nominal,
            borrowing_limit: spec.borrowing_limit,
            lending_limit: spec.lending_limit,
            weight: spec.weight,
            half_life: spec.half_life,
            min_run_time: spec.min_run_time,
            disruptions: spec.disruptions,
        }
    }
}

/// The queue of a job that names none.
#[must_use]
pub fn default_queue_name() -> QueueName {
    // The literal is a valid name; a test holds it to that.
    QueueName::constant("default")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_queue_has_a_valid_name() {
        assert_eq!("default".parse(), Ok(default_queue_name()));
    }

    fn read(text: &str) -> Result<QueueSpec, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_queue_is_read_as_it_is_written() {
        assert_eq!(read("{}"), Ok(QueueSpec::default()));
        let texts = [
            r#"{"priority":3,"stopped":false,"maxDevices":0,"parent":"lab","nominal":{"nvidia":8,"amd":0},"borrowingLimit":{"nvidia":4},"lendingLimit":{"amd":0},"weight":3}"#,
            r#"{"priority":0,"stopped":false,"maxDevices":0,"halfLife":"1d12h","minRunTime":"0s","disruptions":{"max":3,"per":"1h"}}"#,
        ];
        for text in texts {
            assert_eq!(serde_json::to_string(&read(text).unwrap()).unwrap(), text);
        }
    }

    #[test]
    fn a_queue_that_makes_no_sense_is_refused_with_the_field() {
        let cases = [
            (r#"{"nominal":{"abacus":1}}"#, "`abacus` is not a class of accelerator"),
            (r#"{"nominal":{"nvidia":-1}}"#, "-1"),
            (r#"{"nominal":{"nvidia":4294967296}}"#, "4294967296"),
            (r#"{"parent":"A b"}"#, "A b"),
            (
                r#"{"nominal":{"nvidia":1},"borrowingLimit":{"nvidia":1}}"#,
                "borrowingLimit: a queue without a parent shares with nobody: name its `parent` or leave borrowingLimit out",
            ),
            (r#"{"lendingLimit":{"nvidia":1}}"#, "lendingLimit: a queue without a parent shares with nobody"),
            (
                r#"{"parent":"lab","nominal":{"amd":1},"lendingLimit":{"nvidia":1}}"#,
                "lendingLimit: `nvidia` is not in `nominal`: say there how many are its own, or 0",
            ),
            (r#"{"weight":0}"#, "weight: 0 is not between 1 and 10000"),
            (r#"{"parent":"lab","halfLife":"1d"}"#, "halfLife: the root of a tree says it for all below"),
            (r#"{"minRunTime":"31d"}"#, "minRunTime: 4w3d is more than 4w2d"),
            (r#"{"disruptions":{"max":0,"per":"1h"}}"#, "disruptions.max: 0 is not between 1 and 1000"),
            (r#"{"disruptions":{"max":1001,"per":"1h"}}"#, "disruptions.max: 1001 is not between"),
            (r#"{"disruptions":{"max":3,"per":"59s"}}"#, "disruptions.per: 59s is not between 1m and 4w2d"),
            (r#"{"disruptions":{"max":3}}"#, "missing field `per`"),
            (r#"{"halfLife":"1s"}"#, "halfLife: 1s is less than 1m"),
        ];
        for (text, reason) in cases {
            let found = read(text).unwrap_err();
            assert!(found.contains(reason), "{text}: {found}");
        }
    }
}
