//! The newest entries of the audit log. They are seldom read and much alike, so most are kept compressed, many together.
//! The head of the log covers every entry there ever was; the oldest ones themselves are let go, a pack at a time, and
//! are then only where the log was exported to.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use holdfast_api::store::AuditRecord;

use crate::table::{Change, Record, Row, number_key};

/// How many entries are kept together.
const PACK: usize = 256;
/// How many entries are kept.
const MOST_ENTRIES: usize = 1_024 * PACK;
/// How many bytes of them, uncompressed.
const MOST_BYTES: u64 = 256 << 20;
const PREFIX: &str = "l/";

/// The entries of the log that are kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trail {
    /// The index of the first entry that is kept, a multiple of the size of a pack.
    first: u64,
    packs: VecDeque<Arc<Pack>>,
    /// Bytes of the packs, uncompressed.
    bytes: u64,
    newest: Vec<Arc<[u8]>>,
}

/// Some entries, one after the other, compressed.
#[derive(Debug)]
pub(crate) struct Pack {
    compressed: Box<[u8]>,
    /// Where each entry ends.
    ends: Box<[u32]>,
}

impl Pack {
    fn bytes(&self) -> u64 {
        self.ends.last().copied().map_or(0, u64::from)
    }

    fn of(entries: &[Arc<[u8]>]) -> Option<Self> {
        let mut out = DeflateEncoder::new(Vec::new(), Compression::fast());
        let mut ends = Vec::with_capacity(entries.len());
        let mut end = 0_usize;
        for entry in entries {
            out.write_all(entry).ok()?;
            end += entry.len();
            ends.push(u32::try_from(end).ok()?);
        }
        Some(Self { compressed: out.finish().ok()?.into(), ends: ends.into() })
    }

    /// Every entry; none where what this process compressed itself cannot be read, so that a proof fails loudly.
    fn entries(&self) -> Vec<Vec<u8>> {
        let whole = self.bytes();
        let mut bytes = Vec::with_capacity(usize::try_from(whole).unwrap_or(0));
        let read = DeflateDecoder::new(&*self.compressed).take(whole).read_to_end(&mut bytes);
        let mut start = 0;
        let entries = self.ends.iter().map(|end| {
            let end = usize::try_from(*end).unwrap_or(usize::MAX);
            let entry = bytes.get(start..end).map(<[u8]>::to_vec);
            start = end;
            entry
        });
        read.ok().and_then(|_| entries.collect()).unwrap_or_default()
    }
}

/// A stored entry and its index.
pub(crate) type Entry = (u64, Arc<[u8]>);

/// What a trail is put together from when it is loaded.
#[derive(Debug)]
pub(crate) enum Piece {
    One(u64, Arc<[u8]>),
    /// A whole pack, and the index of its first entry.
    Pack(u64, Arc<Pack>),
}

/// A stored record of this table, if it is one.
pub(crate) fn entry(key: &[u8], value: &[u8]) -> Option<Result<Entry, String>> {
    let own = key.strip_prefix(PREFIX.as_bytes())?;
    let record = AuditRecord::from_stored(value).map(|record| (record.index, record.entry.into()));
    let wrong = |error| format!("audit entry {} does not decode: {error}", String::from_utf8_lossy(own));
    Some(record.map_err(wrong))
}

/// Packs those of some entries that make whole packs.
pub(crate) fn pack(entries: Vec<Entry>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = entries.as_slice();
    while let Some(((index, entry), after)) = rest.split_first() {
        let whole = rest.split_at_checked(PACK).filter(|(head, _)| is_pack(head));
        let packed = whole.and_then(|(head, tail)| {
            let entries: Vec<Arc<[u8]>> = head.iter().map(|(_, entry)| Arc::clone(entry)).collect();
            Some((Pack::of(&entries)?, tail))
        });
        if let Some((pack, tail)) = packed {
            pieces.push(Piece::Pack(*index, Arc::new(pack)));
            rest = tail;
        } else {
            pieces.push(Piece::One(*index, Arc::clone(entry)));
            rest = after;
        }
    }
    pieces
}

