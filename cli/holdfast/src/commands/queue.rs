//! `holdfast queue`: where jobs wait.

use std::collections::BTreeMap;

use holdfast_api::v1::queues_client::QueuesClient;
use holdfast_api::v1::watch_event::Resource;
use holdfast_api::v1::{GetRequest, Queue, QueueList};

use super::listing::{self, Selector, Watched};
use crate::failure::Failure;
use crate::globals::Flag;
use crate::output::Table;
use crate::session::{Session, call};

/// What can be asked of queues.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the queues
    #[command(after_help = "Examples:\n  holdfast queue list\n  holdfast queue list --watch")]
    List(Selector),
    /// Show one queue
    #[command(after_help = "Examples:\n  holdfast queue show default\n  holdfast queue show default -o yaml")]
    Show {
        /// Its name
        name: String,
    },
}

impl Command {
    /// The verb, and the options it honours.
    pub(crate) fn honours(&self) -> (&'static str, &'static [Flag]) {
        match self {
            Self::List(_) => ("list", &[Flag::Watch]),
            Self::Show { .. } => ("show", &[]),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(session: &Session, command: &Command) -> Result<(), Failure> {
    match command {
        Command::List(selector) => {
            let list: QueueList =
                listing::all(
                    |token| async move { call!(session, QueuesClient, list, selector.page(&token)) },
                )
                .await?;
            let mut rows = table();
            list.items.iter().for_each(|queue| row(&mut rows, queue));
            let watched = Watched { kind: "Queue", name: "", revision: list.revision };
            listing::show(session, &list, rows, watched, |table, resource| {
                if let Resource::Queue(queue) = resource {
                    row(table, queue);
                }
            })
            .await
        }
        Command::Show { name } => {
            let queue = call!(
                session,
                QueuesClient,
                get,
                GetRequest { name: name.clone(), ..GetRequest::default() }
            )?;
            session.printer.show(&queue, || {
                let mut rows = table();
                row(&mut rows, &queue);
                rows.to_string()
            })
        }
    }
}

fn table() -> Table {
    Table::new(&[
        "NAME", "PARENT", "PRIORITY", "STATE", "WAITING", "RUNNING", "DEVICES", "LIMIT", "WEIGHT", "SHARE",
        "NOMINAL", "BORROWS", "LENDS",
    ])
}

fn row(table: &mut Table, queue: &Queue) {
    let (metadata, spec) =
        (queue.metadata.clone().unwrap_or_default(), queue.spec.clone().unwrap_or_default());
    let status = queue.status.clone().unwrap_or_default();
    let limit = if spec.max_devices == 0 { "none".to_owned() } else { spec.max_devices.to_string() };
    let is_shared = !spec.parent.is_empty();
    table.row([
        metadata.name,
        spec.parent,
        spec.priority.to_string(),
        if spec.stopped { "stopped".to_owned() } else { "open".to_owned() },
        status.waiting.to_string(),
        status.running.to_string(),
        status.devices_in_use.to_string(),
        limit,
        spec.weight.max(1).to_string(),
        format!("{}.{:03}", status.share / 1_000, status.share % 1_000),
        counts(&spec.nominal, ""),
        counts(&spec.borrowing_limit, if is_shared { "any" } else { "" }),
        counts(&spec.lending_limit, if is_shared { "all" } else { "" }),
    ]);
}

/// `nvidia:8,amd:2`, or a word where nothing is said.
fn counts(counts: &BTreeMap<String, u32>, unsaid: &str) -> String {
    if counts.is_empty() {
        return unsaid.to_owned();
    }
    counts.iter().map(|(class, count)| format!("{class}:{count}")).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_says_what_it_shares() {
        let classes =
            |counts: &[(&str, u32)]| counts.iter().map(|(class, n)| ((*class).to_owned(), *n)).collect();
        let spec = holdfast_api::v1::QueueSpec {
            parent: "research".to_owned(),
            nominal: classes(&[("nvidia", 8), ("amd", 0)]),
            lending_limit: classes(&[("nvidia", 2)]),
            ..Default::default()
        };
        let mut rows = table();
        row(&mut rows, &Queue { spec: Some(spec), ..Queue::default() });
        let text = rows.to_string();
        assert!(text.contains("research"), "{text}");
        assert!(text.contains("amd:0,nvidia:8  any      nvidia:2"), "{text}");
    }
}
