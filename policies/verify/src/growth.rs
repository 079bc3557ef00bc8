//! Proving that a log only grew from one checkpoint to another.

use camino::Utf8Path;
use holdfast_audit::{Checkpoint, consistency_proof, verify_consistency};

use crate::finding::{Fault, Finding, Place};
use crate::store::{Store, Tiles};

/// Checks with the tiles of a log that `new` continues `old`; returns how many hashes prove it.
pub fn verify_growth(dir: &Utf8Path, old: &Checkpoint, new: &Checkpoint) -> Result<usize, Finding> {
    let fault = |fault: Fault| Finding::new(Place::Log, fault);
    if old.origin != new.origin {
        let (found, expected) = (new.origin.clone(), old.origin.clone());
        return Err(fault(Fault::Origin { found, expected }));
    }
    if new.size < old.size {
        let place = Place::range(new.size, old.size);
        return Err(Finding::new(place, Fault::Truncated { found: new.size, trusted: old.size }));
    }
    let store = Store::new(dir);
    let tiles = Tiles { store: &store, size: new.size };
    let proof = consistency_proof(&tiles, old.size, new.size).map_err(|error| fault(Fault::Proof(error)))?;
    let proved = verify_consistency((old.size, &old.root), (new.size, &new.root), &proof);
    proved.map_err(|error| fault(Fault::Proof(error)))?;
    Ok(proof.len())
}
