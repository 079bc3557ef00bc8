//! The cluster that is simulated: its nodes, how often they fail, and what checkpoints cost. It must not know jobs.

use holdfast_scheduler::MAX_DEVICES_PER_NODE;
use holdfast_types::{
    NameError, RawReservationSpec, ReservationError, ReservationName, ReservationSpec, Span, Time, Watts,
};
use serde::Deserialize;

/// Accelerators alone are scarce in traces that say nothing of the rest.
pub(crate) const CORES: u64 = 1_000;
/// The most watts that an accelerator draws.
pub(crate) const WATTS: u32 = 700;

/// The most nodes of a cluster.
pub const MAX_NODES: u64 = 100_000;

/// A cluster, as its file says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Cluster {
    /// Its nodes, in groups of equal ones.
    pub nodes: Vec<NodeGroup>,
    /// How nodes fail; they never do where it is left out.
    #[serde(default)]
    pub failures: Option<Failures>,
    /// What jobs save of their work; where it is left out, a job that is stopped begins from nothing.
    #[serde(default)]
    pub checkpoints: Option<Checkpoints>,
    /// What some nodes are kept for, or may draw; only the scheduler minds it.
    #[serde(default)]
    pub reservations: Vec<Kept>,
}

/// Equal nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NodeGroup {
    /// How many.
    pub count: u32,
    /// How many accelerators each has.
    pub devices: u32,
}

/// How nodes fail: each in each hour alike, whatever happened before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Failures {
    /// The mean time between two failures of a node.
    pub mean: Span,
    /// How long it is away.
    pub repair: Span,
}

/// What jobs save of their work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Checkpoints {
    /// How much work lies between two checkpoints.
    pub interval: Span,
    /// How long a job stands still for one.
    #[serde(default)]
    pub cost: Span,
    /// How long a job takes to go on from one.
    #[serde(default)]
    pub restart: Span,
}

/// Nodes on which nobody is for a while, or that draw no more together. Jobs that write checkpoints make way when it begins.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Kept {
    /// Its name.
    pub name: ReservationName,
    /// The first of the nodes, by position from 0, and how many.
    #[serde(default)]
    pub first: u32,
    /// How many nodes.
    pub count: u32,
    /// From when on, from the start of the trace.
    #[serde(default)]
    pub starts_at: Option<Span>,
    /// For how long at a time.
    #[serde(default)]
    pub duration: Option<Span>,
    /// Again after so long.
    #[serde(default)]
    pub every: Option<Span>,
    /// Nobody is kept away, but no more is drawn.
    #[serde(default)]
    pub max_power: Option<Watts>,
}

impl Kept {
    /// The nodes, by position.
    pub(crate) fn nodes(&self) -> std::ops::Range<u32> {
        self.first..self.first.saturating_add(self.count)
    }

    /// As the scheduler knows it.
    pub(crate) fn spec(&self) -> Result<ReservationSpec, String> {
        let names = self.nodes().map(|node| node_name(node).parse()).collect::<Result<_, _>>();
        let raw = RawReservationSpec {
            nodes: names.map_err(|error: NameError| error.to_string())?,
            starts_at: self.starts_at.map(|after| Time(0) + after),
            duration: self.duration,
            every: self.every,
            flex: self.max_power.is_none(),
            max_power: self.max_power,
            ..RawReservationSpec::default()
        };
        raw.try_into().map_err(|error: ReservationError| error.to_string())
    }
}

/// What the node at a position is called.
pub(crate) fn node_name(number: u32) -> String {
    format!("node-{number:06}")
}

/// Why a text is no cluster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// It is no TOML, or has fields that a cluster has not.
    #[error("{0}")]
    Text(String),
    /// A number that cannot be simulated.
    #[error("`{field}` is {value}: it has to be {wanted}")]
    Value {
        /// Which.
        field: &'static str,
        /// What it is.
        value: String,
        /// What it has to be.
        wanted: String,
    },
}

impl Cluster {
    /// `count` nodes of `devices` accelerators that never fail.
    #[must_use]
    pub fn of(count: u32, devices: u32) -> Self {
        let nodes = vec![NodeGroup { count, devices }];
        Self { nodes, failures: None, checkpoints: None, reservations: Vec::new() }
    }

    /// Reads a cluster from TOML.
    ///
    /// # Errors
    ///
    /// It is no TOML, a field is unknown, or a number cannot be simulated.
    pub fn parse(text: &str) -> Result<Self, ClusterError> {
        let cluster: Self =
            toml::from_str(text).map_err(|error| ClusterError::Text(error.to_string().trim().to_owned()))?;
        cluster.checked()
    }

