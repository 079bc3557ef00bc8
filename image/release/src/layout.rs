//! How a disk is divided. The sizes are for ten years: a partition that is too small cannot be helped on a machine in a rack.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::gpt::{Entry, GptError, Table};
use crate::guid::Guid;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// What a partition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The loader and the kernels; FAT32.
    Esp,
    /// Boot attempts and what must be known before anything can be unlocked; two checked copies.
    Meta,
    /// The root of slot A; EROFS.
    RootA,
    /// What proves it.
    HashA,
    /// The root of slot B.
    RootB,
    /// What proves it.
    HashB,
    /// Extensions, a half for those of each slot.
    Ext,
    /// The configuration and the keys of this machine; LUKS2.
    State,
    /// The log of a controller, away from everything else that syncs; LUKS2.
    Raft,
    /// What the machine stores.
    Data,
}

/// What a release is for, and so how large the parts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Virtual machines and tests.
    Small,
    /// Servers.
    Metal,
}

impl Profile {
    /// The name, as it stands in files and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Metal => "metal",
        }
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "small" => Ok(Self::Small),
            "metal" => Ok(Self::Metal),
            other => Err(format!("`{other}` is no profile; small and metal are")),
        }
    }
}

/// Why a disk cannot be divided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// Too small.
    #[error("the disk has {have} bytes, {need} are needed")]
    TooSmall {
        /// Its bytes.
        have: u64,
        /// The bytes that the parts take.
        need: u64,
    },
    /// The table cannot be made.
    #[error(transparent)]
    Table(#[from] GptError),
}

/// A partition to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// What it is for.
    pub role: Role,
    /// Where it begins, in bytes.
    pub at: u64,
    /// How many bytes it has.
    pub bytes: u64,
}

/// All partitions of a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of a sector.
    pub sector: u32,
    /// Bytes of the disk.
    pub disk_bytes: u64,
    /// The parts, in order.
    pub parts: Vec<Part>,
}

impl Role {
    /// All of them, in the order of the disk.
    pub const ALL: [Self; 10] = [
        Self::Esp,
        Self::Meta,
        Self::RootA,
        Self::HashA,
        Self::RootB,
        Self::HashB,
        Self::Ext,
        Self::State,
        Self::Raft,
        Self::Data,
    ];

    /// The label in the table.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Esp => "ESP",
            Self::Meta => "META",
            Self::RootA => "ROOT-A",
            Self::HashA => "HASH-A",
            Self::RootB => "ROOT-B",
            Self::HashB => "HASH-B",
            Self::Ext => "EXT",
            Self::State => "STATE",
            Self::Raft => "RAFT",
            Self::Data => "DATA",
        }
    }

    /// The type in the table, from the UEFI specification and the Discoverable Partitions Specification where they have one.
    #[must_use]
    pub fn kind(self) -> Guid {
        match self {
            Self::Esp => Guid::from_number(0xC12A7328_F81F_11D2_BA4B_00A0C93EC93B),
            Self::RootA | Self::RootB => Guid::from_number(0x4F68BCE3_E8CD_4DB1_96E7_FBCAF984B709),
            Self::HashA | Self::HashB => Guid::from_number(0x2C7357ED_EBD2_46D9_AEC1_23D437EC2BF5),
            Self::State | Self::Raft => Guid::from_number(0xCA7D7CCB_63ED_4C53_861C_1742536059CC),
            Self::Data => Guid::from_number(0x0FC63DAF_8483_4772_8E79_3D69D8477DE4),
            Self::Meta | Self::Ext => Guid::named("holdfast.partition", self.label()),
        }
    }

    pub(crate) fn bytes(self, profile: Profile, sector: u32) -> u64 {
        let small = profile == Profile::Small;
        match self {
            // FAT32 has at least 65,525 clusters, and a cluster is at least a sector.
            Self::Esp if small && sector == 4096 => 320 * MIB,
            Self::Esp if small => 128 * MIB,
            Self::Esp => GIB,
            Self::Meta => 2 * MIB,
            Self::RootA | Self::RootB if small => 192 * MIB,
            Self::RootA | Self::RootB => 4 * GIB,
            Self::HashA | Self::HashB if small => 4 * MIB,
            Self::HashA | Self::HashB => 64 * MIB,
            Self::Ext | Self::Raft if small => 256 * MIB,
            Self::Ext | Self::Raft => 16 * GIB,
            Self::State if small => 64 * MIB,
            Self::State => 512 * MIB,
            Self::Data if small => 128 * MIB,
            Self::Data => 16 * GIB,
        }
    }
}

