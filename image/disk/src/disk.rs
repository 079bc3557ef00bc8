//! One disk, one partition or one file that stands for it.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, FileTypeExt as _};

use camino::Utf8Path;
use holdfast_release::writer::Target;
use rustix::fs::{Advice, FallocateFlags, fallocate};

/// The sector of a file that stands for a disk.
pub const FILE_SECTOR: u32 = 512;

/// So much of what was made zero is read again.
const LOOKED_AT: usize = 4_096;
/// Zeros are written in pieces of so many bytes.
const ZEROS: usize = 1 << 20;

/// What is to be done with a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Look at it.
    Read,
    /// Change it.
    Write,
}

/// An open disk.
#[derive(Debug)]
pub struct Disk {
    file: File,
    size: u64,
    sector: u32,
}

impl Disk {
    /// Opens a block device or a file.
    ///
    /// # Errors
    ///
    /// It cannot be opened, or does not say how large it is.
    pub fn open(path: &Utf8Path, access: Access) -> io::Result<Self> {
        let mut file = File::options().read(true).write(access == Access::Write).open(path)?;
        let size = file.seek(SeekFrom::End(0))?;
        let device = file.metadata()?.file_type().is_block_device();
        let sector = if device { rustix::fs::ioctl_blksszget(&file)? } else { FILE_SECTOR };
        Ok(Self { file, size, sector })
    }

    /// Bytes of a sector.
    #[must_use]
    pub fn sector(&self) -> u32 {
        self.sector
    }

    /// Makes bytes zero. The device may free them, which one of flash does at once; where it cannot, zeros are written. The first
    /// of them are read again.
    ///
    /// # Errors
    ///
    /// It cannot be written or read, or keeps what was there.
    pub fn zero(&mut self, at: u64, count: u64) -> io::Result<()> {
        let keep = FallocateFlags::KEEP_SIZE;
        let freed = fallocate(&self.file, FallocateFlags::PUNCH_HOLE | keep, at, count);
        let freed = freed.or_else(|_| fallocate(&self.file, FallocateFlags::ZERO_RANGE | keep, at, count));
        if freed.is_err() || !self.is_zero(at, count)? {
            self.write_zeros(at, count)?;
            self.sync()?;
            if !self.is_zero(at, count)? {
                return Err(io::Error::other("it keeps what was written over"));
            }
        }
        Ok(())
    }

    fn is_zero(&self, at: u64, count: u64) -> io::Result<bool> {
        let mut bytes = vec![1; usize::try_from(count).unwrap_or(LOOKED_AT).min(LOOKED_AT)];
        self.file.read_exact_at(&mut bytes, at)?;
        Ok(bytes.iter().all(|byte| *byte == 0))
    }

    fn write_zeros(&self, mut at: u64, count: u64) -> io::Result<()> {
        let (zeros, end) = (vec![0; ZEROS], at + count);
        while at < end {
            let part = usize::try_from(end - at).unwrap_or(ZEROS).min(ZEROS);
            self.file.write_all_at(zeros.get(..part).unwrap_or_default(), at)?;
            at += u64::try_from(part).unwrap_or(0);
        }
        Ok(())
    }
}

impl Target for Disk {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(buffer, at)
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(bytes, at)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_all()?;
        // Pages that are clean are given up at once; a disk that cannot forget them (one in memory) has no other copy.
        rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSliceMut;
    use std::ops::ControlFlow;

    use holdfast_release::writer::{Job, hash, write};
    use rustix::io::{Errno, ReadWriteFlags};

    use super::*;

    #[test]
    fn what_is_read_back_comes_from_the_device() {
        // Not in /tmp: a file system in memory has no device below it.
        let file = tempfile::NamedTempFile::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        file.as_file().set_len(1 << 20).unwrap();
        let path = Utf8Path::from_path(file.path()).unwrap();
        let mut disk = Disk::open(path, Access::Write).unwrap();
        assert_eq!((disk.size(), disk.sector()), (1 << 20, FILE_SECTOR));
        disk.write_at(8192, &[7; 4096]).unwrap();
        let cached = |disk: &Disk| {
            let mut buffer = [0; 4096];
            rustix::io::preadv2(&disk.file, &mut [IoSliceMut::new(&mut buffer)], 8192, ReadWriteFlags::NOWAIT)
        };
        assert_eq!(cached(&disk), Ok(4096));
        disk.sync().unwrap();
        assert!(matches!(cached(&disk), Err(Errno::AGAIN | Errno::OPNOTSUPP)), "the kernel kept it");
    }

    #[test]
    fn zeros_are_where_they_were_asked_for_also_on_a_device_that_frees_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = Utf8Path::from_path(file.path()).unwrap();
        let zero = [Disk::zero, |disk: &mut Disk, at, count| disk.write_zeros(at, count)];
        for make_zero in zero {
            std::fs::write(path, vec![7; 3 << 20]).unwrap();
            let mut disk = Disk::open(path, Access::Write).unwrap();
            make_zero(&mut disk, 1 << 20, (1 << 20) + 5).unwrap();
            let left = std::fs::read(path).unwrap();
            assert_eq!(left.iter().filter(|byte| **byte == 0).count(), (1 << 20) + 5);
            assert!(left[1 << 20..(2 << 20) + 5].iter().all(|byte| *byte == 0));
        }
        Disk::open(path, Access::Read).unwrap().zero(0, 1).unwrap_err();
    }

    #[test]
    fn a_file_is_written_as_a_disk() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(6 << 20).unwrap();
        let mut disk = Disk::open(Utf8Path::from_path(file.path()).unwrap(), Access::Write).unwrap();
        let bytes = vec![0x5a; (4 << 20) + 99];
        let length = u64::try_from(bytes.len()).unwrap();
        let job =
            Job { what: "it".to_owned(), at: 512, room: length, bytes: length, sha256: None, verified: 0 };
        let done = write(&job, &mut bytes.as_slice(), &mut disk, &mut |_| ControlFlow::Continue(())).unwrap();
        assert_eq!(hash(&mut disk, "it", 512, length).unwrap(), done.sha256);
        let closed = Disk::open(Utf8Path::new("/nonexistent"), Access::Read).unwrap_err();
        assert_eq!(closed.kind(), io::ErrorKind::NotFound);
    }
}
