//! PCI functions as sys shows them, with their kernel driver and NUMA node.

use crate::tree::Tree;

/// Where PCI functions are listed.
pub(crate) const DEVICES: &str = "sys/bus/pci/devices";

/// One PCI function.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PciDevice {
    /// Domain, bus, device and function: `0000:1b:00.0`.
    pub address: String,
    /// The number of the vendor, such as `0x10de`.
    pub vendor: u16,
    /// The vendor's number of the device.
    pub device: u16,
    /// Class, subclass and programming interface: 24 bits.
    pub class: u32,
    /// The NUMA node it is next to.
    pub numa: Option<u32>,
    /// The kernel driver bound to it.
    pub driver: Option<String>,
}

impl PciDevice {
    /// Class and subclass without the programming interface, such as `0x0302`.
    #[must_use]
    pub fn subclass(&self) -> u32 {
        self.class >> 8
    }
}

pub(crate) fn discover(tree: &mut Tree) -> Vec<PciDevice> {
    let mut devices: Vec<PciDevice> =
        tree.expected_names(DEVICES).into_iter().filter_map(|a| read(tree, a)).collect();
    devices.sort_by(|a, b| a.address.cmp(&b.address));
    devices
}

fn read(tree: &mut Tree, address: String) -> Option<PciDevice> {
    let dir = format!("{DEVICES}/{address}");
    let mut id = |name: &str| tree.hex(&format!("{dir}/{name}"));
    let (Some(vendor), Some(device), Some(class)) = (id("vendor"), id("device"), id("class")) else {
        tree.note(format!("pci device {address} does not say what it is"));
        return None;
    };
    Some(PciDevice {
        vendor: u16::try_from(vendor).ok()?,
        device: u16::try_from(device).ok()?,
        class,
        numa: tree.numa_node(&format!("{dir}/numa_node")),
        driver: tree.link_name(&format!("{dir}/driver")),
        address,
    })
}
