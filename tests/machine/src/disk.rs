//! What lies on a disk, whatever its file systems say.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
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