/// Whether these are the entries of one pack, in order.
fn is_pack(entries: &[Entry]) -> bool {
    let first = entries.first().map_or(1, |(index, _)| *index);
    first.is_multiple_of(count(PACK)) && entries.iter().map(|(index, _)| *index).eq((first..).take(PACK))
}

impl Trail {
    /// The index of the first entry that is kept.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The index that the next entry gets.
    fn end(&self) -> u64 {
        self.first + count(self.packs.len()) * count(PACK) + count(self.newest.len())
    }

    /// Puts an entry at the end and lets the oldest go where there are too many.
    pub(crate) fn push(&mut self, entry: Vec<u8>, changes: &mut Vec<Change>) {
        let index = self.end();
        let (key, value) = record(index, entry.clone());
        changes.push((key, Some(value)));
        self.keep(entry.into());
        while self.packs.len() * PACK > MOST_ENTRIES || self.bytes > MOST_BYTES {
            let Some(gone) = self.packs.pop_front() else { return };
            self.bytes -= gone.bytes();
            let next = self.first + count(PACK);
            changes.extend((self.first..next).map(|index| (key_of(index), None)));
            self.first = next;
        }
    }

    fn keep(&mut self, entry: Arc<[u8]>) {
        self.newest.push(entry);
        if self.newest.len() >= PACK
            && let Some(pack) = Pack::of(&self.newest)
        {
            self.newest.clear();
            self.put(Arc::new(pack));
        }
    }

    fn put(&mut self, pack: Arc<Pack>) {
        self.bytes += pack.bytes();
        self.packs.push_back(pack);
    }

    /// The entries from an index on.
    pub(crate) fn from(&self, index: u64) -> impl Iterator<Item = (u64, Vec<u8>)> + use<> {
        let skipped = index.saturating_sub(self.first) / count(PACK);
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX).min(self.packs.len());
        let rest = Self {
            first: self.first + count(skipped) * count(PACK),
            packs: self.packs.iter().skip(skipped).cloned().collect(),
            bytes: 0,
            newest: self.newest.clone(),
        };
        (rest.first..).zip(rest.into_entries()).skip_while(move |(at, _)| *at < index)
    }

    fn into_entries(self) -> impl Iterator<Item = Vec<u8>> {
        let packed = self.packs.into_iter().flat_map(|pack| pack.entries());
        packed.chain(self.newest.into_iter().map(|entry| entry.to_vec()))
    }

    /// Takes what comes next of stored entries. They come in the order of their keys, so none can be missing unseen.
    pub(crate) fn take(&mut self, piece: Piece) -> Result<(), String> {
        let begun = !self.packs.is_empty() || !self.newest.is_empty();
        let expected = self.end();
        let (Piece::One(index, _) | Piece::Pack(index, _)) = &piece;
        if !begun && index.is_multiple_of(count(PACK)) {
            self.first = *index;
        } else if *index != expected {
            return Err(format!("audit entry {index} stands where entry {expected} belongs"));
        }
        match piece {
            Piece::One(_, entry) => self.keep(entry),
            Piece::Pack(_, pack) => self.put(pack),
        }
        Ok(())
    }

    pub(crate) fn into_records(self) -> impl Iterator<Item = Record> {
        (self.first..).zip(self.into_entries()).map(|(index, entry)| record(index, entry))
    }
}

fn record(index: u64, entry: Vec<u8>) -> Record {
    (key_of(index), AuditRecord { index, entry }.stored())
}

