//! Reading a manifest's bytes. What is too large is refused before it is in memory.

use std::fs::File;
use std::io::{self, Read};

use camino::Utf8Path;
use holdfast_types::{Bytes, MAX_MANIFEST_BYTES, Problem, ProblemKind};

/// The name of standard input on the command line.
const STDIN: &str = "-";

/// The text of a manifest.
pub(super) fn read(file: &Utf8Path) -> Result<String, Problem> {
    if file == STDIN {
        return bounded(file, io::stdin().lock());
    }
    let failed = |error: io::Error| {
        let kind =
            if error.kind() == io::ErrorKind::NotFound { ProblemKind::NotFound } else { ProblemKind::Failed };
        Problem::new(7020, kind, format!("manifest `{file}` cannot be read")).because(error.to_string())
    };
    let opened = File::open(file).map_err(failed)?;
    let metadata = opened.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(failed(io::Error::from(io::ErrorKind::IsADirectory)).next(format!("ls {file}")));
    }
    if metadata.len() > limit() {
        return Err(too_large(file, Some(metadata.len())));
    }
    bounded(file, opened)
}

fn limit() -> u64 {
    u64::try_from(MAX_MANIFEST_BYTES).unwrap_or(u64::MAX)
}

/// Reads at most one byte more than is allowed: a pipe or a growing file has no size to ask for.
fn bounded(file: &Utf8Path, from: impl Read) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    let read = from.take(limit().saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| {
        Problem::new(7020, ProblemKind::Failed, format!("manifest `{file}` cannot be read"))
            .because(error.to_string())
    })?;
    if bytes.len() > MAX_MANIFEST_BYTES {
        return Err(too_large(file, None));
    }
    String::from_utf8(bytes).map_err(|error| {
        Problem::new(7022, ProblemKind::Invalid, format!("manifest `{file}` is not text"))
            .because(format!("byte {} is not UTF-8", error.utf8_error().valid_up_to()))
    })
}

fn too_large(file: &Utf8Path, size: Option<u64>) -> Problem {
    let allowed = Bytes(limit());
    let found = size.map_or_else(|| "it has more".to_owned(), |size| format!("it has {}", Bytes(size)));
    Problem::new(7021, ProblemKind::Invalid, format!("manifest `{file}` is too large"))
        .because(format!("{found}; a manifest has at most {allowed}"))
        .next("holdfast dataset import NAME DIR, for data")
}
