//! Where extensions lie on a disk. EXT has a half for each slot; in it the extensions of that slot's release lie one behind the other,
//! and a block of zeros ends them. So a release is written with its own beside those of the one that runs, and whoever goes back finds
//! what belongs to it.

use std::io;

use crate::layout::{Profile, Role};
use crate::manifest::{FileSum, Manifest};
use crate::slots::Slot;
use crate::verity::BLOCK_BYTES;
use crate::writer::Target;

use super::file::{ExtensionError, ExtensionHead, MOST_EXTENSION_HEAD};

/// So many extensions are looked for in a half.
const MOST: usize = 64;

/// An extension in the half of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Where it begins in EXT.
    pub at: u64,
    /// Its head.
    pub head: ExtensionHead,
}

/// Where the extensions of a release go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Laid<'a> {
    /// Each file of the release, where it begins in EXT, and what it is.
    pub files: Vec<(&'a str, u64, FileSum)>,
    /// Where the block of zeros goes that ends them; nowhere where the half is full.
    pub end: Option<u64>,
}

impl Laid<'_> {
    /// No extensions for a slot, in an EXT of so many bytes.
    #[must_use]
    pub fn none(slot: Slot, bytes: u64) -> Self {
        Self { files: Vec::new(), end: Some(half(slot, bytes).0) }
    }
}

/// Bytes that the extensions of a release may have.
#[must_use]
pub fn extension_room(profile: Profile) -> u64 {
    half(Slot::A, Role::Ext.bytes(profile, 512)).1
}

/// Where the half of a slot begins in an EXT of so many bytes, and how many bytes it has.
fn half(slot: Slot, bytes: u64) -> (u64, u64) {
    let half = bytes / 2 / BLOCK_BYTES * BLOCK_BYTES;
    match slot {
        Slot::A => (0, half),
        Slot::B => (half, half),
    }
}

/// Where the extensions of a release go for a slot, in an EXT of so many bytes.
///
/// # Errors
///
/// One is no whole blocks or not among the files, or they do not fit.
pub fn laid_out(manifest: &Manifest, slot: Slot, bytes: u64) -> Result<Laid<'_>, ExtensionError> {
    let (start, room) = half(slot, bytes);
    let mut files = Vec::new();
    let mut used: u64 = 0;
    for extension in &manifest.extensions {
        let sum = manifest.file(&extension.file).filter(|sum| sum.bytes.is_multiple_of(BLOCK_BYTES));
        let sum =
            sum.ok_or_else(|| ExtensionError::Form(format!("`{}` is no whole blocks", extension.file)))?;
        files.push((extension.file.as_str(), start + used.min(room), sum));
        used = used.saturating_add(sum.bytes);
    }
    if used > room {
        return Err(ExtensionError::Room { bytes: used, room });
    }
    Ok(Laid { files, end: (used < room).then_some(start + used) })
}

/// The extensions that lie in the half of a slot, and why there may be more that cannot be found.
///
/// # Errors
///
/// The device cannot be read.
pub fn installed(ext: &mut dyn Target, slot: Slot) -> io::Result<(Vec<Installed>, Option<ExtensionError>)> {
    let (start, room) = half(slot, ext.size());
    let (mut found, mut used) = (Vec::new(), 0);
    while found.len() < MOST {
        let at = start + used;
        let mut head = vec![0; MOST_EXTENSION_HEAD.min(usize::try_from(room - used).unwrap_or(usize::MAX))];
        ext.read_exact_at(at, &mut head)?;
        match ExtensionHead::parse(&head) {
            Ok(None) => return Ok((found, None)),
            Err(error) => return Ok((found, Some(error))),
            Ok(Some(head)) => {
                let bytes = head.whole_bytes();
                // What it says is not proved: it leads nowhere but to a place in the same half.
                if bytes > room - used {
                    let why = format!("`{}` would have {bytes} bytes", head.name());
                    return Ok((found, Some(ExtensionError::Form(why))));
                }
                found.push(Installed { at, head });
                used += bytes;
            }
        }
    }
    Ok((found, None))
}
