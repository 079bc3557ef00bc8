//! The disk as a member uses it, and the faults that the day has in store for it. The drive outlives the member: what a
//! crash left of it is what the next start finds.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use bytes::Bytes;
use camino::Utf8Path;
use holdfast_raft::{Disk, DiskFile};
use parking_lot::Mutex;

use super::image::{Cut, Image, Inode, Op};
use crate::chance::Chance;
use crate::tally::Kind;
use crate::trace::{Trace, note};

/// What the system says of a disk that fails.
const EIO: i32 = 5;

/// What can be wrong with a drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The power fails at the nth act from now that changes the disk.
    PowerAfter(u64),
    /// It has room for so many more bytes; `None` is room enough.
    Room(Option<u64>),
    /// The next sync fails, and what it was to make durable never will be.
    FailSync,
    /// The next write fails, and nothing of it is there.
    FailWrite,
    /// Every sync says that it is done and does nothing: a drive that lies.
    Lies,
    /// It has none any more, but for lies.
    Over,
}

#[derive(Debug)]
struct Inner {
    name: String,
    image: Image,
    chance: Chance,
    trace: Trace,
    /// Handles of an earlier life of the member act on nothing.
    life: u64,
    locked: bool,
    power_after: Option<u64>,
    powered: bool,
    room: Option<u64>,
    fail_sync: bool,
    fail_write: bool,
    lies: bool,
    next_inode: Inode,
    log: Option<Vec<Op>>,
}

/// A drive; cheap to clone, and every clone is the same drive.
#[derive(Debug, Clone)]
pub(crate) struct Drive {
    inner: Arc<Mutex<Inner>>,
}

impl Drive {
    /// A drive that holds `image`.
    #[must_use]
    pub(crate) fn new(name: &str, image: Image, chance: Chance, trace: Trace) -> Self {
        let next_inode = image.next_inode();
        let inner = Inner {
            name: name.to_owned(),
            image,
            chance,
            trace,
            life: 0,
            locked: false,
            power_after: None,
            powered: true,
            room: None,
            fail_sync: false,
            fail_write: false,
            lies: false,
            next_inode,
            log: None,
        };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// Writes down every act from here on.
    pub(crate) fn record(&self) {
        self.inner.lock().log = Some(Vec::new());
    }

    /// What was done since [`Drive::record`].
    #[must_use]
    pub(crate) fn recorded(&self) -> Vec<Op> {
        self.inner.lock().log.clone().unwrap_or_default()
    }

    /// How many acts were recorded.
    #[must_use]
    pub(crate) fn acts(&self) -> usize {
        self.inner.lock().log.as_ref().map_or(0, Vec::len)
    }

    /// The disk for one life of a member.
    #[must_use]
    pub(crate) fn attach(&self) -> SimDisk {
        let mut inner = self.inner.lock();
        inner.life += 1;
        inner.locked = false;
        inner.powered = true;
        SimDisk { drive: self.clone(), life: inner.life }
    }

    /// Gives the drive a trouble.
    pub(crate) fn trouble(&self, trouble: Trouble) {
        let mut inner = self.inner.lock();
        match trouble {
            Trouble::PowerAfter(acts) => inner.power_after = Some(acts),
            Trouble::Room(room) => inner.room = room.map(|room| room + inner.image.used()),
            Trouble::FailSync => inner.fail_sync = true,
            Trouble::FailWrite => inner.fail_write = true,
            Trouble::Lies => inner.lies = true,
            Trouble::Over => {
                inner.power_after = None;
                inner.room = None;
                inner.fail_sync = false;
                inner.fail_write = false;
            }
        }
    }

    /// Whether the power failed by itself.
    #[must_use]
    pub(crate) fn tripped(&self) -> bool {
        !self.inner.lock().powered
    }

    /// Ends the life of the member and leaves on the drive what a crash leaves.
    pub(crate) fn crash(&self, cut: Cut) {
        let mut inner = self.inner.lock();
        inner.life += 1;
        inner.locked = false;
        inner.power_after = None;
        inner.fail_sync = false;
        inner.fail_write = false;
        let mut chance = inner.chance.split();
        let loss = inner.image.crash(cut, &mut chance);
        if loss.lost > 0 {
            inner.trace.count(Kind::Unsynced);
        }
        if loss.lost > 0 && loss.kept > 0 {
            inner.trace.count(Kind::Torn);
        }
    }

    /// Changes what is on the drive behind the member's back.
    pub(crate) fn tamper(&self, change: impl FnOnce(&mut Image)) {
        change(&mut self.inner.lock().image);
    }
}

impl Inner {
    /// Whether the member of this life may use the drive.
    fn open(&self, life: u64) -> io::Result<()> {
        if life == self.life && self.powered { Ok(()) } else { Err(io::Error::other("the power is off")) }
    }

