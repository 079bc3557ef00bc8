//! Checkpoints: the whole state of training as bytes, and directories of it that are complete or not there at all.
//!
//! A directory is filled under a temporary name and renamed once every byte is durable, so whoever sees `step-*` may
//! copy it. This module must not know gangs or gradients.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::adam::Adam;
use crate::model::{Model, Shape};
use crate::wire::{Fields, checksum, put_floats};

#[cfg(test)]
mod tests;

const MAGIC: &[u8; 8] = b"HFLM0001";
/// No dimension and no file beyond these is read: a damaged header must not decide how much memory is taken.
const MAX_DIMENSION: usize = 65_536;
/// The most bytes a state may have, stored or sent.
pub(crate) const MAX_STATE: usize = 256 << 20;
const MODEL_FILE: &str = "model.bin";

/// Why a checkpoint cannot be written or read.
#[derive(Debug)]
pub(crate) enum CheckpointError {
    /// The file system refused.
    Io {
        /// What was tried, such as `write`.
        act: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The bytes are not a state of this program, or not whole.
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { act, path, source } => write!(f, "{act} checkpoint `{}`: {source}", path.display()),
            Self::Corrupt { path, why } => {
                write!(f, "checkpoint `{}` is corrupt and is not used: {why}", path.display())
            }
        }
    }
}

/// The whole state of training after a step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    /// How many steps were taken.
    pub(crate) step: u64,
    /// The loss of the very first step, or NaN before it.
    pub(crate) first_loss: f64,
    /// The loss of the latest step, or NaN before the first.
    pub(crate) last_loss: f64,
    /// The bytes the tokens stand for.
    pub(crate) vocab: Vec<u8>,
    /// The model.
    pub(crate) model: Model,
    /// The moments of the optimiser.
    pub(crate) adam: Adam,
}

impl State {
    /// The state as bytes: magic, dimensions, step, losses, vocabulary, parameters, moments, checksum of all before.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let shape = self.model.shape();
        let mut out = MAGIC.to_vec();
        for dimension in [shape.context, shape.embed, shape.hidden, shape.vocab] {
            out.extend(u32::try_from(dimension).unwrap_or(u32::MAX).to_le_bytes());
        }
        out.extend(self.step.to_le_bytes());
        out.extend(self.first_loss.to_le_bytes());
        out.extend(self.last_loss.to_le_bytes());
        out.extend(&self.vocab);
        put_floats(&mut out, self.model.params());
        put_floats(&mut out, &self.adam.mean);
        put_floats(&mut out, &self.adam.square);
        out.extend(checksum(&out).to_le_bytes());
        out
    }

    /// The state in these bytes, or what is wrong with them.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let (body, sum) = bytes.split_last_chunk::<8>().ok_or("it is too short to hold a state")?;
        if !body.starts_with(MAGIC) {
            return Err("it does not begin with HFLM0001");
        }
        if checksum(body) != u64::from_le_bytes(*sum) {
            return Err("its checksum does not match its bytes");
        }
        Self::decode_body(Fields(body)).ok_or("its length does not fit its dimensions")
    }

    fn decode_body(mut fields: Fields<'_>) -> Option<Self> {
        fields.bytes(MAGIC.len())?;
        let mut dimension = || -> Option<usize> {
            let value = usize::try_from(fields.u32()?).ok()?;
            (1..=MAX_DIMENSION).contains(&value).then_some(value)
        };
        let shape =
            Shape { context: dimension()?, embed: dimension()?, hidden: dimension()?, vocab: dimension()? };
        if shape.vocab > 256 {
            return None;
        }
        let (step, first_loss, last_loss) = (fields.u64()?, fields.f64()?, fields.f64()?);
        let vocab = fields.bytes(shape.vocab)?.to_vec();
        let model = Model::from_params(shape, fields.floats(shape.params())?)?;
        let adam = Adam { mean: fields.floats(shape.params())?, square: fields.floats(shape.params())? };
        fields.0.is_empty().then_some(Self { step, first_loss, last_loss, vocab, model, adam })
    }
}

/// The name of the checkpoint of a step; names sort as their steps do.
pub(crate) fn name(step: u64) -> String {
    format!("step-{step:08}")
}

