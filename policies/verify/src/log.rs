//! Verifying a whole log, entry by entry in their order, so that the first wrong one is named.

use std::collections::BTreeMap;

use camino::Utf8Path;
use holdfast_audit::{
    Checkpoint, Entry, Frontier, Hash, TILE_WIDTH, VerifierKey, decode_bundle, leaf_hash, perfect_root,
    tile_path, tile_width,
};
use holdfast_types::Time;
use serde::Serialize;

use crate::finding::{Fault, Finding, Place};
use crate::store::Store;

/// The levels of tiles that a log of 2^64 entries has.
const LEVELS: u32 = 8;

/// Where the key came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// From whoever asks.
    Given,
    /// From the log itself: the log is consistent with itself, and who signed it is not known.
    FromLog,
}

/// What a log that is whole says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Which log.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
    /// The key that signed the checkpoint.
    pub key: String,
    /// Where that key came from.
    pub trust: Trust,
    /// The size of the trusted checkpoint that it continues.
    pub continues: Option<u64>,
    /// The time of the first entry, RFC 3339.
    pub first: Option<String>,
    /// The time of the last entry.
    pub last: Option<String>,
    /// How many entries of each kind.
    pub kinds: BTreeMap<String, u64>,
    /// How many of them record a refusal.
    pub denied: u64,
}

/// Verifies a log: every entry, link, tile and the root under the signed checkpoint; and, where a checkpoint is trusted,
/// that the log continues it.
pub fn verify_log(
    dir: &Utf8Path,
    key: Option<&VerifierKey>,
    trusted: Option<&Checkpoint>,
) -> Result<Report, Finding> {
    let store = Store::new(dir);
    let (checkpoint, signed_by) = store.checkpoint(key)?;
    if let Some(trusted) = trusted {
        check_trusted(&checkpoint, trusted)?;
    }
    let mut walk = Walk {
        store: &store,
        size: checkpoint.size,
        trusted,
        frontier: Frontier::default(),
        prev: Hash::default(),
        broken: None,
        levels: Vec::new(),
        summary: Summary::default(),
    };
    walk.all().map_err(|finding| walk.earlier(finding))?;
    let computed = walk.frontier.root();
    if computed != checkpoint.root {
        let known = trusted.map_or(0, |trusted| trusted.size);
        let place = Place::range(known, checkpoint.size);
        return Err(Finding::new(place, Fault::Root { computed, stated: checkpoint.root }));
    }
    let Summary { first, last, kinds, denied } = walk.summary;
    Ok(Report {
        origin: checkpoint.origin,
        size: checkpoint.size,
        root: checkpoint.root,
        key: signed_by.to_string(),
        trust: if key.is_some() { Trust::Given } else { Trust::FromLog },
        continues: trusted.map(|trusted| trusted.size),
        first: first.map(|time| time.to_string()),
        last: last.map(|time| time.to_string()),
        kinds,
        denied,
    })
}

fn check_trusted(found: &Checkpoint, trusted: &Checkpoint) -> Result<(), Finding> {
    if found.origin != trusted.origin {
        let (found, expected) = (found.origin.clone(), trusted.origin.clone());
        return Err(Finding::new(Place::Log, Fault::Origin { found, expected }));
    }
    if found.size < trusted.size {
        let place = Place::range(found.size, trusted.size);
        return Err(Finding::new(place, Fault::Truncated { found: found.size, trusted: trusted.size }));
    }
    Ok(())
}

/// The link from an entry to the one before it is broken, and nothing vouches for the one before.
fn link(broken: u64) -> Finding {
    Finding::new(Place::Entry(broken.saturating_sub(1)), Fault::Link)
}

#[derive(Default)]
struct Summary {
    first: Option<Time>,
    last: Option<Time>,
    kinds: BTreeMap<String, u64>,
    denied: u64,
}

struct Walk<'a> {
    store: &'a Store<'a>,
    size: u64,
    trusted: Option<&'a Checkpoint>,
    frontier: Frontier,
    prev: Hash,
    /// The entry whose link does not lead to the one before it.
    broken: Option<u64>,
    /// The hashes that the tiles above the leaves have to state and that were not compared yet.
    levels: Vec<Vec<Hash>>,
    summary: Summary,
}

