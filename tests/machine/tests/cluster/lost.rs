//! Controllers that are lost: a machine has no shell, so the one that is left is ordered over the network.

use std::fs::{self, File};
use std::process::{Child, Stdio};

use camino::Utf8PathBuf;
use holdfast_machine::Machine;

use crate::world::{CONTROLLER, LIMIT, World};

/// A controller on the host of the machines, which is there to be lost.
struct Beside(Child);

impl Drop for Beside {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl World {
    /// What the installer leaves on a machine, for a controller that runs here.
    fn prepares(&self, name: &str) {
        let place = self.path(name);
        fs::create_dir(&place).unwrap();
        let text = format!(
            "apiVersion = \"holdfast/v1\"\nkind = \"Machine\"\nmetadata.name = \"{name}\"\n[spec]\n{CONTROLLER}\n"
        );
        fs::write(place.join("machine.toml"), text).unwrap();
        fs::copy(self.path(&format!("site/{name}.admission")), place.join("admission")).unwrap();
    }

    fn beside(&self, name: &str) -> Beside {
        let (log, place) = (File::create(self.path(&format!("{name}.log"))).unwrap(), self.path(name));
        let at = |part: &str| place.join(part).into_string();
        let mut command =
            self.command(&["__machine", "--machine", &at("machine.toml"), "--state", &at("state")]);
        command.args(["--raft", &at("raft"), "--data", &at("data")]);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Beside(command.spawn().unwrap())
    }

    /// The names of the controllers, and what the one that answers says of the cluster.
    fn tells(&self) -> (Vec<String>, serde_json::Value) {
        let list: serde_json::Value =
            serde_json::from_str(&self.run(&["-o", "json", "controller", "list"])).unwrap();
        let names =
            list["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned());
        let (_, status, _) = self.asks(&["-o", "json", "cluster", "status"]);
        (names.collect(), serde_json::from_str(&status).unwrap())
    }
}

/// A cluster of three controllers: one is a machine of the appliance, and the other two are there to be lost.
struct Three {
    world: World,
    machine: Machine,
    disk: Utf8PathBuf,
    others: [Beside; 2],
}

impl Three {
    fn new() -> Self {
        let world = World::new();
        let mut found = vec!["site", "init", "site", "--name", "s", "--jurisdiction", "DE"];
        let places = ["c1=10.77.0.11:7443", "c2=10.77.0.1:7543", "c3=10.77.0.1:7643"];
        found.extend(places.iter().flat_map(|place| ["--controller", *place]));
        world.run(&found);
        ["c2", "c3"].iter().for_each(|name| world.prepares(name));
        let others = [world.beside("c2"), world.beside("c3")];
        let disk = world.disk(11, "c1", CONTROLLER, Some(&world.path("site/c1.admission")));
        let mut machine = world.quick(11, disk.clone(), &[]);
        machine.event("boot.healthy", LIMIT).unwrap();
        Self { world, machine, disk, others }
    }

    /// A queue, which every controller has before this returns.
    fn queue(&self, name: &str) {
        let queue = format!(
            "apiVersion: holdfast/v1\nkind: Queue\nmetadata: {{name: {name}}}\nspec: {{priority: 1}}\n"
        );
        fs::write(self.world.path("queue.yaml"), queue).unwrap();
        self.world.run(&["apply", "-f", "queue.yaml"]);
        self.world.until(&["-o", "json", "cluster", "status"], &["\"name\": \"c1\""]);
    }

    /// The others are lost, and an order that says with what the machine goes on alone is refused before and carried out then. The lost
    /// ones come back, the power of the machine fails, and it is what it became, from the volume of its log.
    fn goes_on(self, with: &[&str], kept: &str, gone: Option<&str>) {
        let Self { world, machine, disk, others } = self;
        let order = [&["cluster", "recover", "--server", "10.77.0.11:7443"], with].concat();
        let order = [&order[..], &["--lost", "c2", "--lost", "c3"]].concat();
        let yes = [&order[..], &["--yes"]].concat();
        let (went_well, _, said) = world.asks(&yes);
        assert!(!went_well && said.contains("E1300"), "its cluster works: {said}");
        drop(others);

        world.until(&[&order[..], &["--dry-run"]].concat(), &["c1 would go on"]);
        let before = machine.cpu_seconds().unwrap();
        println!("{}", world.run(&yes));
        println!("going on {} took {:.1} CPU-s", with[0], machine.cpu_seconds().unwrap() - before);
        let (names, status) = world.tells();
        assert_eq!((names, &status["leader"]), (vec!["c1".to_owned()], &"c1".into()));
        let incarnation = status["incarnation"].clone();
        assert_ne!(incarnation, "1");
        world.run(&["queue", "show", kept]);

        let _others = [world.beside("c2"), world.beside("c3")];
        machine.cut();
        let mut machine = world.quick(11, disk, &[]);
        machine.event("boot.healthy", LIMIT).unwrap();
        world.until(&["queue", "show", kept], &[kept]);
        let (names, status) = world.tells();
        assert_eq!((names, &status["incarnation"]), (vec!["c1".to_owned()], &incarnation));
        if let Some(gone) = gone {
            let (went_well, _, said) = world.asks(&["queue", "show", gone]);
            assert!(!went_well && said.contains(gone), "it is of the time after the backup: {said}");
        }
    }
}

/// Check 38: two controllers of three are lost, and the third goes on with what it has.
#[test]
#[ignore = "takes minutes; cargo xtask test --full"]
fn a_machine_goes_on_alone_when_two_controllers_are_lost_on_a_network() {
    let three = Three::new();
    three.queue("night");
    three.goes_on(&["--force-single"], "night", None);
}

/// Check 38 with a backup: it comes over the network to a machine whose disk nobody reaches.
#[test]
#[ignore = "takes minutes; cargo xtask test --full"]
fn a_machine_goes_on_with_a_backup_when_two_controllers_are_lost_on_a_network() {
    let three = Three::new();
    three.queue("night");
    three.world.run(&["cluster", "backup-key", "--out", "backup.key"]);
    three.world.run(&["cluster", "backup", "cluster.backup"]);
    three.queue("day");
    three.goes_on(&["--from-snapshot", "cluster.backup", "--key", "backup.key"], "night", Some("day"));
}
