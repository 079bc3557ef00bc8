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

/// A machine and the TPM in it, where it has one.
struct Running {
    machine: Machine,
    _tpm: Option<Tpm>,
}

impl World {
    fn new() -> Self {
        let world = Self { temp: tempfile::tempdir().unwrap(), images: images().unwrap() };
        File::create(world.path("disk")).unwrap().set_len(DISK_BYTES).unwrap();
        world
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.temp.path()).unwrap().join(name)
    }

    /// Installs with this encryption, and returns the recovery key, which is shown once.
    fn installed(&self, tpm: Option<&str>, encryption: &str) -> String {
        let discs = vec![self.images.medium().unwrap(), self.volume(encryption)];
        let mut machine = self.direct(tpm, "holdfast.mode=install", discs);
        let key = machine.event("install.recovery-key")["key"].as_str().unwrap().to_owned();
        machine.event("install.done");
        machine.machine.ended(LIMIT).unwrap();
        assert!(machine.machine.line(&key, Duration::ZERO).is_err(), "it is shown again");
        let (disk, layout) = (self.path("disk"), Layout::plan(Profile::Small, DISK_BYTES, 512).unwrap());
        for role in [Role::State, Role::Raft] {
            let mut head = [0; 6];
            File::open(&disk).unwrap().read_exact_at(&mut head, layout.part(role).unwrap().at).unwrap();
            assert_eq!(&head, b"LUKS\xba\xbe", "{role:?}");
        }
        assert!(holds(&disk, b"ctl-1").unwrap() && !holds(&disk, MARK.as_bytes()).unwrap());
        key
    }

    fn volume(&self, encryption: &str) -> Utf8PathBuf {
        let text = format!(
            "apiVersion = \"holdfast/v1\"\nkind = \"Machine\"\nmetadata.name = \"ctl-1\"\n\n[spec]\n\
             role = \"controller\"\nfirst = true\n\n[spec.install]\ndisk = {{ serial = \"disk0\" }}\n\
             after = \"powerOff\"\nencryption = \"{encryption}\"\n\n[spec.time]\nallowUnsynced = true\nservers = [\"{MARK}\"]\n\n\
             [spec.cluster]\nname = \"prod\"\njurisdiction = \"de\"\n"
        );
        configuration_volume(Utf8Path::from_path(self.temp.path()).unwrap(), &text).unwrap()
    }

    /// Starts a kernel without firmware, so that nothing is measured and no signature comes along.
    fn direct(&self, tpm: Option<&str>, more: &str, discs: Vec<Utf8PathBuf>) -> Running {
        let firmware = self.images.direct(more).unwrap();
        self.start(tpm, Setup { discs, ..Setup::new(firmware) })
    }

    /// Starts what is on the disk.
    fn uefi(&self, tpm: Option<&str>) -> Running {
        self.start(tpm, Setup::new(Firmware::Uefi { variables: self.variables(), secure: false }))
    }

    /// The same in firmware that can check signatures and has no keys yet.
    fn secure(&self, tpm: Option<&str>) -> Running {
        let firmware = Firmware::Uefi { variables: self.variables(), secure: true };
        self.start(tpm, Setup { restarts: true, ..Setup::new(firmware) })
    }

    fn variables(&self) -> Utf8PathBuf {
        let variables = self.path("variables.fd");
        fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &variables).unwrap();
        variables
    }

    /// Writes the loader's partition anew, with this kernel and more files.
    fn loader(&self, kernel: &[u8], more: &[(&str, Vec<u8>)]) {
        let loader = fs::read(self.images.path("loader.efi")).unwrap();
        let mut files = vec![("EFI/BOOT/BOOTX64.EFI", loader.as_slice()), ("EFI/Linux/holdfast.efi", kernel)];
        files.extend(more.iter().map(|(path, content)| (*path, content.as_slice())));
        rewrite_esp(&self.path("disk"), &files).unwrap();
    }

    fn start(&self, tpm: Option<&str>, setup: Setup) -> Running {
        let tpm = tpm.map(|name| Tpm::on(&self.path(name)).unwrap());
        let (disks, socket) = (vec![self.path("disk")], tpm.as_ref().map(Tpm::socket));
        let machine = Setup { disks, megabytes: 1024, tpm: socket, ..setup }.start().unwrap();
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
        if by != "tpm" {
            self.machine.line("this machine is not attested", LIMIT).unwrap();
        }
        assert_eq!(self.event("ready")["generation"], 1);
        println!("opened by {by}: {:.1} CPU-s", self.machine.cpu_seconds().unwrap());
    }
}

