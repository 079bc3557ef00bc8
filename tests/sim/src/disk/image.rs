//! What a disk holds, and which of it a power cut may take. Data is durable once its file was synced, a name once its
//! directory was; names of one directory survive in the order they were made, sectors in any combination.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};

use crate::chance::Chance;

/// The unit that a disk writes whole.
const SECTOR: u64 = 512;

/// The number of a file, whatever its name is.
pub(crate) type Inode = u64;

/// One thing that was done to a disk.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// A directory was made.
    CreateDir(Utf8PathBuf),
    /// A file was made, or made empty, and so many bytes were reserved.
    Create(Utf8PathBuf, Inode, u64),
    /// Bytes were written at an offset.
    Write(Inode, u64, Bytes),
    /// A file was cut, or lengthened with zeroes.
    SetLen(Inode, u64),
    /// A file was synced.
    Sync(Inode),
    /// A name was moved.
    Rename(Utf8PathBuf, Utf8PathBuf),
    /// A name was removed.
    Remove(Utf8PathBuf),
    /// The names of a directory were made durable.
    SyncDir(Utf8PathBuf),
}

/// What a crash takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The process died; what the system had taken stays.
    Nothing,
    /// The power failed, and nothing that was not synced survived.
    Unsynced,
    /// The power failed, and of what was not synced any sectors and the first few names survived.
    Torn,
}

#[derive(Debug, Clone)]
enum Name {
    Link(String, Inode),
    Move(String, String),
    Unlink(String),
}

#[derive(Debug, Clone, Default)]
struct Dir {
    names: BTreeMap<String, Inode>,
    durable: BTreeMap<String, Inode>,
    unsynced: Vec<Name>,
    /// Whether its own name is durable.
    kept: bool,
}

#[derive(Debug, Clone)]
enum Part {
    Reserved(u64),
    Length(u64),
    Data(u64, Bytes),
}

#[derive(Debug, Clone, Default)]
struct File {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Part>,
}

/// What became of the pieces that were not synced when the power failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Loss {
    /// So many are gone.
    pub(crate) lost: u64,
    /// So many survived.
    pub(crate) kept: u64,
}

impl Loss {
    fn note(&mut self, kept: bool) -> bool {
        if kept {
            self.kept += 1
        } else {
            self.lost += 1
        }
        kept
    }
}

/// The contents of a disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Image {
    dirs: BTreeMap<Utf8PathBuf, Dir>,
    files: BTreeMap<Inode, File>,
}

fn missing(path: &Utf8Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("there is no `{path}`"))
}

