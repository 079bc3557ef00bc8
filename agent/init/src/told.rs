//! What the services are told of the system that runs: its version and slot, whether its start was good, where the parts of both
//! slots are. And what they may ask for: another start.

use std::fs;
use std::os::unix::fs::symlink;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::{Boot, MOST_ATTEMPTS, Meta, Slot};
use rustix::mount::{MountFlags, UnmountFlags, unmount};
use serde_json::{Value, json};

use crate::bless::ESP;
use crate::disks::Partition;
use crate::slot::read_meta;
use crate::unlock::By;
use crate::{durable, mounts, storage};

/// A directory of links, by the labels of the parts (`agent/daemon` writes a release through them).
const PARTS: &str = "/run/holdfast/parts";
const LABELS: [&str; 6] = ["META", "ROOT-A", "HASH-A", "ROOT-B", "HASH-B", "EXT"];
/// Who lays this file asks for another start.
const RESTART: &str = "/run/holdfast/restart";
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Where it is told.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    directory: Utf8PathBuf,
    words: Value,
}

impl Told {
    /// What is to be told of this start, of which META knows what went before, and of what opened STATE where it was locked.
    pub(crate) fn new(slot: Slot, meta: Option<&Utf8Path>, unlocked: Option<By>) -> Self {
        let mut meta = meta.map(read_meta).unwrap_or_default();
        let boot = fs::read_to_string(BOOT_ID).unwrap_or_default();
        Self { directory: "/run/holdfast".into(), words: words(&mut meta, slot, boot.trim(), unlocked) }
    }

    /// Tells it; from now on whether the start was good, too.
    pub(crate) fn tell(&mut self, healthy: bool) -> Result<(), String> {
        self.put("healthy", healthy)
    }

    /// Tells that this machine goes down to forget everything.
    pub(crate) fn resets(&mut self) -> Result<(), String> {
        self.put("resets", true)
    }

    fn put(&mut self, word: &str, holds: bool) -> Result<(), String> {
        if let Some(words) = self.words.as_object_mut() {
            words.insert(word.to_owned(), holds.into());
        }
        fs::create_dir_all(&self.directory)
            .map_err(|error| format!("create `{}`: {error}", self.directory))?;
        durable::write(&self.directory.join("boot.json"), self.words.to_string().as_bytes())
    }
}

fn words(meta: &mut Meta, slot: Slot, boot: &str, unlocked: Option<By>) -> Value {
    let failed = failed_before(meta, slot);
    let version = Boot::new(meta).version(slot).unwrap_or(env!("CARGO_PKG_VERSION")).to_owned();
    json!({
        "version": version,
        "slot": slot.to_string(),
        "boot": boot,
        "healthy": false,
        "fallback": failed,
        "unlockedBy": unlocked.map_or("", By::name),
    })
}

/// Why a start before this one was given up, in words; nothing where the last one was good.
fn failed_before(meta: &mut Meta, slot: Slot) -> String {
    let boot = Boot::new(meta);
    let reason = boot.reason().unwrap_or("it did not come to say why").to_owned();
    let name = |slot: Slot| boot.version(slot).map(str::to_owned);
    let (own, other) = (name(slot), name(slot.other()));
    // This start is counted already.
    let (now, there) = (boot.attempts(slot).saturating_sub(1), boot.attempts(slot.other()));
    match (other, there, own, now) {
        (Some(version), 1.., ..) => {
            format!("release {version}, attempt {there} of {MOST_ATTEMPTS}: {reason}")
        }
        (_, _, Some(version), 1..) => {
            format!("release {version}, attempt {now} of {MOST_ATTEMPTS}: {reason}")
        }
        _ => String::new(),
    }
}

/// Makes links to the parts of the disk that the root is on.
pub(crate) fn link(partitions: &[Partition], disk: &str) -> Result<(), String> {
    link_in(Utf8Path::new(PARTS), partitions, disk)
}

