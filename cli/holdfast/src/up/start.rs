//! Founding a cluster on this machine, and waiting until it is whole.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use camino::Utf8Path;
use holdfast_controller::{FoundController, FoundOperator, FoundOptions, found as found_cluster};
use holdfast_policy::packs;
use holdfast_types::{Bytes, DeviceClass, Millicores, NodePhase, Problem, Time};
use serde_json::Value;

use super::failure::cannot;
use super::layout::{Layout, Node, Wanted};
use super::say::Say;
use super::supervise::Supervisor;
use super::{ports, program};
use crate::private;

/// How long the cluster may take to become whole.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(250);
/// Accelerators of each node; none of them is real.
const SIMULATED: u32 = 2;

/// Writes everything a new cluster needs and decides where it lives.
pub(super) fn found(directory: &Utf8Path, wanted: &Wanted) -> Result<Layout, Problem> {
    let layout = {
        let mut next = ports::sequence(&wanted.listen)?;
        Layout::decide(directory, wanted, &mut next)?
    };
    let operator = |name: &str, roles: &[&str], file: &str| FoundOperator {
        name: name.to_owned(),
        roles: roles.iter().map(|r| (*r).to_owned()).collect(),
        tenant: None,
        context: directory.join(file),
    };
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    found_cluster(&FoundOptions {
        cluster_name: "local".to_owned(),
        lease: wanted.lease,
        controllers: layout
            .controllers
            .iter()
            .map(|c| FoundController {
                name: c.name.clone(),
                directory: c.directory.clone(),
                listen: c.listen.clone(),
            })
            .collect(),
        jurisdictions: ["DE", "FR"].iter().filter_map(|j| j.parse().ok()).collect(),
        law: packs::DEMO.law.to_owned(),
        tenant_policies: packs::DEMO.tenant.to_owned(),
        operators: vec![
            operator("admin", &["admin", "engineer"], "context.toml"),
            operator("auditor", &["auditor"], "auditor.toml"),
        ],
        now: Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
    })?;
    layout.save()?;
    Ok(layout)
}

/// Waits for a leader, lets nodes in that have not joined yet, and waits until every node is ready.
pub(super) fn until_ready(supervisor: &Supervisor, say: &Say) -> Result<(), Problem> {
    let layout = supervisor.layout();
    let count = layout.controllers.len();
    say.line(&format!("{count} controllers start in {}", layout.directory));
    let status = wait(supervisor, say, "waiting for a leader", || {
        let status = program::json(layout, &["cluster", "status"]).ok()?;
        let founded = status["revision"].as_str().is_some_and(|r| r != "0");
        (founded && status["leader"].as_str().is_some_and(|l| !l.is_empty())).then_some(status)
    })?;
    say.line(&format!("leader elected: {}", status["leader"].as_str().unwrap_or_default()));
    for node in &layout.nodes {
        invite(layout, node)?;
    }
    let items = wait(supervisor, say, "waiting for the nodes", || {
        let list = program::json(layout, &["node", "list"]).ok()?;
        let items = list["items"].as_array()?;
        layout.nodes.iter().all(|node| is_there(node, items, answers)).then(|| items.clone())
    })?;
    say.line(&roll_call(&layout.nodes, &items));
    Ok(())
}

/// Which nodes are ready, and what the others are instead.
fn roll_call(nodes: &[Node], items: &[Value]) -> String {
    let (mut ready, mut others) = (Vec::new(), Vec::new());
    for node in nodes {
        match phase(node, items) {
            Some(NodePhase::Ready) => ready.push(format!("{} in {}", node.name, node.jurisdiction)),
            Some(phase) => others.push(format!("; {} is {phase}", node.name)),
            None => {}
        }
    }
    format!(
        "nodes ready: {}; each with {SIMULATED} simulated accelerators{}",
        ready.join(", "),
        others.concat()
    )
}

fn phase(node: &Node, items: &[Value]) -> Option<NodePhase> {
    let found = items.iter().find(|item| item["metadata"]["name"] == node.name.as_str())?;
    NodePhase::from_word(found["status"]["phase"].as_str()?)
}

/// Whether a node is up. The controllers may still believe what was so before a restart, so its agent has to answer too.
/// A node that was taken out for good stays out, and one that takes no work is up all the same.
fn is_there(node: &Node, items: &[Value], answers: impl Fn(&str) -> bool) -> bool {
    match phase(node, items) {
        Some(NodePhase::Ready | NodePhase::Cordoned | NodePhase::Draining) => answers(&node.data),
        Some(NodePhase::Retired) => true,
        Some(NodePhase::Pending | NodePhase::Lost) | None => false,
    }
}

