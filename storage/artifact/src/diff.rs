//! What changed between two versions.

use crate::manifest::Manifest;
use crate::rel_path::RelPath;

/// The files in which two manifests differ, each list in the order of paths.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diff {
    /// In the new one only.
    pub added: Vec<RelPath>,
    /// In the old one only.
    pub removed: Vec<RelPath>,
    /// In both, with other bytes or another mode.
    pub changed: Vec<RelPath>,
}

/// What leads from `old` to `new`.
#[must_use]
pub fn diff(old: &Manifest, new: &Manifest) -> Diff {
    let mut diff = Diff::default();
    for (path, entry) in old.entries() {
        match new.entries().get(path) {
            None => diff.removed.push(path.clone()),
            Some(other) if other != entry => diff.changed.push(path.clone()),
            Some(_) => {}
        }
    }
    diff.added.extend(new.entries().keys().filter(|path| !old.entries().contains_key(*path)).cloned());
    diff
}