fn link_in(parts: &Utf8Path, partitions: &[Partition], disk: &str) -> Result<(), String> {
    fs::create_dir_all(parts).map_err(|error| format!("create `{parts}`: {error}"))?;
    for label in LABELS {
        let Some(device) = storage::device(partitions, disk, label) else { continue };
        symlink(&device, parts.join(label)).map_err(|error| format!("link `{device}`: {error}"))?;
    }
    Ok(())
}

/// Brings the loader's partition to its place. A slot is written from here on, so not before the start was good: until then
/// the other slot is the way back.
pub(crate) fn open_loader(device: &Utf8Path) -> Result<(), String> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mounts::at("vfat", device.as_str(), ESP, flags, "utf8,flush")
}

/// Takes the loader's partition away; it may never have been there.
pub(crate) fn close_loader() {
    let _ = unmount(ESP, UnmountFlags::empty());
}

/// Whether somebody asks for another start.
pub(crate) fn restart_asked() -> bool {
    Utf8Path::new(RESTART).exists()
}

#[cfg(test)]
mod tests {
    use holdfast_release::decide;

    use super::*;

    fn installed() -> Meta {
        let mut meta = Meta::default();
        Boot::new(&mut meta).written(Slot::A, "1.0").unwrap();
        decide(&mut meta, Slot::A).unwrap();
        meta
    }

    #[test]
    fn a_start_after_one_that_was_given_up_says_why() {
        let mut meta = installed();
        let told = words(&mut meta, Slot::A, "b1", Some(By::Tpm));
        let expected = json!({
            "version": "1.0", "slot": "A", "boot": "b1", "healthy": false, "fallback": "", "unlockedBy": "tpm"
        });
        assert_eq!(told, expected);
        Boot::new(&mut meta).healthy(Slot::A).unwrap();
        Boot::new(&mut meta).written(Slot::B, "2.0").unwrap();
        for _ in 0..3 {
            decide(&mut meta, Slot::B).unwrap();
        }
        decide(&mut meta, Slot::A).unwrap();
        let why = "release 2.0, attempt 3 of 3: it did not come to say why";
        assert_eq!(words(&mut meta, Slot::A, "b2", None)["fallback"], why);
        Boot::new(&mut meta).failed("0 of 8 accelerators").unwrap();
        let told = words(&mut meta, Slot::A, "b2", None);
        assert_eq!(told["fallback"], "release 2.0, attempt 3 of 3: 0 of 8 accelerators");
        // What runs may have needed more than one start itself.
        let mut meta = installed();
        Boot::new(&mut meta).failed("not well: agent").unwrap();
        decide(&mut meta, Slot::A).unwrap();
        assert_eq!(
            words(&mut meta, Slot::A, "b3", None)["fallback"],
            "release 1.0, attempt 1 of 3: not well: agent"
        );
        assert_eq!(words(&mut Meta::default(), Slot::B, "", None)["version"], env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn parts_of_other_disks_are_not_linked_and_health_is_told_when_it_is_known() {
        let temp = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(temp.path()).unwrap();
        let part = |label: &str, disk: &str, device: &str| Partition {
            label: label.to_owned(),
            device: device.into(),
            disk: disk.to_owned(),
        };
        let all = [part("ROOT-B", "vdb", "/dev/vdb5"), part("ROOT-B", "vda", "/dev/vda5")];
        link_in(&place.join("parts"), &all, "vda").unwrap();
        assert_eq!(fs::read_link(place.join("parts/ROOT-B")).unwrap().to_str(), Some("/dev/vda5"));
        assert!(!place.join("parts/META").exists());

        let mut told =
            Told { directory: place.join("run"), words: words(&mut installed(), Slot::A, "b", None) };
        for healthy in [false, true] {
            told.tell(healthy).unwrap();
            let text = fs::read(place.join("run/boot.json")).unwrap();
            let text: Value = serde_json::from_slice(&text).unwrap();
            assert_eq!((&text["healthy"], &text["resets"]), (&healthy.into(), &Value::Null));
        }
        told.resets().unwrap();
        let text: Value = serde_json::from_slice(&fs::read(place.join("run/boot.json")).unwrap()).unwrap();
        assert_eq!((&text["healthy"], &text["resets"]), (&true.into(), &true.into()));
    }
}
