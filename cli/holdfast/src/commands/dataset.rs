//! `holdfast dataset`: data comes in with its label and leaves as the law allows.

use holdfast_types::ArtifactKind;

use super::artifact::{self, List, One};
use super::{export, import, verify};
use crate::failure::Failure;
use crate::globals::Flag;
use crate::session::Session;

/// What can be done with datasets.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Bring a directory in as a dataset
    #[command(after_help = "\
Examples:
  holdfast dataset import corpus ./texts --residency DE --purpose research --tenant lab
  holdfast dataset import scans /media/usb --label personal,health --residency DE,FR --purpose care --tenant clinic
  holdfast dataset import corpus ./texts --residency DE --purpose research --tenant lab --new-version --dry-run")]
    Import(import::Args),
    /// List datasets
    #[command(after_help = "Examples:\n  holdfast dataset list\n  holdfast dataset list corpus --watch")]
    List(List),
    /// Show one version of a dataset with its label
    #[command(
        after_help = "Examples:\n  holdfast dataset show corpus\n  holdfast dataset show corpus@1 -o json"
    )]
    Show(One),
    /// Have every node that keeps a copy read and hash all of it
    #[command(after_help = "\
Examples:
  holdfast dataset verify corpus@1

Each node checks its own copy, so that no byte leaves; this machine compares what they report.")]
    Verify(One),
    /// Take a dataset out of the cluster
    #[command(after_help = "Examples:\n  holdfast dataset export corpus@1 ./corpus --to DE")]
    Export(export::Args),
}

impl Command {
    /// The verb, and the options it honours.
    pub(crate) fn honours(&self) -> (&'static str, &'static [Flag]) {
        match self {
            Self::Import(_) => ("import", &[Flag::DryRun]),
            Self::List(_) => ("list", &[Flag::Watch]),
            Self::Show(_) => ("show", &[]),
            Self::Verify(_) => ("verify", &[]),
            Self::Export(_) => ("export", &[Flag::DryRun]),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(session: &Session, command: &Command) -> Result<(), Failure> {
    let kind = ArtifactKind::Dataset;
    match command {
        Command::Import(args) => import::run(session, kind, args).await,
        Command::List(args) => artifact::list(session, kind, args).await,
        Command::Show(one) => artifact::show(session, kind, one).await,
        Command::Verify(one) => verify::run(session, kind, one).await,
        Command::Export(args) => export::run(session, kind, args).await,
    }
}
