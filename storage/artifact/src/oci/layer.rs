//! Reading a foreign tar without trusting it: names, the cost of headers, and compression.

use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;

use crate::rel_path::RelPath;

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// By gzip.
    Gzip,
}

impl Compression {
    /// The tar inside.
    pub(crate) fn decode<'a>(self, from: impl Read + 'a) -> Box<dyn Read + 'a> {
        match self {
            Self::None => Box::new(from),
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(from)),
        }
    }
}

/// The path an entry means, `None` for the root itself, or what is wrong with it in words that follow the entry.
pub(crate) fn entry_path(bytes: &[u8]) -> Result<Option<RelPath>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "has a name that is not UTF-8".to_owned())?;
    if text.starts_with('/') {
        return Err("has an absolute path".to_owned());
    }
    let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        return Err("leaves its root by `..`".to_owned());
    }
    if parts.is_empty() {
        return Ok(None);
    }
    parts.join("/").parse().map(Some).map_err(|e| format!("has a bad name: {e}"))
}

/// How many bytes a reader may still give. The tar reader keeps long names and attributes in memory, as long as the
/// archive says they are; this is what stops it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Budget(Rc<Cell<u64>>);

impl Budget {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// From now on this many bytes and no more.
    pub(crate) fn allow(&self, bytes: u64) {
        self.0.set(bytes);
    }

    pub(crate) fn meter<R>(&self, inner: R) -> Metered<R> {
        Metered { inner, budget: self.clone() }
    }
}

/// A reader that fails where its budget ends.
#[derive(Debug)]
pub(crate) struct Metered<R> {
    inner: R,
    budget: Budget,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buf)?;
        let left = self.budget.0.get().checked_sub(u64::try_from(count).unwrap_or(u64::MAX));
        let left =
            left.ok_or_else(|| io::Error::new(io::ErrorKind::QuotaExceeded, "its headers are too large"))?;
        self.budget.0.set(left);
        Ok(count)
    }
}

impl<R: Seek> Seek for Metered<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}
