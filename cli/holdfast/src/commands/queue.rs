//! `holdfast queue`: where jobs wait.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use holdfast_api::v1::queues_client::QueuesClient;
use holdfast_api::v1::watch_event::Resource;
use holdfast_api::v1::{GetRequest, Queue, QueueExplanation, QueueList, QueueTurn};
use holdfast_types::Span;

use super::listing::{self, Selector, Watched};
use crate::failure::Failure;
use crate::globals::Flag;
use crate::output::{Table, left, since};
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
    /// Say what a queue has and may take, whose turn it is, and who is next in it
    #[command(
        after_help = "Examples:\n  holdfast queue explain default\n  holdfast queue explain default -o json"
    )]
    Explain {
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
            Self::Explain { .. } => ("explain", &[]),
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
        Command::Explain { name } => {
            let request = GetRequest { name: name.clone(), ..GetRequest::default() };
            let explanation = call!(session, QueuesClient, explain, request)?;
            session.printer.show(&explanation, || explained(&explanation))
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

/// What a queue has, whose turn it is, and who is next.
fn explained(explanation: &QueueExplanation) -> String {
    let mut text = format!("{}\n", explanation.summary);
    if !explanation.classes.is_empty() {
        let mut rows =
            Table::new(&["CLASS", "NOMINAL", "HOLDS", "WITH THOSE BELOW", "BORROWS", "MAY TAKE MORE"]);
        for class in &explanation.classes {
            let counts = [class.nominal, class.held, class.held_below, class.borrowed].map(devices);
            let may_take = class.may_take.map_or_else(|| "any".to_owned(), devices);
            rows.row(std::iter::once(class.class.clone()).chain(counts).chain([may_take]));
        }
        let _ = write!(text, "\n{rows}");
    }
    if !explanation.disruptions.is_empty() {
        let mut rows = Table::new(&["STOPS FOR OTHERS OF", "COUNTED", "ALLOWED", "PER", "OLDEST COUNTS"]);
        for disruptions in &explanation.disruptions {
            let budget = disruptions.budget.unwrap_or_default();
            let per = Span(budget.per_ms).to_string();
            let [counted, max] = [disruptions.counted, budget.max].map(|count| count.to_string());
            rows.row([disruptions.queue.clone(), counted, max, per, left(disruptions.until.as_ref())]);
        }
        let _ = write!(text, "\n{rows}");
    }
    text.push_str("\nturns, who has had least first:\n");
    for (depth, level) in explanation.levels.iter().enumerate() {
        let turn = |turn: &QueueTurn| {
            let name = if turn.is_on_path { format!("[{}]", turn.queue) } else { turn.queue.clone() };
            format!("{name} {}", devices(turn.share))
        };
        let turns: Vec<String> = level.queues.iter().map(turn).collect();
        let _ = writeln!(text, "{:indent$}{}", "", turns.join(", "), indent = 2 + 2 * depth);
    }
    if explanation.next.is_empty() {
        return text;
    }
    let mut rows = Table::new(&["NEXT", "SINCE", "BECAUSE"]);
    for next in &explanation.next {
        rows.row([next.job.clone(), since(next.since.as_ref()), next.reason.clone()]);
    }
    let _ = write!(text, "\n{rows}");
    let named = u32::try_from(explanation.next.len()).unwrap_or(u32::MAX);
    match explanation.waiting.saturating_sub(named) {
        0 => {}
        more => {
            let _ = writeln!(text, "and {more} more");
        }
    }
    text
}

/// Thousandths as a number: `1.250`, or `2` where they are whole.
fn devices(thousandths: u64) -> String {
    match (thousandths / 1_000, thousandths % 1_000) {
        (whole, 0) => whole.to_string(),
        (whole, part) => format!("{whole}.{part:03}"),
    }
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

    #[test]
    fn a_queue_explains_itself() {
        use holdfast_api::v1::{DisruptionBudget, NextJob, QueueClass, QueueDisruptions, QueueLevel};
        let budget = Some(DisruptionBudget { max: 3, per_ms: 3_600_000 });
        let class = QueueClass {
            class: "nvidia".to_owned(),
            nominal: 4_000,
            held: 5_250,
            held_below: 5_250,
            borrowed: 1_250,
            may_take: None,
        };
        let turn = |queue: &str, share, is_on_path| QueueTurn { queue: queue.to_owned(), share, is_on_path };
        let next = NextJob { job: "a".to_owned(), reason: "it needs 8 nvidia".to_owned(), since: None };
        let text = explained(&QueueExplanation {
            summary: "3 jobs wait".to_owned(),
            classes: vec![class],
            levels: vec![
                QueueLevel { queues: vec![turn("lab", 300, true)] },
                QueueLevel { queues: vec![turn("two", 0, false), turn("one", 1_200, true)] },
            ],
            next: vec![next],
            waiting: 3,
            disruptions: vec![QueueDisruptions { queue: "lab".to_owned(), budget, counted: 0, until: None }],
        });
        let expected = "\
3 jobs wait

CLASS   NOMINAL  HOLDS  WITH THOSE BELOW  BORROWS  MAY TAKE MORE
nvidia  4        5.250  5.250             1.250    any

STOPS FOR OTHERS OF  COUNTED  ALLOWED  PER  OLDEST COUNTS
lab                  0        3        1h   -

turns, who has had least first:
  [lab] 0.300
    two 0, [one] 1.200

NEXT  SINCE  BECAUSE
a     -      it needs 8 nvidia
and 2 more
";
        assert_eq!(text, expected);
    }
}
