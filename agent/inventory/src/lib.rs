//! Discovers CPU, memory, NUMA, PCI, NICs, block devices and accelerators below an injected root.
//!
//! Everything is read from proc, sys and dev; no vendor library is loaded, so the same code runs in a test over a
//! fixture tree of any vendor. This crate must not know clusters, jobs or sessions: it says what is there, and notes
//! what it could not read.

#![forbid(unsafe_code)]

mod accelerator;
mod block;
mod cpu;
mod discover;
mod error;
mod memory;
mod net;
mod pci;
mod system;
mod tree;

pub use accelerator::{Accelerator, Health, simulate};
pub use block::BlockDevice;
pub use cpu::Cpu;
pub use discover::{Inventory, Options, Simulation, discover};
pub use error::InventoryError;
pub use memory::NumaNode;
pub use net::Nic;
pub use pci::PciDevice;
pub use system::System;
