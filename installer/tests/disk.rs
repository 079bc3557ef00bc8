//! Installations onto files that stand for disks, judged by the tools of others: sgdisk, fsck, veritysetup. The process is killed
//! at chance places, and the next one ends what it began.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::process::Command;

use holdfast_disk::{Access, Disk};
use holdfast_installer::brain::{Consent, Holds, Refusal};
use holdfast_installer::hands::{InstallError, look};
use holdfast_release::writer::WriteError;
use holdfast_release::{Layout, Profile, Role};
use world::{DISK_BYTES, World, said, succeeds};

#[test]
fn the_tools_of_others_find_a_whole_installation() {
    let world = World::new();
    let disk = world.disk("disk");
    let written = world.install(&disk, None).unwrap();
    assert_eq!(written.again, 0);
    world.judge(&disk);
    let held = look(&mut Disk::open(&disk, Access::Read).unwrap(), 512);
    assert_eq!(held.line(), "Holdfast 1.2.0 of machine ctl-1 in cluster prod");
    assert_eq!(world.configuration(&disk), world.text);
}

/// What is on the disk now is what the brain refuses to take without a word that names it.
#[test]
fn an_installation_is_taken_over_by_its_serial_alone() {
    let world = World::new();
    let disk = world.disk("disk");
    world.install(&disk, None).unwrap();
    let before = world.digest(&disk);
    let refused = world.confirm(&disk, &Consent::Configured(None)).unwrap_err();
    assert!(matches!(refused, Refusal::Holds { .. }), "{refused}");
    let other = Consent::Configured(Some("confirm:S2".to_owned()));
    assert!(world.confirm(&disk, &other).is_err());
    assert_eq!(world.digest(&disk), before);
    world.install(&disk, Some("confirm:S1")).unwrap();
    world.judge(&disk);
    assert_ne!(world.digest(&disk), before, "it is a new installation with its own numbers");
}

#[test]
fn a_damaged_medium_is_seen_before_a_disk_in_use_is_touched() {
    let world = World::new();
    let disk = world.disk("disk");
    File::options().write(true).open(&disk).unwrap().write_all_at(b"XFSB", 0).unwrap();
    let before = world.digest(&disk);
    let root = world.payload.join("root.erofs");
    let file = File::options().read(true).write(true).open(&root).unwrap();
    let mut byte = [0; 1];
    file.read_exact_at(&mut byte, 5000).unwrap();
    file.write_all_at(&[byte[0] ^ 1], 5000).unwrap();
    let error = world.install(&disk, Some("confirm:S1")).unwrap_err();
    assert!(error.to_string().contains("root.erofs` is damaged"), "{error}");
    assert_eq!(world.digest(&disk), before);
    // A blank disk loses nothing: there the damage is seen while it is written, and the disk gets no table.
    let blank = world.disk("blank");
    let error = world.install(&blank, None).unwrap_err();
    assert!(matches!(error, InstallError::Write(WriteError::Hash { .. })), "{error}");
    let held = look(&mut Disk::open(&blank, Access::Read).unwrap(), 512);
    assert!(matches!(held, Holds::Half(_)), "{held:?}");
}

/// The power goes at any write: the disk has no table, or the whole one and everything that it names.
#[test]
fn no_prefix_of_the_writes_boots_half_of_it() {
    let world = World::new();
    let disk = world.disk("disk");
    world.install(&disk, None).unwrap();
    world.judge(&disk);
    let all = world.writes_of_last();
    for cut in world::places(all, 20) {
        let disk = world.disk(&format!("cut-{cut}"));
        world.install_cut(&disk, cut, None);
        if has_table(&disk) {
            world.judge_content(&disk);
        }
        let held = look(&mut Disk::open(&disk, Access::Read).unwrap(), 512);
        assert!(matches!(held, Holds::Half(_) | Holds::Nothing), "{held:?} after {cut}");
        world.install(&disk, None).unwrap();
        world.judge(&disk);
        std::fs::remove_file(&disk).unwrap();
    }
}

