//! What happened in a simulation, for those who check it from outside. It must not know why anything happened.

use holdfast_types::{Span, Time};

use crate::floor::Place;
use crate::policy::Policy;
use crate::trace::TraceJob;

/// What a job holds of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct EventPlace {
    /// The node, by position.
    pub node: u32,
    /// How many of its accelerators.
    pub devices: u32,
}

impl From<&Place> for EventPlace {
    fn from(place: &Place) -> Self {
        Self { node: place.node, devices: place.devices }
    }
}

/// Something that happened to a job of the trace or to a node, both by position from 0.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum Event {
    /// A policy begins with an empty cluster.
    #[serde(rename_all = "camelCase")]
    Begin {
        /// Its word.
        policy: String,
        /// How many accelerators each node has.
        nodes: Vec<u32>,
        /// In milliseconds; no job is preempted before it has run for so long on end. `None` where the policy promises nothing.
        #[serde(serialize_with = "span")]
        min_run: Option<Span>,
    },
    /// A job has all its places from now on.
    Start {
        /// When, in milliseconds from the start of the trace.
        #[serde(serialize_with = "millis")]
        at: Time,
        /// Which job.
        job: u32,
        /// Its queue.
        queue: String,
        /// How many accelerators it asked for.
        devices: u32,
        /// Where they are.
        places: Vec<EventPlace>,
    },
    /// A job is over.
    End {
        /// When.
        #[serde(serialize_with = "millis")]
        at: Time,
        /// Which job.
        job: u32,
    },
    /// A node under a job failed.
    Stop {
        /// When.
        #[serde(serialize_with = "millis")]
        at: Time,
        /// Which job.
        job: u32,
    },
    /// A job gave up its places for others.
    Preempt {
        /// When.
        #[serde(serialize_with = "millis")]
        at: Time,
        /// Which job.
        job: u32,
    },
    /// A node failed.
    Fail {
        /// When.
        #[serde(serialize_with = "millis")]
        at: Time,
        /// Which node.
        node: u32,
    },
    /// A node is there again.
    Return {
        /// When.
        #[serde(serialize_with = "millis")]
        at: Time,
        /// Which node.
        node: u32,
    },
}

impl Event {
    pub(crate) fn begin(policy: &Policy, nodes: &[u32]) -> Self {
        let min_run = match policy {
            Policy::Holdfast(config) => Some(config.min_run),
            Policy::Baseline(_) => None,
        };
        Self::Begin { policy: policy.to_string(), nodes: nodes.to_vec(), min_run }
    }

    pub(crate) fn start(at: Time, job: u32, of: &TraceJob, queues: &[String], places: &[Place]) -> Self {
        let queue = queues.get(of.queue).cloned().unwrap_or_default();
        let places = places.iter().map(Into::into).collect();
        Self::Start { at, job, queue, devices: of.devices, places }
    }
}

fn millis<S: serde::Serializer>(at: &Time, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(at.0)
}

fn span<S: serde::Serializer>(span: &Option<Span>, to: S) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) => to.serialize_some(&span.0),
        None => to.serialize_none(),
    }
}
