//! The life of an installed machine: it gets healthy and is kept, or it fails in one of the ways that machines fail and goes back
//! to what worked.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use holdfast_machine::{Another, Firmware, Images, Machine, Monitor, Setup, images, put_state, rewrite_esp};
use holdfast_release::{Boot, Layout, META_COPY_BYTES, META_MACHINE, Meta, Part, Profile, Role, Slot};
use tempfile::TempDir;

/// Software emulation beside other tests; a machine alone takes a twentieth.
const LIMIT: Duration = Duration::from_secs(300);
/// How often the power is cut, and how often a machine is told to start again.
const STARTS: u32 = 100;
/// A controller that founds its cluster by itself and speaks with nobody.
const ALONE: &str = r#"apiVersion = "holdfast/v1"
kind = "Machine"
metadata = { name = "c1" }
[spec]
role = "controller"
first = true
cluster = { name = "prod", jurisdiction = "DE", controllers = ["127.0.0.1:7443"] }
"#;
/// One whose cluster somebody else founded, who also speaks with nobody.
const ADMITTED: &str = r#"apiVersion = "holdfast/v1"
kind = "Machine"
metadata = { name = "c1" }
[spec]
role = "controller"
time = { allowUnsynced = true }
cluster = { admissionFile = "admission" }
"#;
/// What asks for hardware that no machine here has.
const SICK: &str = "health = { deadlineSeconds = 20, accelerators = 8 }\n";

struct World {
    temp: TempDir,
    images: Images,
    layout: Layout,
    disk: Utf8PathBuf,
}