/// Whether somebody listens there.
fn answers(address: &str) -> bool {
    let found = address.to_socket_addrs().into_iter().flatten();
    let mut found = found.map(|address| TcpStream::connect_timeout(&address, LOOK).is_ok());
    found.any(|connected| connected)
}

/// Calls until there is an answer, as long as every process stays up.
pub(super) fn wait<T>(
    supervisor: &Supervisor,
    say: &Say,
    what: &str,
    mut ask: impl FnMut() -> Option<T>,
) -> Result<T, Problem> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        supervisor.check()?;
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        if Instant::now() > deadline {
            let logs = supervisor.layout().directory.join("logs");
            return Err(cannot(format!("{what} took longer than {} s", PATIENCE.as_secs()))
                .next(format!("less {logs}/*.log")));
        }
        say.progress(what);
        std::thread::park_timeout(LOOK);
    }
}

/// Gives a node its configuration and a one-time token, unless it has joined before. A token that was given and not used
/// may have run out by now, so there is a new one.
fn invite(layout: &Layout, node: &Node) -> Result<(), Problem> {
    if node.directory.join("identity/chain.pem").exists() {
        return Ok(());
    }
    let config = node.directory.join("agent.toml");
    std::fs::create_dir_all(&node.directory)
        .map_err(|error| cannot(format!("create `{}`: {error}", node.directory)))?;
    let args = ["node", "token", "--jurisdiction", &node.jurisdiction, "--site", &node.site, "--approve"];
    let token = program::text(layout, &args)?;
    let file = node.directory.join("join.token");
    write(&file, token.trim())?;
    let (cores, memory) = share(layout.nodes.len());
    let settings = holdfast_agent::Config {
        directory: node.directory.clone(),
        name: node.name.clone(),
        controllers: layout.controllers.iter().map(|c| c.listen.clone()).collect(),
        data_listen: node.data.clone(),
        relay_listen: node.relay.clone(),
        advertise: None,
        join_token_file: Some(file),
        controller: None,
        simulated: Some(holdfast_agent::Simulated {
            count: SIMULATED,
            class: DeviceClass::Nvidia,
            memory: Bytes(80 << 30),
        }),
        cores: Some(cores),
        memory: Some(memory),
        slots: Some(simulated_slots(&node.directory.join("slots"))),
        root: "/".into(),
    };
    let text = toml::to_string(&settings).map_err(|error| cannot(error.to_string()))?;
    // The supervisor starts an agent when its configuration appears, so it comes last and whole.
    write(&config, &text)
}

/// Files that stand for the slots of a machine.
fn simulated_slots(directory: &Utf8Path) -> holdfast_agent::SlotsConfig {
    holdfast_agent::SlotsConfig {
        parts: directory.to_owned(),
        esp: directory.join("esp"),
        boot: directory.join("boot.json"),
        restart: directory.join("restart"),
        reset: directory.join("reset"),
        release_root: None,
        extensions: Vec::new(),
        simulated: true,
    }
}

/// What each node offers of this machine: all its processors, which the nodes share as neighbours do, and an equal part
/// of half its memory.
fn share(nodes: usize) -> (Millicores, Bytes) {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cores = u64::try_from(threads).unwrap_or(1).saturating_mul(1_000);
    let total = rustix::system::sysinfo().totalram;
    let part = total / 2 / u64::try_from(nodes.max(1)).unwrap_or(1);
    (Millicores(cores), Bytes(part.max(512 << 20)))
}

fn write(path: &Utf8Path, text: &str) -> Result<(), Problem> {
    private::replace(path, text.as_bytes()).map_err(|error| cannot(format!("write `{path}`: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_there_when_the_controllers_and_its_agent_say_so() {
        let node = Node {
            name: "node-01".to_owned(),
            jurisdiction: "DE".to_owned(),
            site: "berlin".to_owned(),
            directory: "/x".into(),
            data: "127.0.0.1:1".to_owned(),
            relay: "127.0.0.1:2".to_owned(),
        };
        let list = |phase: &str| {
            vec![serde_json::json!({"metadata": {"name": "node-01"}, "status": {"phase": phase}})]
        };
        for (phase, agent_answers, expected) in [
            ("Ready", true, true),
            // What was so before a restart.
            ("Ready", false, false),
            ("Cordoned", true, true),
            ("Draining", true, true),
            ("Retired", false, true),
            ("Lost", true, false),
            ("Pending", true, false),
        ] {
            assert_eq!(is_there(&node, &list(phase), |_| agent_answers), expected, "{phase} {agent_answers}");
        }
        assert!(!is_there(&node, &[], |_| true));
        let told = roll_call(std::slice::from_ref(&node), &list("Retired"));
        assert!(!told.contains("node-01 in DE") && told.ends_with("; node-01 is Retired"), "{told}");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        assert!(answers(&address));
        drop(listener);
        assert!(!answers(&address));
    }
}
