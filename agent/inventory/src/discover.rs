//! The whole inventory of a machine in one pass.

use camino::Utf8Path;
use holdfast_types::{Bytes, DeviceClass};

use crate::accelerator::{self, Accelerator, simulate};
use crate::block::{self, BlockDevice};
use crate::cpu::{self, Cpu};
use crate::error::InventoryError;
use crate::memory::{self, NumaNode};
use crate::net::{self, Nic};
use crate::pci::{self, PciDevice};
use crate::system::{self, System};
use crate::tree::Tree;

#[cfg(test)]
mod tests;

/// What a machine has. A field that is `None` or empty was not there or could not be read; `notes` says which.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inventory {
    /// The machine as a whole.
    pub system: System,
    /// Its processors.
    pub cpu: Cpu,
    /// Its memory.
    pub memory: Option<Bytes>,
    /// How processors and memory lie together.
    pub numa: Vec<NumaNode>,
    /// Every PCI function, in order of address.
    pub pci: Vec<PciDevice>,
    /// Every network interface but loopback.
    pub nics: Vec<Nic>,
    /// Every block device but loop and memory devices.
    pub blocks: Vec<BlockDevice>,
    /// Every accelerator; the place in this list is its index.
    pub accelerators: Vec<Accelerator>,
    /// What could not be read, for a person.
    pub notes: Vec<String>,
}

/// Accelerators to add that are not there, for demonstrations and tests of placement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Simulation {
    /// How many.
    pub count: u32,
    /// Of which class.
    pub class: DeviceClass,
    /// With how much memory each.
    pub memory: Bytes,
}

/// What to do beside reading the machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Simulated accelerators to add after the real ones.
    pub simulated: Vec<Simulation>,
}

/// Reads everything below `root`, which is `/` in production. What cannot be read becomes a note.
///
/// # Errors
///
/// Only where `root` itself is not a directory that can be opened.
pub fn discover(root: &Utf8Path, options: &Options) -> Result<Inventory, InventoryError> {
    let metadata =
        root.metadata().map_err(|source| InventoryError::Root { root: root.to_owned(), source })?;
    if !metadata.is_dir() {
        return Err(InventoryError::NotADirectory { root: root.to_owned() });
    }
    let mut tree = Tree::new(root);
    let pci = pci::discover(&mut tree);
    let mut accelerators = accelerator::discover(&mut tree, &pci);
    for Simulation { count, class, memory } in &options.simulated {
        accelerators.extend(simulate(*count, *class, *memory));
    }
    accelerator::number(&mut accelerators);
    Ok(Inventory {
        system: system::discover(&mut tree),
        cpu: cpu::discover(&mut tree),
        memory: memory::total(&mut tree),
        numa: memory::numa(&mut tree),
        nics: net::discover(&mut tree),
        blocks: block::discover(&mut tree),
        pci,
        accelerators,
        notes: tree.into_notes(),
    })
}
