//! A node as people read it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use holdfast_api::v1::{Node, NodeInventory};
use holdfast_types::{Bytes, Millicores};

use crate::output::{Table, since};

/// The table of nodes.
pub(super) fn table() -> Table {
    Table::new(&["NAME", "JURISDICTION", "SITE", "PHASE", "DEVICES", "CORES", "MEMORY", "SINCE", "REASON"])
}

/// A node as a row.
pub(super) fn row(table: &mut Table, node: &Node) {
    let metadata = node.metadata.clone().unwrap_or_default();
    let spec = node.spec.clone().unwrap_or_default();
    let status = node.status.clone().unwrap_or_default();
    let inventory = status.inventory.clone().unwrap_or_default();
    table.row([
        metadata.name,
        spec.jurisdiction,
        spec.site,
        status.phase,
        devices(&inventory),
        Millicores(inventory.cpu_millis).to_string(),
        Bytes(inventory.memory_bytes).to_string(),
        since(status.since.as_ref()),
        status.reason,
    ]);
}

/// `8 nvidia`, with what does not exist marked as such.
fn devices(inventory: &NodeInventory) -> String {
    let mut counts: BTreeMap<(&str, bool), u32> = BTreeMap::new();
    for device in &inventory.devices {
        let count = counts.entry((&device.class, device.simulated)).or_default();
        *count = count.saturating_add(1);
    }
    let text = |((class, simulated), count): (&(&str, bool), &u32)| {
        format!("{count} {class}{}", if *simulated { " (simulated)" } else { "" })
    };
    if counts.is_empty() { "none".to_owned() } else { counts.iter().map(text).collect::<Vec<_>>().join(", ") }
}

/// Everything about a node.
pub(super) fn whole(node: &Node) -> String {
    let metadata = node.metadata.clone().unwrap_or_default();
    let spec = node.spec.clone().unwrap_or_default();
    let status = node.status.clone().unwrap_or_default();
    let inventory = status.inventory.clone().unwrap_or_default();
    let cores = Millicores(inventory.cpu_millis);
    let mut text = String::new();
    for (name, value) in [
        ("node", metadata.name),
        ("phase", format!("{}, since {}", status.phase, since(status.since.as_ref()))),
        ("because", status.reason),
        ("jurisdiction", spec.jurisdiction),
        ("site", spec.site),
        ("product", inventory.product.clone()),
        ("processor", format!("{cores} cores, {}", inventory.cpu_model)),
        ("memory", format!("{} on {} NUMA nodes", Bytes(inventory.memory_bytes), inventory.numa_nodes)),
        ("network", inventory.nics.join(", ")),
        ("disks", inventory.block_devices.join(", ")),
        ("kernel", inventory.kernel.clone()),
        ("agent", status.agent_version),
        ("data port", status.data_address),
        ("certificate", status.certificate_serial),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:<14}{value}");
        }
    }
    for condition in &status.conditions {
        let age = since(condition.since.as_ref());
        let _ = writeln!(text, "condition     {}, since {age}: {}", condition.r#type, condition.reason);
    }
    text + &device_table(&inventory)
}

fn device_table(inventory: &NodeInventory) -> String {
    if inventory.devices.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["DEVICE", "CLASS", "MODEL", "MEMORY", "HEALTH"]);
    for device in &inventory.devices {
        let simulated = if device.simulated { " (simulated)" } else { "" };
        table.row([
            device.index.to_string(),
            device.class.clone(),
            format!("{}{simulated}", device.model),
            Bytes(device.memory_bytes).to_string(),
            device.health.clone(),
        ]);
    }
    format!("\n{table}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_api::v1::{Device, Metadata, NodeSpec, NodeStatus};

    #[test]
    fn simulated_devices_are_said_to_be() {
        let device = |simulated| Device {
            class: "nvidia".to_owned(),
            simulated,
            memory_bytes: 80 << 30,
            ..Device::default()
        };
        let node = Node {
            metadata: Some(Metadata { name: "n1".to_owned(), ..Metadata::default() }),
            spec: Some(NodeSpec { jurisdiction: "DE".to_owned(), ..NodeSpec::default() }),
            status: Some(NodeStatus {
                phase: "Ready".to_owned(),
                inventory: Some(NodeInventory {
                    cpu_millis: 64_000,
                    memory_bytes: 512 << 30,
                    devices: vec![device(true), device(true), device(false)],
                    ..NodeInventory::default()
                }),
                ..NodeStatus::default()
            }),
        };
        let mut rows = table();
        row(&mut rows, &node);
        let expected = "\
NAME  JURISDICTION  SITE  PHASE  DEVICES                         CORES  MEMORY   SINCE  REASON
n1    DE            -     Ready  1 nvidia, 2 nvidia (simulated)  64     512 GiB  -      -
";
        assert_eq!(rows.to_string(), expected);
    }
}
