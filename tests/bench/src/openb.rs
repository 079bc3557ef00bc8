//! How much of a cluster can be had: the openb trace at 130 % load, ten seeds. Random places and best fit have to give the published
//! figures, or what is said of the default rule does not count.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use camino::Utf8PathBuf;
use holdfast_simulator::{Filled, NodeList, PodList, Rule, fill};

use crate::measure::{Bench, Measurement};

/// Names the directory with the lists.
const TRACES: &str = "HOLDFAST_TRACES";
const USUAL_TRACES: &str = "../shared/traces";
const NODES: &str = "openb_node_list_gpu_node.csv";
const PODS: &str = "openb_pod_list_default.csv";
/// How much is asked for, in percent.
const LOAD: u64 = 130;
const SEEDS: u64 = 10;
/// Means of ten seeds in percent, as published with Q. Weng et al., "Beware of Fragmentation" (USENIX ATC 2023), for random places,
/// best fit and theirs.
const PUBLISHED_RANDOM: f64 = 87.47;
const PUBLISHED_BEST_FIT: f64 = 93.08;
const PUBLISHED_GRADIENT: f64 = 95.39;

/// How far random places are from the published figure.
pub(crate) fn random(bench: &Bench) -> Result<Measurement> {
    apart(bench, Rule::Random, PUBLISHED_RANDOM)
}

/// How far best fit is from the published figure.
pub(crate) fn best_fit(bench: &Bench) -> Result<Measurement> {
    apart(bench, Rule::BestFit, PUBLISHED_BEST_FIT)
}

/// What the default rule gives away, beside best fit.
pub(crate) fn default(bench: &Bench) -> Result<Measurement> {
    let (ours, fit) = (filled(bench, Rule::Default)?, filled(bench, Rule::BestFit)?);
    let mut measured = Measurement::new(mean(&ours), "%", Ok(mean(&fit)));
    measured.details.push(spread(&ours));
    measured.details.push(format!("fragmentation gradient descent, as published: {PUBLISHED_GRADIENT} %"));
    Ok(measured)
}

fn apart(bench: &Bench, rule: Rule, published: f64) -> Result<Measurement> {
    let filled = filled(bench, rule)?;
    let difference = (mean(&filled) - published).abs();
    let mut measured = Measurement::new(difference, "%", Err("it is held to what was published".to_owned()));
    measured.details.push(format!("{:.2} % given away, {published} % published", mean(&filled)));
    measured.details.push(spread(&filled));
    Ok(measured)
}

fn filled(bench: &Bench, rule: Rule) -> Result<Arc<Vec<Filled>>> {
    bench.once(&format!("openb-{}", rule.word()), || {
        let directory = Utf8PathBuf::from(std::env::var(TRACES).unwrap_or_else(|_| USUAL_TRACES.to_owned()));
        let read = |name: &str| {
            let file = directory.join(name);
            std::fs::read(&file)
                .with_context(|| format!("no list at `{file}`: name its directory with {TRACES}=DIR"))
        };
        let nodes =
            NodeList::parse(&read(NODES)?).with_context(|| format!("`{NODES}` is no list of nodes"))?;
        let pods = PodList::parse(&read(PODS)?).with_context(|| format!("`{PODS}` is no list of pods"))?;
        (1..=SEEDS).map(|seed| Ok(fill(&nodes, &pods, rule, seed, LOAD)?)).collect()
    })
}

fn mean(all: &[Filled]) -> f64 {
    all.iter().map(|filled| filled.allocated as f64).sum::<f64>() / all.len().max(1) as f64 / 100.0
}

fn spread(all: &[Filled]) -> String {
    let shares = || all.iter().map(|filled| filled.allocated);
    let percent = |share: Option<u64>| share.unwrap_or(0) as f64 / 100.0;
    format!("from {} to {} %, {SEEDS} seeds", percent(shares().min()), percent(shares().max()))
}
