//! `holdfast event`: what happened, newest last.

use holdfast_api::v1::ListEventsRequest;
use holdfast_api::v1::events_client::EventsClient;

use crate::failure::Failure;
use crate::globals::{Flag, Format};
use crate::output::{Table, since};
use crate::session::{Session, call};

/// What can be asked of events.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List events
    #[command(
        after_help = "Examples:\n  holdfast event list\n  holdfast event list --object job/train --limit 20"
    )]
    List {
        /// Only about this object, as `kind/name`
        #[arg(long, value_name = "OBJECT", default_value = "", hide_default_value = true)]
        object: String,
        /// At most this many, the newest
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
}

impl Command {
    /// The verb, and the options it honours.
    pub(crate) fn honours(&self) -> (&'static str, &'static [Flag]) {
        match self {
            Self::List { .. } => ("list", &[]),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(session: &Session, command: &Command) -> Result<(), Failure> {
    let Command::List { object, limit } = command;
    let request = ListEventsRequest { object: object.clone(), limit: *limit };
    let list = call!(session, EventsClient, list, request)?;
    let mut table = Table::new(&["AGE", "OBJECT", "REASON", "TEXT"]);
    for event in &list.items {
        let cells =
            [since(event.at.as_ref()), event.object.clone(), event.reason.clone(), event.text.clone()];
        table.row(cells);
    }
    if table.is_empty() && session.globals.output == Format::Table {
        session.printer.note("nothing found");
        return Ok(());
    }
    session.printer.show(&list, || table.to_string())
}
