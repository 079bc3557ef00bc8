//! `holdfast audit`: what was decided, as evidence that verifies without us.

mod export;

use std::process::ExitCode;

use camino::Utf8PathBuf;
use holdfast_api::v1::audit_client::AuditClient;
use holdfast_api::v1::{AuditEntry, AuditHeadRequest, ListAuditRequest};
use holdfast_audit::Entry;

use crate::failure::Failure;
use crate::globals::{Flag, Format, Globals};
use crate::output::Table;
use crate::session::{Session, call};

/// What can be done with the audit log.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List entries
    #[command(
        after_help = "Examples:\n  holdfast audit list\n  holdfast audit list --from 1000 --limit 50 -o json"
    )]
    List {
        /// From this index
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// At most this many
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=5_000))]
        limit: u32,
    },
    /// Print the signed head: keep it, and nobody can rewrite the log behind you
    #[command(after_help = "Examples:\n  holdfast audit head > head.txt\n  holdfast audit head -o json")]
    Head,
    /// Write the whole log as files that anybody can verify
    #[command(after_help = "Examples:\n  holdfast audit export ./audit\n  holdfast audit verify ./audit")]
    Export {
        /// The directory; it is made
        dir: Utf8PathBuf,
    },
    /// Verify an exported log; works offline
    #[command(after_help = "\
Examples:
  holdfast audit verify ./audit
  holdfast audit verify ./audit --checkpoint head.txt --key KEY")]
    Verify {
        /// The directory of the exported log
        dir: Utf8PathBuf,
        /// A head you kept: the log has to continue it
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<Utf8PathBuf>,
        /// The verifier key of the log, from a source you trust
        #[arg(long, value_name = "VKEY")]
        key: Option<String>,
    },
}

impl Command {
    /// The verb, and the options it honours.
    pub(crate) fn honours(&self) -> (&'static str, &'static [Flag]) {
        match self {
            Self::List { .. } => ("list", &[]),
            Self::Head => ("head", &[]),
            Self::Export { .. } => ("export", &[]),
            Self::Verify { .. } => ("verify", &[]),
        }
    }
}

/// Runs the command. Verifying needs no cluster, so the session is opened by those that do.
pub(crate) async fn run(globals: &Globals, command: &Command) -> Result<(), Failure> {
    match command {
        Command::List { from, limit } => list(&Session::open(globals)?, *from, *limit).await,
        Command::Head => {
            let session = Session::open(globals)?;
            let head = call!(session, AuditClient, head, AuditHeadRequest {})?;
            session.printer.show(&head, || head.checkpoint.clone())
        }
        Command::Export { dir } => export::run(&Session::open(globals)?, dir).await,
        Command::Verify { dir, checkpoint, key } => {
            let mut args = vec!["holdfast audit verify".to_owned(), "log".to_owned(), dir.to_string()];
            for (flag, value) in
                [("--checkpoint", checkpoint.as_ref().map(|c| c.as_str())), ("--key", key.as_deref())]
            {
                args.extend(value.map(|value| format!("{flag}={value}")));
            }
            if globals.output == Format::Json {
                args.push("--json".to_owned());
            }
            match holdfast_verify::main_with_args(args.into_iter().map(Into::into)) {
                code if code == ExitCode::SUCCESS => Ok(()),
                code => Err(Failure::Ended(code)),
            }
        }
    }
}

async fn list(session: &Session, from: u64, limit: u32) -> Result<(), Failure> {
    let list = call!(session, AuditClient, list, ListAuditRequest { from, limit })?;
    match session.globals.output {
        // The entry itself and not its bytes: those are for machines that hash, and `audit export` has them.
        Format::Json | Format::Yaml => {
            let items: Vec<serde_json::Value> = list.items.iter().map(as_json).collect();
            session.printer.value(&serde_json::json!({"items": items, "size": list.size.to_string()}))
        }
        Format::Name => {
            session.printer.text(&list.items.iter().map(|e| format!("{}\n", e.index)).collect::<String>())
        }
        Format::Table => {
            let mut table =
                Table::new(&["INDEX", "AT", "ACT", "OBJECT", "ACTOR", "VERDICT", "REASONS", "REQUEST"]);
            list.items.iter().for_each(|entry| row(&mut table, entry));
            session.printer.text(&table.to_string())
        }
    }
}

pub(super) fn as_json(entry: &AuditEntry) -> serde_json::Value {
    let content = serde_json::from_slice(&entry.entry).unwrap_or(serde_json::Value::Null);
    serde_json::json!({"index": entry.index.to_string(), "entry": content})
}

fn row(table: &mut Table, entry: &AuditEntry) {
    let index = entry.index.to_string();
    match Entry::parse(&entry.entry) {
        Ok(parsed) => table.row(cells(index, &parsed)),
        Err(error) => table.row([index, format!("cannot be read: {error}")]),
    }
}

fn cells(index: String, entry: &Entry) -> [String; 8] {
    let draft = &entry.draft;
    let rules: Vec<String> = draft.reasons.iter().map(|reason| reason.rule.clone()).collect();
    [
        index,
        draft.time.to_string(),
        draft.act.clone(),
        draft.object.clone(),
        draft.actor.clone(),
        draft.verdict.clone().unwrap_or_default(),
        rules.join(","),
        draft.details.get("request").and_then(|id| id.as_str()).unwrap_or_default().to_owned(),
    ]
}