/// Writes the checkpoint of `state` below `dir` and returns its directory, durable and complete.
pub(crate) fn save(dir: &Path, state: &State, world: u32) -> Result<PathBuf, CheckpointError> {
    let target = dir.join(name(state.step));
    let temporary = dir.join(format!(".tmp-{}", name(state.step)));
    let replaced = dir.join(format!(".old-{}", name(state.step)));
    for leftover in [&temporary, &replaced] {
        remove_leftover(leftover)?;
    }
    attempt("create", &temporary, std::fs::create_dir_all(&temporary))?;
    write_durable(&temporary.join(MODEL_FILE), &state.encode())?;
    let meta = format!(
        "{{\"step\": {}, \"loss\": {}, \"first_loss\": {}, \"world_size\": {world}}}\n",
        state.step,
        json_number(state.last_loss),
        json_number(state.first_loss)
    );
    write_durable(&temporary.join("meta.json"), meta.as_bytes())?;
    sync_dir(&temporary)?;
    // A run that resumed from before this step makes the step again; a rename replaces only an empty directory.
    if target.exists() {
        attempt("replace", &target, std::fs::rename(&target, &replaced))?;
    }
    attempt("rename", &target, std::fs::rename(&temporary, &target))?;
    sync_dir(dir)?;
    remove_leftover(&replaced)?;
    Ok(target)
}

/// The directory of the highest complete step below `dir`, or `dir` itself where it is one checkpoint's directory.
/// `None` where there is neither.
pub(crate) fn latest(dir: &Path) -> Result<Option<PathBuf>, CheckpointError> {
    let entries = match std::fs::read_dir(dir) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => attempt("list", dir, other)?,
    };
    let mut highest: Option<(u64, PathBuf)> = None;
    for entry in entries {
        let path = attempt("list", dir, entry)?.path();
        let step = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_prefix("step-"));
        let Some(step) = step.and_then(|digits| digits.parse().ok()) else { continue };
        if highest.as_ref().is_none_or(|(best, _)| step > *best) {
            highest = Some((step, path));
        }
    }
    let itself = || dir.join(MODEL_FILE).is_file().then(|| dir.to_owned());
    Ok(highest.map(|(_, path)| path).or_else(itself))
}

/// Reads the state from a checkpoint's directory, or from a model file.
pub(crate) fn load(path: &Path) -> Result<State, CheckpointError> {
    let path = if path.is_dir() { path.join(MODEL_FILE) } else { path.to_owned() };
    let limit = u64::try_from(MAX_STATE).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes));
    attempt("read", &path, read)?;
    if bytes.len() > MAX_STATE {
        return Err(CheckpointError::Corrupt { path, why: "it is larger than any state of this program" });
    }
    State::decode(&bytes).map_err(|why| CheckpointError::Corrupt { path, why })
}

/// Writes a file whole or not at all: a temporary name, fsync, rename, fsync of the directory.
pub(crate) fn replace_file(dir: &Path, file: &str, bytes: &[u8]) -> Result<(), CheckpointError> {
    attempt("create", dir, std::fs::create_dir_all(dir))?;
    let (temporary, target) = (dir.join(format!(".tmp-{file}")), dir.join(file));
    write_durable(&temporary, bytes)?;
    attempt("rename", &target, std::fs::rename(&temporary, &target))?;
    sync_dir(dir)
}

/// A number as JSON writes it; JSON has no word for NaN.
pub(crate) fn json_number(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { "null".to_owned() }
}

fn write_durable(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    let written =
        File::create(path).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    attempt("write", path, written)
}

fn sync_dir(dir: &Path) -> Result<(), CheckpointError> {
    attempt("sync", dir, File::open(dir).and_then(|handle| handle.sync_all()))
}

fn remove_leftover(path: &Path) -> Result<(), CheckpointError> {
    match std::fs::remove_dir_all(path) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(()),
        other => attempt("remove leftover of", path, other),
    }
}

fn attempt<T>(act: &'static str, path: &Path, result: io::Result<T>) -> Result<T, CheckpointError> {
    result.map_err(|source| CheckpointError::Io { act, path: path.to_owned(), source })
}
