//! What happened in a simulation, for those who check it from outside. It must not know why anything happened.

use holdfast_types::{MilliDevices, Millicores, Span, Time, Watts};

use crate::cluster::{CORES, Cluster, Kept, WATTS};
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

/// Nodes that are kept, or that draw no more together. Times in milliseconds from the start of the trace.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventKept {
    /// Its name.
    pub name: String,
    /// The nodes, by position.
    pub nodes: Vec<u32>,
    /// From when on.
    pub starts_at: u64,
    /// For how long at a time; `None` for good.
    pub duration: Option<u64>,
    /// Again after so long.
    pub every: Option<u64>,
    /// The most that they draw together, in watts; `None` where nobody may be on them.
    pub max_power: Option<u64>,
}

impl From<&Kept> for EventKept {
    fn from(kept: &Kept) -> Self {
        Self {
            name: kept.name.to_string(),
            nodes: kept.nodes().collect(),
            starts_at: kept.starts_at.map_or(0, |span| span.0),
            duration: kept.duration.map(|span| span.0),
            every: kept.every.map(|span| span.0),
            max_power: kept.max_power.map(|watts| watts.0),
        }
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
        /// What some nodes are kept for, or may draw; none where the policy does not mind it.
        reservations: Vec<EventKept>,
        /// The most watts that each accelerator draws, with its cores.
        watts: u64,
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
    #[serde(rename_all = "camelCase")]
    Preempt {
        /// When.
        #[serde(serialize_with = "millis")]
        at: Time,
        /// Which job.
        job: u32,
        /// Because nodes are kept, or draw too much, from now on.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        makes_way: bool,
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
    pub(crate) fn begin(policy: &Policy, cluster: &Cluster) -> Self {
        let min_run = match policy {
            Policy::Holdfast(config) => Some(config.min_run),
            Policy::Baseline(_) => None,
        };
        let kept = match policy {
            Policy::Holdfast(_) => cluster.reservations.as_slice(),
            Policy::Baseline(_) => &[],
        };
        let reservations = kept.iter().map(EventKept::from).collect();
        let watts = Watts::of_task(Millicores(CORES), MilliDevices::whole(1), u64::from(WATTS)).0;
        Self::Begin { policy: policy.to_string(), nodes: cluster.devices(), min_run, reservations, watts }
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
