//! Founding a cluster on this machine, and waiting until it is whole.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use camino::Utf8Path;
use holdfast_controller::{FoundController, FoundOperator, FoundOptions, found as found_cluster};
use holdfast_policy::packs;
use holdfast_types::{Bytes, DeviceClass, Millicores, Problem, Time};

use super::failure::cannot;
use super::layout::{Layout, Node, Wanted};
use super::say::Say;
use super::supervise::Supervisor;
use super::{ports, program};

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
    let (count, nodes) = (layout.controllers.len(), layout.nodes.len());
    say.line(&format!("{count} controllers start in {}", layout.directory));
    let status = wait(say, "waiting for a leader", || {
        let status = program::json(layout, &["cluster", "status"]).ok()?;
        let founded = status["revision"].as_str().is_some_and(|r| r != "0");
        (founded && status["leader"].as_str().is_some_and(|l| !l.is_empty())).then_some(status)
    })?;
    say.line(&format!("leader elected: {}", status["leader"].as_str().unwrap_or_default()));
    for node in &layout.nodes {
        invite(layout, node)?;
    }
    wait(say, "waiting for the nodes", || {
        let list = program::json(layout, &["node", "list"]).ok()?;
        let items = list["items"].as_array()?;
        let ready = items.iter().filter(|n| n["status"]["phase"] == "Ready").count();
        say.progress(&format!("{ready} of {nodes} nodes are ready"));
        (ready == nodes).then_some(())
    })?;
    let places = layout.nodes.iter().map(|n| format!("{} in {}", n.name, n.jurisdiction)).collect::<Vec<_>>();
    say.line(&format!("nodes ready: {}; each with {SIMULATED} simulated accelerators", places.join(", ")));
    Ok(())
}

/// Calls until there is an answer.
pub(super) fn wait<T>(say: &Say, what: &str, mut ask: impl FnMut() -> Option<T>) -> Result<T, Problem> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        if Instant::now() > deadline {
            return Err(cannot(format!("{what} took longer than {} s", PATIENCE.as_secs())));
        }
        say.progress(what);
        std::thread::park_timeout(LOOK);
    }
}

/// Gives a node its configuration and a one-time token, unless it has joined before.
fn invite(layout: &Layout, node: &Node) -> Result<(), Problem> {
    let config = node.directory.join("agent.toml");
    if config.exists() {
        return Ok(());
    }
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
        simulated: Some(holdfast_agent::Simulated {
            count: SIMULATED,
            class: DeviceClass::Nvidia,
            memory: Bytes(80 << 30),
        }),
        cores: Some(cores),
        memory: Some(memory),
        root: "/".into(),
    };
    let text = toml::to_string(&settings).map_err(|error| cannot(error.to_string()))?;
    // The supervisor starts an agent when its configuration appears, so it comes last and whole.
    let temporary = node.directory.join(".agent.toml.new");
    write(&temporary, &text)?;
    std::fs::rename(&temporary, &config).map_err(|error| cannot(format!("write `{config}`: {error}")))
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
    let write = || {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error| cannot(format!("write `{path}`: {error}")))
}