#[test]
fn what_a_machine_keeps_opens_for_what_its_site_signed_and_for_its_recovery_key() {
    let world = World::new();
    let key = world.installed(Some("own"), "auto");

    // The firmware measures what starts, and the TPM opens it without anybody.
    let mut machine = world.uefi(Some("own"));
    let measured = machine.event("machine.measured");
    let expected = world.images.manifest(MANIFEST).unwrap().pcr11;
    assert_eq!(measured["pcr11"], expected.to_string());
    machine.opened("tpm");

    // Check 24: also where the keys of the firmware are others than they were, as after a new list of what is revoked.
    let kernel = fs::read(world.images.path("holdfast.efi")).unwrap();
    let keys = ["PK", "KEK", "db"].map(|name| fs::read(world.images.path(&format!("{name}.auth"))).unwrap());
    let [platform, exchange, programs] = keys;
    let conf = b"timeout 0\nsecure-boot-enroll force\n".to_vec();
    world.loader(
        &kernel,
        &[
            ("loader/loader.conf", conf),
            ("loader/keys/auto/PK.auth", platform),
            ("loader/keys/auto/KEK.auth", exchange),
            ("loader/keys/auto/db.auth", programs),
        ],
    );
    let mut machine = world.secure(Some("own"));
    let others = machine.event("machine.measured");
    assert_eq!(others["pcr11"], measured["pcr11"]);
    assert_ne!(others["pcr7"], measured["pcr7"], "the firmware has the keys that it had");
    machine.opened("tpm");
    // The firmware of other machines is left as it is.
    world.loader(&kernel, &[]);

    // Nothing was measured, and a wrong key is none.
    let mut machine = world.direct(Some("own"), "", Vec::new());
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
    let mut machine = world.uefi(Some("other"));
    assert!(machine.event("state.locked")["why"].as_str().unwrap().contains("not the one"));
    machine.machine.types(&format!("{key}\n")).unwrap();
    machine.event("state.unsealed");
    machine.machine.types("reseal\n").unwrap();
    machine.event("state.resealed");
    machine.opened("recovery-key");
    world.uefi(Some("other")).opened("tpm");

    // Another command line than the one that was signed.
    let mut kernel = kernel;
    let word = b"loglevel=6 panic=1";
    let at = kernel.windows(word.len()).position(|window| window == word).unwrap();
    kernel[at + 9] = b'7';
    world.loader(&kernel, &[]);
    let mut machine = world.uefi(Some("other"));
    let why = machine.event("state.locked");
    assert!(why["why"].as_str().unwrap().contains("not what was signed"), "{why}");
}

#[test]
fn a_machine_without_a_tpm_asks_for_its_recovery_key_at_each_start() {
    let world = World::new();
    let key = world.installed(None, "recoveryKey");
    let wrong: String = key.chars().rev().collect();
    for typed in [vec![wrong, key.clone()], vec![key]] {
        let mut machine = world.uefi(None);
        let why = machine.event("state.locked");
        assert!(why["why"].as_str().unwrap().contains("has no TPM"), "{why}");
        machine.machine.line("Recovery key", LIMIT).unwrap();
        let (right, wrong) = typed.split_last().unwrap();
        for wrong in wrong {
            machine.machine.types(&format!("{wrong}\n")).unwrap();
            let refused = machine.event("state.refused");
            assert!(refused["why"].as_str().unwrap().contains("not the recovery key"), "{refused}");
        }
        machine.machine.types(&format!("{right}\n")).unwrap();
        // Nobody is asked to seal anything, for there is nothing to seal it with.
        machine.opened("recovery-key");
    }
}
