//! One record of the log and its bytes. Pure: knows no file.
//!
//! ```text
//!  0 len u32      bytes of payload
//!  4 crc u32      CRC32C of the length, of everything from byte 8, and of the payload
//!  8 prev u32     crc of the record before: the chain
//! 12 group u32    records written and synced together share it
//! 16 kind u8, version u8, flags u8, zero u8
//! 20 term u64, node u64, index u64
//! 44 payload
//! ```
//!
//! All numbers are little-endian. The group tells a torn write from decay: a bad record with a record of a *later* group
//! behind it had been synced, so it is corruption; with only its own group behind it, it was never acknowledged.

use bytes::Bytes;

use crate::types::{LogId, Vote, log_id};

pub(super) const HEADER: usize = 44;
/// The most payload a record may have: one batch of the greatest size with its framing.
pub(crate) const MAX_PAYLOAD: usize = 8 << 20;
const VERSION: u8 = 1;
const ENDS_GROUP: u8 = 1;

const ENTRY: u8 = 1;
const VOTE: u8 = 2;
const TRUNCATE: u8 = 3;
const PURGE: u8 = 4;
const COMMITTED: u8 = 5;

/// What the log remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    /// An entry with its payload.
    Entry(LogId, Bytes),
    /// The vote of this member.
    Vote(Vote),
    /// Entries from this index on are void.
    Truncate(u64),
    /// Entries up to this one are no longer needed.
    Purge(LogId),
    /// Entries up to this one are known to be committed.
    Committed(LogId),
}

/// The place of a record in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) prev: u32,
    pub(super) group: u32,
    pub(super) ends_group: bool,
}

/// A record read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) record: Record,
    pub(super) link: Link,
    pub(super) crc: u32,
    pub(super) size: usize,
}

/// What stands at an offset of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    Record(Parsed),
    /// Preallocated space that was never written, as far as a header reaches.
    Empty,
    Bad(&'static str),
}

impl Record {
    pub(super) fn size(&self) -> usize {
        HEADER + self.payload().len()
    }

    pub(super) fn payload(&self) -> &[u8] {
        match self {
            Self::Entry(_, payload) => payload,
            Self::Vote(_) | Self::Truncate(_) | Self::Purge(_) | Self::Committed(_) => &[],
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Entry(..) => ENTRY,
            Self::Vote(_) => VOTE,
            Self::Truncate(_) => TRUNCATE,
            Self::Purge(_) => PURGE,
            Self::Committed(_) => COMMITTED,
        }
    }

    /// Term, node and index as the header has them; a vote keeps in the place of the index whether it is committed.
    fn numbers(&self) -> (u64, u64, u64) {
        match self {
            Self::Entry(id, _) | Self::Purge(id) | Self::Committed(id) => {
                (id.leader_id.term, id.leader_id.node_id, id.index)
            }
            Self::Vote(vote) => (vote.leader_id.term, vote.leader_id.node_id, u64::from(vote.committed)),
            Self::Truncate(index) => (0, 0, *index),
        }
    }

    /// Appends the bytes of the record and answers its checksum.
    pub(super) fn encode(&self, link: Link, out: &mut Vec<u8>) -> u32 {
        let payload = self.payload();
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
        let (term, node, index) = self.numbers();
        let mut rest = Vec::with_capacity(HEADER - 8);
        rest.extend_from_slice(&link.prev.to_le_bytes());
        rest.extend_from_slice(&link.group.to_le_bytes());
        rest.extend_from_slice(&[self.kind(), VERSION, if link.ends_group { ENDS_GROUP } else { 0 }, 0]);
        for number in [term, node, index] {
            rest.extend_from_slice(&number.to_le_bytes());
        }
        let crc = checksum(&length, &rest, payload);
        out.extend_from_slice(&length);
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&rest);
        out.extend_from_slice(payload);
        crc
    }
}

fn checksum(length: &[u8], rest: &[u8], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(crc32c::crc32c(length), rest), payload)
}

/// Reads the record at the start of `bytes`, which reach to the end of the segment.
pub(super) fn parse(bytes: &Bytes) -> Found {
    let Some(header) = bytes.get(..HEADER) else {
        return if bytes.iter().all(|byte| *byte == 0) {
            Found::Empty
        } else {
            Found::Bad("a header is cut off")
        };
    };
    if header.iter().all(|byte| *byte == 0) {
        return Found::Empty;
    }
    let size = HEADER.saturating_add(usize::try_from(number32(header, 0)).unwrap_or(usize::MAX));
    if !plausible(header) || size > HEADER + MAX_PAYLOAD {
        return Found::Bad("the header makes no sense");
    }
    if size > bytes.len() {
        return Found::Bad("the record reaches past the end of the segment");
    }
    let payload = bytes.slice(HEADER..size);
    let crc = number32(header, 4);
    let (length, rest) = (header.get(..4).unwrap_or_default(), header.get(8..).unwrap_or_default());
    if checksum(length, rest, &payload) != crc {
        return Found::Bad("the checksum does not match");
    }
    let link = Link {
        prev: number32(header, 8),
        group: number32(header, 12),
        ends_group: header.get(18) == Some(&ENDS_GROUP),
    };
    match record_of(header, payload) {
        Some(record) => Found::Record(Parsed { record, link, crc, size }),
        None => Found::Bad("the kind of the record is unknown"),
    }
}

/// Whether a header can be one of ours: the cheap test before a checksum is computed.
fn plausible(header: &[u8]) -> bool {
    header.get(16).is_some_and(|kind| (ENTRY..=COMMITTED).contains(kind))
        && header.get(17) == Some(&VERSION)
        && header.get(18).is_some_and(|flags| *flags <= ENDS_GROUP)
        && header.get(19) == Some(&0)
}

fn record_of(header: &[u8], payload: Bytes) -> Option<Record> {
    let (term, node, index) = (number64(header, 20), number64(header, 28), number64(header, 36));
    let id = log_id(term, node, index);
    Some(match *header.get(16)? {
        ENTRY => Record::Entry(id, payload),
        VOTE if index == 1 => Record::Vote(Vote::new_committed(term, node)),
        VOTE => Record::Vote(Vote::new(term, node)),
        TRUNCATE => Record::Truncate(index),
        PURGE => Record::Purge(id),
        COMMITTED => Record::Committed(id),
        _ => return None,
    })
}

fn number32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|b| b.first_chunk()).map_or(0, |b| u32::from_le_bytes(*b))
}

fn number64(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|b| b.first_chunk()).map_or(0, |b| u64::from_le_bytes(*b))
}

/// The first whole record at any byte of `bytes` that was written in a group after `group`.
pub(super) fn later_group(bytes: &Bytes, group: u32) -> Option<usize> {
    let mut at = 0;
    while let Some(window) = bytes.get(at..at + HEADER) {
        // Preallocated space is long and all zero; a record cannot begin where its first 20 bytes are zero.
        if !plausible(window) {
            at += 1;
            continue;
        }
        if let Found::Record(parsed) = parse(&bytes.slice(at..))
            && is_after(parsed.link.group, group)
        {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// Whether group `a` was written after group `b`; the counter may wrap.
pub(super) fn is_after(a: u32, b: u32) -> bool {
    let distance = a.wrapping_sub(b);
    distance != 0 && distance < u32::MAX / 2
}
