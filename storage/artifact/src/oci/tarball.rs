//! Writing tars that are the same bytes every time: sorted, of no date, owned by root.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use tar::{Builder, EntryType, Header};

use super::error::{OciError, Result};
use crate::rel_path::RelPath;

/// What a layer has at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Dir { mode: u32 },
    Bytes { bytes: Vec<u8> },
    Host { path: Utf8PathBuf },
}

/// The content of a layer by path; the directories above each node are there too.
#[derive(Debug, Default)]
pub(crate) struct Tree(BTreeMap<RelPath, Node>);

impl Tree {
    /// Adds a node. Two different things of one path are an error.
    pub(crate) fn add(&mut self, path: RelPath, node: Node) -> Result<()> {
        for dir in path.ancestors() {
            let dir: RelPath =
                dir.parse().map_err(|e: crate::rel_path::RelPathError| options(e.to_string()))?;
            match self.0.entry(dir).or_insert(Node::Dir { mode: 0o755 }) {
                Node::Dir { .. } => {}
                Node::Bytes { .. } | Node::Host { .. } => {
                    return Err(options(format!("`{path}` lies below a file")));
                }
            }
        }
        match self.0.get(&path) {
            Some(there) if *there != node => Err(options(format!("`{path}` is given twice"))),
            _ => {
                self.0.insert(path, node);
                Ok(())
            }
        }
    }

    /// Writes the tar.
    pub(crate) fn write(&self, out: impl Write) -> Result<()> {
        let mut builder = Builder::new(out);
        for (path, node) in &self.0 {
            let write = |e| options(format!("write `{path}`: {e}"));
            match node {
                Node::Dir { mode } => {
                    let mut header = header(EntryType::Directory, *mode, 0);
                    builder.append_data(&mut header, format!("{path}/"), io::empty()).map_err(write)?;
                }
                Node::Bytes { bytes } => {
                    let mut header = header(EntryType::Regular, 0o644, bytes.len() as u64);
                    builder.append_data(&mut header, path.as_str(), bytes.as_slice()).map_err(write)?;
                }
                Node::Host { path: host } => {
                    let (file, size, mode) = open(host)?;
                    let mut header = header(EntryType::Regular, mode, size);
                    // The header has promised the size: a file that shrinks meanwhile would break the tar.
                    let mut from = Counted { inner: file.take(size), bytes: 0 };
                    builder.append_data(&mut header, path.as_str(), &mut from).map_err(write)?;
                    if from.bytes != size {
                        return Err(options(format!("`{host}` changed while it was packed")));
                    }
                }
            }
        }
        builder.finish().map_err(|e| options(format!("write layer: {e}")))
    }
}

/// The header of a file of an archive that is written by hand.
pub(crate) fn file_header(path: &str, size: u64) -> io::Result<Header> {
    let mut header = header(EntryType::Regular, 0o644, size);
    header.set_path(path)?;
    header.set_cksum();
    Ok(header)
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

fn open(path: &Utf8Path) -> Result<(File, u64, u32)> {
    let open = || -> io::Result<_> {
        let file = File::open(path)?;
        let meta = file.metadata()?;
        Ok((file, meta))
    };
    let (file, meta) = open().map_err(|e| options(format!("open `{path}`: {e}")))?;
    if !meta.is_file() {
        return Err(options(format!("`{path}` is not a regular file")));
    }
    let mode = if meta.permissions().mode() & 0o111 == 0 { 0o644 } else { 0o755 };
    Ok((file, meta.len(), mode))
}

fn options(why: String) -> OciError {
    OciError::PackOptions { why }
}

struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buf)?;
        self.bytes = self.bytes.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}
