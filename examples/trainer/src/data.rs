//! The corpus: every regular file below a directory, in path order, as bytes and as tokens of a vocabulary.
//!
//! This module must not know the model, nor that other ranks exist beyond their number.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::model::Random;

/// A corpus lives in memory on every rank; a larger one wants another program than this example.
const MAX_CORPUS: u64 = 256 << 20;
const MAX_DEPTH: usize = 32;
const MAX_FILES: usize = 100_000;

/// Why there is no corpus to train on.
#[derive(Debug)]
pub(crate) enum DataError {
    /// A file or directory cannot be read.
    Read {
        /// What was to be read.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The dataset is beyond a limit of this program.
    TooLarge {
        /// The directory.
        dir: PathBuf,
        /// The limit, in words.
        limit: String,
    },
    /// The dataset is too short to hold one context and one byte after it.
    TooShort {
        /// The directory.
        dir: PathBuf,
        /// How many bytes were found.
        found: usize,
        /// How many are needed.
        needed: usize,
    },
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => write!(f, "read dataset `{}`: {source}", path.display()),
            Self::TooLarge { dir, limit } => write!(f, "dataset `{}` is over {limit}", dir.display()),
            Self::TooShort { dir, found, needed } => write!(
                f,
                "dataset `{}` has {found} bytes in regular files; training needs at least {needed}",
                dir.display()
            ),
        }
    }
}

/// Reads every regular file below `dir`, concatenated in path order.
pub(crate) fn read_corpus(dir: &Path) -> Result<Vec<u8>, DataError> {
    let mut files = Vec::new();
    list(dir, 0, &mut files)?;
    files.sort();
    let mut corpus = Vec::new();
    for path in files {
        let left = MAX_CORPUS - u64::try_from(corpus.len()).unwrap_or(MAX_CORPUS);
        let read = File::open(&path).and_then(|file| file.take(left + 1).read_to_end(&mut corpus));
        let read = read.map_err(|source| DataError::Read { path, source })?;
        if u64::try_from(read).unwrap_or(u64::MAX) > left {
            return Err(DataError::TooLarge { dir: dir.to_owned(), limit: format!("{MAX_CORPUS} bytes") });
        }
    }
    Ok(corpus)
}

/// A link to a file counts as the file; a link to a directory is not followed, so that no circle can be walked.
fn list(dir: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), DataError> {
    let failed = |source| DataError::Read { path: dir.to_owned(), source };
    if depth > MAX_DEPTH || files.len() > MAX_FILES {
        let limit = format!("{MAX_FILES} files or {MAX_DEPTH} directories deep");
        return Err(DataError::TooLarge { dir: dir.to_owned(), limit });
    }
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_dir() {
            list(&entry.path(), depth + 1, files)?;
        } else if std::fs::metadata(entry.path()).is_ok_and(|m| m.is_file()) {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// The distinct bytes of a corpus, in order; a token is the place of a byte in it.
pub(crate) fn vocabulary(corpus: &[u8]) -> Vec<u8> {
    let mut seen = [false; 256];
    for byte in corpus {
        if let Some(flag) = seen.get_mut(usize::from(*byte)) {
            *flag = true;
        }
    }
    (0u8..=255).zip(seen).filter(|(_, seen)| *seen).map(|(byte, _)| byte).collect()
}

/// The corpus as tokens. Bytes the vocabulary does not have are left out: a model cannot learn them any more.
pub(crate) fn tokens(corpus: &[u8], vocab: &[u8]) -> Vec<u8> {
    let mut table = [None; 256];
    for (token, byte) in (0u8..=255).zip(vocab) {
        if let Some(entry) = table.get_mut(usize::from(*byte)) {
            *entry = Some(token);
        }
    }
    corpus.iter().filter_map(|b| table.get(usize::from(*b)).copied().flatten()).collect()
}

/// The windows one rank trains on in one step: a function of seed, step and rank alone. The shards of all ranks make
/// up the batch; where it does not divide, the lower ranks take one more.
pub(crate) fn shard(plan: ShardPlan, tokens: &[u8], window: usize) -> impl Iterator<Item = &[u8]> {
    let ShardPlan { seed, step, rank, world, batch } = plan;
    let world_size = usize::try_from(world.max(1)).unwrap_or(1);
    let extra = usize::from(usize::try_from(rank).is_ok_and(|rank| rank < batch % world_size));
    let mut random = Random::new(&[seed, step, u64::from(rank)]);
    let starts = (tokens.len() + 1).saturating_sub(window);
    (0..batch / world_size + extra).filter_map(move |_| {
        let start = random.below(starts);
        tokens.get(start..start + window)
    })
}

/// Whose shard of which batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShardPlan {
    /// The seed of the run.
    pub(crate) seed: u64,
    /// The step, from 1.
    pub(crate) step: u64,
    /// The rank that takes the shard.
    pub(crate) rank: u32,
    /// How many ranks share the batch.
    pub(crate) world: u32,
    /// The whole batch, over all ranks.
    pub(crate) batch: usize,
}

/// Refuses a corpus without a single window.
pub(crate) fn check_length(dir: &Path, tokens: &[u8], window: usize) -> Result<(), DataError> {
    if tokens.len() < window {
        return Err(DataError::TooShort { dir: dir.to_owned(), found: tokens.len(), needed: window });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_in_path_order_and_tokens_follow_the_vocabulary() {
        let dir = crate::scratch_dir("data");
        std::fs::create_dir_all(dir.join("b")).unwrap();
        for (name, text) in [("c.txt", "cab"), ("a.txt", "ba"), ("b/x", "x")] {
            std::fs::write(dir.join(name), text).unwrap();
        }
        std::os::unix::fs::symlink(&dir, dir.join("b/circle")).unwrap();
        let corpus = read_corpus(&dir).unwrap();
        assert_eq!(corpus, b"baxcab");
        let vocab = vocabulary(&corpus);
        assert_eq!(vocab, b"abcx");
        assert_eq!(tokens(b"cax!b", &vocab), [2, 0, 3, 1]);
        std::fs::remove_dir_all(&dir).unwrap();
        let refused = read_corpus(&dir).unwrap_err().to_string();
        assert!(refused.starts_with("read dataset `"), "{refused}");
    }

    #[test]
    fn shards_differ_by_rank_and_step_and_fill_the_batch() {
        let tokens: Vec<u8> = (0..200).collect();
        let take = |step, rank| -> Vec<&[u8]> {
            shard(ShardPlan { seed: 1, step, rank, world: 3, batch: 16 }, &tokens, 5).collect()
        };
        assert_eq!((0..3).map(|r| take(1, r).len()).collect::<Vec<_>>(), [6, 5, 5]);
        assert_eq!(take(1, 0), take(1, 0));
        assert_ne!(take(1, 0)[..5], take(1, 1)[..]);
        assert_ne!(take(1, 0), take(2, 0));
        assert!(take(9, 2).iter().all(|w| w.len() == 5));
        // The only window of a corpus that is exactly as long as one is found.
        let one: Vec<_> =
            shard(ShardPlan { seed: 1, step: 1, rank: 0, world: 1, batch: 2 }, &tokens[..5], 5).collect();
        assert_eq!(one, [&tokens[..5], &tokens[..5]]);
        assert!(check_length(Path::new("/data"), &tokens[..4], 5).is_err());
    }
}
