//! Machines become a cluster with nothing but the image and what lies on their volumes: a job runs in it as a container, and a
//! release comes to it over the network.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod medium;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::IpAddr;
use std::os::unix::fs::FileExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_machine::{
    Another, Firmware, Images, Machine, Sent, Setup, Switch, extension, holds, images, rewrite_esp, sent,
};
use holdfast_release::{Layout, Profile, Role};
use tempfile::TempDir;

/// Software emulation beside other tests.
const LIMIT: Duration = Duration::from_secs(400);
/// What all processes of an idle machine hold at most, in bytes.
const MOST_RESIDENT: u64 = 100_000_000;
/// What a command says where nobody answers in time, a controller or a node.
const NO_ANSWER: [&str; 2] = ["E5201", "transport error"];
/// Where our programs for this host are, as the suite `image` says.
const PROGRAMS: &str = "HOLDFAST_BIN_DIR";

struct World {
    temp: TempDir,
    images: Images,
    switch: Switch,
    programs: Utf8PathBuf,
    /// What every start of a machine sent, with the number of the machine.
    captures: RefCell<Vec<(u8, Utf8PathBuf)>>,
}

impl World {
    fn new() -> Self {
        let programs = std::env::var(PROGRAMS).unwrap();
        let (temp, switch) = (tempfile::tempdir().unwrap(), Switch::new().unwrap());
        let captures = RefCell::default();
        Self { temp, images: images().unwrap(), switch, programs: programs.into(), captures }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.temp.path()).unwrap().join(name)
    }

    /// Runs a command of an operator on the network of the machines: whether it went well, its data, and what else it said.
    fn asks(&self, args: &[&str]) -> (bool, String, String) {
        let mut command = self.switch.command(self.programs.join("holdfast").as_str());
        command
            .args(args)
            .current_dir(self.temp.path())
            .env("HOLDFAST_CONTEXT", self.path("site/context.toml"));
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    }

    /// Runs a command that has to go well. A controller that is emulated beside other work may take its time to answer.
    fn run(&self, args: &[&str]) -> String {
        let began = Instant::now();
        loop {
            let (went_well, data, said) = self.asks(args);
            if went_well {
                return data;
            }
            assert!(unanswered(&said) && began.elapsed() < LIMIT, "{args:?}: {data}{said}");
        }
    }

    fn until(&self, args: &[&str], words: &[&str]) {
        let began = Instant::now();
        loop {
            let (went_well, data, said) = self.asks(args);
            if went_well && words.iter().all(|word| data.contains(word)) {
                return;
            }
            assert!(began.elapsed() < LIMIT, "{args:?}: {data}{said}");
        }
    }

    /// The disk of machine `number` as the installer leaves it, with this configuration and this admission. It has a way to
    /// everywhere and somebody to ask for names: what it wants to send elsewhere can be seen on its cable.
    fn disk(&self, number: u8, name: &str, spec: &str, admission: Option<&Utf8Path>) -> Utf8PathBuf {
        let disk = self.path(&format!("{name}.raw"));
        copy(&self.images.path("disk.raw"), &disk);
        let tree = self.path(&format!("{name}.state"));
        fs::create_dir_all(tree.join("machine")).unwrap();
        let card = Switch::card(number);
        let text = format!(
            "apiVersion = \"holdfast/v1\"\nkind = \"Machine\"\nmetadata.name = \"{name}\"\n[spec]\n{spec}\n\
             [spec.network]\ndns = [\"10.77.0.1\"]\n[[spec.network.interfaces]]\nmac = \"{card}\"\n\
             addresses = [\"10.77.0.{number}/24\"]\ngateway = \"10.77.0.1\"\n"
        );
        fs::write(tree.join("machine/generation-1.toml"), text).unwrap();
        fs::write(tree.join("machine/current"), "1\n").unwrap();
        if let Some(admission) = admission {
            fs::copy(admission, tree.join("machine/admission")).unwrap();
        }
        put_state(&disk, &tree, &self.path(&format!("{name}.ext4")));
        disk
    }

    fn start(
        &self,
        number: u8,
        disk: Utf8PathBuf,
        firmware: Firmware,
        restarts: bool,
        clock: &[&str],
    ) -> Machine {
        let mut captures = self.captures.borrow_mut();
        let capture = self.path(&format!("capture-{}", captures.len()));
        let mut more = self.switch.cable(number, &capture).unwrap();
        captures.push((number, capture));
        more.extend(clock.iter().map(|&word| word.to_owned()));
        let within = Some(self.switch.namespace().to_owned());
        // The firmware needs more than the system.
        let megabytes = if matches!(firmware, Firmware::Direct { .. }) { 512 } else { 1024 };
        let setup = Setup { megabytes, more, within, restarts, ..Setup::new(firmware) };
        Setup { disks: vec![disk], ..setup }.start().unwrap()
    }

    /// Starts a disk without firmware: the quick way to the system of slot A.
    fn quick(&self, number: u8, disk: Utf8PathBuf, clock: &[&str]) -> Machine {
        let firmware = Firmware::Direct {
            kernel: self.images.path("vmlinuz"),
            initrd: self.images.path("initrd.zst"),
            cmdline: fs::read_to_string(self.images.path("cmdline")).unwrap(),
        };
        self.start(number, disk, firmware, false, clock)
    }

    /// Starts a disk with firmware and the loader, over and over again.
    fn whole(&self, number: u8, disk: Utf8PathBuf, clock: &[&str]) -> Machine {
        let variables = self.path(&format!("{number}.fd"));
        fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &variables).unwrap();
        let read = |name: &str| fs::read(self.images.path(name)).unwrap();
        // Without the keys of the site: the kernels of other releases are not signed with them.
        let files = [
            ("EFI/BOOT/BOOTX64.EFI", read("loader.efi")),
            ("loader/loader.conf", b"timeout 0\n".to_vec()),
            ("EFI/Linux/holdfast-0.1.0.efi", read("holdfast.efi")),
        ];
        let files: Vec<(&str, &[u8])> =
            files.iter().map(|(path, content)| (*path, content.as_slice())).collect();
        rewrite_esp(&disk, &files).unwrap();
        self.again(number, disk, clock)
    }

    /// Starts a disk with firmware as it is.
    fn again(&self, number: u8, disk: Utf8PathBuf, clock: &[&str]) -> Machine {
        let variables = self.path(&format!("{number}.fd"));
        self.start(number, disk, Firmware::Uefi { variables, secure: false }, true, clock)
    }

    /// A cluster of one controller, which is healthy.
    fn controller(&self) -> Machine {
        let named = ["site", "init", "site", "--name", "s", "--jurisdiction", "DE"];
        self.run(&[&named[..], &["--controller", "c1=10.77.0.11:7443"]].concat());
        let admission = self.path("site/c1.admission");
        let mut controller = self.quick(11, self.disk(11, "c1", CONTROLLER, Some(&admission)), &[]);
        healthy("a controller", &mut controller);
        self.until(&["cluster", "status"], &["c1"]);
        controller
    }

    fn agent(&self, number: u8, name: &str) -> Utf8PathBuf {
        let token = self.run(&["node", "token", "--jurisdiction", "DE", "--site", "berlin", "--approve"]);
        let spec = format!(
            "role = \"agent\"\n\
             cluster = {{ controllers = [\"10.77.0.11:7443\"], joinToken = \"{}\" }}",
            token.trim()
        );
        self.disk(number, name, &spec, None)
    }

    /// Takes in release `version`, number `number`, whose command line begins with `words`, and which carries extension `carried`.
    fn release(&self, version: &str, number: &str, words: &str, carried: &str) {
        let builder = std::env::var("HOLDFAST_IMAGE_BUILDER").unwrap();
        let makes = |args: &[&str]| {
            let output = Command::new(&builder).args(args).current_dir(self.temp.path()).output().unwrap();
            assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        // A machine takes releases of the site that built its image and nobody else's.
        let keys = self.images.keys();
        let (payload, bundle) = (format!("payload-{version}"), format!("{version}.bundle"));
        let mut another = Another::new(&self.images, version, words).unwrap();
        let scratch = Utf8Path::from_path(self.temp.path()).unwrap();
        another.carry(carried, extension(&self.images, scratch, carried, &keys).unwrap());
        another.lay_out(&self.images, &self.path(&payload)).unwrap();
        makes(&["bundle", &payload, "--keys", keys.as_str(), "--number", number, "--out", &bundle]);
        self.run(&["release", "import", &bundle]);
        fs::remove_dir_all(self.path(&payload)).unwrap();
    }

    /// Rolls a release out to these nodes, to all of them where none is named, and returns what is said of the rollout when it is over
    /// or stopped.
    fn rollout(&self, version: &str, nodes: &[&str]) -> String {
        let mut start = vec!["release", "rollout", "start", version];
        start.extend(nodes.iter().flat_map(|node| ["--node", *node]));
        let before = self.asks(&["release", "rollout", "status", "-o", "name"]).1;
        let (began, mut lost) = (Instant::now(), false);
        loop {
            let (went_well, data, said) = self.asks(&start);
            // Where the answer was lost it may have begun all the same.
            if went_well || (lost && said.contains("E1161")) {
                break;
            }
            assert!(unanswered(&said) && began.elapsed() < LIMIT, "{data}{said}");
            lost = true;
        }
        let mut last = String::new();
        let limit = 3 * LIMIT;
        while began.elapsed() < limit {
            let (went_well, data, _) = self.asks(&["release", "rollout", "status"]);
            let over = [": Done", ": Stopped", ": Aborted"].iter().any(|word| data.contains(word));
            if went_well && over && (before.trim().is_empty() || !data.starts_with(before.trim())) {
                return data;
            }
            last = data;
        }
        panic!("it is not over: {last}");
    }

    /// Check 37: a node that is reset leaves the cluster, and nothing of it is left on its disk, although the power goes while it is
    /// erased.
    fn resets(&self, name: &str, number: u8, mut machine: Machine, disk: Utf8PathBuf) {
        let kept = [b"apiVersion".as_slice(), b"BEGIN PRIVATE KEY", b"What is kept here is proved here."];
        assert!(kept.iter().all(|words| holds(&disk, words).unwrap()), "there is nothing to erase");
        self.run(&["node", "drain", name, "--wait", "--timeout", "6m"]);
        let (went_well, _, said) = self.asks(&["node", "reset", name, "--yes"]);
        assert!(!went_well && said.contains("E1293"), "it has the only copy of everything: {said}");
        self.run(&["node", "reset", name, "--force", "--yes", "--wait", "--timeout", "6m"]);
        self.until(&["node", "list"], &[name, "Retired"]);
        machine.event("machine.resets", LIMIT).unwrap();
        machine.ended(LIMIT).unwrap();
        // Its end of the cable goes with its process, which may outlive its console.
        drop(machine);
        let mut again = self.quick(number, disk.clone(), &[]);
        again.event("reset.progress", LIMIT).unwrap();
        again.cut();
        let mut again = self.quick(number, disk.clone(), &[]);
        let erased = again.event("machine.reset", LIMIT).unwrap();
        again.ended(LIMIT).unwrap();
        println!("a reset after one that lost its power: {erased}");
        assert!(kept.iter().all(|words| !holds(&disk, words).unwrap()), "something is left");
        // What the installer takes a disk for free by.
        let (file, mut end) = (File::open(&disk).unwrap(), vec![1; 1 << 20]);
        for at in [0, file.metadata().unwrap().len() - (1 << 20)] {
            file.read_exact_at(&mut end, at).unwrap();
            assert!(end.iter().all(|byte| *byte == 0), "an end of the disk is not blank");
        }
    }

    /// Check 42: no machine sent anything to anybody outside of the site, or asked for a name.
    fn spoke_with_nobody_else(&self) {
        let mut all = Vec::new();
        for (number, capture) in self.captures.borrow().iter() {
            all.extend(sent(capture, &Switch::card(*number)).unwrap());
        }
        let strangers: BTreeSet<&Sent> = all.iter().filter(|one| !one.stays(Switch::SITE)).collect();
        assert!(strangers.is_empty(), "{strangers:?}");
        let spoke = |one: &Sent| matches!(one, Sent::Packet { protocol: 6, to: IpAddr::V4(_), .. });
        assert!(all.iter().any(spoke), "nothing was written down");
        println!("{} frames, all of them within the site", all.len());
    }

    /// Brings a container and data, and runs a job with them; another has less memory than it needs.
    fn works(&self) {
        let trainer = self.programs.join("holdfast-trainer");
        self.run(&["image", "pack", "--binary", trainer.as_str(), "--out", "trainer.tar"]);
        let import =
            ["image", "import", "trainer", "trainer.tar", "--residency", "EU", "--purpose", "research"];
        self.run(&[&import[..], &["--tenant", "lab"]].concat());
        fs::create_dir(self.path("corpus")).unwrap();
        fs::write(self.path("corpus/text"), "What is kept here is proved here. ".repeat(240_000)).unwrap();
        let import = ["dataset", "import", "corpus", "corpus", "--residency", "DE", "--purpose", "research"];
        self.run(&[&import[..], &["--tenant", "lab"]].concat());
        for (name, memory) in [("works", "256MiB"), ("starves", "4MiB")] {
            let job = format!(
                "apiVersion: holdfast/v1\nkind: Job\nmetadata: {{name: {name}}}\nspec:\n  kind: batch\n  tenant: lab\n  \
                 purpose: research\n  jurisdictions: [DE]\n  image: trainer@1\n  \
                 command: [/app/holdfast-trainer, --steps, \"5\", --checkpoint-every, \"0\"]\n  \
                 groups: [{{name: w, count: 1, resources: {{cores: 500m, memory: {memory}}}}}]\n  datasets: [{{dataset: corpus@1}}]\n"
            );
            fs::write(self.path(&format!("{name}.yaml")), job).unwrap();
        }
        self.run(&["job", "submit", "-f", "works.yaml", "--wait", "--timeout", "6m"]);
        let (went_well, _, said) =
            self.asks(&["job", "submit", "-f", "starves.yaml", "--wait", "--timeout", "6m"]);
        assert!(!went_well && said.contains("memory"), "a limit that nobody keeps: {said}");
    }

    /// What a node says of itself.
    fn node(&self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.run(&["-o", "json", "node", "show", name])).unwrap()
    }

    /// What node n1 says of the system that it runs.
    fn system(&self) -> serde_json::Value {
        self.node("n1")["status"]["system"].clone()
    }
}

