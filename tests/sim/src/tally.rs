//! The kinds of things that happen on a bad day, to count them: a simulation in which nothing goes wrong shows nothing. A
//! leaf.

/// Something that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A packet was lost.
    Lost,
    /// A packet took longer than it does in good weather.
    Late,
    /// A packet arrived twice.
    Doubled,
    /// A packet arrived before one that was sent earlier on the same link.
    Overtaken,
    /// Two sides were cut apart both ways.
    Parted,
    /// A link was cut in one direction.
    OneWay,
    /// A member stood still.
    Slept,
    /// A member ended.
    Crashed,
    /// The power failed in the middle of an act of a disk.
    PowerCut,
    /// A power cut took something that was not synced.
    Unsynced,
    /// A power cut took some of what was not synced and left some.
    Torn,
    /// A disk refused to take more.
    DiskFull,
    /// A sync failed.
    SyncFailed,
    /// A write failed.
    WriteFailed,
    /// A sync took long.
    SlowSync,
    /// A wall clock jumped.
    ClockJumped,
    /// A clock ran at another pace.
    ClockDrifted,
    /// A disk was lost with all that was on it.
    Wiped,
    /// A member that lost its log took no part.
    Excluded,
    /// A state changed by itself.
    Spoiled,
    /// A member whose state differs from the others took no part any more.
    Quarantined,
    /// A member began to lead.
    Elected,
    /// Leadership was handed over.
    Transferred,
    /// A member joined and became a voter.
    Joined,
    /// A member was removed.
    Removed,
    /// A member took the place of another.
    Replaced,
    /// A member took a snapshot.
    SnapshotTaken,
    /// A member that runs took the snapshot of another over.
    SnapshotInstalled,
    /// A log was purged.
    Purged,
    /// A write was answered.
    Answered,
    /// Nobody said what became of a write.
    Unknown,
    /// A read was answered.
    Read,
    /// A watch brought something.
    Watched,
}

/// Every kind, its name, and how often it happens in a thousand schedules at least.
pub const KINDS: [(Kind, &str, u64); 33] = [
    (Kind::Lost, "lost", 10_000),
    (Kind::Late, "late", 10_000),
    (Kind::Doubled, "doubled", 1_000),
    (Kind::Overtaken, "overtaken", 10_000),
    (Kind::Parted, "parted", 100),
    (Kind::OneWay, "one-way", 100),
    (Kind::Slept, "slept", 100),
    (Kind::Crashed, "crashed", 1_000),
    (Kind::PowerCut, "power-cut", 50),
    (Kind::Unsynced, "unsynced-lost", 100),
    (Kind::Torn, "torn", 20),
    (Kind::DiskFull, "disk-full", 50),
    (Kind::SyncFailed, "sync-failed", 50),
    (Kind::WriteFailed, "write-failed", 50),
    (Kind::SlowSync, "slow-sync", 100),
    (Kind::ClockJumped, "clock-jumped", 100),
    (Kind::ClockDrifted, "clock-drifted", 100),
    (Kind::Wiped, "wiped", 20),
    (Kind::Excluded, "excluded", 10),
    (Kind::Spoiled, "spoiled", 10),
    (Kind::Quarantined, "quarantined", 5),
    (Kind::Elected, "elected", 1_500),
    (Kind::Transferred, "transferred", 50),
    (Kind::Joined, "joined", 50),
    (Kind::Removed, "removed", 20),
    (Kind::Replaced, "replaced", 20),
    (Kind::SnapshotTaken, "snapshot-taken", 1_000),
    (Kind::SnapshotInstalled, "snapshot-installed", 20),
    (Kind::Purged, "purged", 500),
    (Kind::Answered, "answered", 50_000),
    (Kind::Unknown, "unknown", 500),
    (Kind::Read, "read", 20_000),
    (Kind::Watched, "watched", 20_000),
];

impl Kind {
    /// Its name in a report.
    #[must_use]
    pub fn word(self) -> &'static str {
        KINDS.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, word, _)| word)
    }
}

/// With fewer schedules than this, what is missing may be missing by chance.
const ENOUGH: u64 = 100;

/// What happened less often than it should in so many schedules, with how often it did and should.
#[must_use]
pub fn too_rare(counts: &std::collections::BTreeMap<String, u64>, schedules: u64) -> Vec<String> {
    if schedules < ENOUGH {
        return Vec::new();
    }
    let rare = KINDS.iter().filter_map(|(_, word, least)| {
        let (found, due) = (counts.get(*word).copied().unwrap_or(0), (least * schedules / 1_000).max(1));
        (found < due).then(|| format!("{word} {found} times, not {due}"))
    });
    rare.collect()
}
