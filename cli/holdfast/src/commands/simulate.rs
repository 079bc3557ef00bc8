//! `holdfast simulate`: a trace on a cluster under policies, offline. It needs no cluster and changes none.

mod events;
mod files;
mod fill;

use std::fs;
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_simulator::{Baseline, Cluster, Outcome, Policy, Simulation, Trace, depth, utilisation, waits};
use holdfast_types::{Problem, ProblemKind, Span};
use serde_json::{Value, json};

use self::events::Events;
use self::files::{MAX_TRACE, percent, read, refused, spent, unwritten};
use crate::failure::Failure;
use crate::globals::Format;
use crate::output::{Printer, Table};
use crate::transfer::Tally;

/// The most bytes of a cluster or a policy.
const MAX_FILE: u64 = 1 << 20;
/// What the overview shows of a hash.
const SHOWN: usize = 12;

/// What is simulated.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "\
Examples:
  holdfast simulate --trace jobs.csv --cluster cluster.toml
  holdfast simulate --trace jobs.csv --cluster cluster.toml --baseline fifo --baseline easy --report charts
  holdfast simulate --trace jobs.csv --cluster cluster.toml --policy eager.toml --weeks 5-13 -o json

A trace is CSV whose first line names the columns: arrival and duration in seconds, devices, and queue where there are several.
A cluster is TOML:
  nodes = [{ count = 256, devices = 8 }]
  failures = { mean = \"30d\", repair = \"4h\" }
  checkpoints = { interval = \"1h\", cost = \"30s\", restart = \"2m\" }
  reservations = [
    { name = \"night\", first = 0, count = 32, startsAt = \"2d\", duration = \"4h\", every = \"1w\" },
    { name = \"feed\", count = 256, maxPower = \"900kW\" },
  ]
A policy is TOML:
  reserveAfter = \"1h\"
  maxHolds = 4")]
pub(crate) struct Args {
    /// The jobs
    #[arg(long, value_name = "FILE", required = true)]
    trace: Option<Utf8PathBuf>,
    /// The nodes, how they fail, and what checkpoints cost
    #[arg(long, value_name = "FILE", required = true)]
    cluster: Option<Utf8PathBuf>,
    /// The settings of the scheduler; the usual ones where not given
    #[arg(long, value_name = "FILE")]
    policy: Option<Utf8PathBuf>,
    /// Compare with what others do; easy and sjf know how long each job will run, las preempts
    #[arg(long, value_enum, value_name = "NAME")]
    baseline: Vec<BaselineName>,
    /// Leave the scheduler out
    #[arg(long, requires = "baseline", conflicts_with = "policy")]
    only_baselines: bool,
    /// Which nodes fail when; the same for every policy
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Count the utilisation apart from the end of one week to the end of another, such as 5-13
    #[arg(long, value_name = "FROM-TO")]
    weeks: Option<Weeks>,
    /// Draw utilisation, queue depth and waits there as SVG, and write everything as JSON
    #[arg(long, value_name = "DIR")]
    report: Option<Utf8PathBuf>,
    /// Write what happened to each job and node, one JSON object a line, for those who check it
    #[arg(long, value_name = "FILE")]
    events: Option<Utf8PathBuf>,
    #[command(subcommand)]
    what: Option<What>,
}

/// What else is simulated.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum What {
    /// Fill a cluster with what is asked of it, and see how much can be had; by rule of placing
    Fill(fill::Args),
}

/// A baseline, as it is typed.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum BaselineName {
    Fifo,
    Greedy,
    Easy,
    Sjf,
    Las,
}

impl From<BaselineName> for Baseline {
    fn from(name: BaselineName) -> Self {
        match name {
            BaselineName::Fifo => Self::Fifo,
            BaselineName::Greedy => Self::Greedy,
            BaselineName::Easy => Self::Easy,
            BaselineName::Sjf => Self::Sjf,
            BaselineName::Las => Self::Las,
        }
    }
}

/// From the end of one week to the end of another.
#[derive(Debug, Clone, Copy)]
struct Weeks(u64, u64);

impl FromStr for Weeks {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let two = text.split_once('-').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
        let ordered = two.filter(|(from, to)| from < to);
        ordered
            .map(|(from, to)| Self(from, to))
            .ok_or_else(|| "two numbers of weeks, such as 5-13".to_owned())
    }
}

/// An outcome and what it took.
struct Ran {
    outcome: Outcome,
    cpu: Span,
}

/// Simulates, prints and draws.
pub(crate) fn run(printer: Printer, args: &Args) -> Result<(), Failure> {
    if let Some(What::Fill(args)) = &args.what {
        return fill::run(printer, args);
    }
    let (Some(trace), Some(cluster)) = (&args.trace, &args.cluster) else {
        // The parser asks for both.
        return Ok(());
    };
    let trace = Trace::parse(&read(trace, MAX_TRACE)?)
        .map_err(|error| refused(trace, "trace", &error.to_string()))?;
    let cluster = parsed(cluster, "cluster", Cluster::parse)?;
    let mut policies = Vec::new();
    if !args.only_baselines {
        policies.push(match &args.policy {
            Some(file) => parsed(file, "policy", Policy::parse)?,
            None => Policy::Holdfast(holdfast_simulator::Config::default()),
        });
    }
    policies.extend(args.baseline.iter().map(|name| Policy::Baseline((*name).into())));
    if let Some(directory) = &args.report {
        fs::create_dir_all(directory).map_err(|error| unwritten(directory, &error))?;
    }
    let weeks = args.weeks.map_or((0, 0), |Weeks(from, to)| (from, to));
    let mut all = Vec::with_capacity(policies.len());
    let mut events = args.events.as_deref().map(Events::create).transpose()?;
    for policy in &policies {
        all.push(one(printer, (&trace, &cluster, policy), (args.seed, weeks), events.as_mut())?);
    }
    events.map_or(Ok(()), Events::finish)?;
    let values: Vec<Value> = all.iter().map(Ran::value).collect::<Result<_, _>>()?;
    let document = json!({ "seed": args.seed.to_string(), "items": values });
    if let Some(directory) = &args.report {
        report(directory, &all, &document)?;
        printer.note(format!("charts are in {directory}"));
    }
    match printer.format() {
        Format::Json | Format::Yaml => printer.value(&document),
        Format::Name => {
            printer.text(&all.iter().map(|ran| ran.outcome.policy.clone() + "\n").collect::<String>())
        }
        Format::Table => printer.text(&text(&all, args.weeks)),
    }
}

fn one(
    printer: Printer,
    (trace, cluster, policy): (&Trace, &Cluster, &Policy),
    (seed, weeks): (u64, (u64, u64)),
    events: Option<&mut Events>,
) -> Result<Ran, Problem> {
    let failed = |error: holdfast_simulator::SimulationError| {
        Problem::new(7191, ProblemKind::Failed, format!("the simulation of policy `{policy}` did not end"))
            .because(error.to_string())
            .next("holdfast explain E7191")
    };
    printer.note(format!("{policy}: {} jobs", trace.jobs().len()));
    let began = spent();
    let (tally, mut before) = (Tally::new("jobs are over"), 0);
    let simulation = Simulation::new(trace, cluster, policy, seed, weeks).map_err(failed)?;
    let simulation = match events {
        Some(events) => simulation.heard(|event| events.write(&event)),
        None => simulation,
    };
    let outcome = simulation.run(&mut |done, _| {
        tally.add(done - before);
        before = done;
    });
    Ok(Ran { outcome: outcome.map_err(failed)?, cpu: Span(spent().0.saturating_sub(began.0)) })
}

impl Ran {
    fn value(&self) -> Result<Value, Problem> {
        let mut value = serde_json::to_value(&self.outcome).map_err(|error| {
            Problem::new(7002, ProblemKind::Failed, "the data cannot be written").because(error.to_string())
        })?;
        if let Some(fields) = value.as_object_mut() {
            fields.insert("cpuMs".to_owned(), self.cpu.0.into());
        }
        Ok(value)
    }
}

/// Seconds, rounded.
fn seconds(span: Span) -> String {
    ((span.0 + 500) / 1_000).to_string()
}

fn text(all: &[Ran], weeks: Option<Weeks>) -> String {
    let mut headers = vec![
        "POLICY",
        "JOBS",
        "JCT s",
        "WAIT s",
        "P90 s",
        "P99 s",
        "MAX s",
        "USED %",
        "BESIDE %",
        "STOPS",
        "PREEMPTED",
    ];
    headers.extend(["CPU s", "CHAIN"]);
    if weeks.is_some() {
        headers.insert(8, "IN WEEKS %");
    }
    let mut table = Table::new(&headers);
    for Ran { outcome, cpu } in all {
        let Outcome { completion, wait, .. } = outcome;
        let mut row = vec![outcome.policy.clone(), outcome.jobs.to_string()];
        row.extend([completion.mean, wait.mean, wait.p90, wait.p99, wait.max].map(seconds));
        row.push(percent(outcome.utilisation));
        row.extend(weeks.map(|_| percent(outcome.utilisation_within)));
        row.extend([
            percent(outcome.fragmentation),
            outcome.stops.to_string(),
            outcome.preemptions.to_string(),
        ]);
        row.push(format!("{}.{}", cpu.0 / 1_000, cpu.0 % 1_000 / 100));
        row.push(outcome.chain.chars().take(SHOWN).collect());
        table.row(row);
    }
    let mut text = table.to_string();
    if let Some(left) = all.first().map(|ran| ran.outcome.left_out).filter(|left| *left > 0) {
        text.push_str(&format!("\n{left} jobs want more than the empty cluster has, and were left out.\n"));
    }
    for Ran { outcome, .. } in all.iter().filter(|ran| ran.outcome.given_up > 0) {
        text.push_str(&format!(
            "\n{}: {} jobs were stopped a thousand times, and given up.\n",
            outcome.policy, outcome.given_up
        ));
    }
    text + &queues(all)
}

/// How each queue fared, where there are several.
fn queues(all: &[Ran]) -> String {
    if all.iter().all(|ran| ran.outcome.queues.len() < 2) {
        return String::new();
    }
    let mut table = Table::new(&[
        "POLICY",
        "QUEUE",
        "JOBS",
        "DEVICE HOURS",
        "WAIT s",
        "P99 s",
        "MAX s",
        "SLOWDOWN",
        "FAIRNESS",
    ]);
    let thousandths = |number: u64| format!("{}.{:03}", number / 1_000, number % 1_000);
    for Ran { outcome, .. } in all {
        for queue in &outcome.queues {
            let mut row = vec![outcome.policy.clone(), queue.name.clone(), queue.jobs.to_string()];
            row.push((queue.device_seconds / 3_600).to_string());
            row.extend([queue.wait.mean, queue.wait.p99, queue.wait.max].map(seconds));
            row.extend([thousandths(queue.slowdown), thousandths(outcome.fairness)]);
            table.row(row);
        }
    }
    format!("\n{table}")
}

fn report(directory: &Utf8Path, all: &[Ran], document: &Value) -> Result<(), Problem> {
    let outcomes: Vec<Outcome> = all.iter().map(|ran| ran.outcome.clone()).collect();
    let written = |name: &str, content: String| {
        let file = directory.join(name);
        fs::write(&file, content).map_err(|error| unwritten(&file, &error))
    };
    written("utilisation.svg", utilisation(&outcomes))?;
    written("queue-depth.svg", depth(&outcomes))?;
    written("waits.svg", waits(&outcomes))?;
    written("outcome.json", format!("{document:#}\n"))
}

fn parsed<T, E: ToString>(
    file: &Utf8Path,
    what: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, Problem> {
    let content = read(file, MAX_FILE)?;
    let text = String::from_utf8(content).map_err(|_| refused(file, what, "it is no UTF-8 text"))?;
    parse(&text).map_err(|error| refused(file, what, &error.to_string()))
}
