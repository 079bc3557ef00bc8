//! What a watch can go back to. It is a table like any other, so that every member remembers the same changes, whether it
//! applied them, restarted since, or received the state in a snapshot. A leaf beside the tables: knows no command.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_api::store::WatchRecord;
use holdfast_api::v1;
use prost::Message;

use crate::table::{Change, Record, Row, Table, number_key};

/// How many changes a watch can go back.
const MOST_CHANGES: usize = 8_192;
/// How many bytes of them, as they are stored.
const MOST_BYTES: usize = 32 << 20;

/// What changed at a revision, as a watch delivers it. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchItem {
    /// The revision of the change.
    pub revision: u64,
    /// `Job`, `Node`, `Queue`, `Artifact` or `Reservation`.
    pub kind: &'static str,
    /// The resource's name.
    pub name: String,
    /// The resource as it was after the change, encoded; `None` where it was deleted.
    pub resource: Option<Arc<[u8]>>,
}

pub(crate) const JOB: &str = "Job";
pub(crate) const NODE: &str = "Node";
pub(crate) const QUEUE: &str = "Queue";
pub(crate) const ARTIFACT: &str = "Artifact";
pub(crate) const RESERVATION: &str = "Reservation";

fn kind_of(word: &str) -> Result<&'static str, String> {
    let known = [JOB, NODE, QUEUE, ARTIFACT, RESERVATION].into_iter().find(|kind| *kind == word);
    known.ok_or_else(|| format!("`{word}` is no kind of resource"))
}

/// Lets only in what decodes.
fn checked(kind: &str, bytes: &[u8]) -> Result<Arc<[u8]>, String> {
    match kind {
        JOB => v1::Job::from_stored(bytes).map(drop),
        NODE => v1::Node::from_stored(bytes).map(drop),
        QUEUE => v1::Queue::from_stored(bytes).map(drop),
        RESERVATION => v1::Reservation::from_stored(bytes).map(drop),
        _ => v1::Artifact::from_stored(bytes).map(drop),
    }?;
    Ok(bytes.into())
}

/// A watch asked for changes that are no longer kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Watches can resume from this revision on.
    pub oldest: u64,
}

/// A change and what it takes to let it go again.
#[derive(Debug)]
struct Kept {
    item: WatchItem,
    /// Its place among the changes of its revision.
    seq: u32,
}

impl Kept {
    /// The same for a change that was just made and one that was loaded, or members would not drop the same changes.
    fn bytes(&self) -> usize {
        self.item.name.len() + self.item.resource.as_ref().map_or(0, |resource| resource.len())
    }
}

impl Row for Kept {
    type Kept = Arc<Self>;

    fn kept(self) -> Arc<Self> {
        Arc::new(self)
    }

    fn stored(&self) -> Vec<u8> {
        WatchRecord {
            revision: self.item.revision,
            seq: self.seq,
            kind: self.item.kind.to_owned(),
            name: self.item.name.clone(),
            resource: self.item.resource.as_ref().map(|resource| resource.to_vec()),
        }
        .encode_to_vec()
    }

    fn from_stored(bytes: &[u8]) -> Result<Self, String> {
        let record = WatchRecord::from_stored(bytes)?;
        let kind = kind_of(&record.kind)?;
        let resource = record.resource.map(|bytes| checked(kind, &bytes)).transpose()?;
        let item = WatchItem { revision: record.revision, kind, name: record.name, resource };
        Ok(Self { item, seq: record.seq })
    }
}

/// The changes that are kept, oldest first.
#[derive(Debug, Clone)]
pub(crate) struct History {
    rows: Table<Kept>,
    bytes: usize,
    /// Every change up to this revision may be gone.
    floor: u64,
    /// The revision of the newest change, and how many changes it has.
    newest: (u64, u32),
    /// Where the changes of that revision are, by what has changed. Nothing is added to a revision that was loaded.
    places: BTreeMap<(&'static str, String), u32>,
    /// Whether what changes twice at a revision is kept once, as it is in the end.
    once: bool,
}

impl Default for History {
    fn default() -> Self {
        Self {
            rows: Table::new("w/"),
            bytes: 0,
            floor: 0,
            newest: (0, 0),
            places: BTreeMap::new(),
            once: false,
        }
    }
}

impl History {
    pub(crate) fn floor(&self) -> u64 {
        self.floor
    }

