//! The medium that installs: a disc, or a stick with the same bytes, with the root as a file; or memory, where the network brought
//! the same files. It is believed as little as a disk: only the root that the command line names is used.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::{ROOT, ROOT_TREE};
use rustix::mount::{MountFlags, UnmountFlags, mount_move, unmount};

use crate::slot::{Proved, proved};
use crate::{dm, mounts};

/// Where it is mounted before there is a root.
pub(crate) const FIRST: &str = "/medium";
/// Its directory with the files of the release.
pub(crate) const RELEASE: &str = "holdfast";
/// A place of the root that a medium does not need for anything else, until `/run` is there.
const BETWEEN: &str = "/data";
/// Where the installer looks for it.
const LAST: &str = "/run/media";
/// What the name of every medium begins with.
const NAME: &[u8] = b"HOLDFAST-";
/// Where ISO 9660 says what it is, and where in that its name stands.
const DESCRIPTOR: u64 = 16 * 2_048;
const NAME_AT: usize = 40;

/// A root on a medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Medium {
    /// The medium's device, or where its files were fetched.
    pub(crate) device: Utf8PathBuf,
    /// What proves the root on it.
    pub(crate) proved: Proved,
}

/// The first medium with this root; it is left mounted.
pub(crate) fn find(sys: &Utf8Path, root_hash: [u8; 32]) -> Option<Medium> {
    let entries = sys.join("class/block").read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
    let mut devices: Vec<Utf8PathBuf> =
        entries.map(|entry| Utf8Path::new("/dev").join(entry.file_name())).collect();
    devices.sort();
    devices.into_iter().filter(|device| is_medium(device)).find_map(|device| {
        mounts::at("iso9660", device.as_str(), FIRST, MountFlags::RDONLY, "").ok()?;
        let (root, tree) = files();
        if let Some(proved) = proved(&tree, &root, root_hash) {
            return Some(Medium { device, proved });
        }
        let _ = unmount(FIRST, UnmountFlags::empty());
        None
    })
}

/// The root on it, and the tree that proves it.
pub(crate) fn files() -> (Utf8PathBuf, Utf8PathBuf) {
    let release = Utf8Path::new(FIRST).join(RELEASE);
    (release.join(ROOT), release.join(ROOT_TREE))
}

fn is_medium(device: &Utf8Path) -> bool {
    let mut block = [0; 128];
    let read = File::open(device).and_then(|file| file.read_exact_at(&mut block, DESCRIPTOR));
    let name = block.get(NAME_AT..).unwrap_or_default();
    read.is_ok() && block.get(1..6) == Some(b"CD001") && name.starts_with(NAME)
}

/// The device of its proved root.
pub(crate) fn open(medium: &Medium) -> Result<Utf8PathBuf, String> {
    let (root, tree) = files();
    let device = |path: &Utf8Path| {
        let file = File::open(path).map_err(|error| format!("open `{path}`: {error}"))?;
        dm::loop_device(&file)
    };
    dm::verity(&device(&root)?, &device(&tree)?, &medium.proved)
}

/// Takes it along into the root at `new`.
pub(crate) fn take_along(new: &str) -> Result<(), String> {
    mount_move(FIRST, format!("{new}{BETWEEN}")).map_err(|error| format!("take the medium along: {error}"))
}

/// Brings it where the installer looks.
pub(crate) fn bring() -> Result<(), String> {
    std::fs::create_dir_all(LAST).map_err(|error| format!("create `{LAST}`: {error}"))?;
    mount_move(BETWEEN, LAST).map_err(|error| format!("bring the medium to `{LAST}`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_medium_is_told_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("disc");
        let mut bytes = vec![0; 40_000];
        let at = usize::try_from(DESCRIPTOR).unwrap();
        bytes[at..at + 7].copy_from_slice(b"\x01CD001\x01");
        bytes[at + 40..at + 49].copy_from_slice(NAME);
        std::fs::write(&path, &bytes).unwrap();
        assert!(is_medium(&path));
        bytes[at + 41] = b'A';
        std::fs::write(&path, &bytes).unwrap();
        assert!(!is_medium(&path));
        std::fs::write(&path, &bytes[..at + 20]).unwrap();
        assert!(!is_medium(&path));
    }
}
