//! Installations by the medium on machines: as a volume says, not at all where it is not clear, and again after the power went.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::io::Read as _;
use std::net::Ipv4Addr;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_machine::{
    Firmware, Images, Machine, Sent, Setup, Switch, captured, configuration_volume, images, sent,
};
use holdfast_release::Digest;
use tempfile::TempDir;

/// Software emulation beside other tests; a machine alone takes a twentieth.
const LIMIT: Duration = Duration::from_secs(300);
/// How slow a disc may be, in bytes a second, and how long the whole of it may take.
const SLOW: u32 = 500_000;
const SLOW_LIMIT: Duration = Duration::from_secs(900);
const DISK_BYTES: u64 = 1536 << 20;

struct World {
    temp: TempDir,
    images: Images,
}

impl World {
    fn new() -> Self {
        Self { temp: tempfile::tempdir().unwrap(), images: images().unwrap() }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.temp.path()).unwrap().join(name)
    }

    fn disk(&self, name: &str) -> Utf8PathBuf {
        let path = self.path(name);
        File::create(&path).unwrap().set_len(DISK_BYTES).unwrap();
        path
    }

    /// A volume with the configuration of a controller that is installed so.
    fn volume(&self, install: &str) -> Utf8PathBuf {
        let text = format!(
            "apiVersion = \"holdfast/v1\"\nkind = \"Machine\"\n\n[metadata]\nname = \"ctl-1\"\n\n[spec]\n\
             role = \"controller\"\nfirst = true\n\n[spec.install]\n{install}\n\n\
             [spec.time]\nallowUnsynced = true\n\n\
             [spec.cluster]\nname = \"prod\"\njurisdiction = \"DE\"\n"
        );
        configuration_volume(Utf8Path::from_path(self.temp.path()).unwrap(), &text).unwrap()
    }

    /// A machine with the medium, a volume and these disks, started without firmware: its part is tested once.
    fn machine(&self, volume: &Utf8Path, disks: &[Utf8PathBuf]) -> Machine {
        self.with_discs(vec![self.images.medium().unwrap(), volume.to_owned()], disks)
    }

    fn with_discs(&self, discs: Vec<Utf8PathBuf>, disks: &[Utf8PathBuf]) -> Machine {
        let setup = self.direct("holdfast.mode=install");
        Setup { disks: disks.to_vec(), discs, megabytes: 1024, ..setup }.start().unwrap()
    }

    /// A machine without firmware, whose command line has `more`.
    fn direct(&self, more: &str) -> Setup {
        Setup::new(self.images.direct(more).unwrap())
    }
}

fn digest(path: &Utf8Path) -> Digest {
    let (mut file, mut all) = (File::open(path).unwrap(), Vec::new());
    let (mut buffer, zeros) = (vec![0; 4 << 20], vec![0; 4 << 20]);
    loop {
        let count = file.read(&mut buffer).unwrap();
        if count == 0 {
            return Digest::of(&all);
        }
        // Most of the disk is a hole.
        let digest = if buffer[..count] == zeros[..count] { [0; 32] } else { Digest::of(&buffer[..count]).0 };
        all.extend(digest);
    }
}

/// Check 42: who is installed with a network asks it for an address, and then nobody for anything, although the network offers
/// a way to everywhere and somebody who knows names.
#[test]
fn an_installation_on_a_network_asks_for_an_address_and_for_nothing_else() {
    let (world, switch) = (World::new(), Switch::new().unwrap());
    let disk = world.disk("disk");
    let volume = world.volume("disk = { serial = \"disk0\" }\nafter = \"powerOff\"");
    let (card, capture) = (Switch::card(31), world.path("capture"));
    // The network that QEMU plays, in a namespace in which it reaches nobody.
    let device = format!("virtio-net-pci,netdev=net,mac={card}");
    let mut more = ["-netdev", "user,id=net", "-device", &device].map(str::to_owned).to_vec();
    more.extend(captured(&capture));
    let discs = vec![world.images.medium().unwrap(), volume];
    let (within, megabytes) = (Some(switch.namespace().to_owned()), 1024);
    let setup = world.direct("holdfast.mode=install");
    let setup = Setup { disks: vec![disk], discs, megabytes, more, within, ..setup };
    let mut machine = setup.start().unwrap();
    assert_eq!(machine.event("network.up", LIMIT).unwrap()["addresses"][0], "10.0.2.15/24");
    machine.event("install.done", LIMIT).unwrap();
    machine.ended(LIMIT).unwrap();
    let all = sent(&capture, &card).unwrap();
    let asked = Sent::Packet { to: Ipv4Addr::BROADCAST.into(), protocol: 17, port: 67 };
    assert!(all.contains(&asked), "nothing was written down: {all:?}");
    let strangers: Vec<&Sent> = all.iter().filter(|one| !one.stays([10, 0, 2, 0].into())).collect();
    assert!(strangers.is_empty(), "{strangers:?}");
}

