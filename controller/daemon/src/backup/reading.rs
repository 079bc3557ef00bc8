//! Reading a backup: facts and files first, then the state, handed on as it comes.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use camino::Utf8Path;
use holdfast_api::internal::ControllerFile;
use holdfast_api::store::{BackupEnd, BackupFacts};
use holdfast_identity::{BackupKey, SealedReader, check_outside};
use holdfast_raft::SnapshotInfo;
use holdfast_raft::offline::inspect;
use holdfast_types::{AsProblem as _, Problem};
use prost::Message;
use sha2::{Digest as _, Sha256};

use super::fault::{damaged, failed, io_problem, sealed_problem};
use super::frames::{Kind, next};
use crate::material::{MAX_BYTES, MAX_FILES};
use crate::told::{Told, ToldFile};

/// A backup whose whole content was proved, or only what is outside of the encryption.
#[derive(Debug, Clone)]
pub struct Checked {
    /// How many bytes it has.
    pub bytes: u64,
    /// The fingerprints of the keys it is for.
    pub recipients: Vec<String>,
    /// What it says of itself; known with the key.
    pub facts: Option<BackupFacts>,
    /// How many records of state there are.
    pub records: u64,
    /// The hash of the state.
    pub state_hash: String,
}

/// What is before the state.
pub(crate) struct Content {
    pub(crate) facts: BackupFacts,
    pub(crate) files: Vec<ControllerFile>,
}

fn open(path: &Utf8Path, told: &Told) -> Result<BufReader<ToldFile>, Problem> {
    let file = File::open(path).map_err(|error| failed(format!("open `{path}`: {error}")))?;
    Ok(BufReader::with_capacity(256 << 10, ToldFile { file, told: Arc::clone(told) }))
}

/// Checks what can be checked without a key: that it is a backup, whole, and unchanged since it was written. It is read once.
///
/// # Errors
///
/// Where it is not.
pub fn check_without_key(path: &Utf8Path, told: &Told) -> Result<Checked, Problem> {
    let (header, bytes) = check_outside(open(path, told)?).map_err(|error| sealed_problem(&error))?;
    let (recipients, state_hash) = (header.recipients(), String::new());
    Ok(Checked { bytes, recipients, facts: None, records: 0, state_hash })
}

/// Decrypts all of it and proves every record, every sum and the hash of the state. It is read twice.
///
/// # Errors
///
/// Where it is damaged, or not for this key.
pub fn check(path: &Utf8Path, key: &BackupKey, told: &Told) -> Result<Checked, Problem> {
    let outside = check_without_key(path, told)?;
    let (content, info) = read(path, key, told, |_, state| inspect(state).map_err(|error| error.problem()))?;
    Ok(Checked {
        facts: Some(content.facts),
        records: info.records,
        state_hash: info.state_hash.to_string(),
        ..outside
    })
}

/// Reads a backup to its end; `state` takes the snapshot in it.
pub(crate) fn read<F>(
    path: &Utf8Path,
    key: &BackupKey,
    told: &Told,
    state: F,
) -> Result<(Content, SnapshotInfo), Problem>
where
    F: FnOnce(&Content, &mut dyn Read) -> Result<SnapshotInfo, Problem>,
{
    let input = SealedReader::new(open(path, told)?, key).map_err(|error| sealed_problem(&error))?;
    within(input, state)
}

/// Reads what was sealed to its end.
pub(crate) fn within<F>(mut input: impl Read, state: F) -> Result<(Content, SnapshotInfo), Problem>
where
    F: FnOnce(&Content, &mut dyn Read) -> Result<SnapshotInfo, Problem>,
{
    let (content, first) = before_the_state(&mut input)?;
    let mut frames =
        StateReader { input: &mut input, piece: first, at: 0, sum: Sha256::new(), bytes: 0, end: None };
    frames.sum_piece();
    let info = state(&content, &mut frames)?;
    let rest = io::copy(&mut frames, &mut io::sink()).map_err(|error| io_problem(&error))?;
    let (sum, bytes, end) = (frames.sum.finalize(), frames.bytes, frames.end.unwrap_or_default());
    let end: BackupEnd = decode(&end)?;
    let files = u32::try_from(content.files.len()).unwrap_or(u32::MAX);
    if rest != 0 || end.state_bytes != bytes || end.state_sha256 != sum.as_slice() || end.files != files {
        return Err(damaged("its end does not fit to what is in it"));
    }
    if end.state_hash != info.state_hash.to_string() || end.records != info.records {
        return Err(damaged("the state in it has another hash than was written"));
    }
    match next(&mut input).map_err(|error| io_problem(&error))? {
        None => Ok((content, info)),
        Some(_) => Err(damaged("something follows its end")),
    }
}

fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, Problem> {
    M::decode(bytes).map_err(|error| damaged(error.to_string()))
}

/// Facts and files, and the first piece of the state.
fn before_the_state(input: &mut impl Read) -> Result<(Content, Vec<u8>), Problem> {
    let mut facts = None;
    let (mut files, mut bytes) = (Vec::new(), 0_usize);
    loop {
        let frame = next(input).map_err(|error| io_problem(&error))?;
        match (frame, &facts) {
            (Some((Kind::Facts, body)), None) => facts = Some(decode::<BackupFacts>(&body)?),
            (Some((Kind::File, body)), Some(_)) => {
                bytes += body.len();
                files.push(decode(&body)?);
                if files.len() > MAX_FILES || bytes > MAX_BYTES {
                    return Err(damaged("there are too many files in it"));
                }
            }
            (Some((Kind::State, body)), Some(known)) => {
                return Ok((Content { facts: known.clone(), files }, body));
            }
            _ => return Err(damaged("its parts are not in order")),
        }
    }
}

/// The snapshot, out of its frames.
struct StateReader<'a, R: Read> {
    input: &'a mut R,
    piece: Vec<u8>,
    at: usize,
    sum: Sha256,
    bytes: u64,
    /// The end of the backup, once it was reached.
    end: Option<Vec<u8>>,
}

impl<R: Read> StateReader<'_, R> {
    fn sum_piece(&mut self) {
        self.sum.update(&self.piece);
        self.bytes += u64::try_from(self.piece.len()).unwrap_or(0);
    }
}

impl<R: Read> Read for StateReader<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            if self.end.is_some() {
                return Ok(0);
            }
            match next(self.input)? {
                Some((Kind::State, body)) => {
                    (self.piece, self.at) = (body, 0);
                    self.sum_piece();
                }
                Some((Kind::End, body)) => self.end = Some(body),
                _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "its parts are not in order")),
            }
        }
        let left = self.piece.get(self.at..).unwrap_or_default();
        let count = left.len().min(out.len());
        for (to, from) in out.iter_mut().zip(left) {
            *to = *from;
        }
        self.at += count;
        Ok(count)
    }
}
