//! Proving one entry without reading the rest of the log.

use camino::Utf8Path;
use holdfast_audit::{
    Checkpoint, Entry, Hash, ProofError, VerifierKey, decode_bundle, inclusion_proof, leaf_hash, tile_width,
    verify_inclusion,
};

use crate::finding::{Fault, Finding, Place};
use crate::store::{Store, Tiles};

/// An entry that is in the log of a signed checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedEntry {
    /// What it says.
    pub entry: Entry,
    /// The hash of its bytes.
    pub leaf: Hash,
    /// The hashes that lead from it to the root.
    pub proof: Vec<Hash>,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
}

/// Reads one entry and checks that it is in the log of the signed checkpoint.
pub fn verify_entry(dir: &Utf8Path, key: Option<&VerifierKey>, index: u64) -> Result<ProvedEntry, Finding> {
    let store = Store::new(dir);
    let (checkpoint, _) = store.checkpoint(key)?;
    let size = checkpoint.size;
    let fault = |fault: Fault| Finding::new(Place::Entry(index), fault);
    if index >= size {
        return Err(fault(Fault::Proof(ProofError::Index { index, size })));
    }
    let width = tile_width(0, index / 256, size);
    let (bytes, stated) = store.bundle(index / 256, width).map_err(fault)?;
    let (entries, error) = decode_bundle(&bytes, stated);
    let position = usize::try_from(index % 256).unwrap_or(usize::MAX);
    let Some(bytes) = entries.get(position) else {
        return Err(match error {
            Some(error) => Finding::bundle(index, 1, error),
            None => fault(Fault::Cut("the bundle ends before it".to_owned())),
        });
    };
    let leaf = leaf_hash(bytes);
    let tiles = Tiles { store: &store, size };
    let proof = inclusion_proof(&tiles, index, size).map_err(|error| fault(Fault::Proof(error)))?;
    let proved = verify_inclusion(&leaf, index, size, &checkpoint.root, &proof);
    proved.map_err(|error| fault(Fault::Proof(error)))?;
    let entry = Entry::parse(bytes).map_err(|error| fault(Fault::Form(error)))?;
    if entry.seq != index {
        return Err(fault(Fault::Sequence(entry.seq)));
    }
    Ok(ProvedEntry { entry, leaf, proof, checkpoint })
}
