//! What lies on a disk, from a look at its two ends. Whatever is not all zeros belongs to somebody.

use holdfast_release::{META_MACHINE, Meta, Role, Table};

/// How far into a disk signatures are looked for.
pub const LOOKED_AT: usize = 1 << 20;

/// What was read of a disk.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// Its beginning: the first [`LOOKED_AT`] bytes, or all.
    pub front: &'a [u8],
    /// Its end.
    pub back: &'a [u8],
    /// Both copies in the partition META, where the table names one.
    pub meta: Option<(&'a [u8], &'a [u8])>,
    /// Both copies of the installer's own record.
    pub record: (&'a [u8], &'a [u8]),
    /// Bytes of its sectors.
    pub sector: u32,
    /// Its bytes.
    pub bytes: u64,
}

/// What lies on a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    /// Nothing: both ends are all zeros.
    Nothing,
    /// An installation that was begun and not finished.
    Half(Half),
    /// An installation of Holdfast.
    Installation(Held),
    /// Something else.
    Other(Found),
    /// It cannot be read.
    Unreadable(String),
}

/// An installation that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Half {
    /// The version that was being written.
    pub version: String,
    /// The machine it was for.
    pub machine: String,
    /// What was stored on the disk before stays there.
    pub keeps_data: bool,
}

/// An installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The versions in its slots.
    pub versions: Vec<String>,
    /// The machine it is.
    pub machine: Option<String>,
    /// The cluster it belongs to.
    pub cluster: Option<String>,
    /// Where what it stores lies: the first byte of DATA, and how many there are.
    pub data: Option<(u64, u64)>,
    /// Its partitions, with their bytes.
    pub parts: Vec<(String, u64)>,
}

/// What somebody else put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it looks like: `partitions`, `an ext file system`.
    pub what: String,
    /// Its partitions, with their bytes.
    pub parts: Vec<(String, u64)>,
}

impl Holds {
    /// Whether it may be written over without anyone's word.
    #[must_use]
    pub const fn is_free(&self) -> bool {
        // One that keeps what was stored before is nobody's to write over.
        matches!(self, Self::Nothing | Self::Half(Half { keeps_data: false, .. }))
    }

    /// In a line.
    #[must_use]
    pub fn line(&self) -> String {
        match self {
            Self::Nothing => "blank".to_owned(),
            Self::Half(half) => {
                format!("a half-made installation of {} for {}", half.version, half.machine)
            }
            Self::Installation(held) => {
                let versions = held.versions.join(" and ");
                let version = if versions.is_empty() { "of an unknown version".to_owned() } else { versions };
                let machine = held.machine.as_ref().map(|name| format!(" of machine {name}"));
                let cluster = held.cluster.as_ref().map(|name| format!(" in cluster {name}"));
                format!("Holdfast {version}{}{}", machine.unwrap_or_default(), cluster.unwrap_or_default())
            }
            Self::Other(found) => found.what.clone(),
            Self::Unreadable(why) => format!("cannot be read: {why}"),
        }
    }

    /// Its partitions, with their bytes.
    #[must_use]
    pub fn parts(&self) -> &[(String, u64)] {
        match self {
            Self::Installation(held) => &held.parts,
            Self::Other(found) => &found.parts,
            Self::Nothing | Self::Half(_) | Self::Unreadable(_) => &[],
        }
    }
}

/// Names that META and the record have in common.
const VERSION: &str = "install.version";
const CLUSTER: &str = "install.cluster";
/// In the record: what was stored on the disk before stays there.
const KEEPS: &str = "install.keeps";

