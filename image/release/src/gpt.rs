//! The GUID partition table, UEFI 2.10 section 5.3: a protective MBR, a header and 128 entries at the front, and the same in
//! reverse at the end.

use crate::guid::Guid;

/// Entries of every table; firmware expects at least so many.
const ENTRIES: usize = 128;
const ENTRY_BYTES: usize = 128;
const HEADER_BYTES: u32 = 92;
const SIGNATURE: &[u8; 8] = b"EFI PART";
const REVISION: u32 = 0x0001_0000;
/// A name has at most so many UTF-16 units.
const NAME_UNITS: usize = 36;

/// Why a table cannot be made or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GptError {
    /// Sectors of disks have 512 or 4,096 bytes.
    #[error("a sector of {0} bytes is none that disks have; 512 and 4096 are")]
    Sector(u32),
    /// The partitions do not fit.
    #[error("partition `{name}` ends at sector {last}; the last one that can be used is {usable}")]
    TooLarge {
        /// The partition.
        name: String,
        /// Its last sector.
        last: u64,
        /// The last sector of the disk for partitions.
        usable: u64,
    },
    /// Two partitions share sectors, or one begins before it can.
    #[error("partition `{0}` overlaps what lies before it")]
    Overlap(String),
    /// A name that a table cannot hold.
    #[error("the partition name `{0}` is longer than 36 characters")]
    Name(String),
    /// More partitions than a table has.
    #[error("{0} partitions do not fit into a table of 128")]
    TooMany(usize),
    /// What was read is no table.
    #[error("the partition table is damaged: {0}")]
    Damaged(&'static str),
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is for.
    pub kind: Guid,
    /// Which one it is.
    pub id: Guid,
    /// The first sector.
    pub first: u64,
    /// The last sector, which still belongs to it.
    pub last: u64,
    /// The label.
    pub name: String,
}

/// A table for a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Which disk it is.
    pub disk: Guid,
    /// Bytes of a sector.
    pub sector: u32,
    /// Sectors of the disk.
    pub sectors: u64,
    /// The partitions, by where they begin.
    pub entries: Vec<Entry>,
}

impl Table {
    /// Sectors that the entries take.
    fn entry_sectors(sector: u32) -> u64 {
        u64::try_from(ENTRIES * ENTRY_BYTES).unwrap_or(u64::MAX).div_ceil(u64::from(sector))
    }

    /// The first and the last sector that partitions may have.
    #[must_use]
    pub fn usable(sector: u32, sectors: u64) -> (u64, u64) {
        let table = Self::entry_sectors(sector);
        (2 + table, sectors.saturating_sub(2 + table))
    }

    /// The bytes at the front of the disk, and those at its end.
    ///
    /// # Errors
    ///
    /// The partitions overlap, do not fit, or have names that are too long.
    pub fn encode(&self) -> Result<(Vec<u8>, Vec<u8>), GptError> {
        self.check()?;
        let sector = usize::try_from(self.sector).map_err(|_| GptError::Sector(self.sector))?;
        let entries = self.encoded_entries();
        let table_sectors = Self::entry_sectors(self.sector);
        let mut padded = entries.clone();
        padded.resize(usize::try_from(table_sectors).unwrap_or(0).saturating_mul(sector), 0);
        let last = self.sectors - 1;
        let crc = crc32fast::hash(&entries);
        let mut front = self.protective(sector);
        front.extend(self.header(sector, 1, last, 2, crc));
        front.extend_from_slice(&padded);
        let mut back = padded;
        back.extend(self.header(sector, last, 1, last - table_sectors, crc));
        Ok((front, back))
    }

