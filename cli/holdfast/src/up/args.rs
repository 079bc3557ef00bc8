//! What a person may ask of `up`.

use camino::Utf8PathBuf;
use holdfast_types::Span;

/// What a person gets who names nothing. The command line's parser does not know these: what was typed has to stay
/// apart from what was not, because only the former can contradict a cluster that is there.
const NODES: u32 = 5;
const CONTROLLERS: u32 = 3;
const LISTEN: &str = "127.0.0.1:7400";
const LEASE: Span = Span::from_secs(6);

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
    /// Begin anew: the cluster that is there is put aside as DIR.old-SECONDS-N; one that only a demo made is deleted
    #[arg(long)]
    pub(crate) fresh: bool,
    /// How many nodes; three of five are in DE, the others in FR [default: 5]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) nodes: Option<u32>,
    /// How many controllers: 1, 3 or 5 [default: 3]
    #[arg(long)]
    pub(crate) controllers: Option<u32>,
    /// Where the cluster keeps its state
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<Utf8PathBuf>,
    /// The first address to listen on; the others follow it. Port 0 takes any free ports [default: 127.0.0.1:7400]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) listen: Option<String>,
    /// How long a node may be silent before its work goes elsewhere [default: 6s]
    #[arg(long, value_name = "SPAN")]
    pub(crate) lease: Option<Span>,
    /// Leave the demo's cluster running when it is over
    #[arg(long)]
    pub(crate) keep: bool,
}

impl Args {
    pub(crate) fn nodes(&self) -> u32 {
        self.nodes.unwrap_or(NODES)
    }

    pub(crate) fn controllers(&self) -> u32 {
        self.controllers.unwrap_or(CONTROLLERS)
    }

    pub(crate) fn listen(&self) -> &str {
        self.listen.as_deref().unwrap_or(LISTEN)
    }

    pub(crate) fn lease(&self) -> Span {
        self.lease.unwrap_or(LEASE)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn the_help_names_what_is_used() {
        let command = Cli::command();
        let up = command.find_subcommand("up").unwrap();
        let help = |name: &str| {
            let argument = up.get_arguments().find(|a| a.get_id() == name).unwrap();
            argument.get_help().unwrap().to_string()
        };
        for (name, used) in [
            ("nodes", NODES.to_string()),
            ("controllers", CONTROLLERS.to_string()),
            ("listen", LISTEN.to_owned()),
            ("lease", LEASE.to_string()),
        ] {
            assert!(help(name).ends_with(&format!("[default: {used}]")), "{name}: {}", help(name));
        }
    }
}
