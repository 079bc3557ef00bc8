//! The Merkle audit log: an RFC 6962 tree over canonical entries, proofs, signed checkpoints, and the export of a log as
//! files in the C2SP tlog-tiles layout.
//!
//! Everything but `export` is pure, so the replicated state machine can hold the head of the log and every replica
//! computes the same root. This crate must not know what an entry means, who reads it, or what time it is: no clock, no
//! network, no randomness.

#![forbid(unsafe_code)]

mod durable;
mod entry;
mod export;
mod hash;
mod head;
mod note;
mod proof;
mod tile;
mod tree;

pub use entry::{Draft, Entry, EntryError, EntryReason, FORMAT, Kind, KindError, MAX_DEPTH, MAX_ENTRY};
pub use export::{ExportError, Exporter, export};
pub use hash::{HASH_BYTES, Hash, HashError, leaf_hash, node_hash};
pub use head::{Appended, Head};
pub use note::{Checkpoint, MAX_NOTE, NoteError, Signer, VerifierKey};
pub use proof::{
    HashSource, MAX_PROOF, ProofError, consistency_proof, inclusion_proof, verify_consistency,
    verify_inclusion,
};
pub use tile::{
    BUNDLE_BYTES, BundleError, CHECKPOINT, ENTRIES, KEYS, TILE_WIDTH, bundle_path, decode_bundle,
    decode_tile, push_entry, tile_path, tile_width,
};
pub use tree::{Frontier, FrontierError, Leaves, perfect_root};