impl World {
    /// A machine whose STATE has these files.
    fn new(state: &[(&str, &str)]) -> Self {
        let (temp, images) = (tempfile::tempdir().unwrap(), images().unwrap());
        let disk = Utf8Path::from_path(temp.path()).unwrap().join("disk");
        images.copy_disk(&disk).unwrap();
        let layout = Layout::plan(Profile::Small, fs::metadata(&disk).unwrap().len(), 512).unwrap();
        let world = Self { temp, images, layout, disk };
        world.state(state);
        world
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.temp.path()).unwrap().join(name)
    }

    fn part(&self, role: Role) -> Part {
        self.layout.part(role).unwrap()
    }

    fn write(&self, role: Role, bytes: &[u8]) {
        let disk = File::options().write(true).open(&self.disk).unwrap();
        disk.write_all_at(bytes, self.part(role).at).unwrap();
    }

    /// Changes a bit of a part, in its first block.
    fn rot(&self, role: Role) {
        let at = self.part(role).at + 1_024 + 40;
        let disk = File::options().read(true).write(true).open(&self.disk).unwrap();
        let mut byte = [0; 1];
        disk.read_exact_at(&mut byte, at).unwrap();
        disk.write_all_at(&[byte[0] ^ 1], at).unwrap();
    }

    fn state(&self, files: &[(&str, &str)]) {
        put_state(&self.disk, Utf8Path::from_path(self.temp.path()).unwrap(), files).unwrap();
    }

    fn meta(&self) -> Meta {
        let part = self.part(Role::Meta);
        let disk = File::open(&self.disk).unwrap();
        let copy = |at| {
            let mut bytes = vec![0; META_COPY_BYTES];
            disk.read_exact_at(&mut bytes, at).unwrap();
            bytes
        };
        Meta::read(&copy(part.at), &copy(part.at + part.bytes / 2))
    }

    /// Without firmware: the quick way to the system of slot A.
    fn direct(&self, more: &str) -> Machine {
        self.start(self.without_firmware(more))
    }

    fn without_firmware(&self, more: &str) -> Setup {
        Setup::new(self.images.direct(more).unwrap())
    }

    /// The same, with somebody before it; where it `restarts` it does so by itself.
    fn attended(&self, restarts: bool) -> (Machine, Monitor) {
        let place = Utf8Path::from_path(self.temp.path()).unwrap();
        let more = Monitor::arguments(place).to_vec();
        let machine = self.start(Setup { restarts, more, ..self.without_firmware("") });
        (machine, Monitor::new(place).unwrap())
    }

    /// With firmware, which starts again by itself.
    fn uefi(&self) -> Machine {
        let variables = self.path("variables.fd");
        if !variables.exists() {
            fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &variables).unwrap();
        }
        let firmware = Firmware::Uefi { variables, secure: false };
        self.start(Setup { megabytes: 1024, restarts: true, ..Setup::new(firmware) })
    }

    fn start(&self, setup: Setup) -> Machine {
        let card = ["-nic", "user,model=virtio-net-pci,restrict=on"].map(str::to_owned);
        let more = [&card, &card, setup.more.as_slice()].concat();
        Setup { disks: vec![self.disk.clone()], more, ..setup }.start().unwrap()
    }

    /// Puts a newer version with three attempts into slot B: the same system with another salt, and so with another root hash.
    /// `cmdline` is what stands in place of the first words of its command line, of which there are as many bytes.
    fn second(&self, cmdline: &str) {
        let new = self.put(Slot::B, "0.2.0", cmdline);
        let old = fs::read(self.images.path("holdfast.efi")).unwrap();
        self.loader(&[("holdfast-0.1.0.efi", &old), ("holdfast-0.2.0+3.efi", &new)]);
    }

    /// Writes a release to a slot; its kernel, which is still to be named to the loader.
    fn put(&self, slot: Slot, version: &str, cmdline: &str) -> Vec<u8> {
        let new = Another::new(&self.images, version, cmdline).unwrap();
        let (root, hash) = match slot {
            Slot::A => (Role::RootA, Role::HashA),
            Slot::B => (Role::RootB, Role::HashB),
        };
        self.write(root, &new.root);
        self.write(hash, &new.tree);
        let mut meta = self.meta();
        Boot::new(&mut meta).written(slot, version).unwrap();
        self.put_meta(meta);
        new.kernel
    }

    fn put_meta(&self, mut meta: Meta) {
        let (half, bytes) = meta.next_copy().unwrap();
        let part = self.part(Role::Meta);
        let disk = File::options().write(true).open(&self.disk).unwrap();
        disk.write_all_at(&bytes, part.at + u64::try_from(half).unwrap() * part.bytes / 2).unwrap();
    }

    /// Writes the loader's partition anew, with these kernels.
    fn loader(&self, kernels: &[(&str, &[u8])]) {
        let loader = fs::read(self.images.path("loader.efi")).unwrap();
        let paths: Vec<String> = kernels.iter().map(|(name, _)| format!("EFI/Linux/{name}")).collect();
        let mut files: Vec<(&str, &[u8])> =
            vec![("EFI/BOOT/BOOTX64.EFI", &loader), ("loader/loader.conf", b"timeout 0\n")];
        files.extend(paths.iter().zip(kernels).map(|(path, (_, kernel))| (path.as_str(), *kernel)));
        rewrite_esp(&self.disk, &files).unwrap();
    }

    /// Lays more files beside the configurations on STATE, which stays as it is otherwise.
    fn adds(&self, files: &[(&str, &str)]) {
        let (part, image) = (self.part(Role::State), self.path("state.now"));
        let mut bytes = vec![0; usize::try_from(part.bytes).unwrap()];
        File::open(&self.disk).unwrap().read_exact_at(&mut bytes, part.at).unwrap();
        fs::write(&image, bytes).unwrap();
        // The power went: its journal has the last word.
        let mended = Command::new("e2fsck").args(["-f", "-y", image.as_str()]).output().unwrap();
        assert!(mended.status.code().is_some_and(|code| code <= 1), "{mended:?}");
        for (name, text) in files {
            let file = self.path("added");
            fs::write(&file, text).unwrap();
            let write = format!("write {file} machine/{name}");
            let done = Command::new("debugfs").args(["-w", "-R", &write, image.as_str()]).output().unwrap();
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            assert!(done.status.success() && said.lines().count() == 1, "{said}");
        }
        self.write(Role::State, &fs::read(&image).unwrap());
    }
}

fn configured(text: &str) -> World {
    World::new(&[("generation-1.toml", text), ("current", "1\n")])
}

