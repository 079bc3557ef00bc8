//! Accelerators of every vendor: found on the PCI bus, then told apart by what their drivers show.

mod accel;
mod amd;
mod ascend;
mod device;
mod identify;
mod nvidia;
mod tpu;

pub use device::{Accelerator, Health, simulate};

use holdfast_types::DeviceIndex;

use crate::pci::{DEVICES, PciDevice};
use crate::tree::{Tree, field};

pub(crate) fn discover(tree: &mut Tree, pci: &[PciDevice]) -> Vec<Accelerator> {
    let mut found = Vec::new();
    for function in pci {
        // A virtual function is a share of a device that is listed itself.
        if tree.exists(&format!("{DEVICES}/{}/physfn", function.address)) {
            continue;
        }
        if let Some(mut accelerator) = identify::identify(function) {
            read_bus(tree, &function.address, &mut accelerator);
            found.push(accelerator);
        }
    }
    nvidia::add(tree, &mut found);
    amd::add(tree, &mut found);
    accel::add(tree, pci, &mut found);
    ascend::add(tree, &mut found);
    tpu::add(tree, &mut found);
    found.sort_by(|a, b| (a.pci.is_none(), &a.pci, &a.nodes).cmp(&(b.pci.is_none(), &b.pci, &b.nodes)));
    found
}

/// Gives every accelerator its place in the list as its index.
pub(crate) fn number(accelerators: &mut [Accelerator]) {
    for (index, accelerator) in (0..).zip(accelerators) {
        accelerator.index = DeviceIndex(index);
    }
}

/// What the bus shows of any device: its rendering nodes, and whether it had errors that stopped its link.
fn read_bus(tree: &mut Tree, address: &str, accelerator: &mut Accelerator) {
    let dir = format!("{DEVICES}/{address}");
    let names = tree.names(&format!("{dir}/drm"));
    let nodes = names.iter().filter(|n| n.starts_with("card") || n.starts_with("renderD"));
    accelerator.nodes.extend(tree.nodes(nodes.map(|name| format!("dri/{name}"))));
    match &accelerator.driver {
        None => accelerator.health_reason = Some("no driver is bound".to_owned()),
        Some(driver) if driver == "vfio-pci" => {
            accelerator.health_reason = Some("it is given to a virtual machine or to user space".to_owned());
        }
        Some(_) => accelerator.health = Health::Healthy,
    }
    let errors = tree.text(&format!("{dir}/aer_dev_fatal")).unwrap_or_default();
    let fatal = field(&errors, "TOTAL_ERR_FATAL", ' ').and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    if fatal > 0 {
        accelerator.worsen(Health::Degraded, format!("{fatal} fatal errors on its pci link since boot"));
    }
}
