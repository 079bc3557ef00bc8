//! A FAT32 file system, as the firmware reads it and to the bit the same each time (Microsoft's FAT32 specification 1.03).

use std::collections::{BTreeMap, BTreeSet};

use crate::fat_names::{long, short};

/// Fewer clusters make a FAT16 of it for every reader, whatever its header says.
const FEWEST_CLUSTERS: u64 = 65_525;
/// The largest cluster that is used.
const LARGEST_CLUSTER: u64 = 4_096;
/// Sectors before the first table.
const RESERVED: u32 = 32;
/// The first day that FAT knows; every file has it.
const DAY: u16 = 0x0021;
/// A path has at most so many parts.
const DEEPEST: usize = 16;

const DIRECTORY: u8 = 0x10;
const ARCHIVE: u8 = 0x20;
const VOLUME: u8 = 0x08;
const END: u32 = 0x0fff_ffff;

/// Why a file system cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FatError {
    /// Too small to be FAT32.
    #[error("{0} bytes are too few for FAT32, which needs 65525 clusters")]
    TooSmall(u64),
    /// The files do not fit.
    #[error("the files need {needed} clusters, the file system has {clusters}")]
    Full {
        /// Clusters that the files need.
        needed: u64,
        /// Clusters there are.
        clusters: u64,
    },
    /// A name that cannot stand there.
    #[error("`{0}` is no path for this file system")]
    Path(String),
    /// A sector size that disks do not have.
    #[error("a sector of {0} bytes is none that disks have")]
    Sector(u32),
}

/// A file to be written.
#[derive(Debug, Clone, Copy)]
pub struct FatFile<'a> {
    /// From the root, with `/` between the parts.
    pub path: &'a str,
    /// What is in it.
    pub content: &'a [u8],
}

/// The shape of a file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fat {
    /// How large it is.
    pub bytes: u64,
    /// Bytes of a sector of its disk.
    pub sector: u32,
    /// Its number.
    pub serial: u32,
    /// At most eleven capital characters.
    pub label: String,
}

/// Where things lie.
struct Shape {
    sector: u64,
    cluster: u64,
    clusters: u64,
    fat_sectors: u64,
}

#[derive(Default)]
struct Directory<'a> {
    directories: BTreeMap<&'a str, Directory<'a>>,
    files: BTreeMap<&'a str, &'a [u8]>,
}

/// The clusters given away, in order, and what lies in them.
struct Writer {
    cluster: usize,
    /// The next cluster of each one; the first two mean something else.
    table: Vec<u32>,
    /// What lies in each run of clusters, by the first one.
    data: Vec<(u32, Vec<u8>)>,
}

impl Fat {
    fn shape(&self) -> Result<Shape, FatError> {
        if !matches!(self.sector, 512 | 4096) {
            return Err(FatError::Sector(self.sector));
        }
        let sector = u64::from(self.sector);
        let mut cluster = LARGEST_CLUSTER.max(sector);
        loop {
            let sectors = self.bytes / sector;
            let room = sectors.saturating_sub(u64::from(RESERVED));
            // Each cluster costs its sectors and eight bytes in the two tables.
            let clusters = room * sector / (cluster + 8);
            let fat_sectors = ((clusters + 2) * 4).div_ceil(sector);
            let clusters = (room.saturating_sub(2 * fat_sectors)) * sector / cluster;
            if clusters >= FEWEST_CLUSTERS {
                return Ok(Shape { sector, cluster, clusters, fat_sectors });
            }
            if cluster == sector {
                return Err(FatError::TooSmall(self.bytes));
            }
            cluster /= 2;
        }
    }

