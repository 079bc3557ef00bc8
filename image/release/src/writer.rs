//! Writes a stream to a range of a device and believes nothing: every stretch is made durable, read back and compared before
//! the next one is written, and the hash that counts is of what was read back.
//!
//! What was proved is told stretch by stretch, so that a caller who keeps the number goes on there after a power cut. The number
//! is a hint alone: what lies before it is read again and compared with the stream, and written again where it differs.

use std::io::{self, Read};
use std::ops::ControlFlow;

use sha2::{Digest as _, Sha256};

use crate::digest::Digest;

/// So much is written, made durable and read back at a time.
pub const STRETCH: usize = 4 << 20;
/// A stretch that reads back otherwise is written so many times in all.
const WRITES: u32 = 3;

/// Where bytes go. The hands implement it over files and block devices.
pub trait Target {
    /// How many bytes it has.
    fn size(&self) -> u64;

    /// Reads at most the buffer, as the device has it, from `at`; 0 at its end.
    ///
    /// # Errors
    ///
    /// The device fails.
    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Reads the whole buffer from `at`, or as much as there is; how much.
    ///
    /// # Errors
    ///
    /// The device fails.
    fn fill_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.read_at(at + length(done), rest) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// Reads the whole buffer from `at`.
    ///
    /// # Errors
    ///
    /// The device fails, or ends before.
    fn read_exact_at(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        if self.fill_at(at, buffer)? < buffer.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// Writes some of the bytes at `at`; how many.
    ///
    /// # Errors
    ///
    /// The device fails.
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<usize>;

    /// Makes all that was written durable, and forgets what was kept in memory of it, so that the device is read next.
    ///
    /// # Errors
    ///
    /// The device fails.
    fn sync(&mut self) -> io::Result<()>;
}

/// What is to be written, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What it is, for errors: `the root`.
    pub what: String,
    /// Where it begins.
    pub at: u64,
    /// How many bytes there is room for.
    pub room: u64,
    /// How many bytes the stream has.
    pub bytes: u64,
    /// Its SHA-256, where it is known.
    pub sha256: Option<Digest>,
    /// So much of it was proved before, as the caller remembers.
    pub verified: u64,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that were read back and are right.
    pub verified: u64,
    /// Bytes of all.
    pub bytes: u64,
    /// Bytes that were written, again written included.
    pub written: u64,
}

/// What a job came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The SHA-256 of what was read back.
    pub sha256: Digest,
    /// Bytes that were written; fewer than the stream where it went on after a cut.
    pub written: u64,
    /// Stretches that had to be written again.
    pub again: u64,
}

/// Why a job failed.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// No room.
    #[error("{what} has {bytes} bytes; there is room for {room}")]
    TooLarge {
        /// What is written.
        what: String,
        /// Its bytes.
        bytes: u64,
        /// The bytes there are.
        room: u64,
    },
    /// The stream fails.
    #[error("read {what} at byte {at}")]
    Source {
        /// What is written.
        what: String,
        /// Where in the stream.
        at: u64,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The stream is shorter or longer than was said.
    #[error("{what} was to have {bytes} bytes and {had}")]
    Length {
        /// What is written.
        what: String,
        /// The bytes it was to have.
        bytes: u64,
        /// What it has.
        had: &'static str,
    },
    /// The device fails.
    #[error("{act} {what} at byte {at} of the device")]
    Target {
        /// What was done: `write`, `read back`, `sync`.
        act: &'static str,
        /// What is written.
        what: String,
        /// Where on the device.
        at: u64,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The device does not keep what it is given.
    #[error(
        "the device does not keep {what}: byte {at} was written as {wrote:#04x} and is read as {read:#04x}"
    )]
    Lies {
        /// What is written.
        what: String,
        /// Where on the device.
        at: u64,
        /// The byte that was written.
        wrote: u8,
        /// The byte that was read.
        read: u8,
    },
    /// It is not what the manifest names.
    #[error("{what} has the hash {have}; the manifest names {want}")]
    Hash {
        /// What is written.
        what: String,
        /// The hash of what was written.
        have: Digest,
        /// The hash it was to have.
        want: Digest,
    },
    /// The caller asked to stop.
    #[error("writing {what} was stopped after {verified} bytes")]
    Stopped {
        /// What is written.
        what: String,
        /// Bytes that are right.
        verified: u64,
    },
}