/// Checks 41 and 43, and the way every machine goes: what it lets nobody do, its own network, the time, its service, and then the
/// start is good.
#[test]
fn a_first_controller_gets_healthy_and_its_start_is_kept() {
    let text = format!("{ALONE}[[spec.network.interfaces]]\nname = \"eth0\"\ndhcp = true\n");
    let world = configured(&text);
    let mut machine = world.direct("");
    let cmdline = machine.line("Kernel command line: ", LIMIT).unwrap();
    for word in [
        "slab_nomerge",
        "init_on_alloc=1",
        "page_alloc.shuffle=1",
        "randomize_kstack_offset=on",
        "vsyscall=none",
    ] {
        assert!(cmdline.split(' ').any(|one| one == word), "{word} is not in `{cmdline}`");
    }
    assert_eq!(machine.event("machine.hardened", LIMIT).unwrap()["weak"], serde_json::json!([]));
    assert_eq!(machine.event("ready", LIMIT).unwrap()["generation"], 1);
    assert_eq!(machine.event("network.up", LIMIT).unwrap()["addresses"][0], "10.0.2.15/24");
    assert_eq!(machine.event("boot.healthy", LIMIT).unwrap()["slot"], "A");
    println!("a first controller from nothing to healthy: {:.1} CPU-s", machine.cpu_seconds().unwrap());
    machine.cut();
    let mut meta = world.meta();
    assert_eq!(meta.number("slot.a.attempts"), 0);
    assert_eq!(Boot::new(&mut meta).good(), Some(Slot::A));
}

/// Check 22: a controller whom nobody tells the time writes nothing down: its service does not start, and the start is not good.
#[test]
fn a_controller_that_is_told_no_time_does_not_begin() {
    let time = "time = { servers = [\"10.0.2.77\"] }\nhealth = { deadlineSeconds = 20 }\n";
    let network = "[[spec.network.interfaces]]\nname = \"eth0\"\ndhcp = true\n";
    let world = configured(&format!("{ALONE}{time}{network}"));
    let mut machine = world.direct("");
    machine.event("ready", LIMIT).unwrap();
    let mut event = String::new();
    while !event.contains("\"boot.failed\"") {
        event = machine.line("HOLDFAST-EVENT ", LIMIT).unwrap();
        assert!(!event.contains("\"service.started\""), "{event}");
    }
    assert!(event.contains("the time is not known"), "{event}");
}

/// Two cards as one, and a VLAN on them: each comes up with its address.
#[test]
fn a_bond_and_a_vlan_come_up() {
    let interfaces = r#"
[[spec.network.interfaces]]
name = "uplink"
addresses = ["10.0.2.20/24"]
gateway = "10.0.2.2"
bond = { members = ["eth0", "eth1"] }
[[spec.network.interfaces]]
name = "storage"
addresses = ["10.1.0.2/24"]
routes = [{ to = "10.9.0.0/16", via = "10.1.0.1" }]
vlan = { of = "uplink", id = 12 }
"#;
    let world = configured(&format!("{ALONE}{interfaces}"));
    let mut machine = world.direct("");
    let mut up: Vec<String> = (0..2)
        .map(|_| machine.event("network.up", LIMIT).unwrap()["addresses"][0].as_str().unwrap().to_owned())
        .collect();
    up.sort();
    assert_eq!(up, ["10.0.2.20/24", "10.1.0.2/24"]);
}

/// Check 28: a kernel that panics is left after its three attempts, which the boot loader counts.
#[test]
fn a_kernel_that_panics_is_left() {
    let world = configured(ALONE);
    world.second("console=ttyS0 rdinit=/none");
    let mut machine = world.uefi();
    for _ in 0..3 {
        machine.line("Kernel panic", LIMIT).unwrap();
    }
    assert_eq!(machine.event("root.proved", LIMIT).unwrap()["slot"], "A");
    assert_eq!(machine.event("boot.healthy", LIMIT).unwrap()["slot"], "A");
    println!("three panics and back: {:.1} CPU-s", machine.cpu_seconds().unwrap());
}

/// A kernel that the firmware does not start (its signature is of nobody's, its file is cut off) is left as one that panics is, and
/// nobody has to press a key: the loader is in the firmware's list once more than it tries a kernel.
#[test]
#[ignore = "takes minutes; cargo xtask test --full"]
fn a_kernel_that_the_firmware_refuses_is_left() {
    let world = configured(ALONE);
    let mut machine = world.uefi();
    assert_eq!(machine.event("boot.healthy", LIMIT).unwrap()["slot"], "A");
    machine.cut();
    world.second("");
    let old = fs::read(world.images.path("holdfast.efi")).unwrap();
    let cut = &old[..old.len() / 2];
    world.loader(&[("holdfast-0.1.0.efi", &old), ("holdfast-0.2.0+3.efi", cut)]);
    let mut machine = world.uefi();
    for _ in 0..3 {
        machine.line("Error loading \\EFI\\Linux\\holdfast-0.2.0", LIMIT).unwrap();
    }
    assert_eq!(machine.event("root.proved", LIMIT).unwrap()["slot"], "A");
    assert_eq!(machine.event("boot.healthy", LIMIT).unwrap()["slot"], "A");
    println!("three refusals and back: {:.1} CPU-s", machine.cpu_seconds().unwrap());
}

