//! Huawei Ascend: its driver shows device nodes and nothing in sys; the rest takes its library.

use holdfast_types::DeviceClass;

use super::device::{Accelerator, Health};
use crate::tree::{Tree, numbered};

/// Nodes every process on an Ascend opens.
const SHARED: [&str; 3] = ["davinci_manager", "devmm_svm", "hisi_hdc"];

pub(crate) fn add(tree: &mut Tree, found: &mut Vec<Accelerator>) {
    let names = tree.names("dev");
    let mut numbers: Vec<u32> = names.iter().filter_map(|name| numbered(name, "davinci")).collect();
    numbers.sort_unstable();
    let mut places = found.iter_mut().filter(|a| a.vendor == "huawei").collect::<Vec<_>>().into_iter();
    let mut beyond = Vec::new();
    // The driver numbers chips in the order the bus lists them. A card with two chips has one address on the bus and
    // two nodes: what is left over is an accelerator of its own.
    for number in numbers {
        let mut nodes = tree.nodes([format!("davinci{number}")]);
        nodes.extend(tree.nodes(SHARED));
        match places.next() {
            Some(accelerator) => accelerator.add_nodes(nodes),
            None => {
                let model = "Huawei Ascend".to_owned();
                let unlisted = Accelerator::new(DeviceClass::Npu, "huawei", model);
                beyond.push(Accelerator { nodes, health: Health::Healthy, ..unlisted });
            }
        }
    }
    for accelerator in places {
        accelerator.health = accelerator.health.max(Health::Unknown);
        accelerator.health_reason.get_or_insert_with(|| "it has no device node".to_owned());
    }
    found.extend(beyond);
}
