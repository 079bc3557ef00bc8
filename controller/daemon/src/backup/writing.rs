//! Writing a backup.

use std::io::{self, BufWriter, Write};

use holdfast_api::internal::ControllerFile;
use holdfast_api::store::{BackupEnd, BackupFacts};
use holdfast_identity::{Recipient, SealedWriter};
use holdfast_raft::SnapshotInfo;
use holdfast_types::Problem;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::fault::{failed, io_problem, sealed_problem};
use super::frames::{Kind, put};

/// How much of the state is in one frame.
const STATE_FRAME: usize = 64 << 10;

/// What a backup is made of; the state is written by `export`.
pub(crate) struct Source<E> {
    pub(crate) facts: BackupFacts,
    pub(crate) files: Vec<ControllerFile>,
    pub(crate) export: E,
}

/// Writes a backup; blocks.
pub(crate) fn write<E, W: Write>(source: Source<E>, recipients: &[Recipient], out: W) -> Result<(), Problem>
where
    E: FnOnce(&mut dyn Write) -> Result<SnapshotInfo, Problem>,
{
    let mut sealed = SealedWriter::new(out, recipients).map_err(|error| sealed_problem(&error))?;
    within(source, &mut sealed)?;
    let mut out = sealed.finish().map_err(|error| sealed_problem(&error))?;
    out.flush().map_err(|error| failed(error.to_string()))
}

/// Writes what is to be sealed.
pub(crate) fn within<E, W: Write>(source: Source<E>, sealed: &mut W) -> Result<(), Problem>
where
    E: FnOnce(&mut dyn Write) -> Result<SnapshotInfo, Problem>,
{
    let Source { facts, files, export } = source;
    let told = |error: io::Error| io_problem(&error);
    put(sealed, Kind::Facts, &facts.encode_to_vec()).map_err(told)?;
    for file in &files {
        put(sealed, Kind::File, &file.encode_to_vec()).map_err(told)?;
    }
    let state = StateFrames { out: sealed, sum: Sha256::new(), bytes: 0 };
    let mut state = BufWriter::with_capacity(STATE_FRAME, state);
    let info = export(&mut state)?;
    let state = state.into_inner().map_err(|error| io_problem(error.error()))?;
    let end = BackupEnd {
        state_bytes: state.bytes,
        state_sha256: state.sum.finalize().to_vec(),
        state_hash: info.state_hash.to_string(),
        index: info.index,
        term: info.term,
        records: info.records,
        files: u32::try_from(files.len()).unwrap_or(u32::MAX),
    };
    put(state.out, Kind::End, &end.encode_to_vec()).map_err(told)
}

/// Puts what is written into frames.
struct StateFrames<'a, W: Write> {
    out: &'a mut W,
    sum: Sha256,
    bytes: u64,
}

impl<W: Write> Write for StateFrames<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.chunks(STATE_FRAME) {
            put(self.out, Kind::State, piece)?;
        }
        self.sum.update(bytes);
        self.bytes += u64::try_from(bytes.len()).unwrap_or(0);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