/// Check 29: a system that comes up and is not healthy is left, too.
#[test]
fn a_slot_whose_machine_is_never_healthy_is_left() {
    let world = configured(&format!("{ALONE}{SICK}"));
    world.second("");
    let mut machine = world.uefi();
    for _ in 0..3 {
        assert_eq!(machine.event("root.proved", LIMIT).unwrap()["slot"], "B");
        assert_eq!(machine.event("boot.failed", LIMIT).unwrap()["why"], "0 of 8 accelerators");
    }
    assert_eq!(machine.event("root.proved", LIMIT).unwrap()["slot"], "A");
}

/// Check 30: a slot that worked, and whose root rots later, is left although nothing counts for it any more but META.
#[test]
fn a_blessed_slot_that_rots_is_left() {
    let world = configured(ALONE);
    world.second("");
    let mut machine = world.uefi();
    assert_eq!(machine.event("boot.healthy", LIMIT).unwrap()["slot"], "B");
    machine.cut();
    world.rot(Role::RootB);
    let mut machine = world.uefi();
    for _ in 0..3 {
        machine.line("data block 0 is corrupted", LIMIT).unwrap();
    }
    let left = machine.event("slot.left", LIMIT).unwrap();
    assert_eq!((&left["slot"], &left["for"]), (&"B".into(), &"A".into()));
    assert_eq!(machine.event("boot.healthy", LIMIT).unwrap()["slot"], "A");
    machine.cut();
    // The kernel of the slot that rots has no attempts left, so that the next start goes to the other one at once. The name of
    // a file lies in pieces of at most five characters; this is one of them.
    let esp = world.part(Role::Esp);
    let mut bytes = vec![0; usize::try_from(esp.bytes).unwrap()];
    File::open(&world.disk).unwrap().read_exact_at(&mut bytes, esp.at).unwrap();
    let piece: Vec<u8> = "0+0-3".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(bytes.windows(piece.len()).any(|window| window == piece));
}

/// Check 33: a machine leaves out a release, which takes over the configuration in a form of before; it gets one that only that
/// release can read, goes back with the one of before, and has the newer one again when it is there again.
#[test]
#[ignore = "takes minutes; cargo xtask test --full"]
fn a_release_is_left_out_and_gone_back_from_and_each_has_the_configuration_it_can_read() {
    let holdfast = Utf8PathBuf::from(std::env::var("HOLDFAST_BIN_DIR").unwrap()).join("holdfast");
    let world = World::new(&[]);
    let named = ["site", "init", "site", "--name", "s", "--jurisdiction", "DE"];
    let founded = Command::new(holdfast)
        .args(named)
        .args(["--controller", "c1=127.0.0.1:7443"])
        .current_dir(world.temp.path())
        .output()
        .unwrap();
    assert!(founded.status.success(), "{founded:?}");
    let admission = fs::read_to_string(world.path("site/c1.admission")).unwrap();
    // As the first form said it.
    let old_form = ADMITTED.replace("admissionFile", "joinTokenFile");
    world.state(&[("generation-1.toml", &old_form), ("current", "1\n"), ("admission", &admission)]);
    let old = world.put(Slot::A, "0.1.0", "console=ttyS0 holdfast.test=older");
    world.loader(&[("holdfast-0.1.0.efi", &old)]);
    let mut machine = world.uefi();
    let healthy = |machine: &mut Machine, slot: &str, generation: u64| {
        let said = machine.event("boot.healthy", LIMIT).unwrap();
        assert_eq!((&said["slot"], &said["generation"]), (&slot.into(), &generation.into()));
    };
    healthy(&mut machine, "A", 1);
    machine.cut();

    let new = world.put(Slot::B, "0.3.0", "");
    world.loader(&[("holdfast-0.1.0.efi", &old), ("holdfast-0.3.0+3.efi", &new)]);
    let mut machine = world.uefi();
    healthy(&mut machine, "B", 1);
    machine.cut();
    let later = format!("{ADMITTED}support = {{ to = [\"holdfast-backup-1-x\"] }}\n");
    world.adds(&[("generation-2.toml", &later), ("trial", "2 0\n")]);
    let mut machine = world.uefi();
    assert_eq!(machine.event("config.trial", LIMIT).unwrap()["generation"], 2);
    healthy(&mut machine, "B", 2);
    machine.event("config.blessed", LIMIT).unwrap();
    machine.cut();

    world.rot(Role::RootB);
    let mut machine = world.uefi();
    machine.event("slot.left", LIMIT).unwrap();
    machine.line("configuration 2 is left out", LIMIT).unwrap();
    healthy(&mut machine, "A", 1);
    machine.cut();

    world.put(Slot::B, "0.3.0", "");
    world.loader(&[("holdfast-0.1.0.efi", &old), ("holdfast-0.3.0+3.efi", &new)]);
    let mut machine = world.uefi();
    healthy(&mut machine, "B", 2);
}

