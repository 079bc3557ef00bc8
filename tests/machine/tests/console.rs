//! Check 10: whoever stands before a machine gives it its address, on its serial line or its screen, although nobody else on its
//! network says a word.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_machine::{Images, Machine, Monitor, Setup, images, put_state};
use tempfile::TempDir;

/// Software emulation beside other tests; a machine alone takes a twentieth.
const LIMIT: Duration = Duration::from_secs(300);
const DISK_BYTES: u64 = 1536 << 20;
/// A card on a cable that leads nowhere.
const DEAD: [&str; 2] = ["-nic", "hubport,hubid=0,model=virtio-net-pci"];
/// What is said once somebody is listened to.
const LISTENS: &str = "listens at its consoles";
/// The first words of the questions: from then on answers count.
const ASKS: &str = "Esc leaves all as it was.";
/// A controller that founds its cluster by itself, with an address that its network does not have.
const WRONG: &str = r#"apiVersion = "holdfast/v1"
kind = "Machine"
metadata = { name = "c1" }
[spec]
role = "controller"
first = true
cluster = { name = "prod", jurisdiction = "DE", controllers = ["127.0.0.1:7443"] }
[[spec.network.interfaces]]
name = "eth0"
addresses = ["10.1.1.9/24"]
gateway = "10.1.1.1"
mtu = 1400
"#;

struct World {
    temp: TempDir,
    images: Images,
}

impl World {
    fn new() -> Self {
        Self { temp: tempfile::tempdir().unwrap(), images: images().unwrap() }
    }

    fn place(&self) -> &Utf8Path {
        Utf8Path::from_path(self.temp.path()).unwrap()
    }

    /// A disk on which nothing is.
    fn blank(&self) -> Utf8PathBuf {
        let path = self.place().join("disk");
        File::create(&path).unwrap().set_len(DISK_BYTES).unwrap();
        path
    }

    /// A disk that is installed with this configuration.
    fn installed(&self, configuration: &str) -> Utf8PathBuf {
        let disk = self.place().join("disk");
        self.images.copy_disk(&disk).unwrap();
        put_state(&disk, self.place(), &[("generation-1.toml", configuration), ("current", "1\n")]).unwrap();
        disk
    }

    /// A machine without firmware and on a dead network, whose command line and whose arguments have `more`.
    fn machine(&self, disk: &Utf8Path, cmdline: &str, more: &[&str]) -> Setup {
        let firmware = self.images.direct(cmdline).unwrap();
        let before = Monitor::arguments(self.place());
        let more = DEAD.iter().chain(more).map(|word| (*word).to_owned()).chain(before).collect();
        Setup { disks: vec![disk.to_owned()], more, megabytes: 768, ..Setup::new(firmware) }
    }

    /// A machine with the medium, for somebody to install it.
    fn medium(&self, disk: &Utf8Path, more: &[&str]) -> Machine {
        let setup = self.machine(disk, "holdfast.mode=install", more);
        let discs = vec![self.images.medium().unwrap()];
        Setup { discs, megabytes: 1024, ..setup }.start().unwrap()
    }

    /// The machine starts so often from its disk, and has this address each time.
    fn keeps(&self, disk: &Utf8Path, address: &str, starts: u32) {
        for _ in 0..starts {
            let mut machine = self.machine(disk, "", &[]).start().unwrap();
            assert_eq!(machine.event("network.up", LIMIT).unwrap()["addresses"][0], address);
            machine.event("boot.healthy", LIMIT).unwrap();
            machine.cut();
        }
    }
}

/// What is typed at each screen of the installer, for a first controller with a static address.
const SCREENS: [(&str, &str); 6] = [
    ("- Hardware", "\r"),
    ("- Role", "\r"),
    ("- Disk", "\r"),
    ("- Network", "eth0\r10.77.0.44/24\r10.77.0.1\r\r\r"),
    ("- Cluster", "ctl-1\rprod\rDE\r"),
    ("Type its serial number", "disk0\r"),
];

#[test]
#[ignore = "takes minutes; cargo xtask test --full"]
fn an_address_that_was_typed_into_the_installer_on_a_serial_line_is_kept() {
    let world = World::new();
    let disk = world.blank();
    let mut machine = world.medium(&disk, &[]);
    for (screen, keys) in SCREENS {
        machine.shows(screen, LIMIT).unwrap();
        machine.types(keys).unwrap();
    }
    machine.shows("ctl-1 is installed", LIMIT).unwrap();
    machine.types("\r").unwrap();
    machine.ended(LIMIT).unwrap();
    world.keeps(&disk, "10.77.0.44/24", 2);
}

