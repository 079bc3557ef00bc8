//! Three controllers of the product as one side: found as `holdfast` does it, run as they ship, with all that their API does for
//! a call.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use holdfast_controller::FoundController;
use holdfast_e2e::founding::begin;
use holdfast_types::Span;
use rustix::process::{Signal, set_parent_process_death_signal};
use tokio_rustls::rustls::ClientConfig;

use super::side::{MEMBERS, Side, free_addresses};

/// The lease of nodes in a cluster that is founded without asking for another.
pub(crate) const LEASE: Span = Span::from_secs(30);

/// The controller as it ships, built beside this program.
const PROGRAM: &str = "holdfast-controller";

/// Becomes one controller, until its parent ends.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).context("end with the bench")?;
    let config = arguments.first().context("a configuration file")?;
    let program = std::env::current_exe().context("this program")?.with_file_name(PROGRAM);
    let error = Command::new(&program).args(["--config", config]).exec();
    Err(error).with_context(|| format!("run {}, which `cargo xtask bench` builds", program.display()))
}

/// Three controllers of a cluster that begins, whose nodes have leases of this length.
pub(crate) fn controllers(directory: &Utf8Path, lease: Span) -> Result<Side> {
    let addresses = free_addresses(MEMBERS)?;
    let found = |(number, listen): (usize, &String)| {
        let name = format!("controller-{number}");
        FoundController { directory: directory.join(&name), name, listen: listen.clone() }
    };
    std::fs::create_dir_all(directory).with_context(|| format!("create {directory}"))?;
    let members: Vec<FoundController> = (1..).zip(&addresses).map(found).collect();
    let configs: Vec<_> = members.iter().map(|member| member.directory.join("controller.toml")).collect();
    let client: Arc<ClientConfig> = begin(members, lease, &directory.join("context.toml"))?;
    let program = std::env::current_exe().context("this program")?;
    let start = Box::new(move |member: usize| {
        let config = configs.get(member).context("a member")?;
        let mut command = Command::new(&program);
        command.args(["__controller", config.as_str()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().context("start a controller")
    });
    Side::start(addresses, client, start)
}
