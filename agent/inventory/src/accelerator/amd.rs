//! AMD GPUs: what the compute driver's topology and the graphics driver show.

use std::collections::BTreeMap;

use holdfast_types::{Bytes, DeviceClass};

use super::device::{Accelerator, Health};
use crate::pci::DEVICES;
use crate::tree::Tree;

const TOPOLOGY: &str = "sys/class/kfd/kfd/topology/nodes";
/// Memory banks of a node read for its size.
const MAX_BANKS: usize = 16;

pub(crate) fn add(tree: &mut Tree, found: &mut [Accelerator]) {
    let minors = render_minors(tree);
    for accelerator in found.iter_mut().filter(|a| a.class == DeviceClass::Amd) {
        let Some(address) = accelerator.pci.clone() else { continue };
        let dir = format!("{DEVICES}/{address}");
        if let Some(name) = tree.attribute(&format!("{dir}/product_name")) {
            accelerator.model = name;
        }
        accelerator.uuid = tree.attribute(&format!("{dir}/unique_id"));
        if let Some(total) = tree.number(&format!("{dir}/mem_info_vram_total")) {
            accelerator.memory = Some(Bytes(total));
        }
        match minors.get(&address) {
            Some(Compute { minor, memory }) => {
                accelerator.add_nodes(tree.nodes(["kfd".to_owned(), format!("dri/renderD{minor}")]));
                accelerator.memory = accelerator.memory.or(*memory);
            }
            None if accelerator.driver.is_some() => {
                accelerator.worsen(Health::Unknown, "the compute driver does not list it".to_owned());
            }
            None => {}
        }
        let errors = tree.text(&format!("{dir}/ras/umc_err_count")).unwrap_or_default();
        let uncorrected = properties(&errors).get("ue:").copied().unwrap_or(0);
        if uncorrected > 0 {
            accelerator.worsen(Health::Degraded, format!("{uncorrected} uncorrected errors in its memory"));
        }
    }
}

/// A GPU in the compute driver's topology.
struct Compute {
    minor: u64,
    memory: Option<Bytes>,
}

/// The GPUs of the topology by PCI address. A node without vector units is a processor.
fn render_minors(tree: &mut Tree) -> BTreeMap<String, Compute> {
    let mut found = BTreeMap::new();
    for node in tree.names(TOPOLOGY) {
        let text = tree.text(&format!("{TOPOLOGY}/{node}/properties")).unwrap_or_default();
        let values = properties(&text);
        let value = |name: &str| values.get(name).copied();
        if value("simd_count").unwrap_or(0) == 0 {
            continue;
        }
        let (Some(location), Some(minor)) = (value("location_id"), value("drm_render_minor")) else {
            continue;
        };
        let (bus, device, function) = (location >> 8 & 0xff, location >> 3 & 0x1f, location & 0x7);
        let address = format!("{:04x}:{bus:02x}:{device:02x}.{function}", value("domain").unwrap_or(0));
        found.insert(address, Compute { minor, memory: memory(tree, &node) });
    }
    found
}

fn memory(tree: &mut Tree, node: &str) -> Option<Bytes> {
    let dir = format!("{TOPOLOGY}/{node}/mem_banks");
    let banks = tree.names(&dir).into_iter().take(MAX_BANKS);
    let sizes = banks.filter_map(|bank| {
        let text = tree.text(&format!("{dir}/{bank}/properties"))?;
        properties(&text).get("size_in_bytes").copied()
    });
    let total = sizes.fold(0u64, u64::saturating_add);
    (total > 0).then_some(Bytes(total))
}

/// Lines of a name and a number.
fn properties(text: &str) -> BTreeMap<&str, u64> {
    let pairs = text.lines().filter_map(|line| line.trim().split_once(' '));
    pairs.filter_map(|(name, value)| Some((name, value.trim().parse().ok()?))).collect()
}
