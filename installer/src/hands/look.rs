//! Looks at what lies on a disk, and changes nothing.

use std::io;

use holdfast_release::writer::Target;
use holdfast_release::{META_COPY_BYTES, Table};

use crate::brain::{Holds, LOOKED_AT, Look, holds};
use crate::hands::record::{RECORD_AT, RECORD_BYTES, read_range};

/// What lies on a disk with sectors of this size.
#[must_use]
pub fn look(disk: &mut dyn Target, sector: u32) -> Holds {
    looked(disk, sector).unwrap_or_else(|error| Holds::Unreadable(error.to_string()))
}

fn looked(disk: &mut dyn Target, sector: u32) -> io::Result<Holds> {
    let bytes = disk.size();
    let front = read_range(disk, 0, LOOKED_AT)?;
    let end = bytes.saturating_sub(u64::try_from(LOOKED_AT).unwrap_or(0));
    let back = read_range(disk, end, LOOKED_AT)?;
    let at = usize::try_from(RECORD_AT).unwrap_or(usize::MAX);
    let record = front.get(at..at + RECORD_BYTES).unwrap_or_default();
    let table = Table::decode(&front, sector, bytes / u64::from(sector).max(1)).ok();
    let part = table.as_ref().and_then(|table| table.entries.iter().find(|entry| entry.name == "META"));
    let meta = match part {
        None => None,
        Some(part) => {
            let size = u64::from(sector);
            let half = (part.last + 1).saturating_sub(part.first).saturating_mul(size) / 2;
            let at = part.first.saturating_mul(size);
            Some((
                read_range(disk, at, META_COPY_BYTES)?,
                read_range(disk, at.saturating_add(half), META_COPY_BYTES)?,
            ))
        }
    };
    let (first, second) = record.split_at(META_COPY_BYTES.min(record.len()));
    Ok(holds(&Look {
        front: &front,
        back: &back,
        meta: meta.as_ref().map(|(first, second)| (first.as_slice(), second.as_slice())),
        record: (first, second),
        sector,
        bytes,
    }))
}