/// A release that can read no configuration of the machine does not stay.
#[test]
#[ignore = "takes minutes; cargo xtask test --full"]
fn a_release_that_can_read_no_configuration_is_left() {
    let world = configured(&format!("{ALONE}support = {{ to = [\"holdfast-backup-1-x\"] }}\n"));
    world.second("console=ttyS0 holdfast.test=older");
    let mut machine = world.uefi();
    for _ in 0..3 {
        let why = machine.event("boot.failed", LIMIT).unwrap()["why"].to_string();
        assert!(why.contains("no configuration can be read") && why.contains("support"), "{why}");
    }
    assert_eq!(machine.event("boot.healthy", LIMIT).unwrap()["slot"], "A");
}

/// Check 44: nobody feeds the watchdog of a machine whose process 1 hangs.
#[test]
fn a_machine_that_hangs_is_started_again() {
    let world = configured(ALONE);
    let mut machine = world.direct("holdfast.test=hang");
    machine.event("ready", LIMIT).unwrap();
    machine.ended(LIMIT).unwrap();
}

/// Process 1 that ends takes the kernel with it, which starts the machine again.
#[test]
fn a_crash_of_process_1_starts_the_machine_again() {
    let world = configured(ALONE);
    let mut machine = world.direct("holdfast.test=crash");
    machine.line("Attempted to kill init", LIMIT).unwrap();
    machine.ended(LIMIT).unwrap();
}

/// Check 36: a configuration that is tried and does not work is given up, and so is one during whose trial the power goes.
#[test]
fn a_trial_that_fails_goes_back_to_the_configuration_that_worked() {
    let sick = format!("{ALONE}{SICK}");
    let world = World::new(&[
        ("generation-1.toml", ALONE),
        ("current", "1\n"),
        ("generation-2.toml", &sick),
        ("trial", "2 0\n"),
    ]);
    let mut machine = world.direct("");
    assert_eq!(machine.event("config.trial", LIMIT).unwrap()["generation"], 2);
    let reverted = machine.event("config.reverted", LIMIT).unwrap();
    assert_eq!((&reverted["generation"], &reverted["why"]), (&2.into(), &"0 of 8 accelerators".into()));
    machine.ended(LIMIT).unwrap();
    assert_eq!(world.meta().number("slot.a.attempts"), 0, "the slot is not to blame");
    let mut machine = world.direct("");
    assert_eq!(machine.event("boot.healthy", LIMIT).unwrap()["generation"], 1);
    machine.cut();
    // The power goes while the trial runs.
    world.state(&[("trial", "2 0\n")]);
    let mut machine = world.direct("");
    machine.event("service.started", LIMIT).unwrap();
    machine.cut();
    let mut machine = world.direct("");
    assert_eq!(machine.event("config.reverted", LIMIT).unwrap()["generation"], 2);
    assert_eq!(machine.event("ready", LIMIT).unwrap()["generation"], 1);
}

/// Check 45: a machine that loses its power a hundred times comes up a hundred times, each tenth time through its firmware.
#[test]
#[ignore = "takes minutes; cargo xtask test --full"]
fn a_machine_comes_up_however_often_its_power_is_cut() {
    let world = configured(ALONE);
    let mut spent = 0.0;
    for start in 0..STARTS {
        let mut machine = if start % 10 == 0 { world.uefi() } else { world.direct("") };
        let healthy =
            machine.event("boot.healthy", LIMIT).unwrap_or_else(|why| panic!("start {start}: {why}"));
        assert_eq!(healthy["slot"], "A", "start {start}");
        spent += machine.cpu_seconds().unwrap();
        machine.cut();
        assert_eq!(world.meta().number("slot.a.attempts"), 0, "start {start}");
    }
    println!("{STARTS} starts after cuts: {:.1} CPU-s each", spent / f64::from(STARTS));
}

