//! What the observers of a schedule see. A leaf: knows neither who tells nor who listens.

use crate::wire::Appended;

/// The hash of a state.
pub(crate) type Hash = [u8; 32];

/// A change as a watch delivers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its revision.
    pub(crate) revision: u64,
    /// The kind and name of the resource.
    pub(crate) name: String,
    /// The checksum of the resource, or of its absence.
    pub(crate) crc: u32,
}

/// One command as one member applied it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Applied {
    /// The member.
    pub(crate) member: u64,
    /// The entry.
    pub(crate) index: u64,
    /// Which command of the entry.
    pub(crate) nth: u64,
    /// The time of the entry.
    pub(crate) time_ms: u64,
    /// The checksum of the command.
    pub(crate) command: u32,
    /// The checksum of the answer.
    pub(crate) answer: u32,
    /// The idempotency key, with its actor; empty where there is none.
    pub(crate) key: String,
    /// The revision before.
    pub(crate) before: u64,
    /// The revision after.
    pub(crate) after: u64,
    /// What watches see of it.
    pub(crate) items: Vec<Item>,
    /// Whether it is the first since the member began, or took a snapshot over.
    pub(crate) fresh: bool,
}

/// What a client was told of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    /// The client.
    pub(crate) client: u64,
    /// The idempotency key, with its actor.
    pub(crate) key: String,
    /// The checksum of the whole answer.
    pub(crate) answer: u32,
    /// The revision it names.
    pub(crate) revision: u64,
    /// The resource that it made or changed; `None` where it was refused.
    pub(crate) made: Option<Made>,
}

/// A resource that a client was told it made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    /// `job/name` or `queue/name`.
    pub(crate) name: String,
    /// What tells this write from any other: a job's uid, a queue's label.
    pub(crate) mark: String,
}

/// A read through the barrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Looked {
    /// The client.
    pub(crate) client: u64,
    /// The number of the read.
    pub(crate) read: u64,
    /// The revision of the state it read.
    pub(crate) revision: u64,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A member sent entries or a heartbeat as the leader.
    Appended {
        /// Who.
        from: u64,
        /// What.
        call: Appended,
    },
    /// A member leads a term, and this is its log: what is purged, then terms by index.
    Leads {
        /// Who.
        member: u64,
        /// The term.
        term: u64,
        /// The last entry that the log no longer has.
        purged: u64,
        /// Index and term of every entry it has.
        log: Vec<(u64, u64)>,
    },
    /// A member applied a command.
    Applied(Applied),
    /// A member stands at an entry with this state.
    Stands {
        /// Who.
        member: u64,
        /// The entry.
        index: u64,
        /// The hash of its state.
        hash: Hash,
    },
    /// A client got the answer to a write.
    Answered(Answered),
    /// A client was told that its write was not taken, by every member it asked, and has given it up.
    Denied {
        /// The idempotency key, with its actor.
        key: String,
    },
    /// A client begins to read: from here on it must see what was answered before.
    Looks {
        /// The client.
        client: u64,
        /// The number of the read.
        read: u64,
    },
    /// A client read.
    Looked(Looked),
    /// A watcher begins at a revision that it listed.
    Listed {
        /// The watcher.
        watcher: u64,
        /// The revision.
        revision: u64,
    },
    /// A watcher got changes.
    Watched {
        /// The watcher.
        watcher: u64,
        /// The changes, in the order they came.
        items: Vec<Item>,
    },
}

/// How the world looks after every fault was healed and the clients have stopped.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ending {
    /// Whether a leader was found and a new write was answered in time; the reason where not.
    pub(crate) stuck: Option<String>,
    /// The revision of the leader's state.
    pub(crate) revision: u64,
    /// Every job and queue of the leader's state with its mark and its revision, by `job/name` and `queue/name`.
    pub(crate) resources: std::collections::BTreeMap<String, (String, u64)>,
}
