//! Layers become a root directory.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_blob::{BlobError, copy};
use rustix::io::Errno;
use tar::{Entry, EntryType};

use super::digest::Hashing;
use super::error::{OciError, Result};
use super::image::{Layer, OciImage};
use super::layer::{Budget, entry_path};
use super::layout::Layout;
use super::limits::{Limits, MAX_HEADER_BYTES};
use super::rootfs::{Attributes, Rootfs, remove};
use crate::rel_path::RelPath;
use crate::staging::Staging;

const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";

/// Unpacks the image as the directory `target`, which appears whole or not at all. Layers are applied in order with
/// their whiteouts, and compared with their digests while they are read. Set-user and set-group bits and extended
/// attributes are dropped; owners are kept where root unpacks.
///
/// # Errors
/// Where `target` exists, a layer is damaged, an entry tries to leave the root or is a device, or a limit is exceeded.
pub fn unpack(layout: &Layout, image: &OciImage, target: &Utf8Path, limits: &Limits) -> Result<()> {
    let staging = Staging::beside(target)?;
    let path = staging.path().to_owned();
    let root = Rootfs::open(&path).map_err(|e| BlobError::from_io("open directory", &path, e))?;
    let mut unpacking = Unpacking {
        layout,
        limits,
        root,
        path,
        entries: 0,
        bytes: 0,
        hasher: RandomState::new(),
        made: HashSet::new(),
    };
    for layer in &image.layers {
        unpacking.layer(layer)?;
    }
    unpacking.open_root()?;
    Ok(staging.publish()?)
}

struct Unpacking<'a> {
    layout: &'a Layout,
    limits: &'a Limits,
    root: Rootfs,
    path: Utf8PathBuf,
    /// Over all layers: files, directories and links, named or implied.
    entries: u64,
    /// Over all layers: bytes of files.
    bytes: u64,
    hasher: RandomState,
    /// What this layer made, by hash of the path, so that its whiteouts hide only what lower layers made. A collision
    /// keeps a file that should be hidden; its odds are those of two equal 64-bit hashes under a secret key.
    made: HashSet<u64>,
}