fn key_of(index: u64) -> Vec<u8> {
    format!("{PREFIX}{}", number_key(index)).into_bytes()
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The trail of records that are taken in parts of so many.
    fn loaded<'a>(records: impl Iterator<Item = &'a Record>, part: usize) -> Result<Trail, String> {
        let entries: Vec<Entry> = records.map(|(key, value)| entry(key, value).unwrap().unwrap()).collect();
        let mut trail = Trail::default();
        let mut pieces = entries.chunks(part).flat_map(|part| pack(part.to_vec()));
        pieces.try_for_each(|piece| trail.take(piece)).map(|()| trail)
    }

    #[test]
    fn every_entry_comes_back_packed_or_not() {
        let mut trail = Trail::default();
        let entry =
            |number: u64| vec![u8::try_from(number % 251).unwrap(); usize::try_from(number % 700).unwrap()];
        let mut changes = Vec::new();
        for number in 0..1_000 {
            trail.push(entry(number), &mut changes);
        }
        assert_eq!((trail.packs.len(), trail.newest.len(), trail.end()), (3, 232, 1_000));
        for from in [0, 1, 255, 256, 700, 768, 999, 1_000, 5_000] {
            assert!(trail.from(from).eq((from..1_000).map(|number| (number, entry(number)))), "from {from}");
        }
        let records: Vec<Record> = trail.clone().into_records().collect();
        assert!(changes.iter().map(|(key, value)| (key.clone(), value.clone().unwrap())).eq(records.clone()));
        // Parts of any size, cut anywhere.
        for part in [1, 100, 256, 300, 512, 1_000] {
            let whole = loaded(records.iter(), part).unwrap();
            assert_eq!((whole.packs.len(), whole.newest.len(), whole.bytes), (3, 232, trail.bytes));
            assert!(whole.into_records().eq(records.clone()), "in parts of {part}");
            let gap = loaded(records.iter().skip(1), part).unwrap_err();
            assert!(gap.contains("entry 1 stands where entry 0 belongs"), "{gap}");
            let lost = records.iter().take(400).chain(records.iter().skip(401));
            assert!(loaded(lost, part).unwrap_err().contains("entry 401 stands where entry 400 belongs"));
            let twice = records.iter().take(768).chain(records.iter().skip(512));
            assert!(loaded(twice, part).unwrap_err().contains("entry 512 stands where entry 768 belongs"));
        }
        assert!(super::entry(b"j/x", b"").is_none());
        assert!(super::entry(b"l/00", b"\xff").unwrap().is_err());
    }

    #[test]
    fn the_oldest_entries_go_and_every_member_lets_go_of_the_same() {
        let (mut trail, mut stored) = (Trail::default(), BTreeMap::new());
        let apply = |trail: &mut Trail, entry: Vec<u8>, stored: &mut BTreeMap<_, _>| {
            let mut changes = Vec::new();
            trail.push(entry, &mut changes);
            for (key, value) in changes {
                match value {
                    Some(value) => drop(stored.insert(key, value)),
                    None => assert!(stored.remove(&key).is_some(), "what goes was there"),
                }
            }
        };
        // Entries so large that the bound on bytes is met first.
        let large = vec![7; 400 << 10];
        for _ in 0..4 * PACK {
            apply(&mut trail, large.clone(), &mut stored);
        }
        assert_eq!((trail.first(), trail.end()), (2 * count(PACK), 4 * count(PACK)));
        assert!(trail.clone().into_records().eq(stored.clone()));
        let records: Vec<Record> = stored.clone().into_iter().collect();
        let mut loaded = loaded(records.iter(), 300).unwrap();
        let mut twin = stored.clone();
        for _ in 0..PACK {
            apply(&mut trail, large.clone(), &mut stored);
            apply(&mut loaded, large.clone(), &mut twin);
        }
        assert_eq!((trail.first(), stored.len()), (loaded.first(), twin.len()));
        assert_eq!(trail.from(0).next().unwrap().0, trail.first());
        assert_eq!(trail.from(trail.first() + 300).next().unwrap().0, trail.first() + 300);
    }
}
