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
/// The most variants one group may have.
const MAX_VARIANTS: usize = 4;

/// Accelerators one task needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// With how many of them the gang starts; the others come when there is room, and go first when others need it. `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<u32>,
    /// What each needs.
    #[serde(default)]
    pub resources: Resources,
    /// What each could have instead, the most wanted first. A gang starts in one variant: 0 is `resources`, 1 the first of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Resources>,
    /// How near each other they have to be, if anything is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topology: Option<TopologyRequest>,
}

impl TaskGroup {
    /// What each task needs in one variant of the gang; a group that has none needs the same in all.
    #[must_use]
    pub fn resources_in(&self, variant: u32) -> &Resources {
        let other = variant.checked_sub(1).and_then(|other| usize::try_from(other).ok());
        other.and_then(|other| self.variants.get(other)).unwrap_or(&self.resources)
    }
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
    #[error("groups: `{name}` has min {min}, 1 to {count} of its {count} tasks are allowed")]
    Min { name: GroupName, min: u32, count: u32 },
    #[error("groups: `{name}` asks for 0 accelerators: leave `devices` out instead")]
    NoDevices { name: GroupName },
    #[error(
        "groups: `{name}` asks for {share} of {count} accelerators: a share is a part of one, so leave `count` out, or leave `share` out for {count} whole ones"
    )]
    ShareOfSeveral { name: GroupName, share: DeviceShare, count: u32 },
    #[error("groups: `{name}`: {error}")]
    Topology { name: GroupName, error: TopologyError },
    #[error("groups: `{name}` has {count} variants, at most {MAX_VARIANTS} are allowed")]
    TooManyVariants { name: GroupName, count: usize },
    #[error("groups: `{name}`: variant {variant} is the same as variant {same}: leave it out")]
    VariantTwice { name: GroupName, variant: usize, same: usize },
    #[error(
        "groups: `{name}` has {count} variants and `{other}` has {others}: a gang starts in one variant, so say as many for both, or none for one"
    )]
    VariantCounts { name: GroupName, count: usize, other: GroupName, others: usize },
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
        if let Some(min) = group.min.filter(|min| !(1..=group.count).contains(min)) {
            return Err(GangError::Min { name: group.name.clone(), min, count: group.count });
        }
        for resources in std::iter::once(&group.resources).chain(&group.variants) {
            check_devices(&group.name, resources)?;
        }
        check_variants(group)?;
        if let Some(topology) = &group.topology {
            let refused = |error| GangError::Topology { name: group.name.clone(), error };
            topology.check(group.count).map_err(refused)?;
            if let Some(min) = group.min {
                topology.check(min).map_err(refused)?;
            }
        }
    }
    let count = groups.iter().map(|g| u64::from(g.count)).sum();
    if count > u64::from(MAX_TASKS) {
        return Err(GangError::TooManyTasks { count });
    }
    check_variant_counts(groups)
}

fn check_devices(name: &GroupName, resources: &Resources) -> Result<(), GangError> {
    let Some(devices) = &resources.devices else { return Ok(()) };
    let name = || name.clone();
    match (devices.share, devices.count) {
        (_, 0) => Err(GangError::NoDevices { name: name() }),
        (Some(share), count) if count > 1 => Err(GangError::ShareOfSeveral { name: name(), share, count }),
        (Some(_) | None, _) => Ok(()),
    }
}

fn check_variants(group: &TaskGroup) -> Result<(), GangError> {
    let (name, count) = (|| group.name.clone(), group.variants.len());
    if count > MAX_VARIANTS {
        return Err(GangError::TooManyVariants { name: name(), count });
    }
    let mut known = vec![&group.resources];
    for (variant, resources) in (1..).zip(&group.variants) {
        if let Some(same) = known.iter().position(|known| *known == resources) {
            return Err(GangError::VariantTwice { name: name(), variant, same });
        }
        known.push(resources);
    }
    Ok(())
}

/// Groups that have variants have as many: the number of one means something in each.
fn check_variant_counts(groups: &[TaskGroup]) -> Result<(), GangError> {
    let mut varied = groups.iter().filter(|group| !group.variants.is_empty());
    let Some(first) = varied.next() else { return Ok(()) };
    match varied.find(|group| group.variants.len() != first.variants.len()) {
        None => Ok(()),
        Some(other) => Err(GangError::VariantCounts {
            name: first.name.clone(),
            count: first.variants.len(),
            other: other.name.clone(),
            others: other.variants.len(),
        }),
    }
}
