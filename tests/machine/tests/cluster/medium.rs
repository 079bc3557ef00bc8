//! A site from nothing: three controllers and an agent are installed by the medium as their volumes say, and a release comes to all
//! of them while somebody goes on writing.

use std::fs::{self, File};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use holdfast_machine::{Firmware, Machine, Setup, Switch, holds};

use crate::world::{CONTROLLER, LIMIT, STORED, World};

/// How much room the disk of a machine has: the least of the small profile.
const DISK: u64 = 1536 << 20;
/// How often something is written while the machines are updated.
const PACE: Duration = Duration::from_millis(200);

impl World {
    /// Machine `number` with its disk, which is blank at first, the medium, and a volume with its configuration and what lets it in.
    fn installs(&self, number: u8, name: &str, spec: &str, admission: &Utf8Path) -> Machine {
        let (disk, volume) = (self.path(&format!("{name}.raw")), self.path(&format!("{name}.img")));
        if !disk.exists() {
            File::create(&disk).unwrap().set_len(DISK).unwrap();
        }
        let (file, card) = (self.path(&format!("{name}.toml")), Switch::card(number));
        let text = format!(
            "apiVersion = \"holdfast/v1\"\nkind = \"Machine\"\nmetadata.name = \"{name}\"\n[spec]\n{spec}\n\
             install.disk.serial = \"disk0\"\n[[spec.network.interfaces]]\nmac = \"{card}\"\n\
             addresses = [\"10.77.0.{number}/24\"]\n"
        );
        fs::write(&file, text).unwrap();
        if volume.exists() {
            fs::remove_file(&volume).unwrap();
        }
        let args =
            ["site", "volume", file.as_str(), "--admission", admission.as_str(), "--out", volume.as_str()];
        self.run(&args);
        let variables = self.path(&format!("{number}.fd"));
        fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &variables).unwrap();
        // It has the keys of the site once the medium was started, and boots nothing else from then on.
        let firmware = Firmware::Uefi { variables, secure: false };
        let setup = Setup {
            disks: vec![disk, volume],
            discs: vec![self.images.medium().unwrap()],
            megabytes: 1024,
            more: self.cable(number),
            within: Some(self.switch.namespace().to_owned()),
            restarts: true,
            ..Setup::new(firmware)
        };
        setup.start().unwrap()
    }

    /// Writes at a steady pace until it is told to end: how often, and how long the slowest took. Every write has to go well.
    fn writes(&self, end: &AtomicBool) -> (u32, Duration) {
        let (mut count, mut slowest) = (0, Duration::ZERO);
        while !end.load(Ordering::Relaxed) {
            let began = Instant::now();
            count += 1;
            let queue = format!(
                "apiVersion: holdfast/v1\nkind: Queue\nmetadata: {{name: steady}}\nspec: {{priority: {count}}}\n"
            );
            fs::write(self.path("steady.yaml"), queue).unwrap();
            let (went_well, data, said) = self.asks(&["apply", "-f", "steady.yaml"]);
            assert!(went_well, "write {count}, after {:.1?}: {data}{said}", began.elapsed());
            slowest = slowest.max(began.elapsed());
            std::thread::park_timeout(PACE.saturating_sub(began.elapsed()));
        }
        (count, slowest)
    }

    /// The CPU-seconds that machines took until now.
    fn took(machines: &[Machine]) -> f64 {
        machines.iter().map(|machine| machine.cpu_seconds().unwrap()).sum()
    }
}

