//! A whole cluster on this machine.

use camino::Utf8PathBuf;
use holdfast_types::{Problem, ProblemKind};

/// What kind of cluster.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  holdfast up\n  holdfast up --demo")]
pub(crate) struct Args {
    /// Train a small model on the new cluster
    #[arg(long)]
    pub(crate) demo: bool,
    /// Text to train on
    #[arg(long, value_name = "DIR")]
    pub(crate) corpus: Option<Utf8PathBuf>,
    /// Begin anew: delete the cluster that is there
    #[arg(long)]
    pub(crate) fresh: bool,
    /// How many nodes
    #[arg(long, default_value_t = 3)]
    pub(crate) nodes: u32,
    /// How many controllers
    #[arg(long, default_value_t = 3)]
    pub(crate) controllers: u32,
    /// Where the cluster keeps its state
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<Utf8PathBuf>,
    /// The address to listen on
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
}

/// Runs the cluster until it is stopped.
pub(crate) fn run(args: &Args) -> Result<(), Problem> {
    Err(Problem::new(7099, ProblemKind::Failed, "`up` is not built into this binary")
        .because(format!("{args:?}")))
}
