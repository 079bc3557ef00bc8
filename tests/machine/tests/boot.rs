//! A built image on a machine: it boots to its proved root, counts its attempts, and refuses what was changed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_image::{Parts, SigningKey, assemble, init, program};
use holdfast_machine::{Firmware, Images, Machine, Setup, images, rewrite_esp};
use tempfile::TempDir;

/// Software emulation beside other tests; a machine alone takes a twentieth.
const LIMIT: Duration = Duration::from_secs(300);
const MIB: u64 = 1 << 20;
/// Where the root of slot A lies: behind the table, the loader's partition and META.
const ROOT_A: u64 = (1 + 128 + 2) * MIB;
/// The loader and the stub as Debian has them, which no site signed.
const LOADER: &str = "/usr/lib/systemd/boot/efi/systemd-bootx64.efi";
const STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";

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

    /// A copy of the disk image.
    fn disk(&self, name: &str) -> Utf8PathBuf {
        let path = self.path(name);
        self.images.copy_disk(&path).unwrap();
        path
    }

    fn direct(&self, disk: &Utf8Path, more: &str) -> Machine {
        let firmware = self.images.direct(more).unwrap();
        Setup { disks: vec![disk.to_owned()], ..Setup::new(firmware) }.start().unwrap()
    }

    fn uefi(&self, disk: &Utf8Path, secure: bool, variables: &Utf8Path) -> Machine {
        let firmware = Firmware::Uefi { variables: variables.to_owned(), secure };
        let setup = Setup { megabytes: 1024, restarts: true, ..Setup::new(firmware) };
        Setup { disks: vec![disk.to_owned()], ..setup }.start().unwrap()
    }

    /// The kernel image of the release once more, without a signature.
    fn unsigned(&self) -> Vec<u8> {
        let read = |name: &str| fs::read(self.images.path(name)).unwrap();
        let (kernel, initrd, stub) = (read("vmlinuz"), read("initrd.zst"), fs::read(STUB).unwrap());
        let cmdline = fs::read_to_string(self.images.path("cmdline")).unwrap();
        let os_release = "ID=holdfast\nVERSION_ID=1\n";
        let (kernel, initrd, stub) = (&kernel[..], &initrd[..], &stub[..]);
        assemble(&Parts { stub, os_release, cmdline: &cmdline, kernel, initrd, signatures: None }).unwrap()
    }

    fn variables(&self) -> Utf8PathBuf {
        let path = self.path("variables.fd");
        fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &path).unwrap();
        path
    }
}

#[test]
#[ignore = "takes minutes; cargo xtask test --full"]
fn a_slot_that_never_gets_healthy_is_left() {
    let world = World::new();
    let disk = world.disk("disk");
    for attempt in 1..=3 {
        let mut machine = world.direct(&disk, "");
        machine.line(&format!("slot A, attempt {attempt} of 3"), LIMIT).unwrap();
        assert_eq!(machine.event("root.proved", LIMIT).unwrap()["slot"], "A");
        machine.event("ready", LIMIT).unwrap();
        machine.cut();
    }
    let mut machine = world.direct(&disk, "");
    let why = machine.event("boot.failed", LIMIT).unwrap();
    assert_eq!(why["why"], "neither slot works");
    machine.ended(LIMIT).unwrap();
}

#[test]
fn a_root_that_was_changed_is_never_served() {
    let world = World::new();
    let disk = world.disk("disk");
    // The superblock of the root: the first thing that is read of it.
    let file = File::options().write(true).read(true).open(&disk).unwrap();
    let mut block = [0; 1];
    file.read_exact_at(&mut block, ROOT_A + 1024 + 40).unwrap();
    file.write_all_at(&[block[0] ^ 1], ROOT_A + 1024 + 40).unwrap();
    let mut machine = world.direct(&disk, "");
    machine.line("data block 0 is corrupted", LIMIT).unwrap();
    machine.ended(LIMIT).unwrap();
}

/// Check 23: the first boot enrols the site's keys; from then on only what they signed is booted, and the kernel locks itself down.
#[test]
fn firmware_with_the_keys_of_the_site_boots_nothing_else() {
    let world = World::new();
    let (disk, variables) = (world.disk("disk"), world.variables());
    let mut machine = world.uefi(&disk, true, &variables);
    machine.line("Kernel is locked down from EFI Secure Boot", LIMIT).unwrap();
    machine.line("key of programs and modules", LIMIT).unwrap();
    assert_eq!(machine.event("machine.hardened", LIMIT).unwrap()["lockdown"], "integrity");
    machine.event("ready", LIMIT).unwrap();
    println!("firmware, enrolment and a second start to ready: {:.1} CPU-s", machine.cpu_seconds().unwrap());
    machine.cut();

    let read = |path: &Utf8Path| fs::read(path).unwrap();
    let (loader, kernel) = (read(&world.images.path("loader.efi")), read(&world.images.path("holdfast.efi")));
    let mut flipped = kernel.clone();
    flipped[kernel.len() / 2] ^= 1;
    let keys = world.path("keys");
    init(&keys, "Another").unwrap();
    let unsigned = world.unsigned();
    let foreign = program(unsigned.clone(), &SigningKey::load(&keys, "db").unwrap()).unwrap();
    let nobodys = read(Utf8Path::new(LOADER));
    for (what, loader, kernel, by) in [
        ("a loader that nobody signed", &nobodys, &kernel, "BdsDxe: failed to load"),
        ("a kernel with another byte", &loader, &flipped, "holdfast.efi"),
        ("a kernel that nobody signed", &loader, &unsigned, "holdfast.efi"),
        ("a kernel that another site signed", &loader, &foreign, "holdfast.efi"),
    ] {
        let files: [(&str, &[u8]); 3] = [
            ("EFI/BOOT/BOOTX64.EFI", loader),
            ("EFI/Linux/holdfast.efi", kernel),
            ("loader/loader.conf", b"timeout 0\n"),
        ];
        rewrite_esp(&disk, &files).unwrap();
        let mut machine = world.uefi(&disk, true, &variables);
        let line = machine.line("Access Denied", LIMIT).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(line.contains(by), "{what}: {line}");
    }
}

/// The medium as a disc and as a stick: the firmware finds the kernel that installs on both.
#[test]
fn the_medium_starts_as_a_disc_and_as_a_stick() {
    let world = World::new();
    let medium = world.images.medium().unwrap();
    for stick in [false, true] {
        let firmware = Firmware::Uefi { variables: world.variables(), secure: false };
        let mut setup = Setup { megabytes: 1024, restarts: true, ..Setup::new(firmware) };
        if stick {
            let copy = world.path("stick");
            fs::copy(&medium, &copy).unwrap();
            setup.disks.push(copy);
        } else {
            setup.discs.push(medium.clone());
        }
        let mut machine = setup.start().unwrap();
        machine.line("holdfast.mode=install", LIMIT).unwrap();
        machine.line("holdfast: ", LIMIT).unwrap();
        let spent = machine.cpu_seconds().unwrap();
        println!("medium to the first archive, as a stick: {stick}: {spent:.1} CPU-s");
        machine.cut();
    }
}
