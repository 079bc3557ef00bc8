//! Changing a root directory that is being unpacked, without ever touching anything outside it.
//!
//! Every path is resolved by the kernel beneath the root. Links on the way that stay inside are followed, as images
//! with `lib -> usr/lib` need it; the last component is never followed.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use camino::Utf8Path;
use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, Uid, chownat, fchmod,
    futimens, linkat, mkdirat, openat, statat, symlinkat, unlinkat,
};
use rustix::io::Errno;

use crate::beneath::{Links, open};
use crate::rel_path::RelPath;

/// How deep a removal goes; paths are no deeper.
const MAX_DEPTH: usize = 256;

/// What an entry says about its file. Bits that would give rights to whoever runs it are not in here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attributes {
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: u64,
}

/// The root directory of an image that is being unpacked.
#[derive(Debug)]
pub(crate) struct Rootfs {
    root: OwnedFd,
    /// Only root can give files away; for others everything belongs to whoever unpacks.
    owns: bool,
}

impl Rootfs {
    pub(crate) fn open(dir: &Utf8Path) -> io::Result<Self> {
        Ok(Self { root: File::open(dir)?.into(), owns: rustix::process::geteuid().is_root() })
    }

    /// The directory of `path`, created where it is missing; `made` is told of each directory created.
    pub(crate) fn parent(&self, path: &RelPath, made: &mut dyn FnMut(&str)) -> io::Result<OwnedFd> {
        let Some(dir) = path.split().0 else { return self.dir("") };
        match self.dir(dir) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
        let mut at = self.dir("")?;
        for prefix in path.ancestors() {
            at = match self.dir(prefix) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    let name = prefix.rsplit('/').next().unwrap_or(prefix);
                    mkdirat(&at, name, Mode::from_raw_mode(0o755))?;
                    made(prefix);
                    self.dir(prefix)?
                }
                other => other?,
            };
        }
        Ok(at)
    }

    /// An existing directory.
    pub(crate) fn dir(&self, path: &str) -> io::Result<OwnedFd> {
        open(self.root.as_fd(), path, OFlags::RDONLY | OFlags::DIRECTORY, Links::Within)
    }

    /// Creates a file in place of whatever had its name.
    pub(crate) fn file(&self, dir: BorrowedFd<'_>, name: &str) -> io::Result<File> {
        remove(dir, name, 0)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(openat(dir, name, flags, Mode::from_raw_mode(0o600))?))
    }

    /// Gives a file or directory what its entry says. The owner can always read it, or it could not be used or removed.
    pub(crate) fn dress(&self, file: BorrowedFd<'_>, is: Attributes, least: u32) -> io::Result<()> {
        if self.owns {
            rustix::fs::fchown(file, Some(Uid::from_raw(is.uid)), Some(Gid::from_raw(is.gid)))?;
        }
        fchmod(file, Mode::from_raw_mode((is.mode & 0o1777) | least))?;
        let seconds = i64::try_from(is.mtime).unwrap_or(0);
        let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
        let keep = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        Ok(futimens(file, &Timestamps { last_access: keep, last_modification: time })?)
    }

    /// Makes sure that `name` is a directory; one that is there keeps its content.
    pub(crate) fn make_dir(&self, dir: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
        if kind(dir, name)? != Some(FileType::Directory) {
            remove(dir, name, 0)?;
            mkdirat(dir, name, Mode::from_raw_mode(0o755))?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(dir, name, flags, Mode::empty())?)
    }

    /// Creates a symbolic link. It may say anything: nothing here follows it out of the root.
    pub(crate) fn symlink(
        &self,
        dir: BorrowedFd<'_>,
        name: &str,
        to: &str,
        is: Attributes,
    ) -> io::Result<()> {
        remove(dir, name, 0)?;
        symlinkat(to, dir, name)?;
        if self.owns {
            let (uid, gid) = (Uid::from_raw(is.uid), Gid::from_raw(is.gid));
            chownat(dir, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(())
    }

    /// Gives the file `to` of the same root a second name. Only files can have one.
    pub(crate) fn hard_link(&self, dir: BorrowedFd<'_>, name: &str, to: &RelPath) -> io::Result<()> {
        let (parent, last) = to.split();
        let source = self.dir(parent.unwrap_or(""))?;
        if kind(source.as_fd(), last)? != Some(FileType::RegularFile) {
            return Err(Errno::NOENT.into());
        }
        remove(dir, name, 0)?;
        Ok(linkat(&source, last, dir, name, AtFlags::empty())?)
    }

    /// Removes what lower layers put into a directory: everything for which `keep` says false.
    pub(crate) fn clear(&self, path: &str, keep: &dyn Fn(&str) -> bool) -> io::Result<()> {
        let dir = self.dir(path)?;
        for name in names(dir.as_fd())? {
            let child = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            if !keep(&child) {
                remove(dir.as_fd(), &name, 0)?;
            } else if kind(dir.as_fd(), &name)? == Some(FileType::Directory) {
                self.clear(&child, keep)?;
            }
        }
        Ok(())
    }
}

/// Removes a name and everything below it; nothing happens where there is none. Links are removed, never followed.
pub(crate) fn remove(dir: BorrowedFd<'_>, name: &str, depth: usize) -> io::Result<()> {
    match kind(dir, name)? {
        None => return Ok(()),
        Some(FileType::Directory) if depth < MAX_DEPTH => {}
        Some(FileType::Directory) => return Err(Errno::NAMETOOLONG.into()),
        Some(_) => return Ok(unlinkat(dir, name, AtFlags::empty())?),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let inner = openat(dir, name, flags, Mode::empty())?;
    for child in names(inner.as_fd())? {
        remove(inner.as_fd(), &child, depth.saturating_add(1))?;
    }
    Ok(unlinkat(dir, name, AtFlags::REMOVEDIR)?)
}

fn kind(dir: BorrowedFd<'_>, name: &str) -> io::Result<Option<FileType>> {
    match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// The names in a directory. All were made by an unpacking, so all are UTF-8.
fn names(dir: BorrowedFd<'_>) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        match entry.file_name().to_str() {
            Ok("." | "..") => {}
            Ok(name) => names.push(name.to_owned()),
            Err(_) => return Err(Errno::ILSEQ.into()),
        }
    }
    Ok(names)
}
