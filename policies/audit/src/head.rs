//! The head of a log: all that the replicated state machine keeps to add the next entry.

use crate::entry::{Draft, Entry, EntryError};
use crate::hash::{HASH_BYTES, Hash, leaf_hash};
use crate::tree::{Frontier, FrontierError};

/// The frontier of the tree and the leaf that the next entry links to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    last: Hash,
    frontier: Frontier,
}

/// An entry that was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Its index.
    pub seq: u64,
    /// Its bytes, to be stored beside the head.
    pub bytes: Vec<u8>,
    /// Their leaf hash.
    pub leaf: Hash,
    /// The root of the log with it.
    pub root: Hash,
}

impl Head {
    /// The number of entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The root of the log.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Gives a draft its place. A draft that cannot be written leaves the head as it was.
    pub fn append(&mut self, draft: Draft) -> Result<Appended, EntryError> {
        let seq = self.size();
        let bytes = Entry { seq, prev: self.last, draft }.to_bytes()?;
        let leaf = leaf_hash(&bytes);
        let root = self.frontier.append(leaf);
        self.last = leaf;
        Ok(Appended { seq, bytes, leaf, root })
    }

    /// The last leaf and the frontier.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.last.0.to_vec();
        bytes.extend(self.frontier.to_bytes());
        bytes
    }

    /// Reads what [`Head::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FrontierError> {
        let (last, rest) =
            bytes.split_first_chunk::<HASH_BYTES>().ok_or(FrontierError::Short(bytes.len()))?;
        Ok(Self { last: Hash(*last), frontier: Frontier::from_bytes(rest)? })
    }
}
