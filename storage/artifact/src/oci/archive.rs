//! The index of a tar: which file begins where. Nothing is unpacked; files are read in place.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use tar::EntryType;

use super::error::{OciError, Result};
use super::layer::{Budget, entry_path};
use super::limits::{Limits, MAX_HEADER_BYTES};
use super::spec::{INDEX_FILE, LAYOUT_FILE};
use crate::rel_path::RelPath;

const BLOCK: u64 = 512;

/// Where a file lies in an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    start: u64,
    pub(crate) len: u64,
}

/// A tar file and its index.
#[derive(Debug)]
pub(crate) struct Archive {
    file: Arc<File>,
    pub(crate) files: BTreeMap<String, Extent>,
}

impl Archive {
    /// Indexes the tar. What no layout has is refused, or left out where an honest tool puts it beside one.
    pub(crate) fn index(file: File, origin: &str, limits: &Limits) -> Result<Self> {
        let broken = |why: io::Error| OciError::Broken {
            origin: origin.to_owned(),
            what: "the tar archive".to_owned(),
            why: why.to_string(),
        };
        let size = file.metadata().map_err(broken)?.len();
        let budget = Budget::new();
        let mut tar = tar::Archive::new(budget.meter(&file));
        let (mut files, mut count, mut end) = (BTreeMap::new(), 0_u64, 0_u64);
        budget.allow(MAX_HEADER_BYTES);
        for entry in tar.entries_with_seek().map_err(broken)? {
            let entry = entry.map_err(|e| match e.kind() {
                io::ErrorKind::QuotaExceeded => broken(e),
                _ if count == 0 => not_a_tar(origin),
                _ => broken(e),
            })?;
            budget.allow(MAX_HEADER_BYTES);
            count = count.saturating_add(1);
            if count > limits.max_entries {
                let origin = origin.to_owned();
                return Err(OciError::Limit { origin, what: "entries", limit: limits.max_entries });
            }
            let refuse = |why: &str| {
                let entry = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                OciError::Unsafe { origin: origin.to_owned(), entry, why: why.to_owned() }
            };
            let path = entry_path(&entry.path_bytes()).map_err(|why| refuse(&why))?;
            end =
                entry.raw_file_position().saturating_add(entry.size()).div_ceil(BLOCK).saturating_mul(BLOCK);
            match entry.header().entry_type() {
                EntryType::Directory | EntryType::XGlobalHeader => continue,
                EntryType::Regular => {}
                // Old docker archives have links. Nothing reads through one, and none may stand for a part of a layout.
                EntryType::Symlink if !is_part(path.as_ref()) => continue,
                EntryType::Link if !is_part(path.as_ref()) => {
                    let to = entry.link_name_bytes().unwrap_or_default();
                    entry_path(&to).map_err(|why| refuse(&format!("is a hard link that {why}")))?;
                    continue;
                }
                _ => return Err(refuse("is neither a file nor a directory, and a layout has nothing else")),
            }
            let path = path.ok_or_else(|| refuse("is a file without a name"))?;
            let extent = Extent { start: entry.raw_file_position(), len: entry.size() };
            if extent.start.checked_add(extent.len).is_none_or(|end| end > size) {
                return Err(broken(io::Error::other(format!("it ends within `{path}`"))));
            }
            if files.insert(path.to_string(), extent).is_some() {
                return Err(refuse("comes twice"));
            }
        }
        drop(tar);
        // Cut between two entries a tar looks whole, were it not for the mark at its end.
        if count > 0 && end.saturating_add(BLOCK) > size {
            return Err(broken(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(Self { file: Arc::new(file), files })
    }

    pub(crate) fn open(&self, extent: Extent) -> impl Read + Send + use<> {
        ExtentReader { file: Arc::clone(&self.file), at: extent.start, left: extent.len }
    }
}

/// Whether a path is one that a layout is read from.
fn is_part(path: Option<&RelPath>) -> bool {
    path.and_then(|path| path.components().next())
        .is_some_and(|top| matches!(top, "blobs" | LAYOUT_FILE | INDEX_FILE))
}

fn not_a_tar(origin: &str) -> OciError {
    OciError::NotALayout { origin: origin.to_owned(), why: "it is not a tar archive".to_owned() }
}

/// Reads an extent by position, so that readers of one archive do not disturb each other.
#[derive(Debug)]
struct ExtentReader {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Read for ExtentReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let want = usize::try_from(self.left).map_or(buf.len(), |left| left.min(buf.len()));
        let count = self.file.read_at(buf.get_mut(..want).unwrap_or_default(), self.at)?;
        let step = u64::try_from(count).unwrap_or(u64::MAX);
        self.at = self.at.saturating_add(step);
        self.left = self.left.saturating_sub(step);
        Ok(count)
    }
}
