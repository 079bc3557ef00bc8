//! Writing an installation so that the power may go at any moment.
//!
//! Until the first byte of the table is taken away the disk boots what it booted before. From then on firmware finds no
//! partition, so it boots nothing from this disk, whatever half of the content is there. The table comes back last, when all
//! content was read back and is right, and in an order in which every prefix is either no table or the whole one:
//!
//! 1. the record: which release is being installed. It lies outside of every table and partition;
//! 2. the table and its copy are cleared;
//! 3. META, the system and its proof, the empty slot, the file systems, and the loader with the kernel;
//! 4. the copy of the table at the end of the disk: firmware that repairs the table from it boots a whole installation;
//! 5. the entries of the table, which nothing reads without a header;
//! 6. the header and the protective MBR: one write of one or two sectors, the moment from which the disk boots;
//! 7. the record is cleared. Cut before that, the next run compares everything, writes nothing and ends here.
//!
//! A run after a cut finds the record, takes its numbers and goes on: what was proved is compared and not written again.

use std::io::Read;
use std::ops::ControlFlow;

use camino::Utf8Path;
use holdfast_release::writer::{Job, Target, WriteError, write};
use holdfast_release::{Digest, Meta, ROOT, ROOT_TREE, Table};
use sha2::{Digest as _, Sha256};

use crate::brain::{Confirmed, Written, describe, describe_data};
use crate::hands::error::InstallError;
use crate::hands::pieces::{Piece, content};
use crate::hands::record::{self, RECORD_AT, RECORD_BYTES};
use crate::hands::work::Work;

/// So much is written between two notes of how far it is.
const NOTED: u64 = 64 << 20;
/// What is cleared at each end of the disk.
const ENDS: u64 = 1 << 20;

/// How far an installation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress<'a> {
    /// What is being written.
    pub what: &'a str,
    /// Bytes that were read back and are right.
    pub done: u64,
    /// Bytes of all.
    pub total: u64,
}

/// Writes an installation to a disk. Only a plan that was confirmed can be written.
///
/// # Errors
///
/// The medium is damaged, a tool fails (both before the disk is touched), or the disk fails. The disk then boots nothing, or
/// what it booted before; a further run goes on.
pub fn install(
    confirmed: Confirmed,
    work: &Work<'_>,
    disk: &mut dyn Target,
    on: &mut dyn FnMut(&Progress<'_>),
) -> Result<Written, InstallError> {
    let planned = confirmed.planned();
    if !planned.disk().holds.is_free() {
        on(&Progress { what: "checking the medium", done: 0, total: 0 });
        work.payload.prove(ROOT)?;
        work.payload.prove(ROOT_TREE)?;
        for extension in &work.payload.manifest().extensions {
            work.payload.prove(&extension.file)?;
        }
    }
    let mut record =
        record::read(disk).map_err(|source| read_failed(planned.disk().path.as_ref(), source))?;
    let manifest = work.payload.digest.to_string();
    let id = match record.get("install.id").filter(|_| record.get("install.manifest") == Some(&manifest)) {
        Some(id) => id.to_owned(),
        None => {
            record = begun(&record, &manifest)?;
            record.get("install.id").unwrap_or_default().to_owned()
        }
    };
    let machine = &planned.machine().metadata.name;
    describe(&mut record, &planned.release().version, &machine.to_string(), None)?;
    describe_data(&mut record, planned.keeps_data())?;
    on(&Progress { what: "making file systems", done: 0, total: 0 });
    let content = content(planned, work, &id)?;
    let table = planned.layout().table(&id);
    let total = content.iter().map(|piece| piece.bytes).sum();
    let mut run = Run { disk, record, done: 0, total, written: 0, again: 0, on };
    run.note()?;
    run.clear(&table)?;
    for piece in &content {
        run.piece(piece)?;
    }
    run.table(&table)?;
    run.piece(&Piece::zeros("the record", RECORD_AT, length(RECORD_BYTES)))?;
    let (written, again) = (run.written, run.again);
    Ok(confirmed.written(id, written, again))
}

fn read_failed(path: &Utf8Path, source: std::io::Error) -> InstallError {
    InstallError::File { act: "read", path: path.to_owned(), source }
}

/// A record of an installation that begins: nothing of an earlier one, but a higher number, so that it counts.
fn begun(before: &Meta, manifest: &str) -> Result<Meta, InstallError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| InstallError::Chance)?;
    let mut record = before.clone();
    for what in ["install.system", "install.proof"] {
        record.remove(what);
    }
    record.set("install.id", &hex::encode(bytes))?;
    record.set("install.manifest", manifest)?;
    Ok(record)
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