    /// The parts of the disk that are not zero, by their offset from its beginning.
    ///
    /// # Errors
    ///
    /// The files do not fit, or a path cannot be written.
    pub fn encode(&self, files: &[FatFile<'_>]) -> Result<Vec<(u64, Vec<u8>)>, FatError> {
        let shape = self.shape()?;
        let mut root = Directory::default();
        for file in files {
            root.add(file)?;
        }
        let cluster = usize::try_from(shape.cluster).unwrap_or(usize::MAX);
        let mut writer = Writer { cluster, table: vec![0x0fff_fff8, END], data: Vec::new() };
        writer.directory(&root, None, Some(&self.volume()));
        let needed = u64::try_from(writer.table.len() - 2).unwrap_or(u64::MAX);
        if needed > shape.clusters {
            return Err(FatError::Full { needed, clusters: shape.clusters });
        }
        let first_data = (u64::from(RESERVED) + 2 * shape.fat_sectors) * shape.sector;
        let table: Vec<u8> = writer.table.iter().flat_map(|next| next.to_le_bytes()).collect();
        let mut parts = vec![
            (0, self.boot_sectors(&shape, shape.clusters - needed, writer.table.len())),
            (u64::from(RESERVED) * shape.sector, table.clone()),
            ((u64::from(RESERVED) + shape.fat_sectors) * shape.sector, table),
        ];
        let place = |first: u32| first_data + u64::from(first - 2) * shape.cluster;
        parts.extend(writer.data.into_iter().map(|(first, bytes)| (place(first), bytes)));
        Ok(parts)
    }

    fn volume(&self) -> [u8; 11] {
        let mut label = [b' '; 11];
        for (place, byte) in label.iter_mut().zip(self.label.bytes()) {
            *place = byte.to_ascii_uppercase();
        }
        label
    }

    /// The header, the count of what is free, and the copy of both six sectors on.
    fn boot_sectors(&self, shape: &Shape, free: u64, next: usize) -> Vec<u8> {
        let size = usize::try_from(shape.sector).unwrap_or(512);
        let mut boot = self.header(shape);
        boot.resize(510, 0);
        boot.extend([0x55, 0xaa]);
        boot.resize(size, 0);
        let mut info = Vec::with_capacity(size);
        info.extend(0x4161_5252_u32.to_le_bytes());
        info.resize(484, 0);
        info.extend(0x6141_7272_u32.to_le_bytes());
        info.extend(u32::try_from(free).unwrap_or(u32::MAX).to_le_bytes());
        info.extend(u32::try_from(next).unwrap_or(u32::MAX).to_le_bytes());
        info.resize(508, 0);
        info.extend([0x00, 0x00, 0x55, 0xaa]);
        info.resize(size, 0);
        let mut both = [boot, info].concat();
        both.resize(6 * size, 0);
        let copy = both.get(..2 * size).unwrap_or_default().to_vec();
        both.extend(copy);
        both
    }

    fn header(&self, shape: &Shape) -> Vec<u8> {
        let small = |number: u64| u16::try_from(number).unwrap_or(0);
        let sectors = u32::try_from(self.bytes / shape.sector).unwrap_or(u32::MAX);
        let mut boot = vec![0xeb, 0x58, 0x90];
        boot.extend_from_slice(b"HOLDFAST");
        boot.extend(small(shape.sector).to_le_bytes());
        boot.push(u8::try_from(shape.cluster / shape.sector).unwrap_or(1));
        boot.extend(small(u64::from(RESERVED)).to_le_bytes());
        boot.push(2);
        boot.extend([0; 4]);
        boot.push(0xf8);
        boot.extend([0; 2]);
        // Geometry that no firmware with UEFI asks for, and where the partition begins, which is not known here.
        boot.extend(32_u16.to_le_bytes());
        boot.extend(64_u16.to_le_bytes());
        boot.extend(0_u32.to_le_bytes());
        boot.extend(sectors.to_le_bytes());
        boot.extend(u32::try_from(shape.fat_sectors).unwrap_or(u32::MAX).to_le_bytes());
        boot.extend([0; 4]);
        boot.extend(2_u32.to_le_bytes());
        boot.extend(1_u16.to_le_bytes());
        boot.extend(6_u16.to_le_bytes());
        boot.extend([0; 12]);
        boot.extend([0x80, 0, 0x29]);
        boot.extend(self.serial.to_le_bytes());
        boot.extend(self.volume());
        boot.extend_from_slice(b"FAT32   ");
        boot
    }
}

impl<'a> Directory<'a> {
    fn add(&mut self, file: &FatFile<'a>) -> Result<(), FatError> {
        let refused = || FatError::Path(file.path.to_owned());
        let parts: Vec<&str> = file.path.split('/').collect();
        let (name, above) = parts.split_last().ok_or_else(refused)?;
        if parts.len() > DEEPEST || parts.iter().any(|part| !is_name(part)) {
            return Err(refused());
        }
        let mut here = self;
        for part in above {
            if here.files.contains_key(part) {
                return Err(refused());
            }
            here = here.directories.entry(part).or_default();
        }
        let taken = here.directories.contains_key(name) || here.files.insert(name, file.content).is_some();
        if taken { Err(refused()) } else { Ok(()) }
    }
}

fn is_name(part: &str) -> bool {
    let allowed = |c: char| c >= ' ' && !"\"*/:<>?\\|".contains(c) && c != '\u{7f}';
    !part.is_empty() && part.len() <= 255 && part.chars().all(allowed) && !part.ends_with(['.', ' '])
}

impl Writer {
    /// So many clusters in a row; the first one.
    fn take(&mut self, count: usize) -> u32 {
        let number = |at: usize| u32::try_from(at).unwrap_or(END);
        let first = self.table.len();
        self.table.extend((1..count).map(|at| number(first + at)));
        self.table.push(END);
        number(first)
    }

