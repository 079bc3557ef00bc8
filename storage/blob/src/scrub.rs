//! Looking for rot: reading everything, believing nothing, and moving what is bad out of sight.

use std::ops::ControlFlow;

use camino::Utf8PathBuf;
use holdfast_types::BlobId;
use rustix::fs::{Advice, fadvise};

use crate::error::{BlobError, Result};
use crate::store::BlobStore;

/// How far a scrub is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScrubProgress {
    /// Blobs read so far.
    pub blobs: u64,
    /// Blobs to read in all.
    pub of: u64,
    /// Bytes read so far.
    pub bytes: u64,
}

/// A blob that could be neither read nor moved.
#[derive(Debug)]
pub struct Unreadable {
    /// The blob.
    pub id: BlobId,
    /// Why.
    pub error: BlobError,
}

/// What a scrub found.
#[derive(Debug, Default)]
pub struct ScrubReport {
    /// Blobs that are good.
    pub good: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Blobs whose bytes were wrong or which the medium did not give back; they lie in quarantine and the store no
    /// longer has them, so that a fetcher brings a good copy.
    pub quarantined: Vec<BlobId>,
    /// Blobs nothing could be learnt of; they lie where they lay.
    pub unreadable: Vec<Unreadable>,
    /// Things among the blobs that are not blobs. They are left alone.
    pub strangers: Vec<Utf8PathBuf>,
    /// False where the caller ended the scrub early.
    pub complete: bool,
}

impl BlobStore {
    /// Reads every blob from its medium and moves what is bad to quarantine. After each blob `progress` is told how far
    /// it is and may end the scrub.
    ///
    /// # Errors
    /// Where the store itself cannot be listed; a bad blob is no error but a line of the report.
    pub fn scrub(&self, progress: &mut dyn FnMut(ScrubProgress) -> ControlFlow<()>) -> Result<ScrubReport> {
        let (ids, strangers) = self.layout().walk()?;
        let of = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        let mut report = ScrubReport { strangers, ..ScrubReport::default() };
        for (blobs, id) in (1..).zip(ids) {
            self.scrub_one(id, &mut report);
            if progress(ScrubProgress { blobs, of, bytes: report.bytes }).is_break() {
                return Ok(report);
            }
        }
        report.complete = true;
        Ok(report)
    }

    fn scrub_one(&self, id: BlobId, report: &mut ScrubReport) {
        let reader = match self.open_verified(id) {
            Ok(reader) => reader,
            // Deleted since the listing.
            Err(BlobError::Missing { .. }) => return,
            Err(error) => return report.unreadable.push(Unreadable { id, error }),
        };
        // The page cache would answer for a medium that has forgotten. It is only advice: where the kernel does not
        // take it the scrub still checks the bytes that readers get.
        let _ = fadvise(reader.file(), 0, None, Advice::DontNeed);
        let stamp = reader.stamp();
        report.bytes = report.bytes.saturating_add(reader.len());
        match reader.check() {
            Ok(_) => report.good = report.good.saturating_add(1),
            Err(error) if error.is_lost() => match self.quarantine(id, stamp) {
                Ok(Some(_)) => report.quarantined.push(id),
                Ok(None) => {}
                Err(error) => report.unreadable.push(Unreadable { id, error }),
            },
            Err(error) => report.unreadable.push(Unreadable { id, error }),
        }
    }
}
