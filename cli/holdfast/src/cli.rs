//! What can be typed. Every leaf has a line of help and examples; a test holds it to that.

use camino::Utf8PathBuf;

use crate::appliance::Appliance;
use crate::commands::{
    apply, artifact, audit, cluster, controller, dataset, doctor, event, explain, image, job, node, policy,
    queue, release, reservation, scheduler, simulate, site, support,
};
use crate::daemons::Daemon;
use crate::globals::{Flag, Globals};
use crate::up;

/// Holdfast: a sovereign AI cluster on your own machines
#[derive(Debug, clap::Parser)]
#[command(name = "holdfast", version, about, max_term_width = 100, propagate_version = true)]
#[command(after_help = "\
Begin with:
  holdfast up                            a whole cluster on this machine
  holdfast cluster status                what is wrong, and what to type
  holdfast job submit -f train.yaml --wait
  holdfast explain E2104                 what an error means

Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 refused by policy, 5 unreachable or timed out, 6 conflict")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Run a whole cluster on this machine
    Up(up::Args),
    /// See how the cluster is
    #[command(subcommand)]
    Cluster(cluster::Command),
    /// Prepare a new cluster and its machines, away from them
    #[command(subcommand)]
    Site(site::Command),
    /// Let controllers in, take them out, say who leads
    #[command(subcommand)]
    Controller(controller::Command),
    /// Look after nodes
    #[command(subcommand)]
    Node(node::Command),
    /// See where jobs wait
    #[command(subcommand)]
    Queue(queue::Command),
    /// See what nodes are kept for
    #[command(subcommand)]
    Reservation(reservation::Command),
    /// See what the scheduler would decide
    #[command(subcommand)]
    Scheduler(scheduler::Command),
    /// Submit jobs and follow them
    #[command(subcommand)]
    Job(job::Command),
    /// Bring data in, check it, take it out
    #[command(subcommand)]
    Dataset(dataset::Command),
    /// See models and take them out
    #[command(subcommand)]
    Model(artifact::ModelCommand),
    /// Pack programs and bring them in
    #[command(subcommand)]
    Image(image::Command),
    /// Take releases in and bring them to nodes
    #[command(subcommand)]
    Release(release::Command),
    /// Read the law in force and ask it
    #[command(subcommand)]
    Policy(policy::Command),
    /// Read, export and verify the audit log
    #[command(subcommand)]
    Audit(audit::Command),
    /// See what happened
    #[command(subcommand)]
    Event(event::Command),
    /// Make what manifests describe
    Apply(apply::Apply),
    /// Show how manifests differ from the cluster
    Diff(apply::Files),
    /// Delete what manifests describe
    Delete(apply::Files),
    /// Check everything from this machine to the agents, with what to type
    Doctor(doctor::Args),
    /// Put what somebody who helps has to know into one encrypted file
    SupportBundle(support::Args),
    /// Run a trace of jobs on a cluster that is none, and compare policies; works offline
    Simulate(simulate::Args),
    /// Say what an error code means; works offline
    Explain(explain::Args),
    /// Print a completion script
    #[command(after_help = "Examples:\n  holdfast completion bash > /etc/bash_completion.d/holdfast")]
    Completion {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Write man pages, completions and the reference of the command line
    #[command(name = "__gen", hide = true)]
    Generate {
        /// Where
        dir: Utf8PathBuf,
    },
    /// Run a controller
    #[command(name = "__controller", hide = true)]
    RunController(Daemon),
    /// Run an agent
    #[command(name = "__agent", hide = true)]
    Agent(Daemon),
    /// Run what a machine of the appliance is for
    #[command(name = "__machine", hide = true)]
    Machine(Appliance),
    /// Verify offline
    #[command(name = "__verify", hide = true, disable_help_flag = true)]
    Verify {
        /// Arguments of `holdfast-verify`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

impl Command {
    /// The command as typed, and the options it honours beyond those that never hurt.
    pub(crate) fn honours(&self) -> (String, &'static [Flag]) {
        let (noun, (verb, flags)) = match self {
            Self::Cluster(command) => ("cluster", command.honours()),
            Self::Controller(command) => ("controller", command.honours()),
            Self::Site(command) => ("site", command.honours()),
            Self::Node(command) => ("node", command.honours()),
            Self::Queue(command) => ("queue", command.honours()),
            Self::Reservation(command) => ("reservation", command.honours()),
            Self::Scheduler(command) => ("scheduler", command.honours()),
            Self::Job(command) => ("job", command.honours()),
            Self::Dataset(command) => ("dataset", command.honours()),
            Self::Model(command) => ("model", command.honours()),
            Self::Image(command) => ("image", command.honours()),
            Self::Release(command) => ("release", command.honours()),
            Self::Policy(command) => ("policy", command.honours()),
            Self::Audit(command) => ("audit", command.honours()),
            Self::Event(command) => ("event", command.honours()),
            Self::Apply(_) => ("apply", ("", apply::WRITES)),
            Self::Delete(_) => ("delete", ("", apply::WRITES)),
            Self::Up(_) => ("up", ("", NOTHING)),
            Self::Diff(_) => ("diff", ("", NOTHING)),
            Self::Simulate(_) => ("simulate", ("", NOTHING)),
            Self::Explain(_) => ("explain", ("", NOTHING)),
            Self::Doctor(_) => ("doctor", ("", NOTHING)),
            Self::SupportBundle(_) => ("support-bundle", ("", NOTHING)),
            Self::Completion { .. } => ("completion", ("", NOTHING)),
            Self::Generate { .. }
            | Self::RunController(_)
            | Self::Agent(_)
            | Self::Machine(_)
            | Self::Verify { .. } => ("help", ("", NOTHING)),
        };
        (format!("{noun} {verb}").trim_end().to_owned(), flags)
    }
}

const NOTHING: &[Flag] = &[];

#[cfg(test)]
mod tests;
