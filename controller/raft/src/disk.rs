//! The files of a member as its stores see them: so that a simulation can stand in for the disk, lose what was not
//! synced, tear what was written half, and be full. Knows nothing of what the files hold.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use camino::Utf8Path;
use rustix::fs::{Advice, FallocateFlags, FlockOperation, fadvise, fallocate, flock, statvfs};

use crate::stop::{Pace, Stop};

/// The file system of a member. Names are durable once their directory was synced, bytes once their file was.
pub trait Disk: Send + Sync + 'static {
    /// Creates a directory and those above it; one that is there is left as it is.
    ///
    /// # Errors
    ///
    /// The system refuses.
    fn create_dir(&self, dir: &Utf8Path) -> io::Result<()>;

    /// The names of the files in a directory, sorted; directories are left out.
    ///
    /// # Errors
    ///
    /// The system refuses.
    fn list(&self, dir: &Utf8Path) -> io::Result<Vec<String>>;

    /// The length of a file in bytes.
    ///
    /// # Errors
    ///
    /// The system refuses, or there is no such file.
    fn size(&self, path: &Utf8Path) -> io::Result<u64> {
        self.open(path)?.len()
    }

    /// Opens a file that is there, for reading and writing.
    ///
    /// # Errors
    ///
    /// The system refuses, or there is no such file.
    fn open(&self, path: &Utf8Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Creates an empty file, or empties the one that is there, and reserves space for so many bytes, which then read as
    /// zero.
    ///
    /// # Errors
    ///
    /// The system refuses, or there is no space.
    fn create(&self, path: &Utf8Path, reserve: u64) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name; one that has that name already is replaced.
    ///
    /// # Errors
    ///
    /// The system refuses.
    fn rename(&self, from: &Utf8Path, to: &Utf8Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// The system refuses, or there is no such file.
    fn remove(&self, path: &Utf8Path) -> io::Result<()>;

    /// Makes the names inside a directory durable.
    ///
    /// # Errors
    ///
    /// The system refuses.
    fn sync_dir(&self, dir: &Utf8Path) -> io::Result<()>;

    /// Bytes that can still be written below a directory.
    ///
    /// # Errors
    ///
    /// The system refuses.
    fn free_bytes(&self, dir: &Utf8Path) -> io::Result<u64>;

    /// Takes the lock of a directory, or `None` where it is taken. It is let go when the answer is dropped.
    ///
    /// # Errors
    ///
    /// The system refuses.
    fn lock(&self, dir: &Utf8Path) -> io::Result<Option<Box<dyn Send + Sync>>>;
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Reads at an offset; fewer bytes than asked for are no error, none means the end.
    ///
    /// # Errors
    ///
    /// The system refuses.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of the bytes at an offset.
    ///
    /// # Errors
    ///
    /// The system refuses, or there is no space; part of it may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes the bytes and the length durable.
    ///
    /// # Errors
    ///
    /// The system refuses. What was written since the last sync may be lost then, whatever a later sync says.
    fn sync(&self) -> io::Result<()>;

    /// Makes the bytes durable, and of the length what is needed to read them.
    ///
    /// # Errors
    ///
    /// As for [`DiskFile::sync`].
    fn sync_data(&self) -> io::Result<()>;

    /// Cuts the file, or lengthens it with zeroes.
    ///
    /// # Errors
    ///
    /// The system refuses.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Its length in bytes.
    ///
    /// # Errors
    ///
    /// The system refuses.
    fn len(&self) -> io::Result<u64>;

    /// Whether it holds nothing.
    ///
    /// # Errors
    ///
    /// The system refuses.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// The file system of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_dir(&self, dir: &Utf8Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn list(&self, dir: &Utf8Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in dir.read_dir_utf8()? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.push(entry.file_name().to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn size(&self, path: &Utf8Path) -> io::Result<u64> {
        Ok(fs::metadata(path)?.len())
    }

    fn open(&self, path: &Utf8Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        // After a failed sync the kernel may keep pages that never reached the disk and call them clean: what is opened
        // is read from the disk. Only advice, so a file system that knows none is no error.
        let _ = fadvise(&file, 0, None, Advice::DontNeed);
        Ok(Arc::new(file))
    }

    fn create(&self, path: &Utf8Path, reserve: u64) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(true).read(true).write(true).open(path)?;
        reserve_space(&file, reserve)?;
        Ok(Arc::new(file))
    }

    fn rename(&self, from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Utf8Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Utf8Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn free_bytes(&self, dir: &Utf8Path) -> io::Result<u64> {
        let stat = statvfs(dir.as_std_path())?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn lock(&self, dir: &Utf8Path) -> io::Result<Option<Box<dyn Send + Sync>>> {
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).open(dir.join("lock"))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// A file system that cannot reserve space still gets a file of the full length.
fn reserve_space(file: &File, bytes: u64) -> io::Result<()> {
    if bytes == 0 {
        return Ok(());
    }
    match fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => file.set_len(bytes),
        Err(errno) => Err(errno.into()),
    }
}

impl DiskFile for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_all()
    }

    fn sync_data(&self) -> io::Result<()> {
        Self::sync_data(self)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        Self::set_len(self, len)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

/// Reads a file from an offset on as a stream, without moving anybody else's position.
pub(crate) struct Reading {
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) offset: u64,
}

