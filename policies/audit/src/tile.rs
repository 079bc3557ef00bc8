//! The layout of an exported log (C2SP tlog-tiles): names of tiles, and bundles of entries.

use camino::Utf8PathBuf;

use crate::entry::MAX_ENTRY;
use crate::hash::{HASH_BYTES, Hash};

/// Hashes in a full tile, and entries in a full bundle.
pub const TILE_WIDTH: usize = 256;
/// The longest bundle in bytes.
pub const BUNDLE_BYTES: usize = TILE_WIDTH * (2 + MAX_ENTRY);
/// The file with the signed checkpoint.
pub const CHECKPOINT: &str = "checkpoint";
/// The file with the verifier keys of the log, one a line.
pub const KEYS: &str = "keys";
/// The directory with the bundles.
pub const ENTRIES: &str = "tile/entries";

/// How many hashes the tile `index` of a level has in a log of a size; 0 where there is none.
#[must_use]
pub fn tile_width(level: u32, index: u64, size: u64) -> usize {
    let hashes = size.checked_shr(level.saturating_mul(8)).unwrap_or(0);
    let before = index.saturating_mul(256);
    usize::try_from(hashes.saturating_sub(before)).map_or(TILE_WIDTH, |width| width.min(TILE_WIDTH))
}

/// The path of a tile below the root of a log, full or partial by its width.
#[must_use]
pub fn tile_path(level: u32, index: u64, width: usize) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("tile/{level}/{}", place(index, width)))
}

/// The path of a bundle of entries.
#[must_use]
pub fn bundle_path(index: u64, width: usize) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{ENTRIES}/{}", place(index, width)))
}

/// `x001/x234/067` for 1234067, and `.p/<width>` behind it for a partial one.
fn place(index: u64, width: usize) -> String {
    let mut text = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        text = format!("x{:03}/{text}", rest % 1000);
        rest /= 1000;
    }
    if width < TILE_WIDTH { format!("{text}.p/{width}") } else { text }
}

/// Why the bytes of a tile or a bundle are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// An entry is longer than its 16 bits of length can say.
    #[error("entry of {0} bytes is longer than {MAX_ENTRY}")]
    Size(usize),
    /// The bytes end inside an entry.
    #[error("bundle ends inside its entry {0}")]
    Cut(usize),
    /// Not the number of entries that the name states.
    #[error("bundle has {found} entries, its name says {stated}")]
    Count {
        /// In the bytes.
        found: usize,
        /// In the name.
        stated: usize,
    },
    /// A tile with a wrong length.
    #[error("tile has {found} bytes, its name says {stated}")]
    Tile {
        /// In the file.
        found: usize,
        /// By the name.
        stated: usize,
    },
}

/// Adds an entry to the bytes of a bundle: its length in 16 bits, big-endian, and its bytes.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), BundleError> {
    let length = u16::try_from(entry.len()).map_err(|_| BundleError::Size(entry.len()))?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// The entries of a bundle, as many as can be read and what is wrong behind them.
#[must_use]
pub fn decode_bundle(bytes: &[u8], width: usize) -> (Vec<&[u8]>, Option<BundleError>) {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        if entries.len() == width {
            return (entries, Some(BundleError::Count { found: width + 1, stated: width }));
        }
        let split = rest
            .split_first_chunk::<2>()
            .and_then(|(length, tail)| tail.split_at_checked(usize::from(u16::from_be_bytes(*length))));
        let Some((entry, tail)) = split else {
            let at = entries.len();
            return (entries, Some(BundleError::Cut(at)));
        };
        entries.push(entry);
        rest = tail;
    }
    let found = entries.len();
    (entries, (found != width).then_some(BundleError::Count { found, stated: width }))
}

/// The hashes of a tile.
pub fn decode_tile(bytes: &[u8], width: usize) -> Result<Vec<Hash>, BundleError> {
    let (hashes, tail) = bytes.as_chunks::<HASH_BYTES>();
    if hashes.len() != width || !tail.is_empty() {
        return Err(BundleError::Tile { found: bytes.len(), stated: width * HASH_BYTES });
    }
    Ok(hashes.iter().copied().map(Hash).collect())
}