/// A machine gets another configuration and keeps what it stores, wherever the power goes meanwhile.
#[test]
fn what_a_disk_stores_stays_there_where_the_configuration_says_so() {
    let world = World::new();
    let first = world.disk("first");
    world.install(&first, None).unwrap();
    let data = Layout::plan(Profile::Small, DISK_BYTES, 512).unwrap().part(Role::Data).unwrap();
    let stored = b"what takes months to make again";
    let at = data.at + data.bytes / 2;
    File::options().write(true).open(&first).unwrap().write_all_at(stored, at).unwrap();
    let before = world.part_digest(&first, Role::Data);
    world.keeps_data.set(true);
    let refused = world.confirm(&first, &Consent::Configured(None)).unwrap_err();
    assert!(matches!(refused, Refusal::Holds { .. }), "{refused}");
    let blank = world.disk("blank");
    let refused = world.confirm(&blank, &Consent::Configured(None)).unwrap_err();
    assert!(matches!(refused, Refusal::NoData { .. }), "{refused}");

    let word = Some("confirm:S1");
    let copy = |to: &str| {
        let to = world.path(to);
        said(Command::new("cp").args(["--sparse=always", first.as_str(), to.as_str()]));
        to
    };
    let whole = copy("whole");
    world.install(&whole, word).unwrap();
    world.judge(&whole);
    assert_eq!(world.part_digest(&whole, Role::Data), before);
    assert_ne!(world.part_digest(&whole, Role::State), world.part_digest(&first, Role::State));
    for cut in world::places(world.writes_of_last(), 6) {
        let disk = copy("cut");
        world.install_cut(&disk, cut, word);
        assert_eq!(world.part_digest(&disk, Role::Data), before, "after {cut}");
        let held = look(&mut Disk::open(&disk, Access::Read).unwrap(), 512);
        if matches!(held, Holds::Half(_)) {
            // It is nobody's to write over, and goes on by itself.
            world.keeps_data.set(false);
            let refused = world.confirm(&disk, &Consent::Configured(None)).unwrap_err();
            assert!(matches!(refused, Refusal::Holds { .. }), "{refused}");
            world.keeps_data.set(true);
            world.install(&disk, None).unwrap();
        } else {
            world.install(&disk, word).unwrap();
        }
        world.judge(&disk);
        assert_eq!(world.part_digest(&disk, Role::Data), before, "in the end, after {cut}");
    }
}

/// Encryption takes the kernel and the TPM of the machine that is installed: a file is refused before it is touched.
#[test]
fn a_file_is_never_left_plain_where_it_was_to_be_encrypted() {
    let world = World::new();
    let disk = world.disk("disk");
    let before = world.digest(&disk);
    for (encryption, why) in [("recoveryKey", "STATE is to be encrypted"), ("tpm", "has no TPM 2.0")] {
        let arguments = world.arguments(&disk);
        let config = arguments.iter().find(|word| word.ends_with("machine.toml")).unwrap();
        let text = std::fs::read_to_string(config).unwrap();
        let table = format!("[spec.install]\nencryption = \"{encryption}\"\n\n[spec.install.disk]");
        std::fs::write(config, text.replace("[spec.install.disk]", &table)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_holdfast-installer"));
        let done = command.args(&arguments).output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(!done.status.success() && said.contains(why), "{said}");
    }
    assert_eq!(world.digest(&disk), before);
}

fn has_table(disk: &camino::Utf8Path) -> bool {
    let mut header = [0; 8];
    File::open(disk).unwrap().read_exact_at(&mut header, 512).unwrap();
    &header == b"EFI PART"
}

/// The installer as a process, killed while it writes; the next one goes on from its record.
#[test]
fn a_killed_installer_is_ended_by_the_next_one() {
    let world = World::new();
    let mut kills = 0;
    for round in 0..20 {
        let path = world.disk(&format!("kill-{round}"));
        if !world.killed_after(&path, 1 + round * 2) {
            continue;
        }
        kills += 1;
        let held = look(&mut Disk::open(&path, Access::Read).unwrap(), 512);
        if matches!(held, Holds::Installation(_)) {
            // It was killed between its last write and its end.
            world.judge(&path);
            continue;
        }
        let done =
            Command::new(env!("CARGO_BIN_EXE_holdfast-installer")).args(world.arguments(&path)).output();
        succeeds("holdfast-installer", &done.unwrap());
        world.judge(&path);
        std::fs::remove_file(&path).unwrap();
    }
    assert!(kills >= 10, "{kills} of 20 were killed before they ended");
}

#[test]
fn sectors_of_4096_bytes_are_divided_and_judged_as_well() {
    let world = World::new();
    let path = world.disk("disk");
    let layout = Layout::plan(Profile::Small, DISK_BYTES, 4096).unwrap();
    assert_eq!(layout.part(Role::Esp).unwrap().bytes % 4096, 0);
    world.install_sectors(&path, 4096).unwrap();
    let esp = world.part(&path, Role::Esp, 4096);
    let said = said(Command::new("fsck.vfat").args(["-n", esp.as_str()]));
    assert!(said.contains("files"), "{said}");
}
