//! Opening files below a directory without ever leaving it, whatever links a foreign tree contains.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// What symbolic links on the way may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// There may be none.
    Refuse,
    /// They may lead anywhere that is below the root.
    Within,
}

/// A rename elsewhere in the tree makes the kernel ask for another try; a tree that changes this often is not ours.
const TRIES: usize = 16;

/// Opens `path` below `root`; an empty path is the root itself. Leaving the root is an error of the kernel
/// (`EXDEV`, or `ELOOP` where links are refused).
pub(crate) fn open(root: BorrowedFd<'_>, path: &str, flags: OFlags, links: Links) -> io::Result<OwnedFd> {
    let path = if path.is_empty() { "." } else { path };
    let flags = flags | OFlags::CLOEXEC;
    let resolve = match links {
        Links::Refuse => ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
        Links::Within => ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS,
    };
    for _ in 0..TRIES {
        match rustix::fs::openat2(root, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            // A kernel before 5.6, or a sandbox that does not know the call.
            Err(Errno::NOSYS | Errno::PERM) => return Ok(step_by_step(root, path, flags)?),
            other => return Ok(other?),
        }
    }
    Err(Errno::AGAIN.into())
}

/// The same without help from the kernel: no component may be a link, so none can lead out.
fn step_by_step(root: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let walk = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let (dirs, last) = path.rsplit_once('/').unwrap_or(("", path));
    let mut at = rustix::fs::openat(root, ".", walk, Mode::empty())?;
    for name in dirs.split('/').filter(|name| !name.is_empty()) {
        if name == ".." {
            return Err(Errno::XDEV);
        }
        at = rustix::fs::openat(at.as_fd(), name, walk, Mode::empty())?;
    }
    if last == ".." {
        return Err(Errno::XDEV);
    }
    rustix::fs::openat(at.as_fd(), last, flags | OFlags::NOFOLLOW, Mode::empty())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_leads_out_with_or_without_the_kernels_help() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/f"), "in").unwrap();
        fs::write(dir.path().join("secret"), "out").unwrap();
        symlink("a/b", root.join("within")).unwrap();
        symlink("..", root.join("up")).unwrap();
        symlink(dir.path(), root.join("absolute")).unwrap();
        symlink("../secret", root.join("file")).unwrap();
        let fd = File::open(&root).unwrap();
        let read = OFlags::RDONLY;
        assert!(open(fd.as_fd(), "a/b/f", read, Links::Refuse).is_ok());
        assert!(open(fd.as_fd(), "within/f", read, Links::Within).is_ok());
        assert!(open(fd.as_fd(), "within/f", read, Links::Refuse).is_err());
        assert!(step_by_step(fd.as_fd(), "a/b/f", read).is_ok());
        for bad in ["up/secret", "absolute/secret", "file", "../secret", "a/../../secret", "/etc/passwd"] {
            assert!(open(fd.as_fd(), bad, read, Links::Within).is_err(), "{bad}");
            assert!(open(fd.as_fd(), bad, read, Links::Refuse).is_err(), "{bad}");
            let stepwise = step_by_step(fd.as_fd(), bad.trim_start_matches('/'), read);
            assert!(stepwise.is_err(), "{bad}");
        }
        assert!(step_by_step(fd.as_fd(), "within/f", read).is_err());
    }
}
