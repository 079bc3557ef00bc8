//! Manifests: from files that people write to specs that have been checked whole. A file is foreign: its size, its
//! documents and its YAML nodes have limits, and what is wrong is named with file and line.

mod parse;
mod read;
mod wanted;

use camino::Utf8Path;
use holdfast_types::Problem;

pub(crate) use wanted::Wanted;

/// Reads every object of a file, or of standard input where the file is `-`.
pub(crate) fn load(file: &Utf8Path) -> Result<Vec<Wanted>, Problem> {
    let text = read::read(file)?;
    parse::parse(file, &text)
}

#[cfg(test)]
mod tests;
