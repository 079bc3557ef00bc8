//! The world of a test: the images, a network, the volumes of machines, and an operator with the command line.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::IpAddr;
use std::os::unix::fs::FileExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_machine::{
    Another, Firmware, Images, Machine, Sent, Setup, Switch, extension, holds, images, put_state,
    rewrite_esp, sent,
};
use holdfast_release::{Layout, Profile, Role};
use parking_lot::Mutex;
use tempfile::TempDir;

/// Software emulation beside other tests.
pub(crate) const LIMIT: Duration = Duration::from_secs(400);
/// What all processes of an idle agent hold at most, in bytes.
pub(crate) const AGENT_BYTES: u64 = 100_000_000;
/// The machine of a controller runs an agent as well.
const CONTROLLER_BYTES: u64 = 200_000_000;
/// What nodes store.
pub(crate) const STORED: &[u8] = b"What is kept here is proved here. ";
/// What a command says where nobody answers in time, a controller or a node.
const NO_ANSWER: [&str; 2] = ["E5201", "transport error"];
/// Where our programs for this host are, as the suite `image` says.
const PROGRAMS: &str = "HOLDFAST_BIN_DIR";

/// The world.
pub(crate) struct World {
    temp: TempDir,
    pub(crate) images: Images,
    pub(crate) switch: Switch,
    programs: Utf8PathBuf,
    /// What every start of a machine sent, with the number of the machine.
    captures: Mutex<Vec<(u8, Utf8PathBuf)>>,
}

impl World {
    pub(crate) fn new() -> Self {
        let programs = std::env::var(PROGRAMS).unwrap();
        let (temp, switch) = (tempfile::tempdir().unwrap(), Switch::new().unwrap());
        let captures = Mutex::default();
        Self { temp, images: images().unwrap(), switch, programs: programs.into(), captures }
    }

