//! A disk whose sectors have 4,096 bytes, as servers have them: the firmware, the loader, the kernel and the tools of others read
//! what the installer wrote to it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::process::Command;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_machine::{Firmware, Setup, Tpm, configuration_volume, images};
use holdfast_release::{Layout, Profile, Role};

/// Software emulation beside other tests; a machine alone takes a twentieth.
const LIMIT: Duration = Duration::from_secs(400);
const SECTOR: u32 = 4096;
const DISK_BYTES: u64 = 2 << 30;
const MACHINE: &str = r#"apiVersion = "holdfast/v1"
kind = "Machine"
metadata = { name = "ctl-1" }
[spec]
role = "controller"
first = true
install = { disk = { serial = "disk0" }, encryption = "tpm", after = "powerOff" }
time = { allowUnsynced = true }
cluster = { name = "prod", jurisdiction = "DE", controllers = ["127.0.0.1:7443"] }
"#;

fn says(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program} {args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Check 12: from the medium to a healthy machine whose volumes its TPM opened, on such a disk.
#[test]
#[ignore = "takes minutes; cargo xtask test --full"]
fn a_disk_with_large_sectors_is_installed_encrypted_and_starts() {
    let (temp, images) = (tempfile::tempdir().unwrap(), images().unwrap());
    let scratch = Utf8Path::from_path(temp.path()).unwrap();
    let (disk, variables) = (scratch.join("disk"), scratch.join("variables.fd"));
    File::create(&disk).unwrap().set_len(DISK_BYTES).unwrap();
    fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &variables).unwrap();
    let discs = vec![images.medium().unwrap(), configuration_volume(scratch, MACHINE).unwrap()];
    let tpm = Tpm::on(&scratch.join("tpm")).unwrap();
    let setup = Setup {
        disks: vec![disk.clone()],
        sector: SECTOR,
        discs,
        megabytes: 1024,
        restarts: true,
        tpm: Some(tpm.socket()),
        ..Setup::new(Firmware::Uefi { variables, secure: false })
    };
    let mut machine = setup.start().unwrap();
    let taken = machine.event("install.confirmed", LIMIT).unwrap();
    assert!(taken["disk"].as_str().unwrap().contains("sectors of 4096"), "{taken}");
    machine.event("install.done", LIMIT).unwrap();
    let installed = machine.cpu_seconds().unwrap();
    machine.ended(LIMIT).unwrap();
    drop((machine, tpm));
    judged(scratch, &disk);

    let tpm = Tpm::on(&scratch.join("tpm")).unwrap();
    let setup = Setup { discs: Vec::new(), tpm: Some(tpm.socket()), ..setup };
    let mut machine = setup.start().unwrap();
    assert_eq!(machine.event("root.proved", LIMIT).unwrap()["slot"], "A");
    assert_eq!(machine.event("state.unlocked", LIMIT).unwrap()["by"], "tpm");
    assert_eq!(machine.event("boot.healthy", LIMIT).unwrap()["slot"], "A");
    let healthy = machine.cpu_seconds().unwrap();
    println!("sectors of {SECTOR}: installed in {installed:.1} CPU-s, healthy from its disk in {healthy:.1}");
}

/// The tools of others find nothing to complain of.
fn judged(scratch: &Utf8Path, disk: &Utf8Path) {
    let layout = Layout::plan(Profile::Small, DISK_BYTES, SECTOR).unwrap();
    let part = |role: Role| -> Utf8PathBuf {
        let (part, path) = (layout.part(role).unwrap(), scratch.join(role.label()));
        let mut bytes = vec![0; usize::try_from(part.bytes).unwrap()];
        File::open(disk).unwrap().read_exact_at(&mut bytes, part.at).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    };
    let esp = says("fsck.vfat", &["-n", "-v", part(Role::Esp).as_str()]);
    assert!(esp.contains("4096 bytes per logical sector"), "{esp}");
    for role in [Role::State, Role::Raft] {
        let luks = says("cryptsetup", &["luksDump", part(role).as_str()]);
        assert!(luks.contains("sector: 4096 [bytes]"), "{luks}");
    }
    // sgdisk takes the size of sectors from the device alone.
    let attached = Command::new("losetup").args(["-b", "4096", "-r", "-f", "--show", disk.as_str()]).output();
    let device = attached.ok().filter(|done| done.status.success()).map(|done| done.stdout);
    let Some(device) = device else {
        println!("this host gives no loop device with sectors of {SECTOR}: sgdisk did not judge the table");
        return;
    };
    let device = String::from_utf8(device).unwrap();
    let table = Command::new("sgdisk").args(["-v", device.trim()]).output().unwrap();
    says("losetup", &["-d", device.trim()]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.contains("No problems found"), "{table}");
}
