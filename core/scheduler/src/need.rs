//! What one task needs, in the numbers the planner counts with. It must not know nodes.

use holdfast_types::{
    Amounts, Bytes, DeviceClass, DeviceRequest, DeviceShare, JobSpec, MilliDevices, Precision, Rank,
    Resource, Resources,
};

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
    /// Only this part of one.
    pub(crate) share: Option<DeviceShare>,
}

/// A whole accelerator, in thousandths.
pub(crate) const WHOLE: u32 = 1_000;

impl Need {
    /// What a task needs. The precision binds accelerators only: any processor computes in any format.
    pub(crate) fn of(resources: &Resources, precision: Option<Precision>) -> Self {
        let devices = resources.devices.as_ref().map(|request| DeviceNeed {
            class: request.class,
            count: request.count,
            memory: request.memory,
            precision,
            share: request.share,
        });
        Self { cores: resources.cores.0, memory: resources.memory.0, devices }
    }

    /// What the task of a rank needs in a variant of its gang; `None` past the last rank.
    pub(crate) fn of_rank(spec: &JobSpec, variant: u32, rank: Rank) -> Option<Self> {
        let mut first = 0_u32;
        for group in &spec.groups {
            first = first.saturating_add(group.count);
            if rank.0 < first {
                return Some(Self::of(group.resources_in(variant), spec.precision));
            }
        }
        None
    }

    /// How many accelerators.
    pub(crate) fn device_count(&self) -> u32 {
        self.devices.map_or(0, |devices| devices.count)
    }

    /// The part of one accelerator that is enough; `None` where whole ones are needed, or none.
    pub(crate) fn share(&self) -> Option<DeviceShare> {
        self.devices.and_then(|devices| devices.share)
    }

    /// Accelerators in thousandths.
    pub(crate) fn thousandths(&self) -> MilliDevices {
        self.devices.map_or(MilliDevices(0), |devices| thousandths(devices.count, devices.share))
    }

    /// Whether an accelerator serves this task.
    pub(crate) fn accepts(&self, device: &DeviceView) -> bool {
        self.devices.is_some_and(|need| {
            device.healthy
                && device.class == need.class
                && need.brings(device) >= need.memory
                && need.computes_on(device)
        })
    }
}

impl DeviceNeed {
    /// The memory that one accelerator brings.
    pub(crate) fn brings(&self, device: &DeviceView) -> Bytes {
        self.share.map_or(device.memory, |share| share.of_memory(device.memory))
    }

    /// Whether an accelerator computes in the format wanted; one that does not say is taken for able.
    pub(crate) fn computes_on(&self, device: &DeviceView) -> bool {
        self.precision
            .is_none_or(|wanted| device.precisions.is_empty() || device.precisions.contains(&wanted))
    }
}

/// So many whole accelerators, or a part of one, in thousandths.
fn thousandths(count: u32, share: Option<DeviceShare>) -> MilliDevices {
    let each = share.map_or(WHOLE, DeviceShare::thousandths);
    MilliDevices(u64::from(count) * u64::from(each))
}

/// How many accelerators in thousandths, class by class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Devices([u64; DeviceClass::ALL.len()]);

impl Devices {
    /// More of a class.
    pub(crate) fn add(&mut self, class: DeviceClass, more: MilliDevices) {
        let mut counts = DeviceClass::ALL.iter().zip(&mut self.0);
        if let Some((_, count)) = counts.find(|(of, _)| **of == class) {
            *count = count.saturating_add(more.0);
        }
    }

    /// Those of every class.
    pub(crate) fn total(&self) -> MilliDevices {
        MilliDevices(self.0.iter().copied().fold(0, u64::saturating_add))
    }

    /// The classes there are any of, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (DeviceClass, MilliDevices)> {
        let counts = self.0.map(MilliDevices);
        DeviceClass::ALL.iter().copied().zip(counts).filter(|(_, count)| count.0 > 0)
    }
}

impl From<&Amounts> for Devices {
    fn from(amounts: &Amounts) -> Self {
        let mut devices = Self::default();
        for class in DeviceClass::ALL {
            devices.add(class, MilliDevices(amounts.get(Resource::Devices(class))));
        }
        devices
    }
}

/// The accelerators a whole gang needs in one of its variants.
pub(crate) fn gang_devices(spec: &JobSpec, variant: u32) -> Devices {
    let mut devices = Devices::default();
    for group in &spec.groups {
        if let Some(DeviceRequest { class, count, share, .. }) = &group.resources_in(variant).devices {
            let each = thousandths(*count, *share).0;
            devices.add(*class, MilliDevices(u64::from(group.count).saturating_mul(each)));
        }
    }
    devices
}
