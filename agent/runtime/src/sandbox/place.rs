//! Places inside the new root, resolved so that no link of the image leads out of it.

use std::os::fd::{AsRawFd, OwnedFd};

use camino::{Utf8Component, Utf8Path};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};

/// The root being built.
#[derive(Debug)]
pub(crate) struct Root {
    fd: OwnedFd,
}

/// An open place to mount on.
#[derive(Debug)]
pub(crate) struct Place {
    fd: OwnedFd,
}

impl Place {
    /// A path to the place, good as long as the host's `/proc` is visible.
    pub(crate) fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.fd.as_raw_fd())
    }

    /// A path below the place.
    pub(crate) fn join(&self, name: &str) -> String {
        format!("{}/{name}", self.path())
    }
}

impl Root {
    /// Opens a directory as root.
    pub(crate) fn open(dir: &str) -> rustix::io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { fd: rustix::fs::openat(CWD, dir, flags, Mode::empty())? })
    }

    /// Opens what is at an absolute path inside.
    pub(crate) fn place(&self, path: impl AsRef<Utf8Path>) -> rustix::io::Result<Place> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let path = path.as_ref().as_std_path();
        Ok(Place { fd: rustix::fs::openat2(&self.fd, path, flags, Mode::empty(), resolve)? })
    }

    /// Whether a link stands on the way to a path that is not there.
    pub(crate) fn passes_link(&self, path: &Utf8Path) -> bool {
        let mut so_far = camino::Utf8PathBuf::new();
        for component in path.components() {
            if let Utf8Component::Normal(name) = component {
                so_far.push(name);
                let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
                let opened =
                    rustix::fs::openat2(&self.fd, so_far.as_std_path(), flags, Mode::empty(), resolve);
                let Ok(opened) = opened else { return false };
                let link = rustix::fs::fstat(&opened)
                    .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_symlink());
                if link {
                    return true;
                }
            }
        }
        false
    }
}

/// Makes a directory and its parents below a directory that holds nothing but what we made.
pub(crate) fn make_dirs(base: &str, path: &Utf8Path) -> std::io::Result<()> {
    std::fs::create_dir_all(format!("{base}/{}", path.as_str().trim_start_matches('/')))
}
