//! The entries of the audit log in memory. They only ever grow in number, are seldom read and much alike, so all but the
//! newest are kept compressed, many together.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use holdfast_api::store::AuditRecord;

use crate::table::{Change, Record, Row, number_key};

/// How many entries are kept together.
const PACK: usize = 256;
const PREFIX: &str = "l/";

/// The entries of the log, by their index from 0 on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trail {
    packs: Vec<Arc<Pack>>,
    newest: Vec<Arc<[u8]>>,
}

/// Some entries, one after the other, compressed.
#[derive(Debug)]
struct Pack {
    compressed: Box<[u8]>,
    /// Where each entry ends.
    ends: Box<[u32]>,
}

impl Pack {
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
        let whole = self.ends.last().copied().unwrap_or(0);
        let mut bytes = Vec::with_capacity(usize::try_from(whole).unwrap_or(0));
        let read = DeflateDecoder::new(&*self.compressed).take(u64::from(whole)).read_to_end(&mut bytes);
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

impl Trail {
    pub(crate) fn len(&self) -> u64 {
        count(self.packs.len()) * count(PACK) + count(self.newest.len())
    }

    /// Puts an entry at the end.
    pub(crate) fn push(&mut self, entry: Vec<u8>, changes: &mut Vec<Change>) {
        let index = self.len();
        let (key, value) = record(index, entry.clone());
        changes.push((key, Some(value)));
        self.keep(entry);
    }

    fn keep(&mut self, entry: Vec<u8>) {
        self.newest.push(entry.into());
        if self.newest.len() >= PACK
            && let Some(pack) = Pack::of(&self.newest)
        {
            self.packs.push(Arc::new(pack));
            self.newest.clear();
        }
    }

    /// The entries from an index on.
    pub(crate) fn from(&self, index: u64) -> impl Iterator<Item = (u64, Vec<u8>)> + use<> {
        let pack = usize::try_from(index / count(PACK)).unwrap_or(usize::MAX).min(self.packs.len());
        let rest =
            Self { packs: self.packs.get(pack..).unwrap_or_default().to_vec(), newest: self.newest.clone() };
        let first = count(pack) * count(PACK);
        let entries = (first..).zip(rest.into_entries());
        entries.skip_while(move |(at, _)| *at < index)
    }

    fn into_entries(self) -> impl Iterator<Item = Vec<u8>> {
        let packed = self.packs.into_iter().flat_map(|pack| pack.entries());
        packed.chain(self.newest.into_iter().map(|entry| entry.to_vec()))
    }

    /// Takes a stored record if it is of this table. They come in the order of their keys, so none can be missing unseen.
    pub(crate) fn load(&mut self, key: &[u8], value: &[u8]) -> Option<Result<(), String>> {
        key.strip_prefix(PREFIX.as_bytes())?;
        let expected = self.len();
        Some(match AuditRecord::from_stored(value) {
            Ok(record) if record.index == expected => {
                self.keep(record.entry);
                Ok(())
            }
            Ok(record) => Err(format!("audit entry {} stands where entry {expected} belongs", record.index)),
            Err(error) => Err(format!("audit entry {expected} does not decode: {error}")),
        })
    }

    pub(crate) fn into_records(self) -> impl Iterator<Item = Record> {
        (0..).zip(self.into_entries()).map(|(index, entry)| record(index, entry))
    }
}

fn record(index: u64, entry: Vec<u8>) -> Record {
    (format!("{PREFIX}{}", number_key(index)).into_bytes(), AuditRecord { index, entry }.stored())
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_comes_back_packed_or_not() {
        let mut trail = Trail::default();
        let entry =
            |number: u64| vec![u8::try_from(number % 251).unwrap(); usize::try_from(number % 700).unwrap()];
        let mut changes = Vec::new();
        for number in 0..1_000 {
            trail.push(entry(number), &mut changes);
        }
        assert_eq!((trail.packs.len(), trail.newest.len(), trail.len()), (3, 232, 1_000));
        for from in [0, 1, 255, 256, 700, 768, 999, 1_000, 5_000] {
            assert!(trail.from(from).eq((from..1_000).map(|number| (number, entry(number)))), "from {from}");
        }
        let records: Vec<Record> = trail.clone().into_records().collect();
        assert!(changes.iter().map(|(key, value)| (key.clone(), value.clone().unwrap())).eq(records.clone()));
        let mut loaded = Trail::default();
        for (key, value) in &records {
            loaded.load(key, value).unwrap().unwrap();
        }
        assert!(loaded.into_records().eq(records.clone()));
        let gap = Trail::default().load(&records[1].0, &records[1].1);
        assert!(gap.unwrap().unwrap_err().contains("entry 1 stands where entry 0 belongs"));
        assert!(Trail::default().load(b"j/x", b"").is_none());
    }
}
