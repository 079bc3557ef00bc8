//! The hashes of a member's state at entries that every member has, and what it does where others have another.

use std::sync::Arc;

use crate::digest::StateHash;
use crate::standing::{Exclusion, Standing};

/// An entry, and the hash of the state after it.
pub(crate) type Point = (u64, StateHash);

/// The points of this member, oldest first.
pub(crate) type Points = Arc<dyn Fn() -> Vec<Point> + Send + Sync>;

/// Takes this member out if it is right that its state differs.
pub(crate) fn judge(own: &[Point], right: Point, standing: &Standing) {
    let (index, theirs) = right;
    if let Some((_, ours)) = own.iter().find(|(at, hash)| *at == index && *hash != theirs) {
        standing.exclude(Exclusion::Diverged { index, ours: *ours, theirs });
    }
}
