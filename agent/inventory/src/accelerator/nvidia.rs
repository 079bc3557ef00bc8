//! NVIDIA: what its kernel module shows in proc. The exact memory is known to its library alone, which is not loaded.

use std::collections::BTreeSet;

use holdfast_types::{Bytes, DeviceClass};

use super::device::{Accelerator, Health};
use super::identify::gigabytes;
use crate::tree::{Tree, field};

const GPUS: &str = "proc/driver/nvidia/gpus";

/// Memory as sold of models whose name does not say it, in decimal gigabytes.
const SIZES: [(&str, u64); 10] = [
    ("B300", 288),
    ("B200", 180),
    ("H200", 141),
    ("H100", 80),
    ("L40S", 48),
    ("L40", 48),
    ("L4", 24),
    ("A10", 24),
    ("A40", 48),
    ("T4", 16),
];

pub(crate) fn add(tree: &mut Tree, found: &mut Vec<Accelerator>) {
    let mut listed = BTreeSet::new();
    for address in tree.names(GPUS) {
        let Some(information) = tree.text(&format!("{GPUS}/{address}/information")) else { continue };
        let address = address.to_ascii_lowercase();
        listed.insert(address.clone());
        let known = found.iter().position(|a| a.pci.as_ref() == Some(&address));
        let index = known.unwrap_or_else(|| {
            // A container may show the module's files without the bus.
            let unnamed = Accelerator::new(DeviceClass::Nvidia, "nvidia", "NVIDIA GPU".to_owned());
            let driver = Some("nvidia".to_owned());
            found.push(Accelerator { pci: Some(address), driver, health: Health::Healthy, ..unnamed });
            found.len() - 1
        });
        if let Some(accelerator) = found.get_mut(index) {
            read(tree, &information, accelerator);
        }
    }
    for accelerator in found.iter_mut().filter(|a| a.class == DeviceClass::Nvidia && a.driver.is_some()) {
        if accelerator.pci.as_ref().is_some_and(|address| !listed.contains(address)) {
            accelerator.worsen(Health::Unknown, "the vendor's driver does not list it".to_owned());
        }
    }
}

fn read(tree: &Tree, information: &str, accelerator: &mut Accelerator) {
    let value = |key: &str| field(information, key, ':').filter(|v| !v.is_empty() && !v.contains('?'));
    if let Some(model) = value("Model").filter(|model| *model != "Unknown") {
        accelerator.model = model.chars().take(256).collect();
        accelerator.memory = memory(model);
    }
    accelerator.uuid = value("GPU UUID").map(|uuid| uuid.chars().take(64).collect());
    let minor = value("Device Minor").and_then(|minor| minor.parse::<u32>().ok());
    let nodes = tree.nodes(minor.map(|minor| format!("nvidia{minor}")));
    let is_usable = !nodes.is_empty();
    accelerator.add_nodes(nodes);
    accelerator.add_nodes(tree.nodes(["nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset"]));
    if !is_usable {
        accelerator.worsen(Health::Unknown, "it has no device node".to_owned());
    }
}

/// The memory a model is sold with: most names say it (`A100-SXM4-80GB`). The number in the name of a superchip is
/// the memory of its processor.
fn memory(model: &str) -> Option<Bytes> {
    let words = || model.split([' ', '-']);
    if words().any(|word| word.starts_with("GH") || word.starts_with("GB")) {
        return None;
    }
    let named = words().find_map(|word| word.strip_suffix("GB")?.parse().ok());
    let listed = || SIZES.iter().find(|(name, _)| words().any(|word| word == *name)).map(|(_, size)| *size);
    named.or_else(listed).map(gigabytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_from_the_name_or_is_not_known() {
        for (model, size) in [
            ("NVIDIA A100-SXM4-80GB", Some(80)),
            ("NVIDIA H100 80GB HBM3", Some(80)),
            ("NVIDIA H200", Some(141)),
            ("NVIDIA L4", Some(24)),
            ("NVIDIA GH200 480GB", None),
            ("NVIDIA GeForce RTX 4090", None),
        ] {
            assert_eq!(memory(model), size.map(gigabytes), "{model}");
        }
    }
}
