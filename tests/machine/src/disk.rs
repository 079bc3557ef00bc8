//! What lies on a disk, whatever its file systems say.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use camino::Utf8Path;
use holdfast_release::{Layout, Profile, Role};
use memchr::memmem;
use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

const PIECE: usize = 1 << 20;

/// Whether a disk has these bytes in it somewhere.
///
/// # Errors
///
/// It cannot be read.
pub fn holds(disk: &Utf8Path, needle: &[u8]) -> Result<bool> {
    let file = File::open(disk).with_context(|| format!("open {disk}"))?;
    let (zeros, mut piece) = (vec![0; PIECE], vec![0; PIECE + needle.len()]);
    let mut at = 0;
    loop {
        // Holes are most of it.
        at = match seek(&file, SeekFrom::Data(at)) {
            Ok(data) => data,
            Err(Errno::NXIO) => return Ok(false),
            Err(error) => return Err(error).with_context(|| format!("read {disk}")),
        };
        let count = file.read_at(&mut piece, at).with_context(|| format!("read {disk}"))?;
        let read = piece.get(..count).unwrap_or_default();
        if zeros.get(..count) != Some(read) && memmem::find(read, needle).is_some() {
            return Ok(true);
        }
        at += u64::try_from(count.min(PIECE))?;
    }
}

/// Lays these files of a machine, by name, where STATE lies on a disk of the small profile. The file system is made in the directory
/// `scratch`, which keeps the files: those of an earlier call come again.
///
/// # Errors
///
/// A file cannot be read or written, or `mkfs.ext4` is missing or fails.
pub fn put_state(disk: &Utf8Path, scratch: &Utf8Path, files: &[(&str, &str)]) -> Result<()> {
    let (tree, image) = (scratch.join("state"), scratch.join("state.ext4"));
    let machine = tree.join("machine");
    fs::create_dir_all(&machine).with_context(|| format!("create {machine}"))?;
    for (name, text) in files {
        fs::write(machine.join(name), text).with_context(|| format!("write {name}"))?;
    }
    let file = File::options().write(true).open(disk).with_context(|| format!("open {disk}"))?;
    let part = Layout::plan(Profile::Small, file.metadata()?.len(), 512)?.part(Role::State);
    let part = part.context("the disk has no STATE")?;
    File::create(&image).and_then(|image| image.set_len(part.bytes)).context("make the file system")?;
    let made = Command::new("mkfs.ext4").args(["-q", "-F", "-d", tree.as_str(), image.as_str()]).status();
    ensure!(made.context("run mkfs.ext4")?.success(), "make a file system of {tree}");
    let made = fs::read(&image).with_context(|| format!("read {image}"))?;
    file.write_all_at(&made, part.at).with_context(|| format!("write {disk}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_found_wherever_they_lie_and_holes_are_none() {
        let temp = tempfile::tempdir().unwrap();
        let disk = Utf8Path::from_path(temp.path()).unwrap().join("disk");
        let file = File::create(&disk).unwrap();
        file.set_len(1 << 32).unwrap();
        assert!(!holds(&disk, b"needle").unwrap());
        // Across the border of two pieces.
        file.write_all_at(b"needle", (1 << 31) + (1 << 20) - 3).unwrap();
        file.write_all_at(b"x", 1 << 31).unwrap();
        assert!(holds(&disk, b"needle").unwrap() && !holds(&disk, b"needles").unwrap());
    }
}
