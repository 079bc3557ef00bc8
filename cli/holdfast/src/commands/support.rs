//! `holdfast support-bundle`: what somebody who helps has to know of a cluster, as one file that only the operators open.

mod archive;
mod contents;
mod machine;
mod parts;
mod scan;
mod whom;

use camino::Utf8PathBuf;
use holdfast_api::v1::ListRecipientsRequest;
use holdfast_api::v1::backups_client::BackupsClient;
use holdfast_identity::Recipient;
use holdfast_types::{Bytes, Problem};
use serde_json::json;

use self::contents::{cleaned, described};
use self::parts::Part;
use self::whom::{nobody, recipient};
use super::cluster::backup_key;
use super::doctor;
use crate::answers::{merge, now};
use crate::failure::Failure;
use crate::globals::{Format, Globals};
use crate::output::Printer;
use crate::session::{Session, call};

/// What is made, or opened.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "\
What is in it: the state of every controller with its metrics, nodes, queues, jobs, artifacts, the newest events and audit
entries, the law, and what `holdfast doctor` says. What looks like a key, a token or a password is taken out. No data, no
model and no log of a job is in it.

Examples:
  holdfast support-bundle cluster.support
  holdfast support-bundle cluster.support --to \"$(cat helper.pub)\"
  holdfast support-bundle open cluster.support --key backup.key --into bundle")]
pub(crate) struct Args {
    /// Where the bundle is written; nothing is overwritten
    #[arg(required = true)]
    file: Option<Utf8PathBuf>,
    /// Whom it is for, as the public half of a key, instead of those to whom backups are encrypted; may be repeated
    #[arg(long, value_name = "KEY")]
    to: Vec<String>,
    #[command(subcommand)]
    what: Option<What>,
}

/// What can be done with a bundle that is there.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum What {
    /// Open a bundle, offline
    #[command(after_help = "\
Examples:
  holdfast support-bundle open cluster.support --key backup.key --into bundle")]
    Open {
        /// The bundle
        file: Utf8PathBuf,
        /// The key that opens it, as `holdfast cluster backup-key` made it
        #[arg(long, value_name = "FILE")]
        key: Utf8PathBuf,
        /// The directory of its parts; it is made
        #[arg(long, value_name = "DIR")]
        into: Utf8PathBuf,
    },
    /// Make the bundle of one machine of the appliance, at its console
    #[command(name = "__machine", hide = true)]
    Machine(machine::Machine),
}

/// Runs the command.
pub(crate) async fn run(globals: &Globals, args: &Args) -> Result<(), Failure> {
    let printer = Printer::new(globals.output);
    if let Some(What::Machine(machine)) = &args.what {
        return Ok(machine.make()?);
    }
    if let Some(What::Open { file, key, into }) = &args.what {
        let names = archive::unpack(file, &backup_key(key)?, into)?;
        return match printer.format() {
            Format::Table => {
                printer.line(format!("{} parts in {into}: read {into}/about.json first", names.len()))
            }
            Format::Json | Format::Yaml => printer.value(&json!({"directory": into, "parts": names})),
            Format::Name => printer.text(&names.iter().map(|name| format!("{name}\n")).collect::<String>()),
        };
    }
    let Some(file) = &args.file else { return Ok(()) };
    let session = Session::open(globals)?;
    // Before the work: a bundle that nobody can open is not worth making.
    let recipients = recipients(&session, &args.to).await?;
    printer.note("asking every controller");
    let (parts, about) = gather(&session).await?;
    let bytes = archive::write(file, &recipients, &parts)?;
    for missing in about["missing"].as_array().into_iter().flatten() {
        printer.note(format!("not in it: {}: {}", missing["part"], missing["why"]));
    }
    let fingerprints: Vec<String> = recipients.iter().map(Recipient::fingerprint).collect();
    match printer.format() {
        Format::Table => {
            let removed = &about["removed"];
            let whom = fingerprints.join(", ");
            printer.line(format!(
                "{file}: {} parts, {}, {removed} secrets taken out, for {whom}",
                parts.len(),
                Bytes(bytes)
            ))
        }
        Format::Json | Format::Yaml => {
            printer.value(&json!({"file": file, "bytes": bytes, "for": fingerprints, "about": about}))
        }
        Format::Name => printer.line(file),
    }
}

/// Those named, else those to whom backups are encrypted.
async fn recipients(session: &Session, named: &[String]) -> Result<Vec<Recipient>, Problem> {
    let known = match named {
        [] => {
            call!(session, BackupsClient, recipients, ListRecipientsRequest {})
                .map_err(|problem| problem.next("holdfast support-bundle FILE --to KEY"))?
                .items
        }
        named => named.to_vec(),
    };
    if known.is_empty() {
        return Err(nobody()
            .because("the cluster has no backup key, and none is named with --to")
            .next("holdfast cluster backup-key --out FILE")
            .next("holdfast support-bundle FILE --to KEY"));
    }
    known.iter().map(|text| recipient(text)).collect()
}

/// The parts without their secrets, and what there is to know of them, which is a part itself.
async fn gather(session: &Session) -> Result<(Vec<(String, String)>, serde_json::Value), Problem> {
    let (report, answers) = Box::pin(doctor::examine(&session.globals)).await;
    let mut parts = parts::of_cluster(session, &answers, &session.own()).await;
    parts.push(Part { name: "doctor.txt".to_owned(), content: Ok(report.text()) });
    let (mut files, missing, removed) = cleaned(parts);
    let cluster = merge(&answers).map(|status| (status.cluster_id, status.name)).unwrap_or_default();
    let about = json!({
        "madeAt": now().to_string(), "program": env!("CARGO_PKG_VERSION"), "clusterId": cluster.0, "cluster": cluster.1,
        "parts": files.iter().map(|(name, _)| name).collect::<Vec<_>>(), "missing": missing, "removed": removed,
    });
    files.insert(0, described(&about)?);
    Ok((files, about))
}
