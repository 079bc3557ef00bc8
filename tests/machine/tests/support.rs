//! Check 39: a machine that nobody reaches gives what it knows of itself to whoever stands before it, for its operator alone.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_machine::{Images, Machine, Setup, images, put_state};
use holdfast_release::Fat;
use tempfile::TempDir;

/// Software emulation beside other tests; a machine alone takes a twentieth.
const LIMIT: Duration = Duration::from_secs(300);
/// What is said once somebody is listened to.
const LISTENS: &str = "listens at its consoles";
/// A controller that founds its cluster by itself and speaks with nobody: it has no network card.
const ALONE: &str = r#"apiVersion = "holdfast/v1"
kind = "Machine"
metadata = { name = "c1" }
[spec]
role = "controller"
first = true
cluster = { name = "prod", jurisdiction = "DE", controllers = ["127.0.0.1:7443"] }
time = { allowUnsynced = true }
"#;

struct World {
    temp: TempDir,
    images: Images,
    disk: Utf8PathBuf,
}

impl World {
    /// A machine that is installed with this configuration.
    fn new(configuration: impl FnOnce(&Self) -> String) -> Self {
        let (temp, images) = (tempfile::tempdir().unwrap(), images().unwrap());
        let disk = Utf8Path::from_path(temp.path()).unwrap().join("disk");
        images.copy_disk(&disk).unwrap();
        let world = Self { temp, images, disk };
        let text = configuration(&world);
        let scratch = Utf8Path::from_path(world.temp.path()).unwrap();
        put_state(&world.disk, scratch, &[("generation-1.toml", &text), ("current", "1\n")]).unwrap();
        world
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.temp.path()).unwrap().join(name)
    }

    /// The command line of this build, which opens bundles. Set by `cargo xtask test --only image`.
    fn holdfast(arguments: &[&str]) -> Output {
        let directory = std::env::var("HOLDFAST_BIN_DIR").unwrap();
        Command::new(Utf8Path::new(&directory).join("holdfast")).args(arguments).output().unwrap()
    }

    /// Makes a key and gives its public half.
    fn key(&self, name: &str) -> String {
        let made = Self::holdfast(&["cluster", "backup-key", "--offline", "--out", self.path(name).as_str()]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    }

    /// A volume as people buy it, with this label.
    fn volume(&self, label: &str) -> Utf8PathBuf {
        let path = self.path("volume");
        let fat = Fat { bytes: 64 << 20, sector: 512, serial: 7, label: label.to_owned() };
        let file = File::create(&path).unwrap();
        file.set_len(fat.bytes).unwrap();
        for (at, bytes) in fat.encode(&[]).unwrap() {
            file.write_all_at(&bytes, at).unwrap();
        }
        path
    }

    /// The machine, up and listening, with more disks.
    fn start(&self, more: &[Utf8PathBuf]) -> Machine {
        let firmware = self.images.direct("db_password=hunter2").unwrap();
        let disks = [std::slice::from_ref(&self.disk), more].concat();
        let mut machine = Setup { megabytes: 768, disks, ..Setup::new(firmware) }.start().unwrap();
        machine.event("ready", LIMIT).unwrap();
        machine.line(LISTENS, LIMIT).unwrap();
        machine
    }

    fn opened(&self, bundle: &Utf8Path, key: &str, into: &str) -> Output {
        let (key, into) = (self.path(key), self.path(into));
        Self::holdfast(&[
            "support-bundle",
            "open",
            bundle.as_str(),
            "--key",
            key.as_str(),
            "--into",
            into.as_str(),
        ])
    }
}

/// The files below a directory.
fn walk(directory: &Utf8Path, found: &mut Vec<Utf8PathBuf>) {
    for entry in directory.read_dir_utf8().unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => walk(entry.path(), found),
            false => found.push(entry.path().to_owned()),
        }
    }
}

#[test]
fn a_bundle_is_written_at_the_console_without_a_network_and_opened_by_the_operator() {
    let world = World::new(|world| format!("{ALONE}support = {{ to = [\"{}\"] }}\n", world.key("own.key")));
    world.key("other.key");
    let mut machine = world.start(&[]);
    machine.types("support\r").unwrap();
    let why = machine.event("support.refused", LIMIT).unwrap();
    assert!(why["why"].as_str().unwrap().starts_with("no volume is labelled HOLDFASTOUT"), "{why}");
    machine.cut();

    let volume = world.volume("HOLDFASTOUT");
    let mut machine = world.start(std::slice::from_ref(&volume));
    let began = Instant::now();
    machine.types("support\r").unwrap();
    let written = machine.event("support.written", LIMIT).unwrap();
    println!("{written} after {:.1} s", began.elapsed().as_secs_f32());
    machine.cut();
    assert_eq!(written["file"], "c1-1.support");
    let bundle = world.path("bundle");
    let taken =
        Command::new("mcopy").args(["-i", volume.as_str(), "::c1-1.support", bundle.as_str()]).output();
    let taken = taken.unwrap();
    assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));

    assert!(!world.opened(&bundle, "other.key", "nothing").status.success());
    let opened = world.opened(&bundle, "own.key", "parts");
    assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
    let part = |name: &str| fs::read_to_string(world.path("parts").join(name)).unwrap();
    let about: serde_json::Value = serde_json::from_str(&part("about.json")).unwrap();
    assert_eq!((&about["machine"], &about["missing"]), (&"c1".into(), &serde_json::json!([])));
    assert!(part("init.log").contains("HOLDFAST-EVENT") && part("kernel.log").contains("Linux version"));
    assert!(part("machine.toml").contains("jurisdiction = \"DE\""));
    let services: serde_json::Value = serde_json::from_str(&part("services.json")).unwrap();
    assert_eq!(services["services"][0]["name"], "controller");
    let slots: serde_json::Value = serde_json::from_str(&part("slots.json")).unwrap();
    assert_eq!(slots["slots"][0]["slot"], "A");
    assert!(part("boot.json").contains("\"slot\":\"A\"") && part("meta.txt").contains("slot."));
    assert!(part("proc/cmdline.txt").contains("db_password=[removed]"));
    let mut files = Vec::new();
    walk(&world.path("parts"), &mut files);
    for path in &files {
        let text = fs::read_to_string(path).unwrap();
        for secret in ["hunter2", "PRIVATE KEY", "hft1-", "HOLDFAST-BACKUP-SECRET"] {
            assert!(!text.contains(secret), "{path}: {secret}");
        }
    }
    println!("{} parts", files.len());
}

#[test]
fn a_machine_that_knows_no_operator_makes_none() {
    let world = World::new(|_| ALONE.to_owned());
    let volume = world.volume("HOLDFASTOUT");
    let mut machine = world.start(&[volume]);
    machine.types("support\r").unwrap();
    let why = machine.event("support.refused", LIMIT).unwrap();
    assert!(why["why"].as_str().unwrap().contains("names nobody who could open it"), "{why}");
}