/// Check 14: a machine that has a screen and no serial line is installed, and starts from its disk.
#[test]
#[ignore = "takes minutes; cargo xtask test --full"]
fn a_machine_without_a_serial_line_is_installed() {
    let world = World::new();
    let disk = world.disk("disk");
    let volume = world.volume("disk = { serial = \"disk0\" }\nafter = \"powerOff\"");
    let discs = vec![world.images.medium().unwrap(), volume];
    let more = ["-serial", "none"].map(str::to_owned).to_vec();
    let setup = Setup {
        disks: vec![disk.clone()],
        discs,
        megabytes: 1024,
        more,
        ..world.direct("holdfast.mode=install")
    };
    setup.start().unwrap().ended(LIMIT).unwrap();
    assert!(has_table(&disk));
    let mut machine = Setup { disks: vec![disk], ..world.direct("") }.start().unwrap();
    machine.event("ready", LIMIT).unwrap();
}

/// Check 13: a disc behind a slow line, as a server's controller lends one, takes its time and is no failure.
#[test]
#[ignore = "takes minutes; cargo xtask test --full"]
fn a_medium_that_is_slow_installs_all_the_same() {
    let world = World::new();
    let disk = world.disk("disk");
    let volume = world.volume("disk = { serial = \"disk0\" }\nafter = \"powerOff\"");
    let variables = world.path("variables.fd");
    fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &variables).unwrap();
    let medium = world.images.medium().unwrap();
    let drive = format!(
        "file={medium},format=raw,if=none,media=cdrom,readonly=on,id=slow,throttling.bps-read={SLOW}"
    );
    let more = ["-drive", &drive, "-device", "scsi-cd,bus=scsi.0,drive=slow,bootindex=0"]
        .map(str::to_owned)
        .to_vec();
    let setup = Setup {
        disks: vec![disk.clone()],
        discs: vec![volume],
        megabytes: 1024,
        more,
        ..Setup::new(Firmware::Uefi { variables, secure: false })
    };
    let (began, mut machine) = (Instant::now(), setup.start().unwrap());
    machine.line("holdfast.mode=install", SLOW_LIMIT).unwrap();
    machine.event("ready", SLOW_LIMIT).unwrap();
    let ready = began.elapsed().as_secs();
    machine.event("install.done", SLOW_LIMIT).unwrap();
    machine.ended(LIMIT).unwrap();
    println!(
        "at {SLOW} bytes a second: ready after {ready} s, installed after {} s",
        began.elapsed().as_secs()
    );
    assert!(has_table(&disk));
}

fn has_table(disk: &Utf8Path) -> bool {
    let mut header = [0; 8];
    File::open(disk).unwrap().read_exact_at(&mut header, 512).unwrap();
    &header == b"EFI PART"
}

/// From the firmware to the machine that starts from its own disk, with nothing but the medium and a volume.
#[test]
fn a_machine_is_installed_as_its_volume_says_and_starts_from_its_disk() {
    let world = World::new();
    let (disk, volume) = (world.disk("disk"), world.volume("disk = { serial = \"disk0\" }"));
    let variables = world.path("variables.fd");
    fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &variables).unwrap();
    let firmware = Firmware::Uefi { variables, secure: true };
    let discs = vec![world.images.medium().unwrap(), volume];
    let setup = Setup { disks: vec![disk], discs, megabytes: 1024, restarts: true, ..Setup::new(firmware) };
    let mut machine = setup.start().unwrap();
    assert_eq!(machine.event("install.detected", LIMIT).unwrap()["installed"], 0);
    assert_eq!(machine.event("install.planned", LIMIT).unwrap()["machine"], "ctl-1");
    assert!(
        machine.event("install.confirmed", LIMIT).unwrap()["disk"].as_str().unwrap().contains("serial disk0")
    );
    assert_eq!(machine.event("install.written", LIMIT).unwrap()["again"], 0);
    machine.line("the firmware boots it first", LIMIT).unwrap();
    machine.event("install.done", LIMIT).unwrap();
    let installed = machine.cpu_seconds().unwrap();
    assert_eq!(machine.event("root.proved", LIMIT).unwrap()["slot"], "A");
    machine.event("ready", LIMIT).unwrap();
    let ready = machine.cpu_seconds().unwrap();
    println!("installed after {installed:.1} CPU-s, started from its disk after {ready:.1}");
}