    fn check(&self) -> Result<(), GptError> {
        if !matches!(self.sector, 512 | 4096) {
            return Err(GptError::Sector(self.sector));
        }
        if self.entries.len() > ENTRIES {
            return Err(GptError::TooMany(self.entries.len()));
        }
        let (mut free, usable) = Self::usable(self.sector, self.sectors);
        for entry in &self.entries {
            if entry.name.encode_utf16().count() > NAME_UNITS {
                return Err(GptError::Name(entry.name.clone()));
            }
            if entry.first < free || entry.last < entry.first {
                return Err(GptError::Overlap(entry.name.clone()));
            }
            if entry.last > usable {
                return Err(GptError::TooLarge { name: entry.name.clone(), last: entry.last, usable });
            }
            free = entry.last + 1;
        }
        Ok(())
    }

    fn encoded_entries(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ENTRIES * ENTRY_BYTES);
        for entry in &self.entries {
            bytes.extend(entry.kind.bytes());
            bytes.extend(entry.id.bytes());
            bytes.extend(entry.first.to_le_bytes());
            bytes.extend(entry.last.to_le_bytes());
            bytes.extend(0_u64.to_le_bytes());
            let units = entry.name.encode_utf16().chain(std::iter::repeat(0)).take(NAME_UNITS);
            bytes.extend(units.flat_map(u16::to_le_bytes));
        }
        bytes.resize(ENTRIES * ENTRY_BYTES, 0);
        bytes
    }

    /// The MBR that tells old programs that the disk is in use.
    fn protective(&self, sector: usize) -> Vec<u8> {
        let mut mbr = vec![0; 446];
        let sectors = u32::try_from(self.sectors - 1).unwrap_or(u32::MAX);
        mbr.extend([0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff]);
        mbr.extend(1_u32.to_le_bytes());
        mbr.extend(sectors.to_le_bytes());
        mbr.resize(510, 0);
        mbr.extend([0x55, 0xaa]);
        mbr.resize(sector, 0);
        mbr
    }

    fn header(&self, sector: usize, here: u64, other: u64, entries_at: u64, entries_crc: u32) -> Vec<u8> {
        let (first, last) = Self::usable(self.sector, self.sectors);
        let mut header = Vec::with_capacity(sector);
        header.extend_from_slice(SIGNATURE);
        header.extend(REVISION.to_le_bytes());
        header.extend(HEADER_BYTES.to_le_bytes());
        header.extend([0; 8]);
        for number in [here, other, first, last] {
            header.extend(number.to_le_bytes());
        }
        header.extend(self.disk.bytes());
        header.extend(entries_at.to_le_bytes());
        header.extend(128_u32.to_le_bytes());
        header.extend(128_u32.to_le_bytes());
        header.extend(entries_crc.to_le_bytes());
        let crc = crc32fast::hash(&header);
        if let Some(place) = header.get_mut(16..20) {
            place.copy_from_slice(&crc.to_le_bytes());
        }
        header.resize(sector, 0);
        header
    }

    /// How many bytes of the front of a disk [`Table::decode`] needs.
    #[must_use]
    pub fn front_bytes(sector: u32) -> u64 {
        (2 + Self::entry_sectors(sector)) * u64::from(sector)
    }

    /// Reads the table at the front of a disk of so many sectors.
    ///
    /// # Errors
    ///
    /// There is none, or a checksum is wrong.
    pub fn decode(front: &[u8], sector: u32, sectors: u64) -> Result<Self, GptError> {
        let size = usize::try_from(sector).map_err(|_| GptError::Sector(sector))?;
        let header = front.get(size..size + 92).ok_or(GptError::Damaged("it is cut off"))?;
        if header.get(..8) != Some(SIGNATURE) {
            return Err(GptError::Damaged("it has no signature"));
        }
        let mut blank = header.to_vec();
        if let Some(place) = blank.get_mut(16..20) {
            place.fill(0);
        }
        if crc32fast::hash(&blank) != number32(header, 16) || number32(header, 12) != HEADER_BYTES {
            return Err(GptError::Damaged("the checksum of its header is wrong"));
        }
        if (number32(header, 80), number32(header, 84)) != (128, 128) {
            return Err(GptError::Damaged("it has not 128 entries of 128 bytes"));
        }
        let at = number64(header, 72).checked_mul(u64::from(sector)).and_then(|at| usize::try_from(at).ok());
        let at = at.ok_or(GptError::Damaged("its entries lie outside"))?;
        let entries = at.checked_add(ENTRIES * ENTRY_BYTES).and_then(|end| front.get(at..end));
        let entries = entries.ok_or(GptError::Damaged("its entries are cut off"))?;
        if crc32fast::hash(entries) != number32(header, 88) {
            return Err(GptError::Damaged("the checksum of its entries is wrong"));
        }
        let entries = entries.chunks_exact(ENTRY_BYTES).filter_map(decoded).collect();
        Ok(Self { disk: guid(header, 56), sector, sectors, entries })
    }
}

