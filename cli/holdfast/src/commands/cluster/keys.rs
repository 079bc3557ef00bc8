//! `holdfast cluster backup-key`, and reading a key from its file.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_api::v1::backups_client::BackupsClient;
use holdfast_api::v1::{ListRecipientsRequest, RecipientList, SetRecipientsRequest};
use holdfast_controller::sealed_problem;
use holdfast_identity::{BackupKey, Recipient};
use holdfast_types::{Problem, ProblemKind};

use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::Printer;
use crate::private;
use crate::session::{Session, call};

/// The longest key file.
const MAX_FILE: u64 = 16 << 10;

/// Which keys.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(group = clap::ArgGroup::new("act").required(true).args(["out", "list", "add", "remove"]))]
pub(crate) struct BackupKeys {
    /// Make a key, write it here, and have backups encrypted to it
    #[arg(long, value_name = "FILE")]
    out: Option<Utf8PathBuf>,
    /// Only make it; print its public half for `--add`
    #[arg(long, requires = "out")]
    offline: bool,
    /// List the keys that backups are encrypted to
    #[arg(long)]
    list: bool,
    /// Have backups encrypted to this public half as well
    #[arg(long, value_name = "KEY")]
    add: Option<String>,
    /// Encrypt no more backups to the key of this fingerprint
    #[arg(long, value_name = "FINGERPRINT")]
    remove: Option<String>,
}

fn failed(path: &Utf8Path, because: impl Into<String>) -> Problem {
    Problem::new(7117, ProblemKind::Failed, format!("backup key `{path}` cannot be used")).because(because)
}

/// Runs the command.
pub(super) async fn run(globals: &Globals, keys: &BackupKeys) -> Result<(), Failure> {
    let printer = Printer::new(globals.output);
    if let Some(path) = &keys.out {
        let recipient = make(path)?;
        if !keys.offline {
            change(&Session::open(globals)?, |known| known.push(recipient.to_string())).await?;
        }
        printer.note(format!(
            "`{path}` opens backups. Keep it apart from the controllers and from the backups."
        ));
        return printer.line(if keys.offline { recipient.to_string() } else { recipient.fingerprint() });
    }
    let session = Session::open(globals)?;
    let list = if let Some(text) = &keys.add {
        let recipient: Recipient = text.parse().map_err(|error| sealed_problem(&error))?;
        change(&session, |known| known.push(recipient.to_string())).await?
    } else if let Some(unwanted) = &keys.remove {
        let kept = |key: &String| fingerprint(key) != *unwanted;
        change(&session, |known| known.retain(kept)).await?
    } else {
        call!(&session, BackupsClient, recipients, ListRecipientsRequest {})?
    };
    printer.show(&list, || list.items.iter().map(|key| fingerprint(key) + "\n").collect())
}

fn fingerprint(key: &str) -> String {
    key.parse::<Recipient>().map_or_else(|_| "unreadable".to_owned(), |key| key.fingerprint())
}

async fn change(session: &Session, change: impl FnOnce(&mut Vec<String>)) -> Result<RecipientList, Problem> {
    let mut recipients = call!(session, BackupsClient, recipients, ListRecipientsRequest {})?.items;
    change(&mut recipients);
    recipients.sort();
    recipients.dedup();
    let request = SetRecipientsRequest { recipients, options: Some(session.write_options()?) };
    call!(session, BackupsClient, set_recipients, request)
}

/// Makes a key and writes it where nothing is yet, readable by its owner alone.
fn make(path: &Utf8Path) -> Result<Recipient, Problem> {
    let key = BackupKey::generate().map_err(|error| sealed_problem(&error))?;
    private::create(path, key.to_text().as_bytes()).map_err(|error| failed(path, error.to_string()))?;
    Ok(key.recipient().clone())
}

/// Reads a key; refuses one that others can read.
pub(crate) fn load(path: &Utf8Path) -> Result<BackupKey, Problem> {
    let fault = |error: std::io::Error| failed(path, error.to_string());
    let file = std::fs::File::open(path).map_err(fault)?;
    let mode = file.metadata().map_err(fault)?.mode();
    if mode & 0o077 != 0 {
        return Err(failed(path, format!("its mode is {:04o}: others can read it", mode & 0o7777))
            .next(format!("chmod 600 {path}")));
    }
    let mut text = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut text).map_err(fault)?;
    let text = holdfast_identity::Secret::new(text);
    let text = std::str::from_utf8(text.expose()).map_err(|_| failed(path, "it is not text"))?;
    BackupKey::parse(text).map_err(|error| sealed_problem(&error))
}
