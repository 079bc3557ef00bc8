//! What this machine keeps: its partitions by label, brought to a place in the tree. One that was never written is made first.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::mount::MountFlags;

use crate::disks::Partition;
use crate::mounts;

const MAKER: &str = "/usr/sbin/mkfs.ext4";
/// Where a file system or a container says what it is.
const HEAD: usize = 4_096;

/// A place for a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The label of the partition.
    pub(crate) label: &'static str,
    /// Where it is mounted.
    pub(crate) at: &'static str,
    /// Whether what lies on it may be run.
    pub(crate) programs: bool,
}

/// The configuration and the keys.
pub(crate) const STATE: Place = Place { label: "STATE", at: "/var/lib/holdfast/state", programs: false };
/// The log of a controller.
pub(crate) const RAFT: Place = Place { label: "RAFT", at: "/var/lib/holdfast/raft", programs: false };
/// What the machine stores, and runs.
pub(crate) const DATA: Place = Place { label: "DATA", at: "/data", programs: true };

/// What lies on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Ext4,
    Luks,
    Nothing,
    Foreign,
}

fn content(head: &[u8]) -> Content {
    if head.get(1_080..1_082) == Some(&[0x53, 0xef]) {
        Content::Ext4
    } else if head.starts_with(b"LUKS\xba\xbe") {
        Content::Luks
    } else if head.len() == HEAD && head.iter().all(|byte| *byte == 0) {
        Content::Nothing
    } else {
        Content::Foreign
    }
}

/// The partition with this label on this disk.
pub(crate) fn device(partitions: &[Partition], disk: &str, label: &str) -> Option<Utf8PathBuf> {
    let found = partitions.iter().find(|partition| partition.disk == disk && partition.label == label);
    found.map(|partition| partition.device.clone())
}

/// Whether a key is needed to see what lies on a device.
pub(crate) fn is_locked(device: &Utf8Path) -> Result<bool, String> {
    Ok(content(&head(device)?) == Content::Luks)
}

fn head(device: &Utf8Path) -> Result<Vec<u8>, String> {
    let mut head = vec![0; HEAD];
    let read = File::open(device).and_then(|file| file.read_exact_at(&mut head, 0));
    read.map(|()| head).map_err(|error| format!("read `{device}`: {error}"))
}

/// Mounts the partition of a place. Nothing that somebody wrote is ever written over.
pub(crate) fn open(device: &Utf8Path, place: Place) -> Result<(), String> {
    match content(&head(device)?) {
        Content::Ext4 => {}
        Content::Nothing => make(device, place.label)?,
        Content::Luks => return Err(format!("{} is locked", place.label)),
        Content::Foreign => return Err(format!("{} holds something that is not ours", place.label)),
    }
    let mut flags = MountFlags::NOSUID | MountFlags::NODEV;
    if !place.programs {
        flags |= MountFlags::NOEXEC;
    }
    mounts::at("ext4", device.as_str(), place.at, flags, "")
}

fn make(device: &Utf8Path, label: &str) -> Result<(), String> {
    let mut command = Command::new(MAKER);
    command.args(["-q", "-F", "-L", label, device.as_str()]).env_clear();
    let made = command.stdin(Stdio::null()).stdout(Stdio::null()).output();
    let made = made.map_err(|error| format!("make a file system for {label}: {error}"))?;
    if made.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&made.stderr).trim_end().to_owned();
    Err(format!("make a file system for {label}: {said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_never_written_counts_as_nothing() {
        let mut head = vec![0; HEAD];
        assert_eq!((content(&head), content(&head[..9])), (Content::Nothing, Content::Foreign));
        head[1_080..1_082].copy_from_slice(&[0x53, 0xef]);
        assert_eq!(content(&head), Content::Ext4);
        let mut luks = vec![0; HEAD];
        luks[..6].copy_from_slice(b"LUKS\xba\xbe");
        assert_eq!(content(&luks), Content::Luks);
        luks[0] = 0;
        assert_eq!(content(&luks), Content::Foreign);
    }
}