fn apply_name(names: &mut BTreeMap<String, Inode>, change: &Name) {
    match change {
        Name::Link(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        Name::Move(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
        Name::Unlink(name) => {
            names.remove(name);
        }
    }
}

fn at(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

fn put(bytes: &mut Vec<u8>, offset: u64, data: &[u8]) {
    let (start, end) = (at(offset), at(offset) + data.len());
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    if let Some(place) = bytes.get_mut(start..end) {
        place.copy_from_slice(data);
    }
}

fn apply_part(bytes: &mut Vec<u8>, part: &Part) {
    match part {
        Part::Reserved(length) if bytes.len() < at(*length) => bytes.resize(at(*length), 0),
        Part::Reserved(_) => {}
        Part::Length(length) => bytes.resize(at(*length), 0),
        Part::Data(offset, data) => put(bytes, *offset, data),
    }
}

impl File {
    fn change(&mut self, part: Part) {
        apply_part(&mut self.bytes, &part);
        self.unsynced.push(part);
    }

    fn sync(&mut self) {
        for part in std::mem::take(&mut self.unsynced) {
            apply_part(&mut self.durable, &part);
        }
    }

    fn cut(&mut self, cut: Cut, chance: &mut Chance, loss: &mut Loss) {
        if cut == Cut::Torn {
            // Whole files often keep everything or nothing; both are worth more than an even chance for each sector.
            let percent = chance.pick(&[0, 100, 50, 50]).unwrap_or(50);
            for part in std::mem::take(&mut self.unsynced) {
                match part {
                    Part::Reserved(_) | Part::Length(_) if loss.note(chance.percent(percent)) => {
                        apply_part(&mut self.durable, &part);
                    }
                    Part::Reserved(_) | Part::Length(_) => {}
                    Part::Data(offset, data) => {
                        self.tear(offset, &data, &mut || loss.note(chance.percent(percent)));
                    }
                }
            }
        }
        loss.lost += u64::try_from(self.unsynced.len()).unwrap_or(0);
        self.unsynced.clear();
        self.bytes.clone_from(&self.durable);
    }

    fn tear(&mut self, offset: u64, data: &[u8], survives: &mut dyn FnMut() -> bool) {
        let mut start = 0;
        while start < data.len() {
            let into = (offset + u64::try_from(start).unwrap_or(0)) % SECTOR;
            let end = data.len().min(start + at(SECTOR - into));
            if survives()
                && let Some(piece) = data.get(start..end)
            {
                put(&mut self.durable, offset + u64::try_from(start).unwrap_or(0), piece);
            }
            start = end;
        }
    }
}

impl Image {
    /// Does one thing to the disk.
    ///
    /// # Errors
    ///
    /// A directory or file that it needs is not there.
    pub(crate) fn apply(&mut self, op: &Op) -> io::Result<()> {
        match op {
            Op::CreateDir(path) => {
                self.dirs.entry(path.clone()).or_default();
                Ok(())
            }
            Op::Create(path, inode, reserve) => self.create(path, *inode, *reserve),
            Op::Write(inode, offset, data) => {
                self.file(*inode)?.change(Part::Data(*offset, data.clone()));
                Ok(())
            }
            Op::SetLen(inode, length) => {
                self.file(*inode)?.change(Part::Length(*length));
                Ok(())
            }
            Op::Sync(inode) => {
                self.file(*inode)?.sync();
                Ok(())
            }
            Op::Rename(from, to) => self.rename(from, to),
            Op::Remove(path) => {
                let (dir, name) = self.place(path)?;
                if dir.names.remove(&name).is_none() {
                    return Err(missing(path));
                }
                dir.unsynced.push(Name::Unlink(name));
                Ok(())
            }
            Op::SyncDir(path) => self.sync_dir(path),
        }
    }

    fn file(&mut self, inode: Inode) -> io::Result<&mut File> {
        self.files.get_mut(&inode).ok_or_else(|| io::Error::other("the file is gone"))
    }

    fn place(&mut self, path: &Utf8Path) -> io::Result<(&mut Dir, String)> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(missing(path)) };
        let dir = self.dirs.get_mut(parent).ok_or_else(|| missing(parent))?;
        Ok((dir, name.to_owned()))
    }

    fn create(&mut self, path: &Utf8Path, inode: Inode, reserve: u64) -> io::Result<()> {
        let (dir, name) = self.place(path)?;
        dir.names.insert(name.clone(), inode);
        dir.unsynced.push(Name::Link(name, inode));
        let mut file = File::default();
        file.change(Part::Reserved(reserve));
        self.files.insert(inode, file);
        Ok(())
    }

    fn rename(&mut self, from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
        if from.parent() != to.parent() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "names move inside a directory only"));
        }
        let (dir, old) = self.place(from)?;
        let new = to.file_name().unwrap_or_default().to_owned();
        if !dir.names.contains_key(&old) {
            return Err(missing(from));
        }
        let change = Name::Move(old, new);
        apply_name(&mut dir.names, &change);
        dir.unsynced.push(change);
        Ok(())
    }

    fn sync_dir(&mut self, path: &Utf8Path) -> io::Result<()> {
        for (child, dir) in &mut self.dirs {
            if child.parent() == Some(path) {
                dir.kept = true;
            }
        }
        // The root is there before anything else is.
        if path.parent().is_none() {
            return Ok(());
        }
        let dir = self.dirs.get_mut(path).ok_or_else(|| missing(path))?;
        for change in std::mem::take(&mut dir.unsynced) {
            apply_name(&mut dir.durable, &change);
        }
        Ok(())
    }

    /// What is left when the machine comes back.
    pub(crate) fn crash(&mut self, cut: Cut, chance: &mut Chance) -> Loss {
        let mut loss = Loss::default();
        if cut == Cut::Nothing {
            return loss;
        }
        self.dirs.retain(|_, dir| dir.kept);
        for dir in self.dirs.values_mut() {
            let changes = std::mem::take(&mut dir.unsynced);
            let all = u64::try_from(changes.len()).unwrap_or(0);
            let survive = if cut == Cut::Torn { chance.below(all + 1) } else { 0 };
            loss.kept += survive;
            loss.lost += all - survive;
            for change in changes.iter().take(at(survive)) {
                apply_name(&mut dir.durable, change);
            }
            dir.names.clone_from(&dir.durable);
        }
        let linked: Vec<Inode> = self.dirs.values().flat_map(|dir| dir.names.values().copied()).collect();
        self.files.retain(|inode, _| linked.contains(inode));
        for file in self.files.values_mut() {
            file.cut(cut, chance, &mut loss);
        }
        loss
    }

    /// The file of a name.
    #[must_use]
    pub(crate) fn find(&self, path: &Utf8Path) -> Option<Inode> {
        self.dirs.get(path.parent()?)?.names.get(path.file_name()?).copied()
    }

    /// The bytes of a file as a reader sees them now.
    #[must_use]
    pub(crate) fn bytes(&self, inode: Inode) -> Option<&[u8]> {
        self.files.get(&inode).map(|file| file.bytes.as_slice())
    }

    /// The names in a directory, sorted.
    #[must_use]
    pub(crate) fn names(&self, dir: &Utf8Path) -> Option<Vec<String>> {
        self.dirs.get(dir).map(|dir| dir.names.keys().cloned().collect())
    }

    /// Every file with a name: its path, number and length.
    #[must_use]
    pub(crate) fn all(&self) -> Vec<(Utf8PathBuf, Inode, u64)> {
        let names = self
            .dirs
            .iter()
            .flat_map(|(dir, at)| at.names.iter().map(move |(name, inode)| (dir.join(name), *inode)));
        let files = names.filter_map(|(path, inode)| {
            let length = u64::try_from(self.bytes(inode)?.len()).ok()?;
            (length > 0).then_some((path, inode, length))
        });
        files.collect()
    }

    /// Bytes that files with a name take.
    #[must_use]
    pub(crate) fn used(&self) -> u64 {
        let inodes = self.dirs.values().flat_map(|dir| dir.names.values());
        let lengths = inodes.filter_map(|inode| self.files.get(inode)).map(|file| file.bytes.len());
        u64::try_from(lengths.sum::<usize>()).unwrap_or(u64::MAX)
    }

    /// The number for the next file.
    #[must_use]
    pub(crate) fn next_inode(&self) -> Inode {
        self.files.last_key_value().map_or(1, |(inode, _)| inode + 1)
    }

    /// Readers still see what was written since the last sync, and nothing will ever make it durable.
    pub(crate) fn forget(&mut self, inode: Inode) {
        if let Some(file) = self.files.get_mut(&inode) {
            file.unsynced.clear();
        }
    }

    /// Flips one bit of a file, on the disk and for its readers: what a bad cell does.
    pub(crate) fn flip(&mut self, inode: Inode, byte: u64, bit: u8) {
        if let Some(file) = self.files.get_mut(&inode) {
            for bytes in [&mut file.bytes, &mut file.durable] {
                if let Some(byte) = bytes.get_mut(at(byte)) {
                    *byte ^= 1 << (bit % 8);
                }
            }
        }
    }

    /// Removes everything below a directory, durably: the disk was replaced.
    pub(crate) fn wipe(&mut self, below: &Utf8Path) {
        self.dirs.retain(|path, _| !path.starts_with(below));
    }
}