    fn act(&mut self, life: u64, op: Op) -> io::Result<()> {
        self.open(life)?;
        if let Some(left) = self.power_after {
            if left == 0 {
                // The act that the power failed in was begun, and is as far from durable as the others.
                if matches!(op, Op::Write(..)) {
                    self.image.apply(&op)?;
                }
                self.powered = false;
                note!(self.trace, "{} loses power in {}", self.name, short(&op));
                self.trace.count(Kind::PowerCut);
                return Err(io::Error::other("the power failed"));
            }
            self.power_after = Some(left - 1);
        }
        if let (Op::Sync(_) | Op::SyncDir(_), true) = (&op, self.fail_sync) {
            self.fail_sync = false;
            if let Op::Sync(inode) = op {
                self.image.forget(inode);
            }
            note!(self.trace, "{} fails a sync", self.name);
            self.trace.count(Kind::SyncFailed);
            return Err(io::Error::from_raw_os_error(EIO));
        }
        if matches!(op, Op::Write(..)) && std::mem::take(&mut self.fail_write) {
            note!(self.trace, "{} fails a write", self.name);
            self.trace.count(Kind::WriteFailed);
            return Err(io::Error::from_raw_os_error(EIO));
        }
        note!(self.trace, "{} {}", self.name, short(&op));
        if let Some(log) = &mut self.log {
            log.push(op.clone());
        }
        if self.lies && matches!(op, Op::Sync(_) | Op::SyncDir(_)) {
            return Ok(());
        }
        self.image.apply(&op)
    }

    /// Refuses what the drive has no room for.
    fn grow(&self, bytes: u64) -> io::Result<()> {
        let full = bytes > 0 && self.room.is_some_and(|room| self.image.used() + bytes > room);
        if full {
            self.trace.count(Kind::DiskFull);
        }
        if full { Err(io::Error::from(ErrorKind::StorageFull)) } else { Ok(()) }
    }

    fn length(&self, inode: Inode) -> u64 {
        self.image.bytes(inode).map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(0))
    }
}

fn short(op: &Op) -> String {
    match op {
        Op::CreateDir(path) => format!("mkdir {path}"),
        Op::Create(path, inode, reserve) => format!("create {path} as {inode} of {reserve}"),
        Op::Write(inode, offset, data) => {
            format!("write {inode} {offset}+{} {:08x}", data.len(), crc32c::crc32c(data))
        }
        Op::SetLen(inode, length) => format!("cut {inode} at {length}"),
        Op::Sync(inode) => format!("sync {inode}"),
        Op::Rename(from, to) => format!("rename {from} to {to}"),
        Op::Remove(path) => format!("remove {path}"),
        Op::SyncDir(path) => format!("sync {path}/"),
    }
}

/// A drive in one life of its member.
#[derive(Debug, Clone)]
pub(crate) struct SimDisk {
    drive: Drive,
    life: u64,
}

struct SimFile {
    drive: Drive,
    life: u64,
    inode: Inode,
}

struct Lock {
    drive: Drive,
    life: u64,
}

impl Drop for Lock {
    fn drop(&mut self) {
        let mut inner = self.drive.inner.lock();
        if inner.life == self.life {
            inner.locked = false;
        }
    }
}

