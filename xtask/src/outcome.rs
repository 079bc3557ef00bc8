//! How suites end, and what they share.

use anyhow::{Context as _, Result};
use camino::Utf8PathBuf;

use crate::process::{Counted, Shell};

/// When a suite runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tier {
    /// Always.
    Default,
    /// With `--full`.
    Full,
}

/// How a suite ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It passed; a run of tests says how many.
    Passed(Option<Counted>),
    /// It failed, for this reason.
    Failed(Option<Counted>, String),
    /// It did not run, for this reason.
    Skipped(String),
}

/// What came of something that counts no tests.
pub(crate) fn finished(result: Result<()>) -> Outcome {
    match result {
        Ok(()) => Outcome::Passed(None),
        Err(error) => Outcome::Failed(None, format!("{error:#}")),
    }
}

/// What came of a run of tests.
pub(crate) fn counted((counted, result): (Counted, Result<()>)) -> Outcome {
    match result {
        Ok(()) => Outcome::Passed(Some(counted)),
        Err(error) => Outcome::Failed(Some(counted), format!("{error:#}")),
    }
}

/// Where Cargo builds.
pub(crate) fn target_directory(shell: &Shell) -> Result<Utf8PathBuf> {
    let mut metadata = cargo_metadata::MetadataCommand::new();
    metadata.manifest_path(shell.root.join("Cargo.toml")).no_deps();
    Ok(metadata.exec().context("ask Cargo for its target directory")?.target_directory)
}