impl Unpacking<'_> {
    fn layer(&mut self, layer: &Layer) -> Result<()> {
        self.made.clear();
        let file = self.layout.blob(layer.digest, layer.size)?;
        let mut blob = Hashing::new(file.reader);
        let mut tar = Hashing::new(layer.compression.decode(&mut blob));
        // Every byte of the tar counts, headers too: a layer of headers alone is as large as it is.
        let most = self.limits.max_unpacked_bytes;
        let mut limited = (&mut tar).take(most.saturating_add(1));
        let walked = self.entries(layer, &mut limited);
        // What is hostile is refused at once; what is broken is read on, since a wrong digest would explain it.
        if !matches!(walked, Ok(()) | Err(OciError::Broken { .. })) {
            return walked;
        }
        let rest = copy(&mut limited, &mut io::sink(), u64::MAX);
        let exceeded = limited.limit() == 0;
        if exceeded {
            return Err(self.limit("unpacked bytes", most));
        }
        let (diff_id, _) = tar.finish();
        let drained = copy(&mut blob, &mut io::sink(), u64::MAX);
        let (digest, _) = blob.finish();
        if rest.is_ok() && drained.is_ok() && digest != layer.digest {
            return Err(self.layout.wrong_digest(format!("layer {}", layer.digest), digest));
        }
        walked?;
        rest.and(drained).map_err(|e| self.layout.broken(format!("layer {}", layer.digest), e))?;
        if diff_id != layer.diff_id {
            return Err(self.layout.wrong_digest(format!("the tar in layer {}", layer.digest), diff_id));
        }
        Ok(())
    }

    fn entries(&mut self, layer: &Layer, from: &mut dyn Read) -> Result<()> {
        let broken = |e| self.layout.broken(format!("layer {}", layer.digest), e);
        let budget = Budget::new();
        let mut tar = tar::Archive::new(budget.meter(from));
        budget.allow(MAX_HEADER_BYTES);
        for entry in tar.entries().map_err(broken)? {
            let mut entry = entry.map_err(|e| self.layout.broken(format!("layer {}", layer.digest), e))?;
            budget.allow(u64::MAX);
            self.entry(&mut entry)?;
            // What an entry did not read, the next step of the walk would, out of the budget of the headers.
            copy(&mut entry, &mut io::sink(), u64::MAX)
                .map_err(|e| self.layout.broken(format!("layer {}", layer.digest), e))?;
            budget.allow(MAX_HEADER_BYTES);
        }
        Ok(())
    }

    fn entry<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> Result<()> {
        self.count()?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = entry_path(&entry.path_bytes()).map_err(|why| self.layout.refuse(&name, why))?;
        let Some(path) = path else {
            return match entry.header().entry_type() {
                EntryType::Directory | EntryType::XGlobalHeader => Ok(()),
                _ => Err(self.layout.refuse(&name, "is the root and not a directory")),
            };
        };
        let last = path.split().1.to_owned();
        if let Some(hidden) = last.strip_prefix(WHITEOUT) {
            return self.whiteout(&path, &last, hidden);
        }
        self.place(entry, &path, &last)?;
        self.remember(path.as_str());
        Ok(())
    }

    fn place<R: Read>(&mut self, entry: &mut Entry<'_, R>, path: &RelPath, last: &str) -> Result<()> {
        let is = self.attributes(entry, path)?;
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                self.file(entry, path, last, is)
            }
            EntryType::Directory => {
                let dir = self.parent(path)?;
                let made = self.root.make_dir(dir.as_fd(), last).map_err(|e| self.failed(path, e))?;
                self.root.dress(made.as_fd(), is, 0o700).map_err(|e| self.failed(path, e))
            }
            EntryType::Symlink => {
                let to = self.link_name(entry, path)?;
                let dir = self.parent(path)?;
                self.root.symlink(dir.as_fd(), last, &to, is).map_err(|e| self.failed(path, e))
            }
            EntryType::Link => {
                let to = self.link_name(entry, path)?;
                let to = entry_path(to.as_bytes());
                let to = to
                    .map_err(|why| self.layout.refuse(path.as_str(), format!("is a hard link that {why}")))?;
                let to = to.ok_or_else(|| self.layout.refuse(path.as_str(), "is a hard link to the root"))?;
                let dir = self.parent(path)?;
                let linked = self.root.hard_link(dir.as_fd(), last, &to);
                linked.map_err(|e| match Errno::from_io_error(&e) {
                    Some(Errno::NOENT) => self.layout.refuse(
                        path.as_str(),
                        format!("is a hard link to `{to}`, which is no file of the image"),
                    ),
                    _ => self.failed(path, e),
                })
            }
            EntryType::Char | EntryType::Block => Err(self.layout.refuse(path.as_str(), "is a device node")),
            EntryType::Fifo => Err(self.layout.refuse(path.as_str(), "is a pipe")),
            EntryType::XGlobalHeader => Ok(()),
            _ => Err(self.layout.refuse(path.as_str(), "is of a type no image needs")),
        }
    }

    fn file<R: Read>(
        &mut self,
        entry: &mut Entry<'_, R>,
        path: &RelPath,
        last: &str,
        is: Attributes,
    ) -> Result<()> {
        let size = entry.size();
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > self.limits.max_unpacked_bytes {
            return Err(self.limit("unpacked bytes", self.limits.max_unpacked_bytes));
        }
        let dir = self.parent(path)?;
        let mut file = self.root.file(dir.as_fd(), last).map_err(|e| self.failed(path, e))?;
        // Reading fails by the archive's fault and writing by the disk's, and a person has to know which.
        let mut from = Blame { inner: entry, failed: None };
        let copied = copy(&mut from, &mut file, size);
        if let Some(error) = from.failed {
            return Err(self.layout.broken(path, error));
        }
        if copied.map_err(|e| self.failed(path, e))? != size {
            let error = io::Error::from(io::ErrorKind::UnexpectedEof);
            return Err(self.layout.broken(path, error));
        }
        self.root.dress(file.as_fd(), is, 0o400).map_err(|e| self.failed(path, e))
    }

    fn whiteout(&mut self, path: &RelPath, last: &str, hidden: &str) -> Result<()> {
        let dir = path.split().0.unwrap_or("");
        let hidden_path = if dir.is_empty() { hidden.to_owned() } else { format!("{dir}/{hidden}") };
        if last != OPAQUE && hidden_path.parse::<RelPath>().is_err() {
            return Err(self.layout.refuse(path.as_str(), "hides nothing that could be there"));
        }
        let parent = match self.root.dir(dir) {
            Ok(parent) => parent,
            // There is nothing to hide where there is no directory.
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(self.failed(path, e)),
        };
        let keep = |path: &str| self.made.contains(&self.hasher.hash_one(path));
        let done = if last == OPAQUE {
            self.root.clear(dir, &keep)
        } else if keep(&hidden_path) {
            Ok(())
        } else {
            remove(parent.as_fd(), hidden, 0)
        };
        done.map_err(|e| self.failed(path, e))
    }

    fn parent(&mut self, path: &RelPath) -> Result<OwnedFd> {
        let mut made = 0_u64;
        let parent = self.root.parent(path, &mut |_| made = made.saturating_add(1));
        let parent = parent.map_err(|e| self.failed(path, e))?;
        for _ in 0..made {
            self.count()?;
        }
        Ok(parent)
    }

    fn count(&mut self) -> Result<()> {
        self.entries = self.entries.saturating_add(1);
        if self.entries > self.limits.max_entries {
            return Err(self.limit("entries", self.limits.max_entries));
        }
        Ok(())
    }

    fn remember(&mut self, path: &str) {
        let prefixes = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        for prefix in prefixes.chain([path]) {
            self.made.insert(self.hasher.hash_one(prefix));
        }
    }

    fn attributes<R: Read>(&self, entry: &Entry<'_, R>, path: &RelPath) -> Result<Attributes> {
        let header = entry.header();
        let read = || -> io::Result<Attributes> {
            let id = |id: u64| u32::try_from(id).map_err(io::Error::other);
            let (uid, gid) = (id(header.uid()?)?, id(header.gid()?)?);
            Ok(Attributes { mode: header.mode()?, uid, gid, mtime: header.mtime()? })
        };
        read().map_err(|e| self.layout.broken(path, e))
    }

    fn link_name<R: Read>(&self, entry: &Entry<'_, R>, path: &RelPath) -> Result<String> {
        let name = entry.link_name_bytes().unwrap_or_default().into_owned();
        let name = String::from_utf8(name).ok().filter(|n| !n.is_empty() && !n.contains('\0'));
        name.ok_or_else(|| self.layout.refuse(path.as_str(), "is a link to no name"))
    }

    /// The root of a container is entered by every user of it.
    fn open_root(&self) -> Result<()> {
        let opened = self
            .root
            .dir("")
            .and_then(|root| Ok(rustix::fs::fchmod(&root, rustix::fs::Mode::from_raw_mode(0o755))?));
        opened.map_err(|e| BlobError::from_io("close directory", &self.path, e).into())
    }

    fn limit(&self, what: &'static str, limit: u64) -> OciError {
        OciError::Limit { origin: self.layout.origin().to_owned(), what, limit }
    }

    fn failed(&self, path: &RelPath, error: io::Error) -> OciError {
        match Errno::from_io_error(&error) {
            Some(Errno::XDEV | Errno::LOOP) => {
                self.layout.refuse(path.as_str(), "leaves its root through a symbolic link")
            }
            Some(Errno::NOTDIR) => {
                self.layout.refuse(path.as_str(), "lies below something that is not a directory")
            }
            _ => BlobError::from_io("unpack", &self.path.join(path.as_str()), error).into(),
        }
    }
}

/// A reader that remembers its failure, so that it is not taken for that of the writer.
struct Blame<R> {
    inner: R,
    failed: Option<io::Error>,
}

impl<R: Read> Read for Blame<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buf) {
            Err(e) if e.kind() != io::ErrorKind::Interrupted => {
                self.failed = Some(e);
                Err(io::ErrorKind::Other.into())
            }
            other => other,
        }
    }
}
