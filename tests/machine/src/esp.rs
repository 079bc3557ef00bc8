//! The partition of the loader, written anew: what a test wants the firmware to find.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use holdfast_release::{Fat, FatFile, Layout, Profile, Role};
use rustix::fs::{FallocateFlags, fallocate};

/// Writes the file system of a loader with these files, by path, into `bytes` of a disk from `at` on.
///
/// # Errors
///
/// They do not fit, or the disk cannot be written.
pub fn write_esp(disk: &Utf8Path, at: u64, bytes: u64, files: &[(&str, &[u8])]) -> Result<()> {
    let files: Vec<FatFile<'_>> = files.iter().map(|(path, content)| FatFile { path, content }).collect();
    let fat = Fat { bytes, sector: 512, serial: 1, label: "ESP".to_owned() };
    let file = File::options().write(true).open(disk).with_context(|| format!("open {disk}"))?;
    // What is written is what is not zero, and nothing of the files before may show between.
    fallocate(&file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, at, bytes)?;
    for (offset, part) in fat.encode(&files)? {
        file.write_all_at(&part, at + offset)?;
    }
    Ok(())
}

/// The same on a disk of the small profile, where that has its own.
///
/// # Errors
///
/// They do not fit, or the disk cannot be written.
pub fn rewrite_esp(disk: &Utf8Path, files: &[(&str, &[u8])]) -> Result<()> {
    let layout = Layout::plan(Profile::Small, std::fs::metadata(disk)?.len(), 512)?;
    let esp = layout.part(Role::Esp).context("the disk has no partition for a loader")?;
    write_esp(disk, esp.at, esp.bytes, files)
}
