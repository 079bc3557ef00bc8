//! `holdfast cluster`: the cluster as a whole.

use crate::commands::status;
use crate::failure::Failure;
use crate::globals::Flag;
use crate::session::Session;

/// What can be asked of the cluster.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// What needs attention and what to type, then how everything is
    ///
    /// Every controller is asked, so that a cluster without a leader answers as well. The exit code is 0 where the cluster
    /// does its work, 1 where something critical (marked `!`) needs attention, and 5 where no controller answers.
    #[command(after_help = "Examples:\n  holdfast cluster status\n  holdfast cluster status -o json")]
    Status,
}

impl Command {
    /// The verb, and the options it honours.
    pub(crate) fn honours(&self) -> (&'static str, &'static [Flag]) {
        match self {
            Self::Status => ("status", &[]),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(session: &Session, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Status => status::run(session).await,
    }
}
