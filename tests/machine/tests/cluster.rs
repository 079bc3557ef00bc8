//! Machines become a cluster with nothing but the image and what lies on their volumes, and a job runs in it as a container.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_machine::{Firmware, Images, Machine, Setup, Switch, images};
use holdfast_release::{Layout, Profile, Role};
use tempfile::TempDir;

/// Software emulation beside other tests.
const LIMIT: Duration = Duration::from_secs(400);
/// Where our programs for this host are, as the suite `image` says.
const PROGRAMS: &str = "HOLDFAST_BIN_DIR";

struct World {
    temp: TempDir,
    images: Images,
    switch: Switch,
    programs: Utf8PathBuf,
}

impl World {
    fn new() -> Self {
        let programs = std::env::var(PROGRAMS).unwrap();
        let temp = tempfile::tempdir().unwrap();
        Self { temp, images: images().unwrap(), switch: Switch::new().unwrap(), programs: programs.into() }
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

    fn run(&self, args: &[&str]) -> String {
        let (went_well, data, said) = self.asks(args);
        assert!(went_well, "{args:?}: {data}{said}");
        data
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

    /// Starts machine `number` as `name`: a disk as the installer leaves it, with this configuration and this admission.
    fn machine(&self, number: u8, name: &str, spec: &str, admission: Option<&Utf8Path>) -> Machine {
        let disk = self.path(&format!("{name}.raw"));
        copy(&self.images.path("disk.raw"), &disk);
        let tree = self.path(&format!("{name}.state"));
        fs::create_dir_all(tree.join("machine")).unwrap();
        let card = Switch::card(number);
        let text = format!(
            "apiVersion = \"holdfast/v1\"\nkind = \"Machine\"\nmetadata.name = \"{name}\"\n[spec]\n{spec}\n\
             [[spec.network.interfaces]]\nmac = \"{card}\"\naddresses = [\"10.77.0.{number}/24\"]\n"
        );
        fs::write(tree.join("machine/generation-1.toml"), text).unwrap();
        fs::write(tree.join("machine/current"), "1\n").unwrap();
        if let Some(admission) = admission {
            fs::copy(admission, tree.join("admission")).unwrap();
        }
        put_state(&disk, &tree, &self.path(&format!("{name}.ext4")));
        let firmware = Firmware::Direct {
            kernel: self.images.path("vmlinuz"),
            initrd: self.images.path("initrd.zst"),
            cmdline: fs::read_to_string(self.images.path("cmdline")).unwrap(),
        };
        let more = self.switch.cable(number).unwrap();
        let within = Some(self.switch.namespace().to_owned());
        let setup = Setup { megabytes: 1024, more, within, ..Setup::new(firmware) };
        Setup { disks: vec![disk], ..setup }.start().unwrap()
    }

    fn agent(&self, number: u8, name: &str, jurisdiction: &str, site: &str) -> Machine {
        let token = self.run(&["node", "token", "--jurisdiction", jurisdiction, "--site", site, "--approve"]);
        let spec = format!(
            "role = \"agent\"\ntime.allowUnsynced = true\n\
             cluster = {{ controllers = [\"10.77.0.11:7443\"], joinToken = \"{}\" }}",
            token.trim()
        );
        self.machine(number, name, &spec, None)
    }
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
    let site =
        ["site", "init", "site", "--name", "s", "--jurisdiction", "DE", "--controller", "c1=10.77.0.11:7443"];
    world.run(&site);
    let admission = world.path("site/c1.admission");
    let mut controller = world.machine(11, "c1", CONTROLLER, Some(&admission));
    let healthy = controller.event("boot.healthy", LIMIT).unwrap();
    println!("a controller is healthy after {:.1} CPU-s: {healthy}", controller.cpu_seconds().unwrap());
    world.until(&["cluster", "status"], &["c1"]);
    let mut agent = world.agent(21, "n1", "DE", "berlin");
    agent.event("boot.healthy", LIMIT).unwrap();
    println!("an agent is healthy after {:.1} CPU-s", agent.cpu_seconds().unwrap());
    world.until(&["node", "list"], &["n1", "Ready"]);

    let trainer = world.programs.join("holdfast-trainer");
    world.run(&["image", "pack", "--binary", trainer.as_str(), "--out", "trainer.tar"]);
    let import = ["image", "import", "trainer", "trainer.tar", "--residency", "EU", "--purpose", "research"];
    world.run(&[&import[..], &["--tenant", "lab"]].concat());
    fs::create_dir(world.path("corpus")).unwrap();
    fs::write(world.path("corpus/text"), "What is kept here is proved here. ".repeat(240_000)).unwrap();
    let import = ["dataset", "import", "corpus", "corpus", "--residency", "DE", "--purpose", "research"];
    world.run(&[&import[..], &["--tenant", "lab"]].concat());
    for (name, memory) in [("works", "256MiB"), ("starves", "4MiB")] {
        let job = format!(
            "apiVersion: holdfast/v1\nkind: Job\nmetadata: {{name: {name}}}\nspec:\n  kind: batch\n  tenant: lab\n  \
             purpose: research\n  jurisdictions: [DE]\n  image: trainer@1\n  \
             command: [/app/holdfast-trainer, --steps, \"5\", --checkpoint-every, \"0\"]\n  \
             groups: [{{name: w, count: 1, resources: {{cores: 500m, memory: {memory}}}}}]\n  datasets: [{{dataset: corpus@1}}]\n"
        );
        fs::write(world.path(&format!("{name}.yaml")), job).unwrap();
    }
    world.run(&["job", "submit", "-f", "works.yaml", "--wait", "--timeout", "6m"]);
    let (went_well, _, said) =
        world.asks(&["job", "submit", "-f", "starves.yaml", "--wait", "--timeout", "6m"]);
    assert!(!went_well && said.contains("memory"), "a limit that nobody keeps: {said}");
}
