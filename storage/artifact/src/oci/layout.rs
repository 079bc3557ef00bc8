//! An image layout, wherever its files are: a directory, a tar, or an artifact in the store.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use camino::Utf8Path;
use holdfast_blob::{BlobError, BlobStore};
use rustix::fs::{Dir, OFlags};
use rustix::io::Errno;
use serde::de::DeserializeOwned;

use super::archive::Archive;
use super::digest::{Digest, Hashing};
use super::error::{OciError, Result};
use super::limits::{Limits, MAX_JSON_BYTES};
use super::spec::{Descriptor, INDEX_FILE, LAYOUT_FILE, LayoutMark};
use crate::beneath::{Links, open};
use crate::manifest::{Chunk, Manifest};

/// An OCI image layout that can be read, and that nobody has checked.
#[derive(Debug)]
pub struct Layout {
    origin: String,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Archive(Archive),
    Directory(OwnedFd),
    Stored(BlobStore, Manifest),
}

/// An open file of a layout.
pub(crate) struct LayoutFile<'a> {
    pub(crate) reader: Box<dyn Read + 'a>,
    pub(crate) len: u64,
}

impl Layout {
    /// Opens a layout directory, or a tar of one.
    ///
    /// # Errors
    /// Where there is nothing, or something else.
    pub fn open(path: &Utf8Path, limits: &Limits) -> Result<Self> {
        let file = File::open(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => OciError::NoImage { path: path.to_owned() },
            _ => BlobError::from_io("open image", path, e).into(),
        })?;
        let meta = file.metadata().map_err(|e| BlobError::from_io("stat image", path, e))?;
        let origin = path.to_string();
        if meta.is_dir() {
            return Self { origin, source: Source::Directory(file.into()) }.marked();
        }
        if !meta.is_file() {
            return Err(OciError::NotALayout {
                origin,
                why: "it is neither a file nor a directory".to_owned(),
            });
        }
        refuse_compressed(&file, path)?;
        let archive = Archive::index(file, &origin, limits)?;
        Self { origin, source: Source::Archive(archive) }.marked()
    }

    /// A layout that was imported before.
    ///
    /// # Errors
    /// Where the artifact is something else.
    pub fn stored(store: &BlobStore, manifest: &Manifest) -> Result<Self> {
        let source = Source::Stored(store.clone(), manifest.clone());
        Self { origin: "image artifact".to_owned(), source }.marked()
    }

    /// What to call it in a message.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// True where nobody of ours has checked the digests of the blobs.
    pub(crate) fn is_foreign(&self) -> bool {
        match self.source {
            Source::Archive(_) | Source::Directory(_) => true,
            Source::Stored(..) => false,
        }
    }

    /// The names of all blobs.
    pub(crate) fn blobs(&self, limits: &Limits) -> Result<Vec<Digest>> {
        let prefix = "blobs/sha256/";
        let stored = |path: &str| path.strip_prefix(prefix).map(str::to_owned);
        let names: Vec<String> = match &self.source {
            Source::Archive(archive) => archive.files.keys().filter_map(|path| stored(path)).collect(),
            Source::Stored(_, manifest) => {
                manifest.entries().keys().filter_map(|p| stored(p.as_str())).collect()
            }
            Source::Directory(root) => self.names(root, prefix)?,
        };
        if names.len() as u64 > limits.max_entries {
            let origin = self.origin.clone();
            return Err(OciError::Limit { origin, what: "blobs", limit: limits.max_entries });
        }
        let digest = |name: &String| format!("sha256:{name}").parse::<Digest>();
        names
            .iter()
            .map(digest)
            .collect::<Result<_, _>>()
            .map_err(|e| self.malformed("a name in blobs/sha256", e))
    }

    /// Opens a file of the layout, `None` where there is none.
    pub(crate) fn file(&self, path: &str) -> Result<Option<LayoutFile<'_>>> {
        match &self.source {
            Source::Archive(archive) => Ok(archive
                .files
                .get(path)
                .map(|extent| LayoutFile { reader: Box::new(archive.open(*extent)), len: extent.len })),
            Source::Directory(root) => {
                let flags = OFlags::RDONLY | OFlags::NONBLOCK;
                let file = match open(root.as_fd(), path, flags, Links::Refuse) {
                    Ok(fd) => File::from(fd),
                    Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                    Err(e) => return Err(self.unreachable(path, e)),
                };
                let meta = file.metadata().map_err(|e| self.unreachable(path, e))?;
                if !meta.is_file() {
                    return Err(self.refuse(path, "is not a regular file"));
                }
                Ok(Some(LayoutFile { reader: Box::new(file), len: meta.len() }))
            }
            Source::Stored(store, manifest) => Ok(manifest.entries().get(path).map(|entry| LayoutFile {
                reader: Box::new(Chunks { store, left: entry.chunks.iter(), now: None }),
                len: entry.size,
            })),
        }
    }

    /// Opens the blob of a descriptor, whose size must be the one it says.
    pub(crate) fn blob(&self, digest: Digest, size: u64) -> Result<LayoutFile<'_>> {
        let file = self.file(&digest.layout_path())?;
        let file = file.ok_or_else(|| OciError::NoBlob { origin: self.origin.clone(), digest })?;
        if file.len != size {
            let origin = self.origin.clone();
            return Err(OciError::WrongSize { origin, digest, expected: size, found: file.len });
        }
        Ok(file)
    }

    /// Reads the document of a descriptor and checks its digest.
    pub(crate) fn document<T: DeserializeOwned>(&self, descriptor: &Descriptor) -> Result<(Digest, T)> {
        let digest = self.digest(&descriptor.digest)?;
        let file = self.blob(digest, descriptor.size)?;
        let bytes = self.read_small(file, &digest.to_string())?;
        let found = Digest::of(&bytes);
        if found != digest {
            return Err(self.wrong_digest(digest, found));
        }
        let document = serde_json::from_slice(&bytes);
        Ok((digest, document.map_err(|e| self.malformed(digest, e))?))
    }

    /// Reads a document that has no digest: the mark and the index.
    pub(crate) fn top<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let file = self.file(path)?.ok_or_else(|| self.not_a_layout(format!("it has no `{path}`")))?;
        let bytes = self.read_small(file, path)?;
        serde_json::from_slice(&bytes).map_err(|e| self.malformed(path, e))
    }

    /// Reads every blob and compares it with its name.
    pub(crate) fn check_blobs(&self, limits: &Limits) -> Result<()> {
        for digest in self.blobs(limits)? {
            let file = self.file(&digest.layout_path())?;
            let file = file.ok_or_else(|| OciError::NoBlob { origin: self.origin.clone(), digest })?;
            let mut hashing = Hashing::new(file.reader);
            let copied = holdfast_blob::copy(&mut hashing, &mut std::io::sink(), u64::MAX);
            copied.map_err(|e| self.broken(digest, e))?;
            let (found, _) = hashing.finish();
            if found != digest {
                return Err(self.wrong_digest(digest, found));
            }
        }
        Ok(())
    }

    pub(crate) fn digest(&self, text: &str) -> Result<Digest> {
        text.parse().map_err(|e| self.malformed("a descriptor", e))
    }

    pub(crate) fn malformed(&self, what: impl ToString, why: impl ToString) -> OciError {
        OciError::Malformed { origin: self.origin.clone(), what: what.to_string(), why: why.to_string() }
    }

    pub(crate) fn broken(&self, what: impl ToString, error: std::io::Error) -> OciError {
        match error.downcast::<BlobError>() {
            Ok(error) => error.into(),
            Err(error) => {
                let (what, why) = (what.to_string(), error.to_string());
                OciError::Broken { origin: self.origin.clone(), what, why }
            }
        }
    }

    pub(crate) fn refuse(&self, entry: &str, why: impl ToString) -> OciError {
        OciError::Unsafe { origin: self.origin.clone(), entry: entry.to_owned(), why: why.to_string() }
    }

    pub(crate) fn wrong_digest(&self, what: impl ToString, found: Digest) -> OciError {
        OciError::WrongDigest { origin: self.origin.clone(), what: what.to_string(), found }
    }

    fn not_a_layout(&self, why: String) -> OciError {
        OciError::NotALayout { origin: self.origin.clone(), why }
    }

    fn marked(self) -> Result<Self> {
        if self.file(LAYOUT_FILE)?.is_none() {
            let old = self.file("manifest.json")?.is_some();
            let why = if old { "it is a docker archive of before OCI" } else { "it has no `oci-layout`" };
            return Err(self.not_a_layout(why.to_owned()));
        }
        let mark: LayoutMark = self.top(LAYOUT_FILE)?;
        if !mark.version.starts_with("1.") {
            return Err(self.not_a_layout(format!("its layout version is `{}`, not 1", mark.version)));
        }
        if self.file(INDEX_FILE)?.is_none() {
            return Err(self.not_a_layout(format!("it has no `{INDEX_FILE}`")));
        }
        Ok(self)
    }

    fn read_small(&self, file: LayoutFile<'_>, what: &str) -> Result<Vec<u8>> {
        if file.len > MAX_JSON_BYTES {
            let origin = self.origin.clone();
            return Err(OciError::Limit { origin, what: "bytes in one document", limit: MAX_JSON_BYTES });
        }
        let mut bytes = Vec::new();
        let read = file.reader.take(MAX_JSON_BYTES).read_to_end(&mut bytes);
        read.map_err(|e| self.broken(what, e))?;
        Ok(bytes)
    }

    fn names(&self, root: &OwnedFd, dir: &str) -> Result<Vec<String>> {
        let path = dir.trim_end_matches('/');
        let fd = open(root.as_fd(), path, OFlags::RDONLY | OFlags::DIRECTORY, Links::Refuse);
        let fd = fd.map_err(|e| self.unreachable(path, e))?;
        let mut names = Vec::new();
        for entry in Dir::read_from(fd).map_err(|e| self.unreachable(path, e.into()))? {
            let entry = entry.map_err(|e| self.unreachable(path, e.into()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !matches!(name.as_str(), "." | "..") {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn unreachable(&self, path: &str, error: std::io::Error) -> OciError {
        match Errno::from_io_error(&error) {
            Some(Errno::XDEV | Errno::LOOP) => self.refuse(path, "is or goes through a symbolic link"),
            _ => BlobError::from_io("open", &Utf8Path::new(&self.origin).join(path), error).into(),
        }
    }
}

fn refuse_compressed(file: &File, path: &Utf8Path) -> Result<()> {
    let mut magic = [0; 4];
    let read = std::os::unix::fs::FileExt::read_at(file, &mut magic, 0);
    read.map_err(|e| BlobError::from_io("read image", path, e))?;
    let what = match magic {
        [0x1f, 0x8b, ..] => "gzip",
        [0x28, 0xb5, 0x2f, 0xfd] => "zstd",
        _ => return Ok(()),
    };
    let why = format!("the archive as a whole is compressed by {what}: decompress it first");
    Err(OciError::NotALayout { origin: path.to_string(), why })
}

/// The chunks of a stored file, one after the other, each verified.
struct Chunks<'a> {
    store: &'a BlobStore,
    left: std::slice::Iter<'a, Chunk>,
    now: Option<holdfast_blob::VerifiedReader>,
}

impl Read for Chunks<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        loop {
            if let Some(reader) = &mut self.now {
                let count = reader.read(buf)?;
                if count > 0 || buf.is_empty() {
                    return Ok(count);
                }
            }
            let Some(chunk) = self.left.next() else { return Ok(0) };
            self.now = Some(self.store.open_verified(chunk.id).map_err(std::io::Error::other)?);
        }
    }
}