/// What lies on a disk, from what was read of it.
#[must_use]
pub fn holds(look: &Look<'_>) -> Holds {
    let record = Meta::read(look.record.0, look.record.1);
    if let (Some(version), Some(machine)) = (record.get(VERSION), record.get(META_MACHINE)) {
        let keeps_data = record.get(KEEPS).is_some();
        return Holds::Half(Half { version: version.to_owned(), machine: machine.to_owned(), keeps_data });
    }
    let table = Table::decode(look.front, look.sector, look.bytes / u64::from(look.sector).max(1));
    if let Ok(table) = table {
        return partitioned(look, &table);
    }
    if look.front.iter().chain(look.back).all(|byte| *byte == 0) {
        return Holds::Nothing;
    }
    let what = signature(look).unwrap_or("data of an unknown kind");
    Holds::Other(Found { what: what.to_owned(), parts: Vec::new() })
}

fn partitioned(look: &Look<'_>, table: &Table) -> Holds {
    let bytes = |first: u64, last: u64| (last + 1).saturating_sub(first) * u64::from(table.sector);
    let parts: Vec<(String, u64)> =
        table.entries.iter().map(|e| (e.name.clone(), bytes(e.first, e.last))).collect();
    let has = |label: &str| parts.iter().any(|(name, _)| name == label);
    if let (Some((first, second)), true, true) = (look.meta, has("ROOT-A"), has("HASH-A")) {
        let meta = Meta::read(first, second);
        let known = |name: &str| meta.get(name).map(str::to_owned);
        let slots = ["slot.a.version", "slot.b.version"];
        let versions = slots.iter().filter_map(|name| known(name)).collect();
        let data = table.entries.iter().find(|entry| entry.name == Role::Data.label());
        return Holds::Installation(Held {
            data: data.map(|e| (e.first * u64::from(table.sector), bytes(e.first, e.last))),
            versions,
            machine: known(META_MACHINE),
            cluster: known(CLUSTER),
            parts,
        });
    }
    let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).filter(|n| !n.is_empty()).collect();
    let what = match (parts.len(), names.is_empty()) {
        (0, _) => "an empty partition table".to_owned(),
        (1, true) => "one partition".to_owned(),
        (count, true) => format!("{count} partitions"),
        (1, false) => format!("one partition ({})", names.join(", ")),
        (count, false) => format!("{count} partitions ({})", names.join(", ")),
    };
    Holds::Other(Found { what, parts })
}

/// What programs that use a whole disk leave at its beginning, and where.
const SIGNATURES: [(usize, &[u8], &str); 16] = [
    (0, b"LUKS\xba\xbe", "an encrypted volume (LUKS)"),
    (0, b"XFSB", "an XFS file system"),
    (0x438, b"\x53\xef", "an ext file system"),
    (0x1_0040, b"_BHRfS_M", "a Btrfs file system"),
    (512, b"LABELONE", "a volume of LVM"),
    (0, b"LABELONE", "a volume of LVM"),
    (4096, b"\xfc\x4e\x2b\xa9", "a member of a RAID (md)"),
    (0, b"\xfc\x4e\x2b\xa9", "a member of a RAID (md)"),
    (0, b"bluestore block device", "an OSD of Ceph"),
    (4086, b"SWAPSPACE2", "swap space"),
    (3, b"NTFS    ", "an NTFS file system"),
    (82, b"FAT32   ", "a FAT file system"),
    (54, b"FAT1", "a FAT file system"),
    (0x8001, b"CD001", "an ISO 9660 file system"),
    (1024, b"\xe2\xe1\xf5\xe0", "an EROFS file system"),
    (512, b"EFI PART", "a damaged partition table"),
];
/// A member of a ZFS pool has its labels far in, but its uberblocks begin here.
const ZFS: (usize, &[u8]) = (0x2_0000, b"\x0c\xb1\xba\x00\x00\x00\x00\x00");

