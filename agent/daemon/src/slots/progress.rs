//! How far this node is in a rollout, kept over restarts: a node that comes back must know that it was sent away.

use std::fs::{self, File};
use std::io::{self, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_release::{Floor, Trusted};
use serde::{Deserialize, Serialize};

/// Bytes of the longest file that is read.
const LONGEST: u64 = 256 << 10;

/// What was said last of which rollout.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// The rollout.
    pub(crate) rollout: String,
    /// The attempt.
    pub(crate) attempt: u32,
    /// What was said: Written, Failed, Returned; empty for nothing.
    pub(crate) phase: String,
    /// Why.
    pub(crate) reason: String,
    /// The boot in which a restart was asked for; empty for none.
    pub(crate) asked: String,
}

/// Whose releases this node takes, kept by itself: it believes the controllers no more than it has to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    root: String,
    timestamp: u64,
    snapshot: u64,
    targets: u64,
}

/// The files of an agent about its updates.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    directory: Utf8PathBuf,
}

impl Records {
    /// In the directory of an agent.
    pub(crate) fn new(directory: &Utf8Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// How far it is.
    pub(crate) fn progress(&self) -> Progress {
        self.read("update.json").unwrap_or_default()
    }

    /// Keeps how far it is.
    pub(crate) fn keep(&self, progress: &Progress) -> io::Result<()> {
        self.write("update.json", progress)
    }

    /// Whose releases it takes; `None` where nobody's yet.
    pub(crate) fn trusted(&self) -> Option<Trusted> {
        let kept: Kept = self.read("release-trust.json")?;
        let floor = Floor { timestamp: kept.timestamp, snapshot: kept.snapshot, targets: kept.targets };
        Some(Trusted { root: kept.root.into_bytes(), floor })
    }

    /// Keeps whose releases it takes.
    pub(crate) fn keep_trusted(&self, trusted: &Trusted) -> io::Result<()> {
        let kept = Kept {
            root: String::from_utf8_lossy(&trusted.root).into_owned(),
            timestamp: trusted.floor.timestamp,
            snapshot: trusted.floor.snapshot,
            targets: trusted.floor.targets,
        };
        self.write("release-trust.json", &kept)
    }

    fn read<T: serde::de::DeserializeOwned>(&self, name: &str) -> Option<T> {
        let mut bytes = Vec::new();
        let file = File::open(self.directory.join(name)).ok()?;
        io::Read::read_to_end(&mut io::Read::take(file, LONGEST), &mut bytes).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    fn write(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        let (place, partial) = (self.directory.join(name), self.directory.join(format!("{name}.new")));
        let mut file = File::create(&partial)?;
        file.write_all(&serde_json::to_vec(value).map_err(io::Error::other)?)?;
        file.sync_all()?;
        fs::rename(&partial, &place)?;
        File::open(&self.directory)?.sync_all()
    }
}
