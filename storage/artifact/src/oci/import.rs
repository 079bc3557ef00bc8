//! A layout becomes an artifact, so that images travel and are scrubbed like everything else.

use std::collections::BTreeMap;

use camino::Utf8Path;
use holdfast_blob::BlobStore;
use holdfast_types::BlobId;

use super::digest::Hashing;
use super::error::{OciError, Result};
use super::image::{OciImage, read_image};
use super::layout::Layout;
use super::limits::Limits;
use super::platform::Arch;
use super::spec::{INDEX_FILE, LAYOUT_FILE};
use crate::ingest::ingest;
use crate::manifest::{FileMode, Manifest};

/// An image that is an artifact now.
#[derive(Debug)]
pub struct Imported {
    /// The files of its layout.
    pub manifest: Manifest,
    /// The id of the manifest.
    pub id: BlobId,
    /// The image for the platform that was asked for.
    pub image: OciImage,
}

/// Reads the image for `arch` from a layout directory or a tar of one, every digest checked.
///
/// # Errors
/// As [`read_image`] and [`Layout::open`].
pub fn read_archive(path: &Utf8Path, arch: Arch, limits: &Limits) -> Result<OciImage> {
    read_image(&Layout::open(path, limits)?, arch, limits)
}

/// Checks the layout at `path` as [`read_archive`] does, then stores its index and its blobs, of every platform it
/// holds. What is not part of a layout is left behind.
///
/// # Errors
/// As [`read_archive`], and where the store does not take it.
pub fn import(store: &BlobStore, path: &Utf8Path, arch: Arch, limits: &Limits) -> Result<Imported> {
    let layout = Layout::open(path, limits)?;
    read_image(&layout, arch, limits)?;
    let mut entries = BTreeMap::new();
    let blobs = layout.blobs(limits)?.into_iter().map(|digest| (digest.layout_path(), Some(digest)));
    let tops = [LAYOUT_FILE, INDEX_FILE].map(|name| (name.to_owned(), None));
    for (name, digest) in blobs.chain(tops) {
        let file =
            layout.file(&name)?.ok_or_else(|| layout.malformed(&name, "it went away during the import"))?;
        let mut from = Hashing::new(file.reader);
        let entry = ingest(store, &mut from, file.len, FileMode::Data, Utf8Path::new(&name))?;
        let (found, bytes) = from.finish();
        if bytes != file.len || digest.is_some_and(|digest| digest != found) {
            return Err(layout.wrong_digest(&name, found));
        }
        let rel = name.parse().map_err(|e| layout.malformed(&name, e))?;
        entries.insert(rel, entry);
    }
    let manifest = Manifest::new(entries)?;
    let id = manifest.save(store)?;
    // Read again from the store: what is returned is what is stored, whatever happened to the source meanwhile.
    let image = from_manifest(store, &manifest, arch, limits)?.1;
    Ok(Imported { manifest, id, image })
}

/// The image for `arch` of an artifact, and the layout to unpack it from.
///
/// # Errors
/// Where the artifact is no image, lacks blobs, or has not exactly one image for the platform.
pub fn from_manifest(
    store: &BlobStore,
    manifest: &Manifest,
    arch: Arch,
    limits: &Limits,
) -> Result<(Layout, OciImage), OciError> {
    let layout = Layout::stored(store, manifest)?;
    let image = read_image(&layout, arch, limits)?;
    Ok((layout, image))
}