fn signature(look: &Look<'_>) -> Option<&'static str> {
    let at =
        |offset: usize, bytes: &[u8]| look.front.get(offset..).is_some_and(|rest| rest.starts_with(bytes));
    let named = SIGNATURES.iter().find(|(offset, bytes, _)| at(*offset, bytes));
    let zfs = || at(ZFS.0, ZFS.1).then_some("a member of a ZFS pool");
    let mbr = || at(510, b"\x55\xaa").then_some("a partition table (MBR)");
    let backup = || {
        let sector = usize::try_from(look.sector).ok()?;
        let header = look.back.len().checked_sub(sector)?;
        look.back.get(header..)?.starts_with(b"EFI PART").then_some("the copy of a lost partition table")
    };
    named.map(|(_, _, what)| *what).or_else(zfs).or_else(mbr).or_else(backup)
}

/// Has the record of an installation say whether what was stored on the disk before stays there.
pub(crate) fn describe_data(record: &mut Meta, keeps: bool) -> Result<(), holdfast_release::MetaError> {
    if keeps {
        return record.set(KEEPS, Role::Data.label());
    }
    record.remove(KEEPS);
    Ok(())
}

/// What the record and META say of an installation that is being made.
pub(crate) fn describe(
    meta: &mut Meta,
    version: &str,
    machine: &str,
    cluster: Option<&str>,
) -> Result<(), holdfast_release::MetaError> {
    meta.set(VERSION, version)?;
    meta.set(META_MACHINE, machine)?;
    match cluster {
        Some(name) => meta.set(CLUSTER, name),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use holdfast_release::{Layout, Profile};
    use proptest::prelude::*;

    use super::*;

    const BYTES: u64 = 2 << 30;

    fn look<'a>(front: &'a [u8], back: &'a [u8]) -> Look<'a> {
        Look { front, back, meta: None, record: (&[], &[]), sector: 512, bytes: BYTES }
    }

    #[test]
    fn what_others_leave_is_recognised() {
        let blank = vec![0; LOOKED_AT];
        assert_eq!(holds(&look(&blank, &blank)), Holds::Nothing);
        for (at, bytes, what) in SIGNATURES {
            let mut front = blank.clone();
            front[at..at + bytes.len()].copy_from_slice(bytes);
            assert_eq!(holds(&look(&front, &blank)).line(), what, "at {at}");
        }
        let mut back = vec![0; 512];
        back[..8].copy_from_slice(b"EFI PART");
        assert_eq!(holds(&look(&blank, &back)).line(), "the copy of a lost partition table");
        let mut front = blank.clone();
        front[700_000] = 1;
        assert_eq!(holds(&look(&front, &[])).line(), "data of an unknown kind");
    }

    #[test]
    fn an_installation_and_a_half_made_one_are_told_apart() {
        let (mut front, _) = Layout::plan(Profile::Small, BYTES, 512).unwrap().table("d").encode().unwrap();
        front.resize(LOOKED_AT, 0);
        let mut meta = Meta::default();
        describe(&mut meta, "1.2.0", "ctl-1", Some("prod")).unwrap();
        let (_, half) = meta.clone().next_copy().unwrap();
        meta.set("slot.a.version", "1.2.0").unwrap();
        let (_, copy) = meta.next_copy().unwrap();
        let found = holds(&Look { meta: Some((&copy, &[])), ..look(&front, &[]) });
        assert_eq!(found.line(), "Holdfast 1.2.0 of machine ctl-1 in cluster prod");
        assert_eq!(found.parts().len(), 10);
        let unknown = holds(&Look { meta: Some((&[], &[])), ..look(&front, &[]) });
        assert_eq!(unknown.line(), "Holdfast of an unknown version");
        let began = holds(&Look { record: (&half, &[]), ..look(&front, &[]) });
        assert!(began.is_free() && !found.is_free() && !unknown.is_free());
        assert_eq!(began.line(), "a half-made installation of 1.2.0 for ctl-1");
        let foreign = holds(&look(&front, &[]));
        assert!(foreign.line().starts_with("10 partitions (ESP, META"), "{}", foreign.line());
    }

    proptest! {
        #[test]
        fn any_bytes_are_somebodys(front in proptest::collection::vec(any::<u8>(), 0..5_000), sector in prop_oneof![Just(512_u32), Just(4096)]) {
            let found = holds(&Look { sector, ..look(&front, &[]) });
            prop_assert_eq!(found.is_free(), front.iter().all(|byte| *byte == 0));
        }
    }
}
