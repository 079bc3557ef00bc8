//! What one task needs, in the numbers the planner counts with. It must not know nodes.

use holdfast_types::{Bytes, DeviceClass, JobSpec, Precision, Rank, TaskGroup};

use crate::snapshot::DeviceView;

/// What one task needs of its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Need {
    pub(crate) cores: u64,
    pub(crate) memory: u64,
    pub(crate) devices: Option<DeviceNeed>,
}

/// The accelerators one task needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DeviceNeed {
    pub(crate) class: DeviceClass,
    pub(crate) count: u32,
    pub(crate) memory: Bytes,
    pub(crate) precision: Option<Precision>,
}

impl Need {
    /// What each task of a group needs. The precision binds accelerators only: any processor computes in any format.
    pub(crate) fn of(group: &TaskGroup, precision: Option<Precision>) -> Self {
        let resources = &group.resources;
        let devices = resources.devices.as_ref().map(|request| DeviceNeed {
            class: request.class,
            count: request.count,
            memory: request.memory,
            precision,
        });
        Self { cores: resources.cores.0, memory: resources.memory.0, devices }
    }

    /// What the task of a rank needs; `None` past the last rank.
    pub(crate) fn of_rank(spec: &JobSpec, rank: Rank) -> Option<Self> {
        let mut first = 0_u32;
        for group in &spec.groups {
            first = first.saturating_add(group.count);
            if rank.0 < first {
                return Some(Self::of(group, spec.precision));
            }
        }
        None
    }

    /// How many accelerators.
    pub(crate) fn device_count(&self) -> u32 {
        self.devices.map_or(0, |devices| devices.count)
    }

    /// Whether an accelerator serves this task.
    pub(crate) fn accepts(&self, device: &DeviceView) -> bool {
        self.devices.is_some_and(|need| {
            device.healthy
                && device.class == need.class
                && device.memory >= need.memory
                && need.computes_on(device)
        })
    }
}

impl DeviceNeed {
    /// Whether an accelerator computes in the format wanted; one that does not say is taken for able.
    pub(crate) fn computes_on(&self, device: &DeviceView) -> bool {
        self.precision
            .is_none_or(|wanted| device.precisions.is_empty() || device.precisions.contains(&wanted))
    }
}

/// How many accelerators a whole gang needs.
pub(crate) fn gang_devices(spec: &JobSpec) -> u64 {
    let per_group = |group: &TaskGroup| {
        u64::from(group.count) * u64::from(group.resources.devices.as_ref().map_or(0, |d| d.count))
    };
    spec.groups.iter().map(per_group).fold(0, u64::saturating_add)
}