/// The first cluster with nothing but the medium and a volume each, and check 34 on it.
#[test]
#[ignore = "takes minutes; cargo xtask test --full"]
fn a_site_from_the_medium_takes_a_release_on_a_network() {
    let world = World::new();
    let mut found = vec!["site", "init", "site", "--name", "s", "--jurisdiction", "DE"];
    found.extend(
        ["c1=10.77.0.11:7443", "c2=10.77.0.12:7443", "c3=10.77.0.13:7443"]
            .iter()
            .flat_map(|controller| ["--controller", *controller]),
    );
    world.run(&found);
    let controllers = [(11, "c1"), (12, "c2"), (13, "c3")];
    let mut machines: Vec<Machine> = controllers
        .iter()
        .map(|(number, name)| {
            let admission = world.path(&format!("site/{name}.admission"));
            world.installs(*number, name, CONTROLLER, &admission)
        })
        .collect();
    for machine in &mut machines {
        machine.event("install.done", LIMIT).unwrap();
    }
    for machine in &mut machines {
        machine.event("boot.healthy", LIMIT).unwrap();
    }
    world.until(&["controller", "list"], &["c1", "c2", "c3"]);
    let token = world.run(&["node", "token", "--jurisdiction", "DE", "--site", "berlin", "--approve"]);
    fs::write(world.path("n1.token"), token).unwrap();
    let spec = "role = \"agent\"\ncluster = { controllers = [\"10.77.0.11:7443\", \"10.77.0.12:7443\", \
                \"10.77.0.13:7443\"], admissionFile = \"admission\" }";
    let mut agent = world.installs(21, "n1", spec, &world.path("n1.token"));
    agent.event("boot.healthy", LIMIT).unwrap();
    machines.push(agent);
    world.until(&["node", "list"], &["c1", "c2", "c3", "n1", "Ready"]);
    println!("four machines from the medium to a cluster: {:.1} CPU-s", World::took(&machines));
    world.works();

    world.run(&["release", "trust", world.images.keys().join("1.root.json").as_str()]);
    for name in ["c1", "c2", "c3", "n1"] {
        world.until(&["-o", "json", "node", "show", name], &["\"healthy\": true"]);
    }
    world.release("0.2.0", "1", "", "gpu");
    let (before, end) = (World::took(&machines), AtomicBool::new(false));
    let (done, (count, slowest)) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| world.writes(&end));
        let done = world.rollout("0.2.0", &[]);
        end.store(true, Ordering::Relaxed);
        (done, writer.join().unwrap())
    });
    assert!(done.contains("rollout-1 of release 0.2.0: Done"), "{done}");
    println!(
        "a rollout to four machines: {:.1} CPU-s; {count} writes meanwhile, the slowest took {slowest:.1?}",
        World::took(&machines) - before
    );
    for (name, machine) in ["c1", "c2", "c3", "n1"].into_iter().zip(&mut machines) {
        let system = world.node(name)["status"]["system"].clone();
        assert_eq!((&system["version"], &system["slot"]), (&"0.2.0".into(), &"B".into()), "{name}");
        machine.event("machine.ends", LIMIT).unwrap();
        assert_eq!(machine.event("boot.healthy", LIMIT).unwrap()["slot"], "B", "{name}");
    }
    world.until(&["node", "list"], &["c1", "Cordoned", "n1", "Ready"]);
    world.spoke_with_nobody_else();
}

/// Check 37: a node forgets who it is and keeps what it stores; the medium installs it again, and it joins as a new one.
#[test]
#[ignore = "takes minutes; cargo xtask test --full"]
fn a_node_that_forgot_who_it_was_joins_again_with_its_data_on_a_network() {
    let world = World::new();
    let _controller = world.controller();
    let spec =
        "role = \"agent\"\ncluster = { controllers = [\"10.77.0.11:7443\"], admissionFile = \"admission\" }";
    let joins = |more: &str| {
        let token = world.run(&["node", "token", "--jurisdiction", "DE", "--site", "berlin", "--approve"]);
        fs::write(world.path("n1.token"), token).unwrap();
        let mut agent = world.installs(21, "n1", &format!("{spec}\n{more}"), &world.path("n1.token"));
        agent.event("install.done", LIMIT).unwrap();
        agent.event("boot.healthy", LIMIT).unwrap();
        world.until(&["node", "list"], &["n1", "Ready"]);
        agent
    };
    let mut agent = joins("");
    let disk = world.path("n1.raw");
    let held = |words: &[u8]| holds(&disk, words).unwrap();
    world.imports();
    assert!(held(b"BEGIN PRIVATE KEY") && held(STORED));
    world.run(&["node", "drain", "n1", "--wait", "--timeout", "6m"]);
    let reset = ["node", "reset", "n1", "--keep-data", "--force", "--yes", "--wait", "--timeout", "6m"];
    world.run(&reset);
    world.until(&["node", "list"], &["n1", "Retired", "who it is"]);
    assert_eq!(agent.event("machine.resets", LIMIT).unwrap()["forgets"], "identity");
    agent.event("machine.reset", LIMIT).unwrap();
    agent.ended(LIMIT).unwrap();
    drop(agent);
    assert!(!held(b"BEGIN PRIVATE KEY"), "it could go on as who it was");
    assert!(held(STORED), "what it stores is gone");

    let agent = joins("install.wipe = \"confirm:disk0\"\ninstall.keepData = true");
    assert!(held(STORED), "the medium wrote over it");
    // It works as any other: what is brought now is on it.
    let import = ["dataset", "import", "again", "corpus", "--residency", "DE", "--purpose", "research"];
    world.run(&[&import[..], &["--tenant", "lab"]].concat());
    println!("installed again with its data, and healthy: {:.1} CPU-s", agent.cpu_seconds().unwrap());
    world.spoke_with_nobody_else();
}
