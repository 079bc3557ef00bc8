//! Where the copy on sled is, and how it is opened: read to its end where it counts, set aside where it is damaged.

use std::fs;

use camino::Utf8PathBuf;

use super::sled_store::{Holds, SledError, SledStore};
use crate::disk::RealDisk;
use crate::files::{Act, FileError, create_dir, sync_dir};
use crate::stop::Stop;
use crate::types::LogId;

/// A copy that takes so many times its records, and more than this much, is written anew.
const MOST_TIMES: u64 = 4;
const LARGE_BYTES: u64 = 256 << 20;

/// The directory of the copy and the cluster it must be of.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) dir: Utf8PathBuf,
    pub(super) cluster_id: String,
}

impl Place {
    /// The copy, and what it says of itself; nothing of it was read.
    pub(super) fn open(&self) -> Result<(SledStore, Option<Holds>), SledError> {
        create_dir(&RealDisk, &self.dir)?;
        SledStore::open(&self.dir, &self.cluster_id)
    }

    /// The open copy, and why it has to be written anew before it counts.
    pub(super) fn open_checked(
        &self,
        begun: Option<LogId>,
        stop: &Stop,
    ) -> Result<(SledStore, Option<SledError>), SledError> {
        let checked = self.open().and_then(|(mut store, holds)| {
            let Some(holds) = holds else { return Ok((store, begun.map(|_| SledError::New))) };
            if holds.position.applied < begun {
                return Ok((store, Some(SledError::Behind)));
            }
            let bytes = store.check(&holds, stop)?;
            let large = store.bytes()? > LARGE_BYTES.max(bytes.saturating_mul(MOST_TIMES));
            // Emptied it would keep the file that has become so large.
            if large { Err(SledError::Large) } else { Ok((store, None)) }
        });
        match checked {
            Ok(opened) => Ok(opened),
            Err(SledError::Stopped) => Err(SledError::Stopped),
            Err(damage) => Ok((self.begin_anew(&damage)?, Some(damage))),
        }
    }

    /// Sets a damaged copy aside and begins a new one.
    pub(super) fn begin_anew(&self, damage: &SledError) -> Result<SledStore, SledError> {
        let detail = std::error::Error::source(damage).map(ToString::to_string);
        tracing::warn!(error = %damage, detail, "set the applied store aside; it is written anew");
        self.set_aside()?;
        Ok(self.open()?.0)
    }

    /// One broken copy is kept to look at; a second one replaces it.
    fn set_aside(&self) -> Result<(), FileError> {
        let dir = &self.dir;
        let aside: Utf8PathBuf = dir.with_extension("broken");
        if aside.exists() {
            fs::remove_dir_all(&aside).act("remove", &aside)?;
        }
        fs::rename(dir, &aside).act("rename", &aside)?;
        create_dir(&RealDisk, dir)?;
        dir.parent().map_or(Ok(()), |parent| sync_dir(&RealDisk, parent))
    }
}
