//! A node as people read it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use holdfast_api::v1::{Node, NodeInventory, NodeSystem};
use holdfast_types::{Bytes, Millicores, NodePhase, TopologyLevel};

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
    let reset = spec.reset && status.phase != NodePhase::Retired.as_str();
    let reset = if reset { "ordered; the machine has not said yet that it goes down for it" } else { "" };
    let mut text = String::new();
    for (name, value) in [
        ("node", metadata.name),
        ("phase", format!("{}, since {}", status.phase, since(status.since.as_ref()))),
        ("because", status.reason),
        ("reset", reset.to_owned()),
        ("jurisdiction", spec.jurisdiction),
        ("site", spec.site),
        ("stands in", place(&spec.place)),
        ("product", inventory.product.clone()),
        ("processor", format!("{cores} cores, {}", inventory.cpu_model)),
        ("memory", format!("{} on {} NUMA nodes", Bytes(inventory.memory_bytes), inventory.numa_nodes)),
        ("network", inventory.nics.join(", ")),
        ("disks", inventory.block_devices.join(", ")),
        ("kernel", inventory.kernel.clone()),
        ("system", status.system.as_ref().map(release).unwrap_or_default()),
        ("way back", status.system.as_ref().map(way_back).unwrap_or_default()),
        ("attested", status.system.as_ref().map(attested).unwrap_or_default().to_owned()),
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

/// `row a, rack r7`
fn place(domains: &BTreeMap<String, String>) -> String {
    let level = |level: &TopologyLevel| domains.get(level.as_str()).map(|name| format!("{level} {name}"));
    TopologyLevel::ALL.iter().filter_map(level).collect::<Vec<_>>().join(", ")
}

/// What it runs from.
fn release(system: &NodeSystem) -> String {
    let health = if system.healthy { "healthy" } else { "not found healthy yet" };
    format!("release {} in slot {}, {health}", system.version, system.slot)
}

/// What it would boot if that failed, and what failed already.
fn way_back(system: &NodeSystem) -> String {
    let other = if system.other.is_empty() {
        "none: the other slot is empty".to_owned()
    } else {
        format!("release {}", system.other)
    };
    if system.fallback.is_empty() { other } else { format!("{other}; gave up {}", system.fallback) }
}

/// Whether something proves what it runs, as it says itself.
fn attested(system: &NodeSystem) -> &'static str {
    match system.unlocked_by.as_str() {
        "tpm" => "by its TPM: it opened the keys of this node for a system that the site signed",
        "recovery-key" => "no: its keys were opened with the recovery key",
        _ => "no: its keys are not encrypted",
    }
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
    fn a_node_says_what_it_runs_from_what_it_would_go_back_to_and_whether_that_is_proved() {
        let mut system = NodeSystem {
            version: "1.4.0".to_owned(),
            slot: "B".to_owned(),
            healthy: true,
            other: "1.3.2".to_owned(),
            unlocked_by: "tpm".to_owned(),
            ..NodeSystem::default()
        };
        let said = |system: &NodeSystem| {
            let status = NodeStatus { system: Some(system.clone()), ..NodeStatus::default() };
            let text = whole(&Node { status: Some(status), ..Node::default() });
            ["system", "way back", "attested"].map(|name| {
                let line = text.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or("nothing").trim().to_owned()
            })
        };
        let [runs, back, proved] = said(&system);
        assert_eq!((runs.as_str(), back.as_str()), ("release 1.4.0 in slot B, healthy", "release 1.3.2"));
        assert!(proved.starts_with("by its TPM"), "{proved}");
        system.unlocked_by = "recovery-key".to_owned();
        (system.other, system.fallback) = (String::new(), "release 1.5.0, attempt 3 of 3: panic".to_owned());
        let [_, back, proved] = said(&system);
        assert_eq!(back, "none: the other slot is empty; gave up release 1.5.0, attempt 3 of 3: panic");
        assert!(proved.starts_with("no: "), "{proved}");
        // A process on a machine of somebody else's has no slots to speak of.
        assert!(!whole(&Node::default()).contains("attested"));
    }

    #[test]
    fn a_reset_that_the_machine_has_not_heard_of_is_said() {
        let said = |phase: &str| {
            let spec = Some(NodeSpec { reset: true, ..NodeSpec::default() });
            let status = Some(NodeStatus { phase: phase.to_owned(), ..NodeStatus::default() });
            whole(&Node { spec, status, ..Node::default() }).contains("reset         ordered")
        };
        assert!(said("Draining") && said("Lost") && !said("Retired"));
    }

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
