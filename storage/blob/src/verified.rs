//! What this process has verified, so that using a blob again costs a stat and not a hash.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use holdfast_types::BlobId;
use parking_lot::Mutex;

/// How many blobs are remembered. Forgetting costs a second hash, never a wrong answer.
const MAX_REMEMBERED: usize = 262_144;

/// Which bytes a verdict was about: a write into the file, or another file under the name, changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    dev: u64,
    ino: u64,
    size: u64,
    mtime: (i64, i64),
}

impl From<&Metadata> for Stamp {
    fn from(m: &Metadata) -> Self {
        Self { dev: m.dev(), ino: m.ino(), size: m.size(), mtime: (m.mtime(), m.mtime_nsec()) }
    }
}

/// The blobs verified since the store opened. It is never stored: a restart verifies again.
#[derive(Debug, Default)]
pub(crate) struct Verified(Mutex<HashMap<BlobId, Stamp>>);

impl Verified {
    pub(crate) fn holds(&self, id: BlobId, stamp: Stamp) -> bool {
        self.0.lock().get(&id) == Some(&stamp)
    }

    pub(crate) fn insert(&self, id: BlobId, stamp: Stamp) {
        let mut map = self.0.lock();
        if map.len() >= MAX_REMEMBERED {
            map.clear();
        }
        map.insert(id, stamp);
    }

    pub(crate) fn forget(&self, id: BlobId) {
        self.0.lock().remove(&id);
    }
}
