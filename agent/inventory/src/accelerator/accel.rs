//! The kernel's class of compute accelerators: Intel Gaudi in both its layouts, the NPUs of Intel and AMD, and any
//! other device that registers there.

use camino::Utf8PathBuf;
use holdfast_types::DeviceClass;

use super::device::{Accelerator, Health};
use super::identify::{AMD, AMD_GPU, GOOGLE, HABANA, HUAWEI, INTEL, NVIDIA, gigabytes};
use crate::pci::PciDevice;
use crate::tree::{Tree, is_pci_address, numbered, parse_hex};

const ACCEL: &str = "sys/class/accel";
const HABANALABS: &str = "sys/class/habanalabs";

pub(crate) fn add(tree: &mut Tree, pci: &[PciDevice], found: &mut Vec<Accelerator>) {
    for name in tree.names(ACCEL) {
        let Some(number) = numbered(&name, "accel") else { continue };
        let dir = format!("{ACCEL}/{name}/device");
        let nodes = tree.nodes([format!("accel/accel{number}"), format!("accel/accel_controlD{number}")]);
        add_one(tree, pci, found, &dir, nodes);
    }
    for name in tree.names(HABANALABS) {
        // `hl_controlD0` is listed beside `hl0`.
        let Some(number) = numbered(&name, "hl") else { continue };
        let class_dir = format!("{HABANALABS}/{name}");
        let nodes = tree.nodes([format!("hl{number}"), format!("hl_controlD{number}")]);
        add_one(tree, pci, found, &class_dir, nodes);
    }
}

/// Adds what one entry of a class says to the accelerator it belongs to, which may be known from the bus.
fn add_one(
    tree: &mut Tree,
    pci: &[PciDevice],
    found: &mut Vec<Accelerator>,
    dir: &str,
    nodes: Vec<Utf8PathBuf>,
) {
    let address = tree
        .attribute(&format!("{dir}/pci_addr"))
        .map(|address| address.to_ascii_lowercase())
        .filter(|address| is_pci_address(address))
        .or_else(|| tree.pci_address(dir));
    let known = address.as_ref().and_then(|a| found.iter().position(|f| f.pci.as_ref() == Some(a)));
    let index = known.unwrap_or_else(|| {
        let function = address.as_ref().and_then(|a| pci.iter().find(|f| f.address == *a));
        let vendor = tree.attribute(&format!("{dir}/vendor")).and_then(|v| parse_hex(&v));
        found.push(Accelerator { pci: address.clone(), ..unlisted(function, vendor) });
        found.len() - 1
    });
    let device_type = tree.moody_attribute(&format!("{dir}/device_type"));
    let status = tree.moody_attribute(&format!("{dir}/status"));
    let Some(accelerator) = found.get_mut(index) else { return };
    accelerator.add_nodes(nodes);
    if let Some((model, size)) = device_type.as_deref().and_then(gaudi) {
        accelerator.class = DeviceClass::Intel;
        "intel".clone_into(&mut accelerator.vendor);
        model.clone_into(&mut accelerator.model);
        accelerator.memory = Some(gigabytes(size));
        read_status(accelerator, status.as_deref());
    }
}

/// A device of this class that the bus did not tell: it is a neural processor, whoever made it.
fn unlisted(function: Option<&PciDevice>, vendor: Option<u32>) -> Accelerator {
    let vendor = function.map(|f| f.vendor).or_else(|| vendor.and_then(|v| u16::try_from(v).ok()));
    let name = match vendor {
        Some(NVIDIA) => "nvidia",
        Some(AMD | AMD_GPU) => "amd",
        Some(INTEL | HABANA) => "intel",
        Some(HUAWEI) => "huawei",
        Some(GOOGLE) => "google",
        _ => "unknown",
    };
    let model = match function {
        Some(f) => format!("{name} {:04x}:{:04x}", f.vendor, f.device),
        None => format!("{name} accelerator"),
    };
    Accelerator {
        numa: function.and_then(|f| f.numa),
        driver: function.and_then(|f| f.driver.clone()),
        health: Health::Healthy,
        ..Accelerator::new(DeviceClass::Npu, name, model)
    }
}

/// The name and the memory in decimal gigabytes of a Gaudi. Its driver writes `GAUDI2`, `GAUDI3`, `GAUDI HL2000M`.
fn gaudi(device_type: &str) -> Option<(&'static str, u64)> {
    let upper = device_type.to_ascii_uppercase();
    match upper.strip_prefix("GAUDI")?.chars().next() {
        Some('2') => Some(("Intel Gaudi 2", 96)),
        Some('3') => Some(("Intel Gaudi 3", 128)),
        _ => Some(("Intel Gaudi", 32)),
    }
}

fn read_status(accelerator: &mut Accelerator, status: Option<&str>) {
    let Some(status) = status else { return };
    match status.to_ascii_lowercase().as_str() {
        "operational" => {
            // The driver's own word is better than the mere presence of a driver.
            if accelerator.health == Health::Unknown {
                accelerator.health = Health::Healthy;
                accelerator.health_reason = None;
            }
        }
        "malfunction" => accelerator.worsen(Health::Failed, "its driver reports malfunction".to_owned()),
        _ => accelerator.worsen(Health::Degraded, format!("its driver reports {status}")),
    }
}