struct Run<'a> {
    disk: &'a mut dyn Target,
    record: Meta,
    done: u64,
    total: u64,
    written: u64,
    again: u64,
    on: &'a mut dyn FnMut(&Progress<'_>),
}

impl Run<'_> {
    /// Writes the record.
    fn note(&mut self) -> Result<(), InstallError> {
        let (at, bytes) = record::next(&mut self.record)?;
        self.quietly(&Piece::memory("the record", at, bytes))
    }

    /// Takes the table away, and its copy, but not the record between them.
    fn clear(&mut self, table: &Table) -> Result<(), InstallError> {
        let size = table.sectors * u64::from(table.sector);
        self.quietly(&Piece::zeros("the partition table", 0, RECORD_AT))?;
        self.quietly(&Piece::zeros("the end of the disk", size - ENDS, ENDS))?;
        let after = RECORD_AT + length(RECORD_BYTES);
        self.quietly(&Piece::zeros("the beginning of the disk", after, ENDS - after))
    }

    /// Brings the table back, the part from which the disk boots last.
    fn table(&mut self, table: &Table) -> Result<(), InstallError> {
        let (mut front, back) = table.encode()?;
        let sector = usize::try_from(table.sector).unwrap_or(512);
        let entries = front.split_off((2 * sector).min(front.len()));
        let end = table.sectors * u64::from(table.sector);
        self.piece(&Piece::memory("the copy of the partition table", end - length(back.len()), back))?;
        self.piece(&Piece::memory("the entries of the partition table", length(front.len()), entries))?;
        self.piece(&Piece::memory("the partition table", 0, front))
    }

    /// Writes a piece that is no part of the content.
    fn quietly(&mut self, piece: &Piece) -> Result<(), InstallError> {
        let (done, total) = (self.done, self.total);
        self.piece(piece)?;
        (self.done, self.total) = (done, total);
        Ok(())
    }

    /// Writes a piece by parts, and notes how far the large ones are.
    fn piece(&mut self, piece: &Piece) -> Result<(), InstallError> {
        let name = match piece.what.as_str() {
            "the system" => Some("install.system"),
            "the proof of the system" => Some("install.proof"),
            _ => None,
        };
        let known = name.map_or(0, |name| self.record.number(name));
        let mut source = Hashed { inner: piece.open()?, hash: Sha256::new() };
        let mut at = 0;
        while at < piece.bytes {
            let bytes = NOTED.min(piece.bytes - at);
            let job = Job {
                what: piece.what.clone(),
                at: piece.at + at,
                room: piece.room - at,
                bytes,
                sha256: None,
                verified: known.saturating_sub(at),
            };
            self.part(&job, &mut source)?;
            at += bytes;
            if let Some(name) = name.filter(|_| at > known) {
                self.record.set(name, &at.to_string())?;
                self.note()?;
            }
        }
        let have = Digest(source.hash.finalize().into());
        match piece.sha256 {
            Some(want) if want != have => {
                Err(WriteError::Hash { what: piece.what.clone(), have, want }.into())
            }
            _ => Ok(()),
        }
    }

    fn part(&mut self, job: &Job, source: &mut dyn Read) -> Result<(), InstallError> {
        let (before, total, on) = (self.done, self.total, &mut *self.on);
        let done = write(job, &mut source.take(job.bytes), self.disk, &mut |progress| {
            on(&Progress { what: &job.what, done: (before + progress.verified).min(total), total });
            ControlFlow::Continue(())
        })?;
        self.done = self.done.saturating_add(job.bytes).min(self.total);
        self.written += done.written;
        self.again += done.again;
        Ok(())
    }
}

/// Hashes what is read through it.
struct Hashed {
    inner: Box<dyn Read>,
    hash: Sha256,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}
