//! The machine as a whole: kernel, names and what its maker wrote into it.

use crate::tree::Tree;

/// The machine as a whole. Serial numbers and ids are facts to compare, never proof of identity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct System {
    /// The release of the running kernel, such as `6.12.0-amd64`.
    pub kernel: Option<String>,
    /// The host name.
    pub hostname: Option<String>,
    /// A name for this boot; another boot has another.
    pub boot_id: Option<String>,
    /// The id of this installation.
    pub machine_id: Option<String>,
    /// Who made the machine.
    pub vendor: Option<String>,
    /// What its maker calls it.
    pub product: Option<String>,
    /// Its serial number; most kernels show it to root alone.
    pub serial: Option<String>,
}

pub(crate) fn discover(tree: &mut Tree) -> System {
    if !tree.exists("proc/sys/kernel/osrelease") {
        tree.note("/proc/sys/kernel/osrelease does not exist".to_owned());
    }
    System {
        kernel: tree.attribute("proc/sys/kernel/osrelease"),
        hostname: tree.attribute("proc/sys/kernel/hostname"),
        boot_id: tree.attribute("proc/sys/kernel/random/boot_id"),
        machine_id: tree.attribute("etc/machine-id"),
        vendor: tree.attribute("sys/class/dmi/id/sys_vendor"),
        product: tree.attribute("sys/class/dmi/id/product_name"),
        serial: tree.attribute("sys/class/dmi/id/product_serial"),
    }
}
