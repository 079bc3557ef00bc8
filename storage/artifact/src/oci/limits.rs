//! How much a foreign image may ask for.

/// What an image may cost. The defaults fit any real image and stop an archive that was made to hurt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Files of a layout, and entries of all layers together.
    pub max_entries: u64,
    /// Bytes of all layers together once they are unpacked.
    pub max_unpacked_bytes: u64,
    /// Layers of one image.
    pub max_layers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_entries: 500_000, max_unpacked_bytes: 128 * 1024 * 1024 * 1024, max_layers: 256 }
    }
}

/// The largest index, manifest or configuration: they are read into memory.
pub(crate) const MAX_JSON_BYTES: u64 = 4 * 1024 * 1024;
/// The most an entry of a tar may spend on its headers, long names and attributes: they are read into memory.
pub(crate) const MAX_HEADER_BYTES: u64 = 1024 * 1024;
/// The most descriptors looked at to find the image of a platform.
pub(crate) const MAX_DESCRIPTORS: usize = 1024;
/// How deep an index may hold another.
pub(crate) const MAX_INDEX_DEPTH: usize = 3;
