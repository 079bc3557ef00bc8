//! The partitions of this machine, by the label in the table of their disk.

use std::fs;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

/// How long a disk may take to show itself.
const PATIENCE: Duration = Duration::from_secs(30);
const EVERY: Duration = Duration::from_millis(50);

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Partition {
    /// The label.
    pub(crate) label: String,
    /// Its device below `/dev`.
    pub(crate) device: Utf8PathBuf,
    /// The disk it belongs to.
    pub(crate) disk: String,
}

/// All partitions that have a label, in the order of their devices.
pub(crate) fn partitions(sys: &Utf8Path) -> Vec<Partition> {
    let entries = sys.join("class/block").read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<Partition> = entries.filter_map(|entry| partition(entry.path())).collect();
    found.sort();
    found
}

fn partition(path: &Utf8Path) -> Option<Partition> {
    let text = fs::read_to_string(path.join("uevent")).ok()?;
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let real = path.canonicalize_utf8().ok()?;
    Some(Partition {
        label: field("PARTNAME")?.to_owned(),
        device: Utf8Path::new("/dev").join(field("DEVNAME")?),
        disk: real.parent()?.file_name()?.to_owned(),
    })
}

/// Waits until `found` finds something among the partitions. Disks show themselves when they are ready.
pub(crate) fn wait<T>(
    sys: &Utf8Path,
    mut settle: impl FnMut(),
    mut found: impl FnMut(&[Partition]) -> Option<T>,
) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        settle();
        if let Some(found) = found(&partitions(sys)) {
            return Some(found);
        }
        if Instant::now() > deadline {
            return None;
        }
        std::thread::park_timeout(EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_found_by_label_with_their_disk() {
        let sys = tempfile::tempdir().unwrap();
        let sys = Utf8Path::from_path(sys.path()).unwrap();
        let disk = sys.join("devices/virtio1/block/vda");
        let uevent = |path: &Utf8Path, text: &str| {
            fs::create_dir_all(path).unwrap();
            fs::write(path.join("uevent"), text).unwrap();
        };
        uevent(&disk, "DEVNAME=vda\nDEVTYPE=disk\n");
        uevent(&disk.join("vda3"), "DEVNAME=vda3\nPARTN=3\nPARTNAME=ROOT-A\n");
        fs::create_dir_all(sys.join("class/block")).unwrap();
        for (name, target) in [("vda", disk.clone()), ("vda3", disk.join("vda3"))] {
            std::os::unix::fs::symlink(target, sys.join("class/block").join(name)).unwrap();
        }
        let expected =
            Partition { label: "ROOT-A".to_owned(), device: "/dev/vda3".into(), disk: "vda".to_owned() };
        assert_eq!(partitions(sys), std::slice::from_ref(&expected));
        assert_eq!(wait(sys, || {}, |all| all.first().cloned()), Some(expected));
    }
}
