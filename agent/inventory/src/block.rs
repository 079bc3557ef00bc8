//! Block devices, loop and memory devices left out.

use holdfast_types::Bytes;

use crate::tree::Tree;

/// Sys counts in sectors of this size whatever the device does.
const SECTOR: u64 = 512;
const CLASS: &str = "sys/block";

/// A block device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlockDevice {
    /// The kernel's name of it, such as `nvme0n1`.
    pub name: String,
    /// Its size.
    pub size: Option<Bytes>,
    /// Whether it has turning platters.
    pub rotational: Option<bool>,
    /// What its maker calls it.
    pub model: Option<String>,
    /// Its serial number.
    pub serial: Option<String>,
}

pub(crate) fn discover(tree: &mut Tree) -> Vec<BlockDevice> {
    let names = tree.expected_names(CLASS);
    let real = names.into_iter().filter(|name| !["loop", "ram", "zram"].iter().any(|p| name.starts_with(p)));
    real.map(|name| read(tree, name)).collect()
}

fn read(tree: &mut Tree, name: String) -> BlockDevice {
    let dir = format!("{CLASS}/{name}");
    let sectors = tree.number(&format!("{dir}/size"));
    let rotational = tree.number(&format!("{dir}/queue/rotational"));
    let serial = tree.moody_attribute(&format!("{dir}/device/serial"));
    BlockDevice {
        size: sectors.and_then(|count| count.checked_mul(SECTOR)).map(Bytes),
        rotational: rotational.map(|flag| flag != 0),
        model: tree.attribute(&format!("{dir}/device/model")),
        serial: serial.or_else(|| tree.moody_attribute(&format!("{dir}/serial"))),
        name,
    }
}