impl Layout {
    /// Divides a disk: every part has its size, and what is left belongs to the data.
    ///
    /// # Errors
    ///
    /// The disk is too small.
    pub fn plan(profile: Profile, disk_bytes: u64, sector: u32) -> Result<Self, LayoutError> {
        let sectors = disk_bytes / u64::from(sector).max(1);
        let (_, last) = Table::usable(sector, sectors);
        let end = (last + 1).saturating_mul(u64::from(sector)) / MIB * MIB;
        let fixed: u64 = Role::ALL.iter().map(|role| role.bytes(profile, sector)).sum();
        // The first MiB holds the table; the last one its copy, and what does not make a whole MiB.
        let need = fixed + 2 * MIB;
        if MIB + fixed > end {
            return Err(LayoutError::TooSmall { have: disk_bytes, need });
        }
        let mut at = MIB;
        let mut parts = Vec::with_capacity(Role::ALL.len());
        for role in Role::ALL {
            let bytes = if role == Role::Data { end - at } else { role.bytes(profile, sector) };
            parts.push(Part { role, at, bytes });
            at += bytes;
        }
        Ok(Self { sector, disk_bytes, parts })
    }

    /// The part for `role`.
    #[must_use]
    pub fn part(&self, role: Role) -> Option<Part> {
        self.parts.iter().find(|part| part.role == role).copied()
    }

    /// The partition table. `disk` makes the numbers of this disk its own.
    #[must_use]
    pub fn table(&self, disk: &str) -> Table {
        let sector = u64::from(self.sector).max(1);
        let entries = self.parts.iter().map(|part| Entry {
            kind: part.role.kind(),
            id: Guid::named(disk, part.role.label()),
            first: part.at / sector,
            last: (part.at + part.bytes) / sector - 1,
            name: part.role.label().to_owned(),
        });
        Table {
            disk: Guid::named(disk, "disk"),
            sector: self.sector,
            sectors: self.disk_bytes / sector,
            entries: entries.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_disk_that_is_large_enough_is_divided_without_gaps() {
        for (profile, bytes) in
            [(Profile::Small, 2 * GIB), (Profile::Metal, 480_103_981_056), (Profile::Metal, 64 * GIB)]
        {
            for sector in [512, 4096] {
                let layout = Layout::plan(profile, bytes, sector).unwrap();
                let (front, _) = layout.table("d").encode().unwrap();
                assert_eq!(
                    Table::decode(&front, sector, bytes / u64::from(sector)).unwrap(),
                    layout.table("d")
                );
                let mut at = MIB;
                for part in &layout.parts {
                    assert_eq!((part.at, part.at % MIB, part.bytes % MIB), (at, 0, 0), "{part:?}");
                    at += part.bytes;
                }
                assert!(bytes - at < 3 * MIB, "what is left belongs to the data");
            }
        }
    }

    #[test]
    fn a_disk_that_is_too_small_is_told_what_it_needs() {
        let error = Layout::plan(Profile::Metal, 32 * GIB, 512).unwrap_err();
        let LayoutError::TooSmall { need, .. } = error else { panic!("{error}") };
        assert!(Layout::plan(Profile::Metal, need, 512).is_ok());
        assert!(Layout::plan(Profile::Metal, need - 2 * MIB, 512).is_err());
        assert!(Layout::plan(Profile::Small, 0, 512).is_err());
    }
}
