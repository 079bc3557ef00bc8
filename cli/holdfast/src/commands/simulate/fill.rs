//! `holdfast simulate fill`: how much of a cluster can be had by those who ask for parts and wholes of accelerators, by rule of
//! placing.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_simulator::{Filled, NodeList, PodList, Rule, TableError, fill, filled};
use holdfast_types::{Problem, ProblemKind, Span};
use serde_json::{Value, json};

use super::files::{MAX_TRACE, percent, read, refused, spent, unwritten};
use crate::failure::Failure;
use crate::globals::Format;
use crate::output::{Printer, Table};

/// What is filled, and with what.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Pods come one by one until they asked for the load; each is placed at once or never, and none ends. The figure is the share of the
accelerators that was given away.

Examples:
  holdfast simulate fill --pods pods.csv --nodes nodes.csv
  holdfast simulate fill --pods pods.csv --nodes nodes.csv --rule default --rule best-fit --seeds 20 --report charts

Both lists are CSV whose first line names the columns, as the openb trace has them:
  nodes  cpu_milli, memory_mib, gpu, model
  pods   cpu_milli, memory_mib, num_gpu, gpu_milli, and gpu_spec where some are bound to models, such as V100M16|V100M32")]
pub(crate) struct Args {
    /// What is asked for
    #[arg(long, value_name = "FILE")]
    pods: Utf8PathBuf,
    /// What there is
    #[arg(long, value_name = "FILE")]
    nodes: Utf8PathBuf,
    /// How much is asked for, in percent of the accelerators; each pod comes once, then some again
    #[arg(long, value_name = "PERCENT", default_value_t = 130, value_parser = clap::value_parser!(u64).range(1..=holdfast_simulator::MAX_LOAD))]
    load: u64,
    /// How a place is chosen; all rules where not given
    #[arg(long, value_enum, value_name = "NAME")]
    rule: Vec<RuleName>,
    /// From how many seeds pods and their order are drawn; the same for every rule
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    seeds: u64,
    /// Draw what was given away against what was asked for there as SVG, and write everything as JSON
    #[arg(long, value_name = "DIR")]
    report: Option<Utf8PathBuf>,
}

/// A rule, as it is typed.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum RuleName {
    /// The least growth of fragmentation, by what was asked for until then
    Default,
    /// Anywhere it fits
    Random,
    /// Where the least is left
    BestFit,
}

impl From<RuleName> for Rule {
    fn from(name: RuleName) -> Self {
        match name {
            RuleName::Default => Self::Default,
            RuleName::Random => Self::Random,
            RuleName::BestFit => Self::BestFit,
        }
    }
}

/// A rule under all seeds.
struct Ran {
    rule: Rule,
    all: Vec<Filled>,
    cpu: Span,
}

/// Fills, prints and draws.
pub(super) fn run(printer: Printer, args: &Args) -> Result<(), Failure> {
    let nodes = parsed(&args.nodes, "list of nodes", NodeList::parse)?;
    let pods = parsed(&args.pods, "list of pods", PodList::parse)?;
    if let Some(directory) = &args.report {
        fs::create_dir_all(directory).map_err(|error| unwritten(directory, &error))?;
    }
    let mut rules: Vec<Rule> = args.rule.iter().map(|name| (*name).into()).collect();
    if rules.is_empty() {
        rules.extend(Rule::ALL);
    }
    rules.sort_unstable();
    rules.dedup();
    let mut ran = Vec::with_capacity(rules.len());
    for rule in rules {
        printer.note(format!("{}: {} seeds", rule.word(), args.seeds));
        ran.push(one(&nodes, &pods, rule, args)?);
    }
    let items: Vec<Value> = ran.iter().map(Ran::value).collect();
    let document = json!({ "load": args.load, "items": items });
    if let Some(directory) = &args.report {
        report(directory, &ran, &document)?;
        printer.note(format!("charts are in {directory}"));
    }
    match printer.format() {
        Format::Json | Format::Yaml => printer.value(&document),
        Format::Name => {
            printer.text(&ran.iter().map(|ran| format!("{}\n", ran.rule.word())).collect::<String>())
        }
        Format::Table => printer.text(&table(&ran)),
    }
}

fn one(nodes: &NodeList, pods: &PodList, rule: Rule, args: &Args) -> Result<Ran, Problem> {
    let began = spent();
    let all = (1..=args.seeds).map(|seed| fill(nodes, pods, rule, seed, args.load));
    let all = all.collect::<Result<_, _>>().map_err(|error| {
        Problem::new(
            7190,
            ProblemKind::Invalid,
            format!("the pods of `{}` cannot fill the nodes of `{}`", args.pods, args.nodes),
        )
        .because(error.to_string())
        .next("holdfast simulate fill --help")
    })?;
    Ok(Ran { rule, all, cpu: Span(spent().0.saturating_sub(began.0)) })
}

impl Ran {
    /// The mean, the least and the greatest share that was given away, in hundredths of a percent.
    fn spread(&self) -> [u64; 3] {
        let shares = || self.all.iter().map(|filled| filled.allocated);
        let count = u64::try_from(self.all.len()).unwrap_or(u64::MAX).max(1);
        let mean = (shares().sum::<u64>() + count / 2) / count;
        [mean, shares().min().unwrap_or(0), shares().max().unwrap_or(0)]
    }

    fn value(&self) -> Value {
        let [mean, min, max] = self.spread();
        let allocated = json!({ "mean": mean, "min": min, "max": max });
        json!({ "rule": self.rule.word(), "allocated": allocated, "cpuMs": self.cpu.0, "seeds": self.all })
    }
}

fn table(ran: &[Ran]) -> String {
    let mut table = Table::new(&["RULE", "SEEDS", "GIVEN AWAY %", "MIN %", "MAX %", "CPU s"]);
    for ran in ran {
        let mut row = vec![ran.rule.word().to_owned(), ran.all.len().to_string()];
        row.extend(ran.spread().map(percent));
        row.push(format!("{}.{}", ran.cpu.0 / 1_000, ran.cpu.0 % 1_000 / 100));
        table.row(row);
    }
    table.to_string()
}

fn report(directory: &Utf8Path, ran: &[Ran], document: &Value) -> Result<(), Problem> {
    let all: Vec<Filled> = ran.iter().flat_map(|ran| ran.all.clone()).collect();
    let written = |name: &str, content: String| {
        let file = directory.join(name);
        fs::write(&file, content).map_err(|error| unwritten(&file, &error))
    };
    written("filled.svg", filled(&all))?;
    written("filled.json", format!("{document:#}\n"))
}

fn parsed<T>(file: &Utf8Path, what: &str, parse: fn(&[u8]) -> Result<T, TableError>) -> Result<T, Problem> {
    parse(&read(file, MAX_TRACE)?).map_err(|error| refused(file, what, &error.to_string()))
}