/// Writes a stream. `on` hears how far it is after every stretch, and may stop it.
///
/// # Errors
///
/// The stream is not what was said, the device fails or does not keep what it is given, or `on` stops it. What is told as
/// verified by then is right on the device.
pub fn write(
    job: &Job,
    source: &mut dyn Read,
    target: &mut dyn Target,
    on: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Written, WriteError> {
    let room = job.room.min(target.size().saturating_sub(job.at));
    if job.bytes > room {
        return Err(WriteError::TooLarge { what: job.what.clone(), bytes: job.bytes, room });
    }
    let mut run = Run { job, target, back: vec![0; STRETCH], written: 0, again: 0 };
    let mut stretch = vec![0; STRETCH];
    let mut hash = Sha256::new();
    let mut verified = 0;
    while verified < job.bytes {
        let count = usize::try_from(job.bytes - verified).unwrap_or(STRETCH).min(STRETCH);
        let stretch = stretch.get_mut(..count).unwrap_or_default();
        run.fill(source, verified, stretch)?;
        let known = verified.saturating_add(length(count)) <= job.verified;
        if !(known && run.read_back(verified, count)? == &*stretch) {
            run.prove(verified, stretch)?;
        }
        hash.update(run.back.get(..count).unwrap_or_default());
        verified += length(count);
        if on(Progress { verified, bytes: job.bytes, written: run.written }).is_break() {
            return Err(WriteError::Stopped { what: job.what.clone(), verified });
        }
    }
    let (written, again) = (run.written, run.again);
    ended(job, source)?;
    let have = Digest(hash.finalize().into());
    match job.sha256 {
        Some(want) if want != have => Err(WriteError::Hash { what: job.what.clone(), have, want }),
        _ => Ok(Written { sha256: have, written, again }),
    }
}

/// Hashes `bytes` from `at` of a device, as they are there.
///
/// # Errors
///
/// The device fails or ends before.
pub fn hash(target: &mut dyn Target, what: &str, at: u64, bytes: u64) -> Result<Digest, WriteError> {
    let job = Job { what: what.to_owned(), at, room: bytes, bytes, sha256: None, verified: 0 };
    let mut run = Run { job: &job, target, back: vec![0; STRETCH], written: 0, again: 0 };
    run.sync(0)?;
    let (mut hash, mut done) = (Sha256::new(), 0);
    while done < bytes {
        let count = usize::try_from(bytes - done).unwrap_or(STRETCH).min(STRETCH);
        hash.update(run.read_back(done, count)?);
        done += length(count);
    }
    Ok(Digest(hash.finalize().into()))
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// A stream that goes on after its end is another one than was said.
fn ended(job: &Job, source: &mut dyn Read) -> Result<(), WriteError> {
    let mut more = [0; 1];
    loop {
        return match source.read(&mut more) {
            Ok(0) => Ok(()),
            Ok(_) => Err(WriteError::Length { what: job.what.clone(), bytes: job.bytes, had: "has more" }),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => Err(WriteError::Source { what: job.what.clone(), at: job.bytes, source }),
        };
    }
}

struct Run<'a> {
    job: &'a Job,
    target: &'a mut dyn Target,
    /// What was read back.
    back: Vec<u8>,
    written: u64,
    again: u64,
}

impl Run<'_> {
    fn fill(&self, source: &mut dyn Read, at: u64, stretch: &mut [u8]) -> Result<(), WriteError> {
        let what = || self.job.what.clone();
        source.read_exact(stretch).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                WriteError::Length { what: what(), bytes: self.job.bytes, had: "ends before" }
            }
            _ => WriteError::Source { what: what(), at, source: error },
        })
    }

    fn failed(&self, act: &'static str, at: u64, source: io::Error) -> WriteError {
        WriteError::Target { act, what: self.job.what.clone(), at: self.job.at + at, source }
    }

    fn sync(&mut self, at: u64) -> Result<(), WriteError> {
        self.target.sync().map_err(|error| self.failed("sync", at, error))
    }

    /// Writes a stretch until the device gives it back.
    fn prove(&mut self, at: u64, stretch: &[u8]) -> Result<(), WriteError> {
        let job = self.job;
        for attempt in 1..=WRITES {
            self.put(at, stretch)?;
            self.sync(at)?;
            let back = self.read_back(at, stretch.len())?;
            if stretch == back {
                return Ok(());
            }
            let wrong = stretch.iter().zip(back).enumerate().find(|(_, (wrote, read))| wrote != read);
            let Some((offset, (&wrote, &read))) = wrong else { return Ok(()) };
            if attempt == WRITES {
                let at = job.at + at + length(offset);
                return Err(WriteError::Lies { what: job.what.clone(), at, wrote, read });
            }
            self.again += 1;
        }
        Ok(())
    }

    fn put(&mut self, at: u64, mut bytes: &[u8]) -> Result<(), WriteError> {
        let mut here = self.job.at + at;
        while !bytes.is_empty() {
            let count = match self.target.write_at(here, bytes) {
                Ok(0) => Err(io::Error::from(io::ErrorKind::WriteZero)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other,
            };
            let count = count.map_err(|error| self.failed("write", here - self.job.at, error))?;
            bytes = bytes.get(count..).unwrap_or_default();
            here += length(count);
            self.written += length(count);
        }
        Ok(())
    }

    fn read_back(&mut self, at: u64, count: usize) -> Result<&[u8], WriteError> {
        let mut done = 0;
        while done < count {
            let here = self.job.at + at + length(done);
            let place = self.back.get_mut(done..count).unwrap_or_default();
            match self.target.read_at(here, place) {
                Ok(0) => {
                    let error = io::Error::from(io::ErrorKind::UnexpectedEof);
                    return Err(self.failed("read back", at + length(done), error));
                }
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed("read back", at + length(done), error)),
            }
        }
        Ok(self.back.get(..count).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
