//! `holdfast cluster backup FILE` and `holdfast cluster backup verify FILE`.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_api::problem_from_status;
use holdfast_api::v1::CreateBackupRequest;
use holdfast_api::v1::backups_client::BackupsClient;
use holdfast_controller::{Checked, Told, check, check_without_key};
use holdfast_types::{Bytes, Problem, ProblemKind};
use serde_json::json;

use super::keys;
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::output::Printer;
use crate::session::{Session, call};
use crate::transfer::Progress;

/// How often it is said how far it is.
const SAY: Duration = Duration::from_secs(1);

/// Where to.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Backup {
    /// Where the backup is written; nothing is overwritten
    #[arg(required = true)]
    file: Option<Utf8PathBuf>,
    #[command(subcommand)]
    what: Option<Verify>,
}

/// What can be done with a backup that is there.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verify {
    /// Prove a backup, offline: with the key all of its content, without it that it is whole and unchanged
    #[command(after_help = "\
Examples:
  holdfast cluster backup verify cluster.backup
  holdfast cluster backup verify cluster.backup --key backup.key")]
    Verify {
        /// The backup
        file: Utf8PathBuf,
        /// The key that opens it
        #[arg(long, value_name = "FILE")]
        key: Option<Utf8PathBuf>,
    },
}

fn failed(path: &Utf8Path, because: impl Into<String>) -> Problem {
    Problem::new(7116, ProblemKind::Failed, format!("the backup cannot be written to `{path}`"))
        .because(because)
}

/// Runs the command.
pub(super) async fn run(globals: &Globals, backup: &Backup) -> Result<(), Failure> {
    let printer = Printer::new(globals.output);
    if let Some(Verify::Verify { file, key }) = &backup.what {
        let checked = match key {
            Some(key) => {
                let key = keys::load(key)?;
                metered("prove", file, 2, |told| check(file, &key, told))?
            }
            None => metered("check", file, 1, |told| check_without_key(file, told))?,
        };
        return show(printer, &checked);
    }
    let Some(file) = &backup.file else { return Ok(()) };
    if file.exists() {
        return Err(failed(file, "something is there, and nothing is overwritten").into());
    }
    let partial = Utf8PathBuf::from(format!("{file}.partial"));
    let written = write(&Session::open(globals)?, &partial).await;
    let checked = written.and_then(|()| {
        let checked = metered("check", &partial, 1, |told| check_without_key(&partial, told))?;
        std::fs::rename(&partial, file).map_err(|error| failed(file, error.to_string()))?;
        let place = file.parent().filter(|place| !place.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
        let synced = File::open(place).and_then(|place| place.sync_all());
        synced.map_err(|error| failed(file, error.to_string()))?;
        Ok(checked)
    });
    let checked = checked.inspect_err(|_| {
        // What is there of it is worth nothing; the error that matters is the first one.
        let _ = std::fs::remove_file(&partial);
    })?;
    show(printer, &checked)
}

/// Does what reads a file so many times, and shows how far it is where that takes a while.
pub(super) fn metered<T>(
    what: &'static str,
    file: &Utf8Path,
    times: u64,
    work: impl FnOnce(&Told) -> Result<T, Problem>,
) -> Result<T, Problem> {
    // A file that is not there is named by who reads it.
    let bytes = std::fs::metadata(file).map_or(0, |file| file.len());
    let meter = Arc::new(Progress::new(what, bytes.saturating_mul(times)));
    let told = Arc::clone(&meter);
    let told: Told = Arc::new(move |bytes| told.add(bytes));
    let done = work(&told);
    meter.end();
    done
}

/// Writes the stream as it comes.
async fn write(session: &Session, path: &Utf8Path) -> Result<(), Problem> {
    let fault = |error: std::io::Error| failed(path, error.to_string());
    let mut options = File::options();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path).map_err(fault)?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    let mut stream = call!(session, BackupsClient, create, CreateBackupRequest::default())?;
    let (mut bytes, mut said) = (0, Instant::now());
    while let Some(piece) = stream.message().await.map_err(|status| problem_from_status(&status))? {
        file.write_all(&piece.data).map_err(fault)?;
        bytes += u64::try_from(piece.data.len()).unwrap_or(0);
        if said.elapsed() > SAY {
            session.printer.note(format!("backup: {}", Bytes(bytes)));
            said = Instant::now();
        }
    }
    let file = file.into_inner().map_err(|error| failed(path, error.to_string()))?;
    file.sync_all().map_err(fault)
}

fn show(printer: Printer, checked: &Checked) -> Result<(), Failure> {
    let Checked { bytes, recipients, facts, records, state_hash } = checked;
    if matches!(printer.format(), Format::Json | Format::Yaml) {
        let facts = facts.as_ref().map(|facts| {
            json!({
                "clusterId": facts.cluster_id, "incarnation": facts.incarnation.to_string(),
                "revision": facts.revision.to_string(), "timeMs": facts.time_ms.to_string(),
                "version": facts.version, "madeBy": facts.made_by, "nodes": facts.nodes, "jobs": facts.jobs,
                "artifacts": facts.artifacts, "auditSize": facts.audit_size.to_string(),
                "records": records.to_string(), "stateHash": state_hash,
            })
        });
        return printer.value(&json!({"bytes": bytes.to_string(), "keys": recipients, "content": facts}));
    }
    let mut text = format!("whole and unchanged: {}, for {}\n", Bytes(*bytes), recipients.join(", "));
    match facts {
        None => {
            text += "what is in it is proved with the key: holdfast cluster backup verify FILE --key KEY\n"
        }
        Some(facts) => {
            text += &format!(
                "cluster {} of incarnation {}, revision {}, written by release {} for {}\n{} nodes, {} jobs, {} artifacts, {} \
                 audit entries; {records} records read and proved, state {}\n",
                facts.cluster_id,
                facts.incarnation,
                facts.revision,
                facts.version,
                facts.made_by,
                facts.nodes,
                facts.jobs,
                facts.artifacts,
                facts.audit_size,
                state_hash.chars().take(16).collect::<String>(),
            );
        }
    }
    printer.text(&text)
}