    /// Writes what is below a directory and itself; its first cluster. Children come after their parent.
    fn directory(
        &mut self,
        directory: &Directory<'_>,
        parent: Option<u32>,
        volume: Option<&[u8; 11]>,
    ) -> u32 {
        let named = names(directory);
        let lead = if volume.is_some() { 1 } else { 2 };
        let length: usize = 32 * lead + named.iter().map(|(_, _, long)| long.len() + 32).sum::<usize>();
        let first = self.take(length.div_ceil(self.cluster).max(1));
        let place = self.data.len();
        self.data.push((first, Vec::new()));
        let mut bytes = Vec::with_capacity(length);
        match (volume, parent) {
            (Some(label), _) => bytes.extend(entry(label, VOLUME, 0, 0)),
            (None, parent) => {
                bytes.extend(entry(b".          ", DIRECTORY, first, 0));
                bytes.extend(entry(b"..         ", DIRECTORY, parent.unwrap_or(0), 0));
            }
        }
        // The root is written as 0 where it is somebody's parent.
        let above = if volume.is_some() { 0 } else { first };
        for (name, short, long) in named {
            bytes.extend(long);
            if let Some(child) = directory.directories.get(name) {
                let at = self.directory(child, Some(above), None);
                bytes.extend(entry(&short, DIRECTORY, at, 0));
            } else {
                let content = directory.files.get(name).copied().unwrap_or_default();
                let at = self.file(content);
                bytes.extend(entry(&short, ARCHIVE, at, u32::try_from(content.len()).unwrap_or(u32::MAX)));
            }
        }
        if let Some((_, place)) = self.data.get_mut(place) {
            *place = bytes;
        }
        first
    }

    fn file(&mut self, content: &[u8]) -> u32 {
        if content.is_empty() {
            return 0;
        }
        let first = self.take(content.len().div_ceil(self.cluster));
        self.data.push((first, content.to_vec()));
        first
    }
}

/// The names of a directory with the short one of each and the entries of the long one, in the order of the names.
fn names<'a>(directory: &Directory<'a>) -> Vec<(&'a str, [u8; 11], Vec<u8>)> {
    let all: BTreeSet<&str> = directory.directories.keys().chain(directory.files.keys()).copied().collect();
    let mut taken = BTreeSet::new();
    let named = all.into_iter().map(|name| {
        let (short, whole) = short(name, &taken);
        taken.insert(short);
        (name, short, if whole { Vec::new() } else { long(name, &short) })
    });
    named.collect()
}