impl Walk<'_> {
    fn all(&mut self) -> Result<(), Finding> {
        self.check_trusted_root()?;
        for index in 0..self.size.div_ceil(256) {
            self.tile(index)?;
        }
        if let Some(broken) = self.broken {
            // It is the last entry, so nothing behind it tells which of the two was changed.
            let place = Place::range(broken.saturating_sub(1), broken.saturating_add(1));
            return Err(Finding::new(place, Fault::Link));
        }
        self.check_partial_tiles()
    }

    /// A broken link is known one entry late, so it goes before whatever was found behind it.
    fn earlier(&self, finding: Finding) -> Finding {
        match self.broken {
            Some(broken) if finding.place.first().is_none_or(|first| first > broken) => link(broken),
            _ => finding,
        }
    }

    fn tile(&mut self, index: u64) -> Result<(), Finding> {
        let start = index * 256;
        let width = tile_width(0, index, self.size);
        let end = start.saturating_add(u64::try_from(width).unwrap_or(u64::MAX)).min(self.size);
        let lost = |fault| Finding::new(Place::range(start, end), fault);
        let tile = self.store.tile(0, index, width).map_err(lost)?;
        let (bytes, stated) = self.store.bundle(index, width).map_err(lost)?;
        let (entries, error) = decode_bundle(&bytes, stated);
        for (at, (entry, leaf)) in (start..end).zip(entries.iter().zip(&tile)) {
            self.entry(at, entry, *leaf)?;
        }
        let found = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        if let Some(error) = error {
            return Err(Finding::new(
                Place::Entry(start.saturating_add(found)),
                Fault::Cut(error.to_string()),
            ));
        }
        if width == TILE_WIDTH {
            self.push(0, perfect_root(&tile))?;
        }
        Ok(())
    }

    fn entry(&mut self, at: u64, bytes: &[u8], stated: Hash) -> Result<(), Finding> {
        let fault = |fault| Finding::new(Place::Entry(at), fault);
        let computed = leaf_hash(bytes);
        let parsed = Entry::parse(bytes);
        if let Some(broken) = self.broken {
            // What this entry links to tells which of the two before it was changed.
            let vouched = parsed.as_ref().is_ok_and(|entry| entry.prev == self.prev);
            return Err(if vouched { link(broken) } else { Finding::new(Place::Entry(broken), Fault::Link) });
        }
        if computed != stated {
            return Err(fault(Fault::Leaf { computed, stated }));
        }
        let entry = parsed.map_err(|error| fault(Fault::Form(error)))?;
        if entry.seq != at {
            return Err(fault(Fault::Sequence(entry.seq)));
        }
        if entry.prev != self.prev {
            if at == 0 {
                return Err(fault(Fault::Link));
            }
            self.broken = Some(at);
        }
        self.prev = computed;
        self.frontier.append(computed);
        self.summarise(&entry);
        self.check_trusted_root()
    }

    fn summarise(&mut self, entry: &Entry) {
        let summary = &mut self.summary;
        summary.first = summary.first.or(Some(entry.draft.time));
        summary.last = Some(entry.draft.time);
        *summary.kinds.entry(entry.draft.kind.to_string()).or_default() += 1;
        summary.denied += u64::from(entry.draft.verdict.as_deref() == Some("deny"));
    }

    fn check_trusted_root(&self) -> Result<(), Finding> {
        let Some(trusted) = self.trusted.filter(|trusted| trusted.size == self.frontier.size()) else {
            return Ok(());
        };
        let (size, computed, stated) = (trusted.size, self.frontier.root(), trusted.root);
        if computed == stated {
            return Ok(());
        }
        Err(Finding::new(Place::range(0, size), Fault::Fork { size, computed, stated }))
    }

    /// Takes the root of a full tile of a level to the tile above it, and compares that one when it is full.
    fn push(&mut self, level: usize, root: Option<Hash>) -> Result<(), Finding> {
        let Some(root) = root else { return Ok(()) };
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        let Some(hashes) = self.levels.get_mut(level) else { return Ok(()) };
        hashes.push(root);
        if hashes.len() < TILE_WIDTH {
            return Ok(());
        }
        let full = std::mem::take(hashes);
        self.compare(level, &full)?;
        self.push(level + 1, perfect_root(&full))
    }

    fn check_partial_tiles(&self) -> Result<(), Finding> {
        let mut partial = self.levels.iter().enumerate().filter(|(_, hashes)| !hashes.is_empty());
        partial.try_for_each(|(level, hashes)| self.compare(level, hashes))
    }

    /// Compares what the tile above a level states with what its entries give.
    fn compare(&self, below: usize, computed: &[Hash]) -> Result<(), Finding> {
        let level = u32::try_from(below).unwrap_or(LEVELS).saturating_add(1);
        // The hashes end where the frontier stands, so the tile is the one that holds the last of them.
        let span = 1u64.checked_shl(8 * level).unwrap_or(u64::MAX);
        let index = (self.frontier.size() / span).saturating_sub(1) / 256;
        let first = index.saturating_mul(256).saturating_mul(span);
        let width = computed.len();
        let stated = self.store.tile(level, index, width);
        let stated =
            stated.map_err(|fault| Finding::new(Place::range(first, self.frontier.size()), fault))?;
        for (position, (computed, stated)) in (0u64..).zip(computed.iter().zip(stated)) {
            if *computed != stated {
                let first = first.saturating_add(position.saturating_mul(span));
                let path = tile_path(level, index, width);
                let fault = Fault::Tile { path, computed: *computed, stated };
                return Err(Finding::new(Place::range(first, first.saturating_add(span)), fault));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