    /// What changed after a revision, in order.
    pub(crate) fn since(&self, revision: u64) -> Result<impl Iterator<Item = &WatchItem>, Compacted> {
        if revision < self.floor {
            return Err(Compacted { oldest: self.floor });
        }
        Ok(self.rows.after(move |_, kept| kept.item.revision <= revision).map(|kept| &kept.item))
    }

    pub(crate) fn put(
        &mut self,
        revision: u64,
        (kind, name): (&'static str, &str),
        resource: &impl Message,
        changes: &mut Vec<Change>,
    ) {
        let resource = Some(resource.encode_to_vec().into());
        self.push(WatchItem { revision, kind, name: name.to_owned(), resource }, changes);
    }

    pub(crate) fn deleted(
        &mut self,
        revision: u64,
        kind: &'static str,
        name: &str,
        changes: &mut Vec<Change>,
    ) {
        self.push(WatchItem { revision, kind, name: name.to_owned(), resource: None }, changes);
    }

    /// From now on what changes twice at a revision is kept once, or not.
    pub(crate) fn keep_once(&mut self, once: bool) {
        self.once = once;
    }

    fn push(&mut self, item: WatchItem, changes: &mut Vec<Change>) {
        let revision = item.revision;
        if self.newest.0 != revision {
            self.newest = (revision, 0);
            self.places.clear();
        }
        let seq = self.place(&item);
        if let Some(before) = self.rows.get(&row(revision, seq)) {
            self.bytes = self.bytes.saturating_sub(before.bytes());
        }
        let kept = Kept { item, seq };
        self.bytes += kept.bytes();
        self.rows.put(&row(revision, seq), kept, changes);
        while self.rows.len() > MOST_CHANGES || self.bytes > MOST_BYTES {
            if !self.drop_oldest(changes) {
                return;
            }
        }
    }

    /// Where a change goes among those of its revision.
    fn place(&mut self, item: &WatchItem) -> u32 {
        let next = self.newest.1;
        let seq =
            if self.once { *self.places.entry((item.kind, item.name.clone())).or_insert(next) } else { next };
        self.newest.1 = next.max(seq + 1);
        seq
    }

    /// Lets the oldest change go. A revision may hold several: one that lost any of them cannot be resumed from.
    fn drop_oldest(&mut self, changes: &mut Vec<Change>) -> bool {
        let Some((key, oldest)) = self.rows.first() else { return false };
        let key = key.to_owned();
        self.floor = self.floor.max(oldest.item.revision);
        self.bytes = self.bytes.saturating_sub(oldest.bytes());
        self.rows.remove(&key, changes).is_some()
    }

    /// Forgets everything, so that no watch from before `revision` can resume.
    pub(crate) fn cut(&mut self, revision: u64, changes: &mut Vec<Change>) {
        while self.drop_oldest(changes) {}
        self.floor = self.floor.max(revision);
    }

    pub(crate) fn load(&mut self, key: &[u8], value: &[u8]) -> Option<Result<(), String>> {
        self.rows.load(key, value)
    }

    /// Called when every row has been loaded, with what the cluster record says.
    pub(crate) fn loaded(&mut self, floor: u64, revision: u64) {
        self.bytes = self.rows.values().map(Kept::bytes).sum();
        let newest = self.rows.values().next_back();
        self.newest = newest.map_or((0, 0), |kept| (kept.item.revision, kept.seq + 1));
        // Without any change kept and without a floor nothing is known of what came before.
        self.floor = if floor == 0 && newest.is_none() { revision } else { floor };
    }

    pub(crate) fn into_records(self) -> impl Iterator<Item = Record> {
        self.rows.into_records()
    }
}

fn row(revision: u64, seq: u32) -> String {
    format!("{}.{seq:010}", number_key(revision))
}