impl io::Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read_at(buffer, self.offset) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(count) => {
                    self.offset += u64::try_from(count).unwrap_or(0);
                    return Ok(count);
                }
            }
        }
    }
}

/// So much of a stream is made durable at once. All of a large snapshot at its end would keep the disk from the log for most
/// of a second.
const SYNCED_BYTES: usize = 1 << 20;

/// Writes a file as a stream, most of which is durable when it ends.
pub(crate) struct Writing<'a> {
    file: &'a dyn DiskFile,
    offset: u64,
    unsynced: usize,
    pace: Option<Pace<'a>>,
}

impl<'a> Writing<'a> {
    /// From the beginning of the file on, as fast as it can be.
    pub(crate) fn new(file: &'a dyn DiskFile) -> Self {
        Self { file, offset: 0, unsynced: 0, pace: None }
    }

    /// The same for what nobody waits for: it rests, and so does what makes the bytes, and leaves cores and disk to others
    /// for most of the time. Once it is told to stop, it comes to its end without a rest.
    pub(crate) fn resting(file: &'a dyn DiskFile, stop: &'a Stop) -> Self {
        Self { pace: Some(Pace::begin(stop)), ..Self::new(file) }
    }
}

impl io::Write for Writing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(bytes, self.offset)?;
        self.offset += u64::try_from(bytes.len()).unwrap_or(0);
        self.unsynced += bytes.len();
        if self.unsynced >= SYNCED_BYTES {
            self.file.sync_data()?;
            self.unsynced = 0;
            if let Some(pace) = &mut self.pace {
                pace.rest();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A file of which no more than so many bytes were ever written and not synced.
    #[derive(Default)]
    struct Counting {
        unsynced: AtomicU64,
        most: AtomicU64,
    }

    impl DiskFile for Counting {
        fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
            Ok(0)
        }

        fn write_at(&self, bytes: &[u8], _: u64) -> io::Result<()> {
            let length = bytes.len() as u64;
            let unsynced = self.unsynced.fetch_add(length, Ordering::Relaxed) + length;
            self.most.fetch_max(unsynced, Ordering::Relaxed);
            Ok(())
        }

        fn sync(&self) -> io::Result<()> {
            self.sync_data()
        }

        fn sync_data(&self) -> io::Result<()> {
            self.unsynced.store(0, Ordering::Relaxed);
            Ok(())
        }

        fn set_len(&self, _: u64) -> io::Result<()> {
            Ok(())
        }

        fn len(&self) -> io::Result<u64> {
            Ok(0)
        }
    }

    #[test]
    fn what_is_written_as_a_stream_never_waits_for_the_disk_in_large_amounts() {
        let (file, stop) = (Counting::default(), Stop::default());
        // Told to stop, it goes on, and does not rest.
        stop.say();
        for mut out in [Writing::new(&file), Writing::resting(&file, &stop)] {
            for _ in 0..1_024 {
                out.write_all(&[7; 64 << 10]).unwrap();
            }
        }
        assert_eq!(file.most.load(Ordering::Relaxed), SYNCED_BYTES as u64);
    }
}
