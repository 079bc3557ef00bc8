//! Network interfaces, loopback left out.

use crate::pci::DEVICES;
use crate::tree::Tree;

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Nic {
    /// The kernel's name of it, such as `eth0`.
    pub name: String,
    /// Its hardware address.
    pub mac: Option<String>,
    /// Its speed in megabits per second; unknown while the link is down.
    pub speed_mbps: Option<u32>,
    /// The state of the link as the kernel says it: `up`, `down`, `unknown`.
    pub state: Option<String>,
    /// The kernel driver; a virtual interface has none.
    pub driver: Option<String>,
    /// The PCI function behind it; a virtual interface has none.
    pub pci: Option<String>,
    /// The NUMA node it is next to.
    pub numa: Option<u32>,
}

const CLASS: &str = "sys/class/net";

pub(crate) fn discover(tree: &mut Tree) -> Vec<Nic> {
    let names = tree.expected_names(CLASS).into_iter();
    // `bonding_masters` is a file among the interfaces: an interface has an address.
    let names: Vec<String> =
        names.filter(|name| name != "lo" && tree.exists(&format!("{CLASS}/{name}/address"))).collect();
    names.into_iter().map(|name| read(tree, name)).collect()
}

fn read(tree: &mut Tree, name: String) -> Nic {
    let dir = format!("{CLASS}/{name}");
    let pci = tree.pci_address(&format!("{dir}/device"));
    let numa = pci.as_ref().and_then(|address| tree.numa_node(&format!("{DEVICES}/{address}/numa_node")));
    Nic {
        mac: tree.attribute(&format!("{dir}/address")),
        speed_mbps: tree
            .moody_attribute(&format!("{dir}/speed"))
            .and_then(|s| s.parse().ok())
            .filter(|s| *s > 0),
        state: tree.attribute(&format!("{dir}/operstate")),
        driver: tree.link_name(&format!("{dir}/device/driver")),
        pci,
        numa,
        name,
    }
}
