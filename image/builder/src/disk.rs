//! A disk with a release in slot A, ready to be booted: what the installer writes, as a file.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;

use camino::Utf8Path;
use holdfast_release::{Boot, Fat, FatFile, Layout, Meta, Role, Slot};

use crate::root::Image;

/// Why there is no disk.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The layout.
    #[error(transparent)]
    Layout(#[from] holdfast_release::LayoutError),
    /// The table.
    #[error(transparent)]
    Table(#[from] holdfast_release::GptError),
    /// The partition of the loader.
    #[error(transparent)]
    Fat(#[from] holdfast_release::FatError),
    /// META.
    #[error(transparent)]
    Meta(#[from] holdfast_release::MetaError),
    /// What is to be written does not fit.
    #[error("{what} has {bytes} bytes, its partition has {most}")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// Its bytes.
        bytes: u64,
        /// The bytes of the partition.
        most: u64,
    },
    /// The file.
    #[error("write the disk image")]
    Write(#[from] io::Error),
}

/// What goes onto the disk.
#[derive(Debug)]
pub struct Content<'a> {
    /// The version of the release.
    pub version: &'a str,
    /// The files of the loader's partition.
    pub esp: &'a [FatFile<'a>],
    /// The root.
    pub root: &'a Image,
    /// The extensions, each with where it begins on the disk.
    pub extensions: &'a [(u64, &'a [u8])],
    /// What makes the numbers of this disk its own.
    pub disk: &'a str,
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Writes the disk into `path`, with holes where nothing is.
///
/// # Errors
///
/// Something does not fit, or the file cannot be written.
pub fn write(path: &Utf8Path, layout: &Layout, content: &Content<'_>) -> Result<(), DiskError> {
    let file = File::create(path)?;
    file.set_len(layout.disk_bytes)?;
    let (front, back) = layout.table(content.disk).encode()?;
    file.write_all_at(&front, 0)?;
    file.write_all_at(&back, layout.disk_bytes - length(back.len()))?;
    for (at, bytes) in esp(layout, content)? {
        file.write_all_at(&bytes, at)?;
    }
    for (role, what, bytes) in [
        (Role::RootA, "the root", content.root.bytes.as_slice()),
        (Role::HashA, "the hash tree of the root", content.root.tree.bytes.as_slice()),
    ] {
        let Some(part) = layout.part(role) else { continue };
        if length(bytes.len()) > part.bytes {
            return Err(DiskError::TooLarge { what, bytes: length(bytes.len()), most: part.bytes });
        }
        file.write_all_at(bytes, part.at)?;
    }
    for (at, bytes) in content.extensions {
        file.write_all_at(bytes, *at)?;
    }
    if let Some(part) = layout.part(Role::Meta) {
        let mut meta = Meta::default();
        Boot::new(&mut meta).written(Slot::A, content.version)?;
        let (half, bytes) = meta.next_copy()?;
        file.write_all_at(&bytes, part.at + length(half) * part.bytes / 2)?;
    }
    file.sync_all()?;
    Ok(())
}

/// The parts of the loader's partition that are not zero, by their offset on the disk.
fn esp(layout: &Layout, content: &Content<'_>) -> Result<Vec<(u64, Vec<u8>)>, DiskError> {
    let Some(part) = layout.part(Role::Esp) else { return Ok(Vec::new()) };
    let serial = layout.table(content.disk).disk.bytes();
    let serial = serial.get(..4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
    let fat = Fat { bytes: part.bytes, sector: layout.sector, serial, label: "ESP".to_owned() };
    let parts = fat.encode(content.esp)?;
    Ok(parts.into_iter().map(|(at, bytes)| (part.at + at, bytes)).collect())
}

/// The file at `path`, packed with zstd.
///
/// # Errors
///
/// It cannot be read or written.
pub fn pack(path: &Utf8Path, to: &Utf8Path, level: i32) -> io::Result<()> {
    let mut encoder = zstd::Encoder::new(File::create(to)?, level)?;
    encoder.long_distance_matching(true)?;
    io::copy(&mut File::open(path)?, &mut encoder)?;
    encoder.finish()?.flush()
}
