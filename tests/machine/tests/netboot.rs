//! Machines that start from the network: they fetch what was signed from a server of the site, and nothing else.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_machine::{
    FileServer, Firmware, Images, Machine, Setup, Site, configuration_volume, images, netboot_kernel,
};
use holdfast_release::ROOT;
use tempfile::TempDir;

/// Software emulation beside other tests; a machine alone takes a twentieth.
const LIMIT: Duration = Duration::from_secs(300);
const DISK_BYTES: u64 = 1536 << 20;
/// Its own ROM is left out: the firmware boots from the network by itself.
const CARD: &str = "virtio-net-pci,netdev=net,romfile=";

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

    fn site(&self) -> Site {
        Site { directory: self.images.dir().to_owned(), ..Site::default() }
    }

    /// A machine that is past its firmware, with these words on its command line and this answer to what is to be booted.
    fn direct(&self, more: &str, file: &str, megabytes: u32) -> Machine {
        let cmdline = fs::read_to_string(self.images.path("netboot.cmdline")).unwrap();
        let firmware = Firmware::Direct {
            kernel: self.images.path("vmlinuz"),
            initrd: self.images.path("netboot.zst"),
            cmdline: format!("{cmdline} {more}"),
        };
        let network = format!("user,id=net,bootfile={file}");
        let more = ["-netdev", &network, "-device", CARD].map(str::to_owned).into();
        Setup { megabytes, more, ..Setup::new(firmware) }.start().unwrap()
    }
}

/// The lease says where the kernel came from, the rest lies beside it; the server breaks off once.
#[test]
fn a_machine_fetches_its_system_and_is_ready_to_be_installed() {
    let world = World::new();
    let server = FileServer::start(Site { cut_once: [ROOT.to_owned()].into(), ..world.site() }).unwrap();
    let mut machine = world.direct("", &server.address("netboot.efi"), 1024);
    machine.line("root.erofs`: the answer ended after", LIMIT).unwrap();
    for tenth in ["70 %", "100 %"] {
        machine.line(tenth, LIMIT).unwrap();
    }
    let fetched = machine.event("netboot.fetched", LIMIT).unwrap();
    assert_eq!(fetched["from"], server.address("netboot.efi"));
    assert_eq!(machine.event("root.proved", LIMIT).unwrap()["medium"], fetched["from"]);
    machine.event("ready", LIMIT).unwrap();
    machine.shows("- Hardware", LIMIT).unwrap();
    println!("from the network to the installer: {:.1} CPU-s", machine.cpu_seconds().unwrap());
}

#[test]
fn a_root_that_was_not_signed_is_refused() {
    let world = World::new();
    let mut root = fs::read(world.images.path(ROOT)).unwrap();
    let middle = root.len() / 2;
    root[middle] ^= 1;
    let changed = [(ROOT.to_owned(), root)].into();
    let server = FileServer::start(Site { changed, ..world.site() }).unwrap();
    let mut machine = world.direct(&format!("holdfast.root={}", server.address("")), "", 1024);
    let refused = machine.event("netboot.refused", LIMIT).unwrap();
    assert_eq!(refused["reason"], "changed");
    let why = refused["why"].as_str().unwrap();
    assert!(why.contains(&format!("`{}` is not what was signed", server.address(ROOT))), "{why}");
    machine.ended(LIMIT).unwrap();
    assert!(machine.event("root.proved", LIMIT).is_err());
}

#[test]
fn a_machine_with_too_little_memory_says_how_much_it_takes() {
    let world = World::new();
    let server = FileServer::start(world.site()).unwrap();
    let mut machine = world.direct(&format!("holdfast.root={}", server.address("")), "", 256);
    let refused = machine.event("netboot.refused", LIMIT).unwrap();
    assert_eq!(refused["reason"], "memory");
    let why = refused["why"].as_str().unwrap();
    assert!(why.contains("256 MiB are left to the system"), "{why}");
    machine.ended(LIMIT).unwrap();
}

/// From the firmware, which fetches the kernel by TFTP, to the machine that starts from its own disk.
#[test]
#[ignore = "takes minutes; cargo xtask test --full"]
fn a_machine_is_installed_from_the_network_alone_and_starts_from_its_disk() {
    let world = World::new();
    let server = FileServer::start(world.site()).unwrap();
    let files = world.path("tftp");
    fs::create_dir(&files).unwrap();
    fs::write(files.join("netboot.efi"), netboot_kernel(&world.images, &server.address("")).unwrap())
        .unwrap();
    let (variables, disk) = (world.path("variables.fd"), world.path("disk"));
    fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &variables).unwrap();
    File::create(&disk).unwrap().set_len(DISK_BYTES).unwrap();
    let volume = configuration_volume(
        Utf8Path::from_path(world.temp.path()).unwrap(),
        "apiVersion = \"holdfast/v1\"\nkind = \"Machine\"\n\n[metadata]\nname = \"ctl-1\"\n\n[spec]\n\
         role = \"controller\"\nfirst = true\n\n[spec.install]\ndisk = { serial = \"disk0\" }\n\n\
         [spec.time]\nallowUnsynced = true\n\n[spec.cluster]\nname = \"prod\"\njurisdiction = \"DE\"\n",
    );
    let network = format!("user,id=net,tftp={files},bootfile=netboot.efi");
    let setup = Setup {
        disks: vec![disk],
        discs: vec![volume.unwrap()],
        megabytes: 1024,
        restarts: true,
        more: ["-netdev", &network, "-device", CARD].map(str::to_owned).into(),
        ..Setup::new(Firmware::Uefi { variables, secure: false })
    };
    let mut machine = setup.start().unwrap();
    machine.event("netboot.fetched", LIMIT).unwrap();
    let fetched = machine.cpu_seconds().unwrap();
    assert_eq!(machine.event("install.planned", LIMIT).unwrap()["machine"], "ctl-1");
    assert_eq!(machine.event("install.written", LIMIT).unwrap()["again"], 0);
    machine.line("the firmware boots it first", LIMIT).unwrap();
    machine.event("install.done", LIMIT).unwrap();
    assert_eq!(machine.event("root.proved", LIMIT).unwrap()["slot"], "A");
    machine.event("ready", LIMIT).unwrap();
    let ready = machine.cpu_seconds().unwrap();
    println!("fetched after {fetched:.1} CPU-s, installed and started from its disk after {ready:.1}");
}
