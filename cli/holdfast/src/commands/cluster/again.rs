//! `holdfast cluster restore` and `holdfast cluster recover`: beginning again. Neither needs a controller that runs.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_controller::{RestoreOptions, Restored, Told};
use holdfast_identity::{Context, Endpoint};
use holdfast_types::{NodeName, Problem, ProblemKind};
use serde_json::json;

use super::alone::{self, Alone, Backup};
use super::backup::metered;
use super::context::point_context;
use super::keys;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::output::Printer;
use crate::session::context_path;
use crate::transfer::Tally;

/// From what, and where to.
#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    /// The backup
    file: Utf8PathBuf,
    /// The key that opens it
    #[arg(long, value_name = "FILE")]
    key: Utf8PathBuf,
    /// The name of the first controller
    #[arg(long)]
    name: NodeName,
    /// Where the others, agents and people reach it
    #[arg(long, value_name = "HOST:PORT")]
    address: Endpoint,
    /// Where it keeps everything; empty or not there
    #[arg(long, value_name = "DIR")]
    directory: Utf8PathBuf,
    /// What it listens on; the address where not given
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<Endpoint>,
    /// The id of the cluster that is meant, where it is not the one of the context
    #[arg(long, value_name = "ID")]
    cluster: Option<String>,
    /// The incarnation to begin, where it has to be a certain one; one that nobody else begins where not given
    #[arg(long, value_name = "NUMBER")]
    incarnation: Option<u64>,
}

/// Which controller goes on, and with what.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(
    group = clap::ArgGroup::new("state").required(true).args(["force_single", "from_snapshot"]),
    group = clap::ArgGroup::new("place").required(true).args(["server", "directory"])
)]
pub(crate) struct Recover {
    /// Make it the only controller: what it does not have is lost
    #[arg(long)]
    force_single: bool,
    /// Make it the only controller with the state of this backup: what happened since is lost
    #[arg(long, value_name = "FILE", requires = "key", conflicts_with = "directory")]
    from_snapshot: Option<Utf8PathBuf>,
    /// The key that opens the backup; it stays on this machine
    #[arg(long, value_name = "FILE", requires = "from_snapshot")]
    key: Option<Utf8PathBuf>,
    /// The controller, which runs and has no quorum; nobody needs its disk
    #[arg(long, value_name = "HOST:PORT")]
    server: Option<Endpoint>,
    /// Another controller, which is given up for good; all of them are to be named
    #[arg(long, value_name = "NAME", requires = "server")]
    lost: Vec<String>,
    /// The directory of the controller, which does not run
    #[arg(long, value_name = "DIR")]
    directory: Option<Utf8PathBuf>,
    /// Where it is reached from now on, where that changes
    #[arg(long, value_name = "HOST:PORT", requires = "directory")]
    address: Option<Endpoint>,
}

/// Makes the first controller of the restored cluster.
pub(super) fn restore(globals: &Globals, restore: &Restore) -> Result<(), Failure> {
    let printer = Printer::new(globals.output);
    let context = context_path(globals.context.as_deref()).ok().and_then(|path| Context::load(&path).ok());
    let named = context.map(|context| context.cluster.to_string());
    let cluster = restore.cluster.clone().or(named).ok_or_else(|| {
        Problem::new(7115, ProblemKind::Invalid, "nobody said which cluster is to be restored")
            .because("there is no context file, and no --cluster was given")
            .next("holdfast cluster backup verify FILE --key KEY")
    })?;
    let listen = restore.listen.as_ref().unwrap_or(&restore.address).to_string();
    printer.note(format!("`{}` is proved, then restored", restore.file));
    let options = RestoreOptions {
        file: restore.file.clone(),
        key: keys::load(&restore.key)?,
        cluster,
        incarnation: restore.incarnation,
        directory: restore.directory.clone(),
        name: restore.name.clone(),
        address: restore.address.to_string(),
        listen,
    };
    let work = |told: &Told| holdfast_controller::restore(&options, told);
    let restored = metered("restore", &restore.file, 3, work)?;
    begun(globals, &restored, &restore.directory)
}

/// Makes one controller the only one.
pub(super) async fn recover(globals: &Globals, recover: &Recover) -> Result<(), Failure> {
    if let Some(server) = &recover.server {
        let backup = match (&recover.from_snapshot, &recover.key) {
            (Some(file), Some(key)) => Some(Backup { file, key }),
            _ => None,
        };
        return alone::run(globals, &Alone { server, lost: &recover.lost, backup }).await;
    }
    globals.check("cluster recover --directory", &[])?;
    let Some(directory) = &recover.directory else { return Ok(()) };
    let address = recover.address.as_ref().map(Endpoint::as_str);
    let tally = Tally::new("records and commands are taken over");
    let told: Told = Arc::new(move |count| tally.add(count));
    let restored = holdfast_controller::recover(directory, address, &told)?;
    begun(globals, &restored, directory)
}

fn begun(globals: &Globals, restored: &Restored, directory: &Utf8Path) -> Result<(), Failure> {
    let printer = Printer::new(globals.output);
    let Restored { cluster_id, incarnation, records, address, .. } = restored;
    if let Err(problem) = point_context(globals, cluster_id, address) {
        printer.note(format!("the context file still names other controllers: {}", problem.summary));
    }
    if matches!(printer.format(), Format::Json | Format::Yaml) {
        let shown = json!({
            "clusterId": cluster_id, "incarnation": incarnation.to_string(), "records": records.to_string(),
            "address": address, "directory": directory,
        });
        return printer.value(&shown);
    }
    printer.text(&format!(
        "cluster {cluster_id} begins incarnation {incarnation} at {address} with {records} records\n\
         start it: holdfast controller run --directory {directory}\n\
         Agents that have other addresses need this one in their configuration.\n"
    ))
}
