//! What this machine offers, in the words of the API.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use holdfast_api::v1;
use holdfast_inventory::{Health, Inventory, Options, Simulation, discover};
use holdfast_types::{AsProblem as _, Problem};

use crate::config::Config;

/// What is offered, and the device files of each accelerator by its index.
pub(crate) type Offer = (v1::NodeInventory, BTreeMap<u32, Vec<Utf8PathBuf>>);

/// Looks at the machine.
///
/// # Errors
///
/// Where the root to look below does not exist.
pub(crate) fn look(config: &Config) -> Result<Offer, Problem> {
    let simulated =
        config.simulated.iter().map(|s| Simulation { count: s.count, class: s.class, memory: s.memory });
    let options = Options { simulated: simulated.collect() };
    let found = discover(&config.root, &options).map_err(|error| error.problem())?;
    for note in &found.notes {
        tracing::warn!(%note, "the inventory is incomplete");
    }
    let devices = found.accelerators.iter().map(|a| (a.index.0, a.nodes.clone())).collect();
    Ok((offer(&found, config), devices))
}

fn offer(found: &Inventory, config: &Config) -> v1::NodeInventory {
    let whole = u64::from(found.cpu.threads).saturating_mul(1_000);
    let memory = found.memory.map_or(0, |m| m.0);
    v1::NodeInventory {
        cpu_millis: config.cores.map_or(whole, |c| c.0),
        memory_bytes: config.memory.map_or(memory, |m| m.0),
        devices: found
            .accelerators
            .iter()
            .map(|a| v1::Device {
                index: a.index.0,
                class: a.class.to_string(),
                model: a.model.clone(),
                memory_bytes: a.memory.map_or(0, |m| m.0),
                // What nobody has said is broken is offered; what is known to be degraded is not.
                health: if a.health <= Health::Unknown { "ok".to_owned() } else { a.health.to_string() },
                simulated: a.simulated,
            })
            .collect(),
        cpu_model: found.cpu.model.clone().unwrap_or_default(),
        kernel: found.system.kernel.clone().unwrap_or_default(),
        numa_nodes: u32::try_from(found.numa.len()).unwrap_or(u32::MAX),
        nics: found.nics.iter().map(|n| n.name.clone()).collect(),
        block_devices: found.blocks.iter().map(|b| b.name.clone()).collect(),
        product: found.system.product.clone().unwrap_or_default(),
        cpu_threads: found.cpu.threads,
    }
}
