//! What a person may ask of `up`.

use camino::Utf8PathBuf;
use holdfast_types::Span;

/// What a person gets who names nothing.
pub(crate) const NODES: u32 = 5;
pub(crate) const CONTROLLERS: u32 = 3;
pub(crate) const LISTEN: &str = "127.0.0.1:7400";
pub(crate) const LEASE: Span = Span::from_secs(6);

/// What kind of cluster.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  holdfast up\n  holdfast up --demo\n  holdfast up --dir /tmp/cluster --listen 127.0.0.1:0 --nodes 3 --controllers 1\n\n\
    The cluster runs until ctrl-C and keeps everything for the next start. Its accelerators are simulated."
)]
pub(crate) struct Args {
    /// Run the main job from end to end, with the loss of a node in the middle
    #[arg(long)]
    pub(crate) demo: bool,
    /// The text to train on, for --demo
    #[arg(long, value_name = "DIR", default_value = "/usr/share/common-licenses")]
    pub(crate) corpus: Utf8PathBuf,
    /// Begin anew: the state of the cluster that is there is deleted
    #[arg(long)]
    pub(crate) fresh: bool,
    /// How many nodes; three of five are in DE, the others in FR
    #[arg(long, default_value_t = NODES, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) nodes: u32,
    /// How many controllers: 1, 3 or 5
    #[arg(long, default_value_t = CONTROLLERS)]
    pub(crate) controllers: u32,
    /// Where the cluster keeps its state
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<Utf8PathBuf>,
    /// The first address to listen on; the others follow it. Port 0 takes any free ports
    #[arg(long, value_name = "HOST:PORT", default_value = LISTEN)]
    pub(crate) listen: String,
    /// How long a node may be silent before its work goes elsewhere
    #[arg(long, value_name = "SPAN", default_value_t = LEASE)]
    pub(crate) lease: Span,
    /// Leave the demo's cluster running when it is over
    #[arg(long)]
    pub(crate) keep: bool,
}
