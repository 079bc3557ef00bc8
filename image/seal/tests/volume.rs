//! A volume with its keys, by the cryptsetup of this machine. Opening one takes a kernel with the device mapper: that is shown
//! on machines of QEMU.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_seal::{Cryptsetup, LuksError, RecoveryKey, Slot};

const UUID: &str = "6f5b0c3e-3b1a-4c0e-9b1e-0123456789ab";

fn volume(dir: &Utf8Path) -> Utf8PathBuf {
    let path = dir.join("volume");
    File::create(&path).unwrap().set_len(16 << 20).unwrap();
    path
}

/// Whether a key opens a volume.
fn opens(volume: &Utf8Path, key: &[u8]) -> bool {
    let file = volume.with_extension("key");
    std::fs::write(&file, key).unwrap();
    let mut command = Command::new("/usr/sbin/cryptsetup");
    let words =
        ["open", "--test-passphrase", "--type", "luks2", "--key-file", file.as_str(), volume.as_str()];
    command.args(words).status().unwrap().success()
}

#[test]
fn a_volume_has_a_slot_for_each_of_its_keys() {
    let dir = tempfile::tempdir().unwrap();
    let volume = volume(Utf8Path::from_path(dir.path()).unwrap());
    let (tool, recovery) = (Cryptsetup::default(), RecoveryKey::draw().unwrap());
    let recovery = recovery.text().as_bytes();
    tool.format(&volume, "STATE", UUID, recovery).unwrap();
    assert!(matches!(tool.add_key(&volume, b"wrong", Slot::Kept, &[7; 32]), Err(LuksError::Key(_))));
    let (first, second) = (Slot::Tpm(false), Slot::Tpm(true));
    for (slot, key) in [(first, [1; 32]), (second, [2; 32]), (Slot::Kept, [3; 32])] {
        assert!(!opens(&volume, &key));
        tool.add_key(&volume, recovery, slot, &key).unwrap();
        assert!(opens(&volume, &key) && opens(&volume, recovery));
    }
    let token =
        format!("{{\"type\":\"holdfast-tpm2\",\"keyslots\":[\"{}\"],\"holdfast-x\":\"ab\"}}", first.number());
    assert_eq!(tool.token(&volume, first), None);
    tool.put_token(&volume, first, &token).unwrap();
    assert!(tool.token(&volume, first).unwrap().contains("\"holdfast-x\":\"ab\""));
    tool.remove_token(&volume, first).unwrap();
    tool.remove_token(&volume, first).unwrap();
    tool.remove_key(&volume, first).unwrap();
    tool.remove_key(&volume, first).unwrap();
    assert!(!opens(&volume, &[1; 32]) && opens(&volume, &[2; 32]));
}