/// The services stop one after the other, the last one first, and none has to be killed; the machine ends as `restarts` says.
fn ends_in_order(machine: &mut Machine, restarts: bool) {
    assert_eq!(machine.event("machine.ends", LIMIT).unwrap()["restarts"], restarts);
    for service in ["agent", "controller"] {
        let stopped = machine.event("service.stopped", LIMIT).unwrap();
        assert_eq!(stopped["service"], service);
        assert_ne!(stopped["how"], "SIGKILL", "{stopped}");
    }
}

/// An operator presses the power button, or has the management controller press it: nothing is torn down, and the machine is off.
#[test]
fn a_machine_goes_off_in_order_when_its_power_button_is_pressed() {
    let world = configured(ALONE);
    let (mut machine, mut person) = world.attended(true);
    machine.event("boot.healthy", LIMIT).unwrap();
    person.power_button().unwrap();
    assert_eq!(machine.event("machine.button", LIMIT).unwrap()["button"], "power");
    ends_in_order(&mut machine, false);
    machine.ended(LIMIT).unwrap();
    assert_eq!(world.meta().number("slot.a.attempts"), 0);
}

/// A machine that starts again as often, each time by Ctrl-Alt-Del at its keyboard, gets healthy each time.
/// Check 37, the part of it that keeps data: what says who the machine is goes, what it stores stays, and its next start is that of a
/// machine without a configuration.
#[test]
fn a_machine_that_forgets_who_it_is_keeps_what_it_stores() {
    let world = configured(ALONE);
    let stored = b"what takes months to make again";
    let data = world.part(Role::Data);
    let disk = File::options().write(true).read(true).open(&world.disk).unwrap();
    disk.write_all_at(stored, data.at + data.bytes / 2).unwrap();
    let mut meta = world.meta();
    meta.set("reset", "identity").unwrap();
    meta.set(META_MACHINE, "c1").unwrap();
    world.put_meta(meta);
    let mut machine = world.direct("");
    assert_eq!(machine.event("machine.reset", LIMIT).unwrap()["forgets"], "identity");
    machine.ended(LIMIT).unwrap();
    drop(machine);
    let read = |role: Role, bytes: u64| {
        let mut content = vec![1; usize::try_from(bytes).unwrap()];
        disk.read_exact_at(&mut content, world.part(role).at).unwrap();
        content
    };
    assert!(read(Role::State, world.part(Role::State).bytes).iter().all(|byte| *byte == 0));
    let mut kept = vec![0; stored.len()];
    disk.read_exact_at(&mut kept, data.at + data.bytes / 2).unwrap();
    assert_eq!(kept, stored);
    assert_eq!((world.meta().get("reset"), world.meta().get(META_MACHINE)), (None, None));
    let ready = world.direct("").event("ready", LIMIT).unwrap();
    assert_eq!(ready["generation"], serde_json::Value::Null);
}

fn starts_again(times: u32) {
    let world = configured(ALONE);
    let (mut machine, mut person) = world.attended(true);
    for start in 0..times {
        let healthy = machine.event("boot.healthy", LIMIT).with_context(|| format!("start {start}")).unwrap();
        assert_eq!(healthy["slot"], "A", "start {start}");
        person.presses(&["ctrl", "alt", "delete"]).unwrap();
        ends_in_order(&mut machine, true);
    }
    println!("{times} restarts: {:.1} CPU-s each", machine.cpu_seconds().unwrap() / f64::from(times));
    machine.event("boot.healthy", LIMIT).unwrap();
    machine.cut();
    assert_eq!(world.meta().number("slot.a.attempts"), 0);
}

#[test]
#[ignore = "takes minutes; cargo xtask test --full"]
fn a_machine_starts_again_in_order_when_somebody_says_so() {
    starts_again(2);
}

/// Check 45, for restarts.
#[test]
#[ignore = "takes minutes; cargo xtask test --full"]
fn a_machine_comes_up_however_often_it_is_started_again() {
    starts_again(STARTS);
}
