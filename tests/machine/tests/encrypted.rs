//! A machine whose configuration and keys are encrypted: its TPM opens them for what its site signed, and nothing else does but the
//! recovery key.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_machine::{
    Firmware, Images, Machine, Setup, Tpm, configuration_volume, holds, images, rewrite_esp,
};
use holdfast_release::{Layout, MANIFEST, Profile, Role};
use tempfile::TempDir;

/// Software emulation beside other tests; a machine alone takes a twentieth.
const LIMIT: Duration = Duration::from_secs(400);
const DISK_BYTES: u64 = 1536 << 20;
/// A word of the configuration.
const MARK: &str = "nobody-reads-this.example";

struct World {
    temp: TempDir,
    images: Images,
}

/// A machine and the TPM in it.
struct Running {
    machine: Machine,
    _tpm: Tpm,
}

impl World {
    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.temp.path()).unwrap().join(name)
    }

    fn volume(&self) -> Utf8PathBuf {
        let text = format!(
            "apiVersion = \"holdfast/v1\"\nkind = \"Machine\"\nmetadata.name = \"ctl-1\"\n\n[spec]\n\
             role = \"controller\"\nfirst = true\n\n[spec.install]\ndisk = {{ serial = \"disk0\" }}\n\
             after = \"powerOff\"\n\n[spec.time]\nallowUnsynced = true\nservers = [\"{MARK}\"]\n\n\
             [spec.cluster]\nname = \"prod\"\njurisdiction = \"de\"\n"
        );
        configuration_volume(Utf8Path::from_path(self.temp.path()).unwrap(), &text).unwrap()
    }

    /// Starts a kernel without firmware, so that nothing is measured and no signature comes along.
    fn direct(&self, tpm: &str, more: &str, discs: Vec<Utf8PathBuf>) -> Running {
        let cmdline = fs::read_to_string(self.images.path("cmdline")).unwrap();
        let firmware = Firmware::Direct {
            kernel: self.images.path("vmlinuz"),
            initrd: self.images.path("initrd.zst"),
            cmdline: format!("{cmdline} {more}"),
        };
        self.start(tpm, Setup { discs, ..Setup::new(firmware) })
    }

    /// Starts what is on the disk.
    fn uefi(&self, tpm: &str) -> Running {
        let variables = self.path("variables.fd");
        fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &variables).unwrap();
        self.start(tpm, Setup::new(Firmware::Uefi { variables, secure: false }))
    }

    fn start(&self, tpm: &str, setup: Setup) -> Running {
        let tpm = Tpm::on(&self.path(tpm)).unwrap();
        let disks = vec![self.path("disk")];
        let machine = Setup { disks, megabytes: 1024, tpm: Some(tpm.socket()), ..setup }.start().unwrap();
        Running { machine, _tpm: tpm }
    }
}

impl Running {
    fn event(&mut self, name: &str) -> serde_json::Value {
        self.machine.event(name, LIMIT).unwrap()
    }

    /// It opens by whatever, with both volumes, and reads its configuration.
    fn opened(mut self, by: &str) {
        let unlocked = self.event("state.unlocked");
        assert_eq!((&unlocked["by"], &unlocked["attested"]), (&by.into(), &(by == "tpm").into()));
        assert_eq!(unlocked["volumes"], serde_json::json!(["STATE", "RAFT"]));
        assert_eq!(self.event("ready")["generation"], 1);
        println!("opened by {by}: {:.1} CPU-s", self.machine.cpu_seconds().unwrap());
    }
}

#[test]
fn what_a_machine_keeps_opens_for_what_its_site_signed_and_for_its_recovery_key() {
    let world = World { temp: tempfile::tempdir().unwrap(), images: images().unwrap() };
    let disk = world.path("disk");
    File::create(&disk).unwrap().set_len(DISK_BYTES).unwrap();

    let discs = vec![world.images.medium().unwrap(), world.volume()];
    let mut machine = world.direct("own", "holdfast.mode=install", discs);
    let key = machine.event("install.recovery-key")["key"].as_str().unwrap().to_owned();
    machine.event("install.done");
    machine.machine.ended(LIMIT).unwrap();
    let layout = Layout::plan(Profile::Small, DISK_BYTES, 512).unwrap();
    for role in [Role::State, Role::Raft] {
        let mut head = [0; 6];
        File::open(&disk).unwrap().read_exact_at(&mut head, layout.part(role).unwrap().at).unwrap();
        assert_eq!(&head, b"LUKS\xba\xbe", "{role:?}");
    }
    assert!(holds(&disk, b"ctl-1").unwrap() && !holds(&disk, MARK.as_bytes()).unwrap());

    // The firmware measures what starts, and the TPM opens it without anybody.
    let mut machine = world.uefi("own");
    let measured = machine.event("machine.measured");
    let expected = world.images.manifest(MANIFEST).unwrap().pcr11;
    assert_eq!(measured["pcr11"], expected.to_string());
    machine.opened("tpm");

    // Nothing was measured, and a wrong key is none.
    let mut machine = world.direct("own", "", Vec::new());
    assert!(machine.event("state.locked")["why"].as_str().unwrap().contains("no signature"));
    for (typed, why) in [(key.replace('-', ""), ""), (key[1..].to_owned(), "63 were typed")] {
        let wrong = if why.is_empty() { typed.chars().rev().collect() } else { typed };
        machine.machine.types(&format!("{wrong}\n")).unwrap();
        assert!(machine.event("state.refused")["why"].as_str().unwrap().contains(why));
    }
    machine.machine.types(&format!("{}\n", key.to_uppercase())).unwrap();
    machine.event("state.unsealed");
    machine.machine.types("\n").unwrap();
    machine.opened("recovery-key");

    // In another machine, which is then made its own.
    let mut machine = world.uefi("other");
    assert!(machine.event("state.locked")["why"].as_str().unwrap().contains("not the one"));
    machine.machine.types(&format!("{key}\n")).unwrap();
    machine.event("state.unsealed");
    machine.machine.types("reseal\n").unwrap();
    machine.event("state.resealed");
    machine.opened("recovery-key");
    world.uefi("other").opened("tpm");

    // Another command line than the one that was signed.
    let (loader, mut kernel) = (
        fs::read(world.images.path("loader.efi")).unwrap(),
        fs::read(world.images.path("holdfast.efi")).unwrap(),
    );
    let word = b"loglevel=6 panic=1";
    let at = kernel.windows(word.len()).position(|window| window == word).unwrap();
    kernel[at + 9] = b'7';
    let files: [(&str, &[u8]); 2] = [("EFI/BOOT/BOOTX64.EFI", &loader), ("EFI/Linux/holdfast.efi", &kernel)];
    rewrite_esp(&disk, &files).unwrap();
    let mut machine = world.uefi("other");
    let why = machine.event("state.locked");
    assert!(why["why"].as_str().unwrap().contains("not what was signed"), "{why}");
}