/// Check 43: it gets healthy in 512 MB, and its processes have little of them.
fn healthy(what: &str, machine: &mut Machine) {
    let healthy = machine.event("boot.healthy", LIMIT).unwrap();
    let (spent, resident) = (machine.cpu_seconds().unwrap(), healthy["resident"].as_u64().unwrap());
    println!("{what} is healthy after {spent:.1} CPU-s; its processes hold {} MB", resident / 1_000_000);
    assert!((1..=MOST_RESIDENT).contains(&resident), "{healthy}");
}

fn unanswered(said: &str) -> bool {
    NO_ANSWER.iter().any(|words| said.contains(words))
}

/// A copy that keeps its holes.
fn copy(from: &Utf8Path, to: &Utf8Path) {
    let status = Command::new("cp").args(["--sparse=always", from.as_str(), to.as_str()]).status();
    assert!(status.unwrap().success());
}

/// Puts a file system with what is in `tree` where STATE lies on `disk`.
fn put_state(disk: &Utf8Path, tree: &Utf8Path, scratch: &Utf8Path) {
    let file = File::options().write(true).open(disk).unwrap();
    let layout = Layout::plan(Profile::Small, file.metadata().unwrap().len(), 512).unwrap();
    let part = layout.part(Role::State).unwrap();
    File::create(scratch).unwrap().set_len(part.bytes).unwrap();
    let made = Command::new("mkfs.ext4").args(["-q", "-F", "-d", tree.as_str(), scratch.as_str()]).status();
    assert!(made.unwrap().success());
    file.write_all_at(&fs::read(scratch).unwrap(), part.at).unwrap();
}