    pub(crate) fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.temp.path()).unwrap().join(name)
    }

    /// A command of an operator on the network of the machines.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.switch.command(self.programs.join("holdfast").as_str());
        command.args(args).current_dir(self.temp.path());
        command.env("HOLDFAST_CONTEXT", self.path("site/context.toml"));
        command
    }

    /// Runs a command of an operator on the network of the machines: whether it went well, its data, and what else it said.
    pub(crate) fn asks(&self, args: &[&str]) -> (bool, String, String) {
        let output = self.command(args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    }

    /// Runs a command that has to go well. A controller that is emulated beside other work may take its time to answer.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        let began = Instant::now();
        loop {
            let (went_well, data, said) = self.asks(args);
            if went_well {
                return data;
            }
            assert!(unanswered(&said) && began.elapsed() < LIMIT, "{args:?}: {data}{said}");
        }
    }

    pub(crate) fn until(&self, args: &[&str], words: &[&str]) {
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
    pub(crate) fn disk(
        &self,
        number: u8,
        name: &str,
        spec: &str,
        admission: Option<&Utf8Path>,
    ) -> Utf8PathBuf {
        let disk = self.path(&format!("{name}.raw"));
        self.images.copy_disk(&disk).unwrap();
        let card = Switch::card(number);
        let text = format!(
            "apiVersion = \"holdfast/v1\"\nkind = \"Machine\"\nmetadata.name = \"{name}\"\n[spec]\n{spec}\n\
             [spec.network]\ndns = [\"10.77.0.1\"]\n[[spec.network.interfaces]]\nmac = \"{card}\"\n\
             addresses = [\"10.77.0.{number}/24\"]\ngateway = \"10.77.0.1\"\n"
        );
        let admission = admission.map(|admission| fs::read_to_string(admission).unwrap());
        let mut files = vec![("generation-1.toml", text.as_str()), ("current", "1\n")];
        files.extend(admission.as_deref().map(|admission| ("admission", admission)));
        put_state(&disk, &self.path(&format!("{name}.state")), &files).unwrap();
        disk
    }

    pub(crate) fn start(
        &self,
        number: u8,
        disk: Utf8PathBuf,
        firmware: Firmware,
        restarts: bool,
        clock: &[&str],
    ) -> Machine {
        let mut more = self.cable(number);
        more.extend(clock.iter().map(|&word| word.to_owned()));
        let within = Some(self.switch.namespace().to_owned());
        // The firmware needs more than the system.
        let megabytes = if matches!(firmware, Firmware::Direct { .. }) { 512 } else { 1024 };
        let setup = Setup { megabytes, more, within, restarts, ..Setup::new(firmware) };
        Setup { disks: vec![disk], ..setup }.start().unwrap()
    }

    /// A cable for machine `number`, on which everything it sends is written down: arguments for QEMU.
    pub(crate) fn cable(&self, number: u8) -> Vec<String> {
        let mut captures = self.captures.lock();
        let capture = self.path(&format!("capture-{}", captures.len()));
        let cable = self.switch.cable(number, &capture).unwrap();
        captures.push((number, capture));
        cable
    }

    /// Starts a disk without firmware: the quick way to the system of slot A.
    pub(crate) fn quick(&self, number: u8, disk: Utf8PathBuf, clock: &[&str]) -> Machine {
        let firmware = self.images.direct("").unwrap();
        self.start(number, disk, firmware, false, clock)
    }

    /// Starts a disk with firmware and the loader, over and over again.
    pub(crate) fn whole(&self, number: u8, disk: Utf8PathBuf, clock: &[&str]) -> Machine {
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
    pub(crate) fn again(&self, number: u8, disk: Utf8PathBuf, clock: &[&str]) -> Machine {
        let variables = self.path(&format!("{number}.fd"));
        self.start(number, disk, Firmware::Uefi { variables, secure: false }, true, clock)
    }

    /// A cluster of one controller, which is healthy.
    pub(crate) fn controller(&self) -> Machine {
        let named = ["site", "init", "site", "--name", "s", "--jurisdiction", "DE"];
        self.run(&[&named[..], &["--controller", "c1=10.77.0.11:7443"]].concat());
        let admission = self.path("site/c1.admission");
        let mut controller = self.quick(11, self.disk(11, "c1", CONTROLLER, Some(&admission)), &[]);
        healthy("a controller", &mut controller, CONTROLLER_BYTES);
        self.until(&["cluster", "status"], &["c1"]);
        controller
    }

    pub(crate) fn agent(&self, number: u8, name: &str) -> Utf8PathBuf {
        let token = self.run(&["node", "token", "--jurisdiction", "DE", "--site", "berlin", "--approve"]);
        let spec = format!(
            "role = \"agent\"\n\
             cluster = {{ controllers = [\"10.77.0.11:7443\"], joinToken = \"{}\" }}",
            token.trim()
        );
        self.disk(number, name, &spec, None)
    }

    /// Takes in release `version`, number `number`, whose command line begins with `words`, and which carries extension `carried`.
    pub(crate) fn release(&self, version: &str, number: &str, words: &str, carried: &str) {
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
        another.sign(&self.images, scratch).unwrap();
        another.lay_out(&self.images, &self.path(&payload)).unwrap();
        makes(&["bundle", &payload, "--keys", keys.as_str(), "--number", number, "--out", &bundle]);
        self.run(&["release", "import", &bundle]);
        fs::remove_dir_all(self.path(&payload)).unwrap();
    }

    /// Rolls a release out to these nodes, to all of them where none is named, and returns what is said of the rollout when it is over
    /// or stopped.
    pub(crate) fn rollout(&self, version: &str, nodes: &[&str]) -> String {
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
    pub(crate) fn resets(&self, name: &str, number: u8, mut machine: Machine, disk: Utf8PathBuf) {
        // Words of this machine alone: what every machine has in its system stays.
        let named = format!("metadata.name = \"{name}\"");
        let kept = [named.as_bytes(), b"BEGIN PRIVATE KEY", STORED];
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
    pub(crate) fn spoke_with_nobody_else(&self) {
        let mut all = Vec::new();
        for (number, capture) in self.captures.lock().iter() {
            all.extend(sent(capture, &Switch::card(*number)).unwrap());
        }
        let strangers: BTreeSet<&Sent> = all.iter().filter(|one| !one.stays(Switch::SITE)).collect();
        assert!(strangers.is_empty(), "{strangers:?}");
        let spoke = |one: &Sent| matches!(one, Sent::Packet { protocol: 6, to: IpAddr::V4(_), .. });
        assert!(all.iter().any(spoke), "nothing was written down");
        println!("{} frames, all of them within the site", all.len());
    }

    /// Brings a container and data.
    pub(crate) fn imports(&self) {
        let trainer = self.programs.join("holdfast-trainer");
        self.run(&["image", "pack", "--binary", trainer.as_str(), "--out", "trainer.tar"]);
        let import =
            ["image", "import", "trainer", "trainer.tar", "--residency", "EU", "--purpose", "research"];
        self.run(&[&import[..], &["--tenant", "lab"]].concat());
        fs::create_dir(self.path("corpus")).unwrap();
        fs::write(self.path("corpus/text"), String::from_utf8(STORED.to_vec()).unwrap().repeat(240_000))
            .unwrap();
        let import = ["dataset", "import", "corpus", "corpus", "--residency", "DE", "--purpose", "research"];
        self.run(&[&import[..], &["--tenant", "lab"]].concat());
    }

    /// Runs a job with what is brought; another has less memory than it needs.
    pub(crate) fn works(&self) {
        self.imports();
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
    pub(crate) fn node(&self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.run(&["-o", "json", "node", "show", name])).unwrap()
    }

    /// What node n1 says of the system that it runs.
    pub(crate) fn system(&self) -> serde_json::Value {
        self.node("n1")["status"]["system"].clone()
    }
}

/// Check 43: it gets healthy in 512 MB, and its processes have little of them.
pub(crate) fn healthy(what: &str, machine: &mut Machine, most: u64) {
    let healthy = machine.event("boot.healthy", LIMIT).unwrap();
    let (spent, resident) = (machine.cpu_seconds().unwrap(), healthy["resident"].as_u64().unwrap());
    println!("{what} is healthy after {spent:.1} CPU-s; its processes hold {} MB", resident / 1_000_000);
    assert!((1..=most).contains(&resident), "{healthy}");
}

fn unanswered(said: &str) -> bool {
    NO_ANSWER.iter().any(|words| said.contains(words))
}

/// A controller that somebody else founded.
pub(crate) const CONTROLLER: &str =
    "role = \"controller\"\ntime.allowUnsynced = true\ncluster.admissionFile = \"admission\"";

/// Changes a bit of a part, in its first block.
pub(crate) fn rot(disk: &Utf8Path, role: Role) {
    let file = File::options().read(true).write(true).open(disk).unwrap();
    let layout = Layout::plan(Profile::Small, file.metadata().unwrap().len(), 512).unwrap();
    let (at, mut byte) = (layout.part(role).unwrap().at + 1_024 + 40, [0; 1]);
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
}
