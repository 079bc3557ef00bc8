//! `holdfast image`: programs become images without a registry, a builder or a network.

mod pack;

use holdfast_types::ArtifactKind;

use super::artifact::{self, List, One};
use super::import;
use crate::failure::Failure;
use crate::globals::{Flag, Globals};
use crate::output::Printer;
use crate::session::Session;

/// What can be done with images.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Pack a program and the libraries it needs into an OCI archive
    #[command(after_help = "\
Examples:
  holdfast image pack --binary target/debug/holdfast-trainer --out trainer.tar
  holdfast image pack --binary ./serve --arg --port --arg 8080 --file etc/serve.conf=serve.conf --out serve.tar

In the image the program is /app/<its name>. The same files give the same bytes.")]
    Pack(pack::Args),
    /// Bring an OCI archive in
    #[command(after_help = "\
Examples:
  holdfast image import trainer trainer.tar --residency DE --purpose research --tenant lab")]
    Import(import::Args),
    /// List images
    #[command(after_help = "Examples:\n  holdfast image list\n  holdfast image list trainer")]
    List(List),
    /// Show one version of an image
    #[command(
        after_help = "Examples:\n  holdfast image show trainer\n  holdfast image show trainer@1 -o json"
    )]
    Show(One),
}

impl Command {
    /// The verb, and the options it honours.
    pub(crate) fn honours(&self) -> (&'static str, &'static [Flag]) {
        match self {
            Self::Pack(_) => ("pack", &[]),
            Self::Import(_) => ("import", &[Flag::DryRun]),
            Self::List(_) => ("list", &[Flag::Watch]),
            Self::Show(_) => ("show", &[]),
        }
    }
}

/// Runs the command. Packing needs no cluster, so the session is opened by those that do.
pub(crate) async fn run(globals: &Globals, command: &Command) -> Result<(), Failure> {
    let kind = ArtifactKind::Image;
    match command {
        Command::Pack(args) => pack::run(Printer::new(globals.output), args),
        Command::Import(args) => import::run(&Session::open(globals)?, kind, args).await,
        Command::List(args) => artifact::list(&Session::open(globals)?, kind, args).await,
        Command::Show(one) => artifact::show(&Session::open(globals)?, kind, one).await,
    }
}