    /// # Errors
    ///
    /// A number cannot be simulated.
    fn checked(self) -> Result<Self, ClusterError> {
        let refused =
            |field, value: String, wanted: String| Err(ClusterError::Value { field, value, wanted });
        let count: u64 = self.nodes.iter().map(|group| u64::from(group.count)).sum();
        if !(1..=MAX_NODES).contains(&count) {
            return refused("nodes.count", format!("{count} together"), format!("from 1 to {MAX_NODES}"));
        }
        let most = u32::try_from(MAX_DEVICES_PER_NODE).unwrap_or(u32::MAX);
        for group in &self.nodes {
            if !(1..=most).contains(&group.devices) {
                return refused("nodes.devices", group.devices.to_string(), format!("from 1 to {most}"));
            }
        }
        if let Some(failures) = self.failures {
            if failures.mean < Span::from_secs(3_600) {
                return refused("failures.mean", failures.mean.to_string(), "an hour or more".to_owned());
            }
            if failures.repair == Span(0) {
                return refused(
                    "failures.repair",
                    failures.repair.to_string(),
                    "more than nothing".to_owned(),
                );
            }
        }
        if self.checkpoints.is_some_and(|checkpoints| checkpoints.interval < Span::from_secs(1)) {
            return refused("checkpoints.interval", "less".to_owned(), "a second or more".to_owned());
        }
        for kept in &self.reservations {
            if u64::from(kept.first) + u64::from(kept.count) > count {
                let last = u64::from(kept.first) + u64::from(kept.count);
                return refused(
                    "reservations.count",
                    format!("up to node {last}"),
                    format!("at most {count}"),
                );
            }
            if let Err(why) = kept.spec() {
                return refused("reservations", format!("`{}`", kept.name), format!("otherwise: {why}"));
            }
        }
        Ok(self)
    }

    /// How many accelerators each node has, node by node.
    pub(crate) fn devices(&self) -> Vec<u32> {
        let of = |group: &NodeGroup| {
            std::iter::repeat_n(group.devices, usize::try_from(group.count).unwrap_or(usize::MAX))
        };
        self.nodes.iter().flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_nodes_failures_and_checkpoints() {
        let text = "nodes = [{ count = 2, devices = 8 }, { count = 1, devices = 4 }]\n\
                    failures = { mean = \"30d\", repair = \"4h\" }\n\
                    checkpoints = { interval = \"1h\", cost = \"30s\" }\n";
        let cluster = Cluster::parse(text).unwrap();
        assert_eq!(cluster.devices(), [8, 8, 4]);
        assert_eq!(cluster.failures.unwrap().repair, Span::from_secs(4 * 3_600));
        let checkpoints = cluster.checkpoints.unwrap();
        assert_eq!((checkpoints.cost, checkpoints.restart), (Span::from_secs(30), Span(0)));
    }

    #[test]
    fn what_cannot_be_simulated_is_refused() {
        for (text, wanted) in [
            ("nodes = []", "`nodes.count` is 0 together: it has to be from 1 to 100000"),
            ("nodes = [{ count = 100001, devices = 8 }]", "`nodes.count` is 100001 together"),
            ("nodes = [{ count = 1, devices = 0 }]", "`nodes.devices` is 0: it has to be from 1 to 128"),
            ("nodes = [{ count = 1, devices = 8, racks = 1 }]", "unknown field `racks`"),
            (
                "nodes = [{ count = 1, devices = 8 }]\nfailures = { mean = \"1m\", repair = \"1h\" }",
                "`failures.mean` is 1m",
            ),
            (
                "nodes = [{ count = 1, devices = 8 }]\nfailures = { mean = \"1d\", repair = \"0s\" }",
                "`failures.repair` is 0s",
            ),
            (
                "nodes = [{ count = 1, devices = 8 }]\ncheckpoints = { interval = \"0s\" }",
                "`checkpoints.interval` is less",
            ),
            (
                "nodes = [{ count = 4, devices = 8 }]\nreservations = [{ name = \"night\", first = 2, count = 3 }]",
                "`reservations.count` is up to node 5: it has to be at most 4",
            ),
            (
                "nodes = [{ count = 4, devices = 8 }]\nreservations = [{ name = \"night\", count = 1, every = \"1d\" }]",
                "`reservations` is `night`: it has to be otherwise: every: nothing says for how long",
            ),
        ] {
            let error = Cluster::parse(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
