//! Memory: how much there is, and how it lies around the processors.

use holdfast_types::Bytes;

use crate::cpu::parse_list;
use crate::tree::{Tree, field, numbered};

/// A NUMA node: processors and the memory next to them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NumaNode {
    /// The kernel's number of the node.
    pub id: u32,
    /// The hardware threads of the node.
    pub cpus: Vec<u32>,
    /// The memory of the node; a node may have none.
    pub memory: Option<Bytes>,
}

pub(crate) fn total(tree: &mut Tree) -> Option<Bytes> {
    let info = tree.expected_text("proc/meminfo")?;
    kib(field(&info, "MemTotal", ':')?)
}

pub(crate) fn numa(tree: &mut Tree) -> Vec<NumaNode> {
    let names = tree.names("sys/devices/system/node");
    let ids = names.iter().filter_map(|name| numbered(name, "node"));
    ids.map(|id| {
        let dir = format!("sys/devices/system/node/node{id}");
        let cpus = parse_list(&tree.text(&format!("{dir}/cpulist")).unwrap_or_default());
        let info = tree.text(&format!("{dir}/meminfo")).unwrap_or_default();
        NumaNode { id, cpus, memory: field(&info, &format!("Node {id} MemTotal"), ':').and_then(kib) }
    })
    .collect()
}

/// The kernel writes `kB` and means 1024.
fn kib(text: &str) -> Option<Bytes> {
    text.strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024).map(Bytes)
}