fn entry(name: &[u8; 11], attributes: u8, cluster: u32, size: u32) -> Vec<u8> {
    let [low, next, high, top] = cluster.to_le_bytes();
    let mut entry = name.to_vec();
    entry.extend([attributes, 0, 0, 0, 0]);
    entry.extend(DAY.to_le_bytes());
    entry.extend(DAY.to_le_bytes());
    entry.extend([high, top, 0, 0]);
    entry.extend(DAY.to_le_bytes());
    entry.extend([low, next]);
    entry.extend(size.to_le_bytes());
    entry
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, SeekFrom, Write as _};
    use std::process::Command;

    use super::*;

    fn fat(bytes: u64, sector: u32) -> Fat {
        Fat { bytes, sector, serial: 0x1234_5678, label: "ESP".to_owned() }
    }

    fn written(fat: &Fat, files: &[FatFile<'_>]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(fat.bytes).unwrap();
        for (at, bytes) in fat.encode(files).unwrap() {
            let mut out = file.as_file();
            out.seek(SeekFrom::Start(at)).unwrap();
            out.write_all(&bytes).unwrap();
        }
        file
    }

    #[test]
    fn the_tools_of_others_read_it() {
        let large = vec![7; 300_000];
        let files = [
            FatFile { path: "EFI/BOOT/BOOTX64.EFI", content: &large },
            FatFile { path: "EFI/Linux/holdfast-0.1.0+3.efi", content: b"kernel" },
            FatFile { path: "loader/loader.conf", content: b"timeout 0\n" },
            FatFile { path: "loader/empty", content: b"" },
        ];
        for (bytes, sector) in [(128 << 20, 512), (1 << 30, 512), (300 << 20, 4096)] {
            let file = written(&fat(bytes, sector), &files);
            let said = Command::new("fsck.vfat").args(["-n", "-v"]).arg(file.path()).output();
            let said = said.expect("fsck.vfat of dosfstools");
            let text = String::from_utf8_lossy(&said.stdout).into_owned();
            assert!(said.status.success() && text.contains("32 bit entries"), "{bytes} {sector}: {text}");
            let read = Command::new("mtype")
                .args(["-i", file.path().to_str().unwrap(), "::EFI/Linux/holdfast-0.1.0+3.efi"])
                .env("MTOOLS_SKIP_CHECK", "1")
                .output()
                .expect("mtype of mtools");
            if sector == 512 {
                assert_eq!(read.stdout, b"kernel", "{}", String::from_utf8_lossy(&read.stderr));
            }
        }
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        let one = |path, content| fat(128 << 20, 512).encode(&[FatFile { path, content }]);
        assert_eq!(fat(30 << 20, 512).encode(&[]).unwrap_err(), FatError::TooSmall(30 << 20));
        for path in ["", "/a", "a//b", "a/", "a:b", "a.", "../x\0"] {
            assert_eq!(one(path, b"").unwrap_err(), FatError::Path(path.to_owned()), "{path}");
        }
        assert!(matches!(one("big", &vec![0; 140 << 20]), Err(FatError::Full { .. })));
        let twice = [FatFile { path: "a", content: b"" }, FatFile { path: "a/b", content: b"" }];
        assert!(fat(128 << 20, 512).encode(&twice).is_err());
    }

    #[test]
    fn it_is_the_same_each_time_and_in_any_order() {
        let files =
            [FatFile { path: "b/Long Name.txt", content: b"1" }, FatFile { path: "a", content: b"2" }];
        let mut back = files;
        back.reverse();
        assert_eq!(fat(128 << 20, 512).encode(&files), fat(128 << 20, 512).encode(&back));
    }
}
