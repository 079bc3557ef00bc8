//! An accelerator as the rest of Holdfast sees it, whoever made it; and those that are only pretended.

use std::fmt;

use camino::Utf8PathBuf;
use holdfast_types::{Bytes, DeviceClass, DeviceIndex};

/// No machine holds more; a wrong number in a command must not fill the memory.
const MAX_SIMULATED: u32 = 1024;

/// What the driver says of the state of an accelerator, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Health {
    /// A driver runs it and reports nothing wrong.
    Healthy,
    /// Nobody says.
    #[default]
    Unknown,
    /// It works, with errors or in recovery.
    Degraded,
    /// Its driver has given it up.
    Failed,
}

impl Health {
    /// The state as a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unknown => "unknown",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One accelerator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accelerator {
    /// Its place in the inventory, in order of PCI address, simulated ones last.
    pub index: DeviceIndex,
    /// Which programs run on it.
    pub class: DeviceClass,
    /// Who made it.
    pub vendor: String,
    /// What its maker calls it; the numbers of the bus where the name is not known.
    pub model: String,
    /// A name of this very device, where the driver shows one.
    pub uuid: Option<String>,
    /// Its memory, as the driver says or as the model is sold; `None` where neither is known.
    pub memory: Option<Bytes>,
    /// Its PCI address.
    pub pci: Option<String>,
    /// The NUMA node it is next to.
    pub numa: Option<u32>,
    /// The kernel driver bound to it.
    pub driver: Option<String>,
    /// The device nodes a workload needs to use it, those shared with others included.
    pub nodes: Vec<Utf8PathBuf>,
    /// Its state.
    pub health: Health,
    /// Why the state is not healthy.
    pub health_reason: Option<String>,
    /// Whether it is pretended: a simulated one can be placed upon and computes nothing.
    pub simulated: bool,
}

impl Accelerator {
    /// An accelerator of which nothing more is known.
    pub(crate) fn new(class: DeviceClass, vendor: &str, model: String) -> Self {
        Self {
            index: DeviceIndex(0),
            class,
            vendor: vendor.to_owned(),
            model,
            uuid: None,
            memory: None,
            pci: None,
            numa: None,
            driver: None,
            nodes: Vec::new(),
            health: Health::Unknown,
            health_reason: None,
            simulated: false,
        }
    }

    /// Lowers the health to `health` where it is better; the reason of the worst state is kept.
    pub(crate) fn worsen(&mut self, health: Health, reason: String) {
        if health > self.health {
            self.health = health;
            self.health_reason = Some(reason);
        }
    }

    /// Adds nodes it does not have yet.
    pub(crate) fn add_nodes(&mut self, nodes: Vec<Utf8PathBuf>) {
        let new: Vec<Utf8PathBuf> = nodes.into_iter().filter(|node| !self.nodes.contains(node)).collect();
        self.nodes.extend(new);
    }
}

/// Accelerators that are not there, each marked as simulated: they can be placed upon and have no device nodes.
#[must_use]
pub fn simulate(count: u32, class: DeviceClass, memory: Bytes) -> Vec<Accelerator> {
    let count = count.min(MAX_SIMULATED);
    let pretend = |index: u32| Accelerator {
        index: DeviceIndex(index),
        memory: Some(memory),
        health: Health::Healthy,
        simulated: true,
        ..Accelerator::new(class, "holdfast", format!("simulated {class}"))
    };
    (0..count).map(pretend).collect()
}
