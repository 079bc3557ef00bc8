//! Directories that appear whole or not at all: built beside their name, then renamed onto it.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU64, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_blob::{BlobError, sync_dir};
use rustix::fs::{CWD, RenameFlags, renameat_with, syncfs};

/// What the name of a half-built directory has in it.
const PARTIAL: &str = ".partial-";

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A directory that is being built; dropped before it is published, it goes away with all its content.
#[derive(Debug)]
pub(crate) struct Staging {
    path: Utf8PathBuf,
    parent: Utf8PathBuf,
    target: Utf8PathBuf,
}

impl Staging {
    /// An empty directory beside `target`, on its file system.
    pub(crate) fn beside(target: &Utf8Path) -> Result<Self, BlobError> {
        let name = target.file_name().unwrap_or("root");
        let parent =
            target.parent().filter(|p| !p.as_str().is_empty()).unwrap_or(Utf8Path::new(".")).to_owned();
        if target.as_std_path().symlink_metadata().is_ok() {
            return Err(BlobError::Exists { act: "build directory", path: target.to_owned() });
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!(".{name}{PARTIAL}{}-{number}", std::process::id()));
        let create = || -> io::Result<()> {
            fs::create_dir_all(&parent)?;
            // Left by a process that had this number before it was killed.
            remove_any(&path)?;
            fs::create_dir(&path)
        };
        create().map_err(|e| BlobError::from_io("create directory", &path, e))?;
        Ok(Self { path, parent, target: target.to_owned() })
    }

    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Makes everything durable and gives the directory its name. One sync of the file system costs less than one for
    /// each of thousands of files.
    pub(crate) fn publish(self) -> Result<(), BlobError> {
        let sync = || -> io::Result<()> { Ok(syncfs(File::open(&self.path)?)?) };
        sync().map_err(|e| BlobError::from_io("sync directory", &self.path, e))?;
        let renamed = renameat_with(
            CWD,
            self.path.as_std_path(),
            CWD,
            self.target.as_std_path(),
            RenameFlags::NOREPLACE,
        );
        renamed.map_err(|e| BlobError::from_io("publish directory", &self.target, e.into()))?;
        sync_dir(&self.parent).map_err(|e| BlobError::from_io("sync directory", &self.parent, e))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After publishing there is nothing here. A failure leaves a directory whose name says that it is a part.
        let _ = remove_any(&self.path);
    }
}

/// Removes a view or an unpacked image, whose directories may be read-only; nothing happens where there is none.
///
/// # Errors
/// Where the file system does not let it go.
pub fn remove_tree(path: &Utf8Path) -> Result<(), BlobError> {
    remove_any(path).map_err(|e| BlobError::from_io("remove directory", path, e))
}

/// Removes what killed processes left half-built in `dir`, and says how many there were. Only who owns `dir`, and is
/// building nothing in it yet, may call this.
///
/// # Errors
/// Where the file system does not let them go.
pub fn remove_partials(dir: &Utf8Path) -> Result<u64, BlobError> {
    let act = "remove half-built directory in";
    let mut removed = 0_u64;
    for entry in dir.read_dir_utf8().map_err(|e| BlobError::from_io(act, dir, e))? {
        let entry = entry.map_err(|e| BlobError::from_io(act, dir, e))?;
        if entry.file_name().starts_with('.') && entry.file_name().contains(PARTIAL) {
            remove_tree(entry.path())?;
            removed = removed.saturating_add(1);
        }
    }
    Ok(removed)
}

fn remove_any(path: &Utf8Path) -> io::Result<()> {
    if let Err(e) = fs::symlink_metadata(path) {
        return if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) };
    }
    open_up(path)?;
    fs::remove_dir_all(path)
}

/// Gives the owner write permission on every directory, or an unprivileged owner could not empty them.
fn open_up(dir: &Utf8Path) -> io::Result<()> {
    let mut dirs = vec![dir.as_std_path().to_owned()];
    while let Some(dir) = dirs.pop() {
        fs::set_permissions(&dir, Permissions::from_mode(0o755))?;
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                dirs.push(entry.path());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_killed_build_is_never_seen_and_can_be_cleared_away() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let target = root.join("views/one");
        let killed = Staging::beside(&target).unwrap();
        fs::create_dir(killed.path().join("closed")).unwrap();
        fs::write(killed.path().join("closed/file"), "x").unwrap();
        fs::set_permissions(killed.path().join("closed"), Permissions::from_mode(0o555)).unwrap();
        // A killed process does not run its drop.
        std::mem::forget(killed);
        assert!(!target.exists());
        let second = Staging::beside(&target).unwrap();
        fs::write(second.path().join("file"), "whole").unwrap();
        second.publish().unwrap();
        assert_eq!(remove_partials(&root.join("views")).unwrap(), 1);
        let left: Vec<_> =
            root.join("views").read_dir_utf8().unwrap().map(|e| e.unwrap().file_name().to_owned()).collect();
        assert_eq!(left, ["one"]);
        // Two builds of one target: the second to finish is told, and nothing is replaced.
        fs::rename(target.as_std_path(), root.join("aside")).unwrap();
        let (first, late) = (Staging::beside(&target).unwrap(), Staging::beside(&target).unwrap());
        first.publish().unwrap();
        assert!(matches!(late.publish(), Err(BlobError::Exists { .. })));
    }
}
