//! Where things lie below the root of a store.
//!
//! ```text
//! blobs/aa/bb/<64 hexadecimal digits>   whole, durable, mode 0444
//! tmp/                                  half-written; emptied when the store opens
//! quarantine/                           what a scrub found damaged
//! ```

use std::collections::HashSet;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_types::BlobId;
use parking_lot::{Mutex, MutexGuard};

use crate::error::{BlobError, Result};
use crate::files::{sorted_names, sync_dir};

/// The paths of a store, and the right to change what is visible in it.
#[derive(Debug)]
pub(crate) struct Layout {
    root: Utf8PathBuf,
    /// Which fan-out directories are known to be durable. The lock is also held around every rename into or out of
    /// `blobs/`, so that a scrub never moves away a copy that was written after its verdict.
    durable: Mutex<HashSet<[u8; 2]>>,
}

/// The right to rename into and out of `blobs/`.
pub(crate) type Publishing<'a> = MutexGuard<'a, HashSet<[u8; 2]>>;

impl Layout {
    pub(crate) fn create(root: &Utf8Path) -> Result<Self> {
        let layout = Self { root: root.to_owned(), durable: Mutex::new(HashSet::new()) };
        for dir in [root.to_owned(), layout.blobs(), layout.tmp(), layout.quarantine()] {
            let act = "create store directory";
            std::fs::create_dir_all(&dir).map_err(|e| BlobError::from_io(act, &dir, e))?;
        }
        // The root's own name counts too where it was created just now.
        let above = root.parent().filter(|p| !p.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
        for dir in [root, above] {
            sync_dir(dir).map_err(|e| BlobError::from_io("sync store directory", dir, e))?;
        }
        Ok(layout)
    }

    pub(crate) fn root(&self) -> &Utf8Path {
        &self.root
    }

    pub(crate) fn blobs(&self) -> Utf8PathBuf {
        self.root.join("blobs")
    }

    pub(crate) fn tmp(&self) -> Utf8PathBuf {
        self.root.join("tmp")
    }

    pub(crate) fn quarantine(&self) -> Utf8PathBuf {
        self.root.join("quarantine")
    }

    fn fan(&self, id: BlobId) -> (Utf8PathBuf, Utf8PathBuf) {
        let [first, second, ..] = id.0;
        let outer = self.blobs().join(format!("{first:02x}"));
        let inner = outer.join(format!("{second:02x}"));
        (outer, inner)
    }

    pub(crate) fn blob(&self, id: BlobId) -> Utf8PathBuf {
        self.fan(id).1.join(hex::encode(id.0))
    }

    pub(crate) fn publishing(&self) -> Publishing<'_> {
        self.durable.lock()
    }

    /// The directory of a blob, created durably.
    pub(crate) fn ensure_fan(&self, id: BlobId, durable: &mut Publishing<'_>) -> Result<Utf8PathBuf> {
        let [first, second, ..] = id.0;
        let (outer, inner) = self.fan(id);
        if !durable.contains(&[first, second]) {
            let create = || -> io::Result<()> {
                std::fs::create_dir_all(&inner)?;
                sync_dir(&outer)?;
                sync_dir(&self.blobs())
            };
            create().map_err(|e| BlobError::from_io("create blob directory", &inner, e))?;
            durable.insert([first, second]);
        }
        Ok(inner)
    }

    /// Every blob in the order of ids, and every other thing that lies where blobs lie.
    pub(crate) fn walk(&self) -> Result<(Vec<BlobId>, Vec<Utf8PathBuf>)> {
        let (mut ids, mut strangers) = (Vec::new(), Vec::new());
        let names = |dir: &Utf8Path| match sorted_names(dir) {
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            other => other.map(Some).map_err(|e| BlobError::from_io("list blobs in", dir, e)),
        };
        let blobs = self.blobs();
        for outer in names(&blobs)?.unwrap_or_default() {
            let outer = blobs.join(outer);
            let Some(inners) = names(&outer)? else {
                strangers.push(outer);
                continue;
            };
            for inner in inners {
                let inner = outer.join(inner);
                let Some(files) = names(&inner)? else {
                    strangers.push(inner);
                    continue;
                };
                for name in files {
                    let path = inner.join(&name);
                    match format!("b3-{name}").parse() {
                        Ok(id) if self.blob(id) == path => ids.push(id),
                        _ => strangers.push(path),
                    }
                }
            }
        }
        Ok((ids, strangers))
    }
}
