//! How much of each resource that queues share: a fixed row of numbers. It must not know who has or holds it.

use std::collections::BTreeMap;
use std::fmt;

use crate::device::DeviceClass;
use crate::job::JobSpec;

/// What is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// Accelerators of one class, in thousandths.
    Devices(DeviceClass),
    /// Processor share, in thousandths of a core.
    Cores,
    /// Main memory, in MiB, so that a sum over the largest cluster leaves room for fractions.
    Memory,
}

const ROWS: usize = DeviceClass::ALL.len() + 2;
const MIB: u64 = 1 << 20;

impl Resource {
    /// Every resource, in the order of the rows.
    pub const ALL: [Self; ROWS] = [
        Self::Devices(DeviceClass::Nvidia),
        Self::Devices(DeviceClass::Amd),
        Self::Devices(DeviceClass::Intel),
        Self::Devices(DeviceClass::Npu),
        Self::Devices(DeviceClass::Tpu),
        Self::Devices(DeviceClass::Fpga),
        Self::Cores,
        Self::Memory,
    ];

    fn row(self) -> usize {
        match self {
            Self::Devices(DeviceClass::Nvidia) => 0,
            Self::Devices(DeviceClass::Amd) => 1,
            Self::Devices(DeviceClass::Intel) => 2,
            Self::Devices(DeviceClass::Npu) => 3,
            Self::Devices(DeviceClass::Tpu) => 4,
            Self::Devices(DeviceClass::Fpga) => 5,
            Self::Cores => 6,
            Self::Memory => 7,
        }
    }
}

/// A class of accelerators, `cores` or `memory`.
impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Devices(class) => f.write_str(class.as_str()),
            Self::Cores => f.write_str("cores"),
            Self::Memory => f.write_str("memory"),
        }
    }
}

/// How much of each resource. Sums stop at the largest number, differences at zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amounts([u64; ROWS]);

impl Amounts {
    /// What a whole gang needs in one of its variants.
    #[must_use]
    pub fn of_gang(spec: &JobSpec, variant: u32) -> Self {
        let mut all = Self::default();
        for group in &spec.groups {
            let (tasks, each) = (u64::from(group.count), group.resources_in(variant));
            all.add_tasks(tasks, each.cores.0, each.memory.0);
            if let Some(devices) = &each.devices {
                let each = devices.share.map_or(1_000, |share| u64::from(share.thousandths()));
                let count = u64::from(devices.count).saturating_mul(each);
                all.add(Resource::Devices(devices.class), tasks.saturating_mul(count));
            }
        }
        all
    }

    /// Adds for so many tasks processor share in thousandths of a core and memory in bytes.
    pub fn add_tasks(&mut self, tasks: u64, cores: u64, memory: u64) {
        self.add(Resource::Cores, tasks.saturating_mul(cores));
        self.add(Resource::Memory, tasks.saturating_mul(memory.div_ceil(MIB)));
    }

    /// How much of one resource.
    #[must_use]
    pub fn get(&self, resource: Resource) -> u64 {
        self.0.get(resource.row()).copied().unwrap_or(0)
    }

    /// Adds to one resource.
    pub fn add(&mut self, resource: Resource, amount: u64) {
        if let Some(row) = self.0.get_mut(resource.row()) {
            *row = row.saturating_add(amount);
        }
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.with(other, u64::saturating_add)
    }

    /// What is left of this.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.with(other, u64::saturating_sub)
    }

    /// Each number changed in the same way.
    #[must_use]
    pub fn map(&self, change: impl Fn(u64) -> u64) -> Self {
        Self(self.0.map(change))
    }

    /// Every resource with its amount.
    pub fn iter(&self) -> impl Iterator<Item = (Resource, u64)> {
        Resource::ALL.into_iter().zip(self.0)
    }

    /// The resources there is any of, as words.
    #[must_use]
    pub fn to_words(&self) -> BTreeMap<String, u64> {
        let some = self.iter().filter(|(_, amount)| *amount > 0);
        some.map(|(resource, amount)| (resource.to_string(), amount)).collect()
    }

    /// From words; a word that is none counts for nothing.
    #[must_use]
    pub fn from_words(words: &BTreeMap<String, u64>) -> Self {
        let mut all = Self::default();
        for resource in Resource::ALL {
            all.add(resource, words.get(&resource.to_string()).copied().unwrap_or(0));
        }
        all
    }

    fn with(mut self, other: &Self, join: fn(u64, u64) -> u64) -> Self {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = join(*mine, theirs);
        }
        self
    }
}