const CONTROLLER: &str =
    "role = \"controller\"\ntime.allowUnsynced = true\ncluster.admissionFile = \"admission\"";

#[test]
fn a_controller_and_an_agent_on_a_network_run_a_job() {
    let world = World::new();
    let _controller = world.controller();
    let disk = world.agent(21, "n1");
    // Check 22: its board has the wrong time, and a certificate of today would be none yet. The controller tells it the right one.
    let mut agent = world.quick(21, disk.clone(), &["-rtc", "base=2015-01-01T00:00:00"]);
    let set = agent.event("time.set", LIMIT).unwrap();
    assert!(set["offset_ms"].as_i64().unwrap() > 10 * 365 * 86_400_000, "{set}");
    healthy("an agent", &mut agent);
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

    // Check 30: the root of the release that runs rots. The machine leaves it, the cluster says so, and what it says to type mends it.
    world.run(&["release", "rollout", "abort"]);
    world.until(&["release", "rollout", "status"], &["Aborted"]);
    agent.cut();
    rot(&disk, Role::RootB);
    let mut agent = world.again(21, disk, &[]);
    assert_eq!(agent.event("boot.healthy", LIMIT).unwrap()["slot"], "A");
    world.until(&["cluster", "status"], &["node n1 gave up release 0.2.0 and runs 0.1.0"]);
    let done = world.rollout("0.2.0", &["n1"]);
    assert!(done.contains(": Done"), "{done}");
    assert_eq!(agent.event("boot.healthy", LIMIT).unwrap()["slot"], "B");
    let (_, status, _) = world.asks(&["cluster", "status"]);
    assert!(!status.contains("gave up"), "{status}");
    world.spoke_with_nobody_else();
}

/// Changes a bit of a part, in its first block.
fn rot(disk: &Utf8Path, role: Role) {
    let file = File::options().read(true).write(true).open(disk).unwrap();
    let layout = Layout::plan(Profile::Small, file.metadata().unwrap().len(), 512).unwrap();
    let (at, mut byte) = (layout.part(role).unwrap().at + 1_024 + 40, [0; 1]);
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

/// Check 41: nothing listens but what docs/install/README.md says.
#[test]
#[ignore = "takes minutes; cargo xtask test --full"]
fn machines_listen_where_it_is_written_and_nowhere_else_on_a_network() {
    let world = World::new();
    let _controller = world.controller();
    let mut agent = world.quick(21, world.agent(21, "n1"), &[]);
    healthy("an agent", &mut agent);
    world.until(&["node", "list"], &["n1", "Ready"]);
    world.until(&["node", "list"], &["c1", "Cordoned"]);
    assert_eq!(world.switch.open_ports([10, 77, 0, 11].into()).unwrap(), [7443, 7444, 7445]);
    assert_eq!(world.switch.open_ports([10, 77, 0, 21].into()).unwrap(), [7444, 7445]);
}