impl SimDisk {
    fn file(&self, inode: Inode) -> Arc<dyn DiskFile> {
        Arc::new(SimFile { drive: self.drive.clone(), life: self.life, inode })
    }
}

fn missing(path: &Utf8Path) -> io::Error {
    io::Error::new(ErrorKind::NotFound, format!("there is no `{path}`"))
}

impl Disk for SimDisk {
    fn create_dir(&self, dir: &Utf8Path) -> io::Result<()> {
        let mut inner = self.drive.inner.lock();
        let mut wanted: Vec<&Utf8Path> = dir.ancestors().filter(|dir| dir.parent().is_some()).collect();
        wanted.retain(|dir| inner.image.names(dir).is_none());
        for dir in wanted.into_iter().rev() {
            inner.act(self.life, Op::CreateDir(dir.to_owned()))?;
        }
        inner.open(self.life)
    }

    fn list(&self, dir: &Utf8Path) -> io::Result<Vec<String>> {
        let inner = self.drive.inner.lock();
        inner.open(self.life)?;
        inner.image.names(dir).ok_or_else(|| missing(dir))
    }

    fn open(&self, path: &Utf8Path) -> io::Result<Arc<dyn DiskFile>> {
        let inner = self.drive.inner.lock();
        inner.open(self.life)?;
        let inode = inner.image.find(path).ok_or_else(|| missing(path))?;
        drop(inner);
        Ok(self.file(inode))
    }

    fn create(&self, path: &Utf8Path, reserve: u64) -> io::Result<Arc<dyn DiskFile>> {
        let mut inner = self.drive.inner.lock();
        inner.open(self.life)?;
        inner.grow(reserve)?;
        let inode = inner.next_inode;
        inner.next_inode += 1;
        inner.act(self.life, Op::Create(path.to_owned(), inode, reserve))?;
        drop(inner);
        Ok(self.file(inode))
    }

    fn rename(&self, from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
        self.drive.inner.lock().act(self.life, Op::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, path: &Utf8Path) -> io::Result<()> {
        self.drive.inner.lock().act(self.life, Op::Remove(path.to_owned()))
    }

    fn sync_dir(&self, dir: &Utf8Path) -> io::Result<()> {
        self.drive.inner.lock().act(self.life, Op::SyncDir(dir.to_owned()))
    }

    fn free_bytes(&self, _dir: &Utf8Path) -> io::Result<u64> {
        let inner = self.drive.inner.lock();
        inner.open(self.life)?;
        Ok(inner.room.map_or(1 << 40, |room| room.saturating_sub(inner.image.used())))
    }

    fn lock(&self, _dir: &Utf8Path) -> io::Result<Option<Box<dyn Send + Sync>>> {
        let mut inner = self.drive.inner.lock();
        inner.open(self.life)?;
        if std::mem::replace(&mut inner.locked, true) {
            return Ok(None);
        }
        drop(inner);
        Ok(Some(Box::new(Lock { drive: self.drive.clone(), life: self.life })))
    }
}

impl DiskFile for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let inner = self.drive.inner.lock();
        inner.open(self.life)?;
        let bytes = inner.image.bytes(self.inode).ok_or_else(|| io::Error::other("the file is gone"))?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = bytes.get(start..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..read), rest.get(..read)) {
            to.copy_from_slice(from);
        }
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut inner = self.drive.inner.lock();
        let end = offset + u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        inner.grow(end.saturating_sub(inner.length(self.inode)))?;
        inner.act(self.life, Op::Write(self.inode, offset, Bytes::copy_from_slice(bytes)))
    }

    fn sync(&self) -> io::Result<()> {
        self.drive.inner.lock().act(self.life, Op::Sync(self.inode))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut inner = self.drive.inner.lock();
        inner.grow(len.saturating_sub(inner.length(self.inode)))?;
        inner.act(self.life, Op::SetLen(self.inode, len))
    }

    fn len(&self) -> io::Result<u64> {
        let inner = self.drive.inner.lock();
        inner.open(self.life)?;
        Ok(inner.length(self.inode))
    }
}
