//! Google TPU: older drivers number `/dev/accel*` in the order of the bus, newer ones give out the VFIO group.

use holdfast_types::DeviceClass;

use super::device::{Accelerator, Health};
use crate::pci::DEVICES;
use crate::tree::Tree;

pub(crate) fn add(tree: &mut Tree, found: &mut [Accelerator]) {
    for (number, accelerator) in found.iter_mut().filter(|a| a.class == DeviceClass::Tpu).enumerate() {
        let Some(address) = accelerator.pci.clone() else { continue };
        let mut nodes = tree.nodes([format!("accel{number}")]);
        if let Some(group) = tree.link_name(&format!("{DEVICES}/{address}/iommu_group")) {
            let group = tree.nodes([format!("vfio/{group}")]);
            if !group.is_empty() {
                nodes.extend(group);
                nodes.extend(tree.nodes(["vfio/vfio"]));
            }
        }
        // Here VFIO is how the device is meant to be used, not a sign that somebody took it.
        if !nodes.is_empty() && accelerator.driver.is_some() && accelerator.health == Health::Unknown {
            accelerator.health = Health::Healthy;
            accelerator.health_reason = None;
        }
        accelerator.add_nodes(nodes);
    }
}