#[test]
fn two_disks_that_fit_are_listed_and_stay_as_they_are() {
    let world = World::new();
    let disks = [world.disk("one"), world.disk("two")];
    let volume = world.volume("disk = { minBytes = 1000 }");
    let before = disks.each_ref().map(|disk| digest(disk));
    let mut machine = world.machine(&volume, &disks);
    assert_eq!(machine.event("install.refused", LIMIT).unwrap()["reason"], "many-disks");
    for serial in ["serial disk0", "serial disk1"] {
        let candidate = machine.event("install.candidate", LIMIT).unwrap();
        assert!(candidate["disk"].as_str().unwrap().contains(serial), "{candidate}");
    }
    machine.cut();
    assert_eq!(disks.each_ref().map(|disk| digest(disk)), before);
}

/// The medium starts itself although a disk has an installation, says so, and leaves it alone without a word for it.
#[test]
fn an_installation_is_seen_by_the_medium_and_left_alone() {
    let world = World::new();
    let (disk, volume) =
        (world.disk("disk"), world.volume("disk = { serial = \"disk0\" }\nafter = \"powerOff\""));
    let mut machine = world.machine(&volume, std::slice::from_ref(&disk));
    machine.event("install.done", LIMIT).unwrap();
    machine.ended(LIMIT).unwrap();
    let before = digest(&disk);
    let mut machine = world.machine(&volume, std::slice::from_ref(&disk));
    machine.line("an installation is there already", LIMIT).unwrap();
    assert_eq!(machine.event("install.detected", LIMIT).unwrap()["installed"], 1);
    let refused = machine.event("install.refused", LIMIT).unwrap();
    assert_eq!(refused["reason"], "disk-in-use");
    assert!(refused["why"].as_str().unwrap().contains("wipe = \"confirm:disk0\""), "{refused}");
    machine.cut();
    assert_eq!(digest(&disk), before);
}

/// The power goes while it is written: there is no table yet, and the next start of the medium ends it without anybody's word.
#[test]
fn an_installation_that_lost_its_power_goes_on_by_itself() {
    let world = World::new();
    let (disk, volume) =
        (world.disk("disk"), world.volume("disk = { serial = \"disk0\" }\nafter = \"powerOff\""));
    for cut_at in ["\"install.confirmed\"", " MiB of ", " MiB of "] {
        let mut machine = world.machine(&volume, std::slice::from_ref(&disk));
        machine.line(cut_at, LIMIT).unwrap();
        machine.cut();
        assert!(!has_table(&disk), "cut at {cut_at}");
    }
    let mut machine = world.machine(&volume, std::slice::from_ref(&disk));
    machine.line("a half-made installation", LIMIT).unwrap();
    machine.event("install.done", LIMIT).unwrap();
    machine.ended(LIMIT).unwrap();
    let mut machine = Setup { disks: vec![disk], ..world.direct("") }.start().unwrap();
    machine.event("ready", LIMIT).unwrap();
}

/// Answers every question of the screens but the last one.
fn answered(machine: &mut Machine) {
    machine.shows("- Hardware", LIMIT).unwrap();
    machine.types("\r").unwrap();
    for step in ["- Role", "- Disk"] {
        machine.shows(step, LIMIT).unwrap();
        machine.types("\r").unwrap();
    }
    machine.shows("- Network", LIMIT).unwrap();
    // Every card by DHCP: five lines that stay empty.
    machine.types("\r\r\r\r\r").unwrap();
    machine.shows("- Cluster", LIMIT).unwrap();
    machine.types("ctl-1\rprod\rDE\r").unwrap();
    machine.shows("Type its serial number", LIMIT).unwrap();
}

/// Without a volume somebody is asked on the serial line, has to type which disk goes, loses the power meanwhile, and does it again.
#[test]
fn somebody_installs_on_a_serial_line_and_again_after_the_power_went() {
    let world = World::new();
    let disk = world.disk("disk");
    let start = || world.with_discs(vec![world.images.medium().unwrap()], std::slice::from_ref(&disk));
    let mut machine = start();
    answered(&mut machine);
    machine.types("disk9\r").unwrap();
    machine.shows("`disk9` is not the serial number", LIMIT).unwrap();
    machine.types("disk0\r").unwrap();
    machine.shows("- Writing", LIMIT).unwrap();
    machine.cut();
    assert!(!has_table(&disk));

    let mut machine = start();
    answered(&mut machine);
    machine.types("disk0\r").unwrap();
    machine.shows("ctl-1 is installed", LIMIT).unwrap();
    assert!(has_table(&disk));
    machine.types("\r").unwrap();
    machine.ended(LIMIT).unwrap();
}
