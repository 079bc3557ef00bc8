//! Listing what an import would read, in one order, before a byte is read.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_blob::BlobError;
use rustix::fs::{AtFlags, Dir, FileType, OFlags, statat};
use rustix::io::Errno;

use crate::beneath::{Links, open};
use crate::error::{ArtifactError, Result};
use crate::rel_path::RelPath;

/// A file to import.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) path: RelPath,
    pub(crate) links: Links,
}

/// An open directory to import from. Everything is reached through its descriptor, so that renaming the directory or
/// planting a link while the import runs leads nowhere.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) dir: Utf8PathBuf,
    root: OwnedFd,
}

impl Tree {
    pub(crate) fn open(dir: &Utf8Path) -> Result<Self> {
        match File::options().read(true).open(dir) {
            Ok(file) if file.metadata().is_ok_and(|m| m.is_dir()) => {
                Ok(Self { dir: dir.to_owned(), root: file.into() })
            }
            Ok(_) => Err(ArtifactError::NoDirectory { dir: dir.to_owned() }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                Err(ArtifactError::NoDirectory { dir: dir.to_owned() })
            }
            Err(e) => Err(BlobError::from_io("open directory", dir, e).into()),
        }
    }

    /// Opens a file of the tree and checks that it still is a regular file.
    pub(crate) fn file(&self, found: &Found) -> Result<File> {
        // Without NONBLOCK a pipe planted under the name would hold the import for ever.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        let fd = open(self.root.as_fd(), found.path.as_str(), flags, found.links);
        let file = File::from(fd.map_err(|e| self.unreachable(found.path.as_str(), e))?);
        let meta = file.metadata().map_err(|e| self.io("stat", found.path.as_str(), e))?;
        if meta.is_file() {
            Ok(file)
        } else {
            Err(self.refuse(found.path.as_str(), "it is not a regular file"))
        }
    }

    /// Every file below the root, sorted; at most `max_files`.
    pub(crate) fn list(&self, max_files: u64) -> Result<Vec<Found>> {
        let (mut files, mut dirs) = (Vec::new(), vec![String::new()]);
        while let Some(dir) = dirs.pop() {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            let fd = open(self.root.as_fd(), &dir, flags, Links::Refuse);
            let fd = fd.map_err(|e| self.io("open directory", &dir, e))?;
            for name in self.names(&dir, fd.as_fd())? {
                let path = if dir.is_empty() { name.clone() } else { format!("{dir}/{name}") };
                let path: RelPath = path.parse().map_err(|e| self.refuse(&path, e))?;
                match self.kind(&fd, &name, &path)? {
                    None => dirs.push(path.to_string()),
                    Some(links) => files.push(Found { path, links }),
                }
                if files.len() as u64 > max_files {
                    let dir = self.dir.clone();
                    return Err(ArtifactError::TooMuch { dir, what: "files", limit: max_files });
                }
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// `None` for a directory; how to open it for a file.
    fn kind(&self, dir: &OwnedFd, name: &str, path: &RelPath) -> Result<Option<Links>> {
        let stat = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW);
        let stat = stat.map_err(|e| self.io("stat", path.as_str(), e.into()))?;
        let why = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => return Ok(None),
            FileType::RegularFile => return Ok(Some(Links::Refuse)),
            FileType::Symlink => return self.link(path).map(Some),
            FileType::Fifo => "it is a pipe",
            FileType::Socket => "it is a socket",
            FileType::CharacterDevice | FileType::BlockDevice => "it is a device",
            _ => "it is not a regular file",
        };
        Err(self.refuse(path.as_str(), why))
    }

    /// A link is imported as the file it leads to, where that is a file below the root.
    fn link(&self, path: &RelPath) -> Result<Links> {
        let fd = open(self.root.as_fd(), path.as_str(), OFlags::PATH, Links::Within);
        let fd = fd.map_err(|e| self.unreachable(path.as_str(), e))?;
        let stat = rustix::fs::fstat(&fd).map_err(|e| self.io("stat", path.as_str(), e.into()))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(Links::Within),
            _ => Err(self.refuse(path.as_str(), "it is a symbolic link to something that is not a file")),
        }
    }

    fn names(&self, dir: &str, fd: BorrowedFd<'_>) -> Result<Vec<String>> {
        let entries = Dir::read_from(fd).map_err(|e| self.io("list directory", dir, e.into()))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| self.io("list directory", dir, e.into()))?;
            match entry.file_name().to_str() {
                Ok("." | "..") => {}
                Ok(name) => names.push(name.to_owned()),
                Err(_) => {
                    let name = format!("{dir}/{}", entry.file_name().to_string_lossy());
                    return Err(self.refuse(&name, "its name is not UTF-8"));
                }
            }
        }
        Ok(names)
    }

    pub(crate) fn refuse(&self, path: &str, why: impl ToString) -> ArtifactError {
        ArtifactError::Entry { dir: self.dir.clone(), path: path.to_owned(), why: why.to_string() }
    }

    pub(crate) fn io(&self, act: &'static str, path: &str, error: std::io::Error) -> ArtifactError {
        BlobError::from_io(act, &self.dir.join(path), error).into()
    }

    fn unreachable(&self, path: &str, error: std::io::Error) -> ArtifactError {
        match Errno::from_io_error(&error) {
            Some(Errno::XDEV | Errno::LOOP) => {
                self.refuse(path, "it is a symbolic link that leaves the directory")
            }
            Some(Errno::NOENT) => self.refuse(path, "it is a symbolic link to nothing"),
            _ => self.io("open", path, error),
        }
    }
}
