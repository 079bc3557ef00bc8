//! One disk, one partition or one file that stands for it.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, FileTypeExt as _};

use camino::Utf8Path;
use holdfast_release::writer::Target;
use rustix::fs::Advice;

/// The sector of a file that stands for a disk.
pub const FILE_SECTOR: u32 = 512;

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