/// The machine has a keyboard and a screen and no serial line: nobody can have typed anywhere else.
#[test]
#[ignore = "takes minutes; cargo xtask test --full"]
fn an_address_that_was_typed_into_the_installer_on_the_screen_is_kept() {
    let world = World::new();
    let disk = world.blank();
    let mut machine = world.medium(&disk, &["-serial", "none"]);
    let mut person = Monitor::new(world.place()).unwrap();
    for (screen, keys) in SCREENS {
        person.shows(screen, LIMIT).unwrap();
        person.types(keys).unwrap();
    }
    person.shows("ctl-1 is installed", LIMIT).unwrap();
    person.types("\r").unwrap();
    machine.ended(LIMIT).unwrap();
    world.keeps(&disk, "10.77.0.44/24", 2);
}

/// A machine with a wrong address gets another one at its serial line, and keeps it.
#[test]
fn an_address_is_changed_at_the_console_of_an_installed_machine() {
    let world = World::new();
    let disk = world.installed(WRONG);
    let setup = Setup { restarts: true, ..world.machine(&disk, "", &[]) };
    let mut machine = setup.start().unwrap();
    machine.line(LISTENS, LIMIT).unwrap();
    assert_eq!(machine.event("network.up", LIMIT).unwrap()["addresses"][0], "10.1.1.9/24");
    machine.event("boot.healthy", LIMIT).unwrap();

    // A bad answer is refused, and who goes away has changed nothing.
    machine.types("network\r").unwrap();
    machine.line(ASKS, LIMIT).unwrap();
    machine.types("\r10.77.0.300/24\r").unwrap();
    machine.line("`10.77.0.300/24` is no address with the length of its network", LIMIT).unwrap();
    machine.types("10.77.0.44/24\r\u{1b}").unwrap();
    machine.line("All is as it was.", LIMIT).unwrap();
    let mut person = Monitor::new(world.place()).unwrap();
    person.presses(&["ctrl", "alt", "delete"]).unwrap();
    assert_eq!(machine.event("ready", LIMIT).unwrap()["generation"], 1);
    machine.line(LISTENS, LIMIT).unwrap();
    assert_eq!(machine.event("network.up", LIMIT).unwrap()["addresses"][0], "10.1.1.9/24");

    machine.types("network\r").unwrap();
    machine.line(ASKS, LIMIT).unwrap();
    machine.types("\r10.77.0.44/24\r10.77.0.1\r\r\r").unwrap();
    machine.line("now    10.1.1.9/24", LIMIT).unwrap();
    machine.line("after  10.77.0.44/24", LIMIT).unwrap();
    machine.types("yes\r").unwrap();
    assert_eq!(machine.event("config.proposed", LIMIT).unwrap()["generation"], 2);
    assert_eq!(machine.event("config.trial", LIMIT).unwrap()["generation"], 2);
    assert_eq!(machine.event("network.up", LIMIT).unwrap()["addresses"][0], "10.77.0.44/24");
    assert_eq!(machine.event("config.blessed", LIMIT).unwrap()["generation"], 2);
    drop(person);
    machine.cut();
    world.keeps(&disk, "10.77.0.44/24", 1);
}

/// The same questions on the screen.
#[test]
#[ignore = "takes minutes; cargo xtask test --full"]
fn the_screen_of_an_installed_machine_hears_words_too() {
    let world = World::new();
    let disk = world.installed(WRONG);
    let mut machine = world.machine(&disk, "", &[]).start().unwrap();
    machine.line(LISTENS, LIMIT).unwrap();
    let mut person = Monitor::new(world.place()).unwrap();
    person.types("network\r").unwrap();
    person.shows(ASKS, LIMIT).unwrap();
    person.types("\rdhcp\r\r\r").unwrap();
    person.shows("after  dhcp", LIMIT).unwrap();
    person.types("yes\r").unwrap();
    assert_eq!(machine.event("config.proposed", LIMIT).unwrap()["by"], "console");
    machine.ended(LIMIT).unwrap();
}
