//! Machines become a cluster with nothing but the image and what lies on their volumes: a job runs in it as a container, and a
//! release comes to it over the network.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod lost;
mod medium;
mod world;

use holdfast_release::Role;

use crate::world::{AGENT_BYTES, LIMIT, World, healthy, rot};

#[test]
fn a_controller_and_an_agent_on_a_network_run_a_job() {
    let world = World::new();
    let _controller = world.controller();
    let disk = world.agent(21, "n1");
    // Check 22: its board has the wrong time, and a certificate of today would be none yet. The controller tells it the right one.
    let mut agent = world.quick(21, disk.clone(), &["-rtc", "base=2015-01-01T00:00:00"]);
    let set = agent.event("time.set", LIMIT).unwrap();
    assert!(set["offset_ms"].as_i64().unwrap() > 10 * 365 * 86_400_000, "{set}");
    healthy("an agent", &mut agent, AGENT_BYTES);
    world.until(&["node", "list"], &["n1", "Ready"]);
    // The machine of the controller is a node as well, which takes no work.
    world.until(&["-o", "json", "node", "show", "c1"], &["\"healthy\": true"]);
    assert_eq!(world.node("c1")["spec"]["controller"], true);
    world.until(&["node", "list"], &["c1", "Cordoned"]);
    let (went_well, _, said) = world.asks(&["node", "reset", "c1", "--force", "--yes"]);
    assert!(!went_well && said.contains("E1295"), "it is a member: {said}");

    world.works();
    world.resets("n1", 21, agent, disk);
    world.spoke_with_nobody_else();
}

/// Check 27 on a machine with firmware: a release comes over the network into the slot that does not run, is tried and kept.
#[test]
#[ignore = "takes minutes; cargo xtask test --full"]
fn a_release_is_rolled_out_on_a_network() {
    let world = World::new();
    let _controller = world.controller();
    // Check 22: its board is years ahead, and every certificate of today would be long over.
    let disk = world.agent(21, "n1");
    let mut agent = world.whole(21, disk.clone(), &["-rtc", "base=2036-06-01T00:00:00"]);
    let set = agent.event("time.set", LIMIT).unwrap();
    assert!(set["offset_ms"].as_i64().unwrap() < -9 * 365 * 86_400_000, "{set}");
    assert_eq!(agent.event("boot.healthy", LIMIT).unwrap()["slot"], "A");
    world.until(&["node", "list"], &["n1", "Ready"]);
    world.until(&["-o", "json", "node", "show", "n1"], &["\"healthy\": true"]);
    assert_eq!((&world.system()["version"], &world.system()["slot"]), (&"0.1.0".into(), &"A".into()));

    world.run(&["release", "trust", world.images.keys().join("1.root.json").as_str()]);
    world.release("0.2.0", "1", "", "gpu");
    let done = world.rollout("0.2.0", &["n1"]);
    assert!(done.contains("rollout-1 of release 0.2.0: Done"), "{done}");
    agent.event("machine.ends", LIMIT).unwrap();
    assert_eq!(agent.event("root.proved", LIMIT).unwrap()["slot"], "B");
    assert_eq!(agent.event("extension.mounted", LIMIT).unwrap()["name"], "gpu");
    assert_eq!(agent.event("boot.healthy", LIMIT).unwrap()["slot"], "B");
    let system = world.system();
    let of = |name: &str| system[name].as_str().unwrap_or_default().to_owned();
    assert_eq!([of("version"), of("slot"), of("other")], ["0.2.0", "B", "0.1.0"]);
    assert_eq!(system["healthy"], true);
    println!("a rollout to one machine: {:.1} CPU-s since its start", agent.cpu_seconds().unwrap());

    // Check 30: the root of the release that runs rots. The machine leaves it, and the leader has it written again.
    agent.cut();
    rot(&disk, Role::RootB);
    let mut agent = world.again(21, disk, &[]);
    assert_eq!(agent.event("boot.healthy", LIMIT).unwrap()["slot"], "A");
    assert_eq!(agent.event("boot.healthy", LIMIT).unwrap()["slot"], "B");
    world.until(&["release", "rollout", "status"], &["rollout-2 of release 0.2.0: Done"]);
    let (_, status, _) = world.asks(&["cluster", "status"]);
    assert!(!status.contains("gave up"), "{status}");

    // Checks 28 and 35: the next one is sick. The machine goes back by itself, and the rollout stops and says why.
    world.release("0.3.0", "2", "console=ttyS0 holdfast.test=crash", "npu");
    let stopped = world.rollout("0.3.0", &["n1"]);
    assert!(stopped.contains("of release 0.3.0: Stopped") && stopped.contains("attempt 3 of 3"), "{stopped}");
    let system = world.system();
    let of = |name: &str| system[name].as_str().unwrap_or_default().to_owned();
    assert_eq!([of("version"), of("slot")], ["0.2.0", "B"]);
    // On each of its starts the sick one had its own extension; what it went back to has the one of before.
    for name in ["npu", "npu", "npu", "gpu"] {
        assert_eq!(agent.event("extension.mounted", LIMIT).unwrap()["name"], name);
    }
    assert!(of("fallback").starts_with("release 0.3.0, attempt 3 of 3"), "{}", of("fallback"));
    println!("and a sick one: {:.1} CPU-s since its start", agent.cpu_seconds().unwrap());
    world.spoke_with_nobody_else();
}

/// Check 41: nothing listens but what docs/install/README.md says.
#[test]
#[ignore = "takes minutes; cargo xtask test --full"]
fn machines_listen_where_it_is_written_and_nowhere_else_on_a_network() {
    let world = World::new();
    let _controller = world.controller();
    let mut agent = world.quick(21, world.agent(21, "n1"), &[]);
    healthy("an agent", &mut agent, AGENT_BYTES);
    world.until(&["node", "list"], &["n1", "Ready"]);
    world.until(&["node", "list"], &["c1", "Cordoned"]);
    assert_eq!(world.switch.open_ports([10, 77, 0, 11].into()).unwrap(), [7443, 7444, 7445]);
    assert_eq!(world.switch.open_ports([10, 77, 0, 21].into()).unwrap(), [7444, 7445]);
}
