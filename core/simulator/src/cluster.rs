//! The cluster that is simulated: its nodes, how often they fail, and what checkpoints cost. It must not know jobs.

use holdfast_scheduler::MAX_DEVICES_PER_NODE;
use holdfast_types::Span;
use serde::Deserialize;

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
        Self { nodes: vec![NodeGroup { count, devices }], failures: None, checkpoints: None }
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
        ] {
            let error = Cluster::parse(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
