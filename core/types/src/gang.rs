//! What the tasks of a job need. A leaf of the job's spec: knows nothing of when or where a gang runs.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::device::{DeviceClass, DeviceShare};
use crate::id::GroupName;
use crate::quantity::{Bytes, Millicores};
use crate::topology::{TopologyError, TopologyRequest};

/// The most tasks one gang may have.
pub const MAX_TASKS: u32 = 16_384;
/// The most groups one job may have.
const MAX_GROUPS: usize = 64;

/// Accelerators one task needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DeviceRequest {
    /// Whose accelerators.
    pub class: DeviceClass,
    /// How many, all on one node.
    #[serde(default = "one")]
    pub count: u32,
    /// The least memory of each, or of the part of it that is asked for.
    #[serde(default)]
    pub memory: Bytes,
    /// Only this part of one; `None` for all of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<DeviceShare>,
}

fn one() -> u32 {
    1
}

/// What one task needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Resources {
    /// Processor share.
    #[serde(default = "default_cores")]
    pub cores: Millicores,
    /// Main memory.
    #[serde(default = "default_memory")]
    pub memory: Bytes,
    /// Accelerators, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices: Option<DeviceRequest>,
}

fn default_cores() -> Millicores {
    Millicores(1_000)
}

fn default_memory() -> Bytes {
    Bytes(256 << 20)
}

impl Default for Resources {
    fn default() -> Self {
        Self { cores: default_cores(), memory: default_memory(), devices: None }
    }
}

/// Equal tasks of a gang.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TaskGroup {
    /// The group's name, unique in the job.
    pub name: GroupName,
    /// How many tasks.
    pub count: u32,
    /// What each needs.
    #[serde(default)]
    pub resources: Resources,
    /// How near each other they have to be, if anything is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topology: Option<TopologyRequest>,
}

/// Why groups are not a gang.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's text says what it means")]
pub enum GangError {
    #[error("groups: a job needs at least one group with at least one task")]
    NoTasks,
    #[error("groups: {count} groups, at most {MAX_GROUPS} are allowed")]
    TooManyGroups { count: usize },
    #[error("groups: {count} tasks, at most {MAX_TASKS} are allowed")]
    TooManyTasks { count: u64 },
    #[error("groups: `{name}` is named twice")]
    GroupTwice { name: GroupName },
    #[error("groups: `{name}` asks for 0 tasks")]
    EmptyGroup { name: GroupName },
    #[error("groups: `{name}` asks for 0 accelerators: leave `devices` out instead")]
    NoDevices { name: GroupName },
    #[error(
        "groups: `{name}` asks for {share} of {count} accelerators: a share is a part of one, so leave `count` out, or leave `share` out for {count} whole ones"
    )]
    ShareOfSeveral { name: GroupName, share: DeviceShare, count: u32 },
    #[error("groups: `{name}`: {error}")]
    Topology { name: GroupName, error: TopologyError },
}

/// Whether groups are a gang.
pub(crate) fn check_groups(groups: &[TaskGroup]) -> Result<(), GangError> {
    if groups.is_empty() {
        return Err(GangError::NoTasks);
    }
    if groups.len() > MAX_GROUPS {
        return Err(GangError::TooManyGroups { count: groups.len() });
    }
    let mut names = BTreeSet::new();
    for group in groups {
        if !names.insert(&group.name) {
            return Err(GangError::GroupTwice { name: group.name.clone() });
        }
        if group.count == 0 {
            return Err(GangError::EmptyGroup { name: group.name.clone() });
        }
        if group.resources.devices.as_ref().is_some_and(|d| d.count == 0) {
            return Err(GangError::NoDevices { name: group.name.clone() });
        }
        let devices = group.resources.devices.as_ref();
        if let Some((share, count)) =
            devices.and_then(|d| Some((d.share?, d.count))).filter(|(_, count)| *count > 1)
        {
            return Err(GangError::ShareOfSeveral { name: group.name.clone(), share, count });
        }
        if let Some(topology) = &group.topology {
            let refused = |error| GangError::Topology { name: group.name.clone(), error };
            topology.check(group.count).map_err(refused)?;
        }
    }
    let count = groups.iter().map(|g| u64::from(g.count)).sum();
    if count > u64::from(MAX_TASKS) { Err(GangError::TooManyTasks { count }) } else { Ok(()) }
}