fn decoded(bytes: &[u8]) -> Option<Entry> {
    let kind = guid(bytes, 0);
    if kind.is_nil() {
        return None;
    }
    let units: Vec<u16> =
        bytes.get(56..)?.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect();
    let name = units.split(|unit| *unit == 0).next().unwrap_or_default();
    Some(Entry {
        kind,
        id: guid(bytes, 16),
        first: number64(bytes, 32),
        last: number64(bytes, 40),
        name: String::from_utf16_lossy(name),
    })
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..at + N).and_then(|part| part.try_into().ok()).unwrap_or([0; N])
}

fn number32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

fn number64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}

fn guid(bytes: &[u8], at: usize) -> Guid {
    Guid::from_bytes(array(bytes, at))
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, SeekFrom, Write as _};
    use std::process::Command;

    use super::*;

    fn entry(name: &str, first: u64, last: u64) -> Entry {
        Entry {
            kind: Guid::named("kind", name),
            id: Guid::named("id", name),
            first,
            last,
            name: name.to_owned(),
        }
    }

    fn table(sector: u32) -> Table {
        let entries = vec![entry("ESP", 2048, 4095), entry("ROOT-A", 4096, 9999)];
        Table { disk: Guid::named("disk", "d"), sector, sectors: 20_000, entries }
    }

    #[test]
    fn what_is_written_is_read_and_any_flipped_bit_is_seen() {
        for sector in [512, 4096] {
            let table = table(sector);
            let (front, back) = table.encode().unwrap();
            assert_eq!(Table::decode(&front, sector, 20_000).unwrap(), table);
            assert_eq!(u64::try_from(front.len()).unwrap(), Table::front_bytes(sector));
            assert_eq!(back.len() + usize::try_from(sector).unwrap(), front.len());
            let header = usize::try_from(sector).unwrap();
            for at in (header..header + 92).chain(2 * header..2 * header + 256) {
                let mut flipped = front.clone();
                flipped[at] ^= 1;
                assert!(Table::decode(&flipped, sector, 20_000).is_err(), "byte {at}");
            }
        }
        assert!(Table::decode(&[0; 600], 512, 9).is_err());
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let with = |entries: Vec<Entry>| Table { entries, ..table(512) }.encode().unwrap_err();
        assert_eq!(with(vec![entry("A", 33, 40)]), GptError::Overlap("A".to_owned()));
        assert_eq!(with(vec![entry("A", 50, 60), entry("B", 60, 70)]), GptError::Overlap("B".to_owned()));
        assert!(matches!(with(vec![entry("A", 50, 19_967)]), GptError::TooLarge { usable: 19_966, .. }));
        assert!(matches!(with(vec![entry(&"x".repeat(37), 50, 60)]), GptError::Name(_)));
    }

    #[test]
    fn sgdisk_finds_nothing_to_say() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let table = table(512);
        let (front, back) = table.encode().unwrap();
        file.as_file().set_len(table.sectors * 512).unwrap();
        file.write_all(&front).unwrap();
        file.seek(SeekFrom::End(-i64::try_from(back.len()).unwrap())).unwrap();
        file.write_all(&back).unwrap();
        let said = Command::new("sgdisk").arg("-v").arg(file.path()).output().expect("sgdisk of gdisk");
        let said = String::from_utf8(said.stdout).unwrap();
        assert!(said.contains("No problems found"), "{said}");
    }
}
