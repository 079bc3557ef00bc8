//! What the law says of the jobs that wait. Jobs that it cannot tell apart are asked for once, and the answer is kept for as long as it
//! holds. It must not know what is planned with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_policy::{ArtifactFacts, Bundle, NodeFacts, decide_classes};
use holdfast_scheduler::{Verdict, Verdicts};
use holdfast_state::State;
use holdfast_types::{JobSpec, Time};

use crate::facts::{artifact_facts, node_facts, owner_facts, workload_facts};

/// Rulings are those of jobs long gone where they are so many times as many as in the beginning, and this many more.
const WORN: usize = 2;
const WORN_AT_LEAST: usize = 256;

/// What the law is asked with: the artifacts of a state, and a time.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) state: &'a State,
    pub(crate) bundle: &'a Bundle,
    pub(crate) now: Time,
}

/// What the law said, by what it can tell apart: jobs with the same tenant, purpose, owner and inputs share an answer.
#[derive(Debug, Default)]
pub(crate) struct Rulings {
    nodes: BTreeMap<String, NodeFacts>,
    known: BTreeMap<String, Ruling>,
    /// How many there were of the first plan.
    first: Option<usize>,
}

/// What was asked, as the first asked it, and the answer.
#[derive(Debug)]
struct Ruling {
    job: String,
    owner: String,
    spec: Arc<JobSpec>,
    inputs: Vec<String>,
    said: Verdicts,
}

impl Rulings {
    /// None yet, on these nodes.
    pub(crate) fn of_nodes(state: &State, bundle: &Bundle) -> Self {
        let facts = state.nodes().filter_map(|record| node_facts(record, bundle).ok());
        let nodes = facts.map(|facts| (facts.name.to_string(), facts)).collect();
        Self { nodes, ..Self::default() }
    }

    /// What the law says of a job.
    pub(crate) fn ask(&mut self, job: &str, owner: &str, spec: &Arc<JobSpec>, asked: Asked<'_>) -> Verdicts {
        let inputs: Vec<String> = inputs(spec).collect();
        let key = format!("{}|{}|{owner}|{}", spec.tenant, spec.purpose, inputs.join(","));
        if let Some(known) = self.known.get(&key) {
            return known.said.clone();
        }
        let (job, owner, spec) = (job.to_owned(), owner.to_owned(), Arc::clone(spec));
        let mut ruling = Ruling { job, owner, spec, inputs, said: Verdicts::default() };
        ruling.said = self.decide(&ruling, asked);
        let said = ruling.said.clone();
        self.known.insert(key, ruling);
        said
    }

    /// Whether the law would say the same of everything that it was asked.
    pub(crate) fn hold(&self, asked: Asked<'_>) -> bool {
        self.known.values().all(|ruling| self.decide(ruling, asked) == ruling.said)
    }

    /// The same for what reads one of these versions of artifacts, which have changed.
    pub(crate) fn hold_for(&self, artifacts: &BTreeSet<&str>, asked: Asked<'_>) -> bool {
        let reads = |ruling: &&Ruling| ruling.inputs.iter().any(|key| artifacts.contains(key.as_str()));
        self.known.values().filter(reads).all(|ruling| self.decide(ruling, asked) == ruling.said)
    }

    /// Whether a node is to the law what it was.
    pub(crate) fn know(&self, name: &str, state: &State, bundle: &Bundle) -> bool {
        let facts = state.node(name).and_then(|record| node_facts(record, bundle).ok());
        facts.as_ref() == self.nodes.get(name)
    }

    /// Whether the law may say something else only because time has passed.
    pub(crate) fn depend_on_time(&self, bundle: &Bundle) -> bool {
        bundle.reads_clock() || self.nodes.values().any(|node| node.class.attested_until.is_some())
    }

    /// Whether most of them are of jobs long gone.
    pub(crate) fn are_worn(&mut self) -> bool {
        let first = *self.first.get_or_insert(self.known.len());
        self.known.len() > WORN * first + WORN_AT_LEAST
    }

    fn decide(&self, ruling: &Ruling, asked: Asked<'_>) -> Verdicts {
        let Ruling { job, owner, spec, inputs, .. } = ruling;
        // Facts that cannot be stated leave every node without a verdict, which the scheduler reads as denied.
        let owner = owner_facts(owner, &spec.tenant, asked.bundle);
        let Ok(workload) = owner.and_then(|owner| workload_facts(job, spec, owner)) else {
            return Verdicts::default();
        };
        let facts = |key: &String| artifact_facts(&asked.state.artifact(key)?.artifact?.spec?).ok();
        let artifacts: Option<Vec<ArtifactFacts>> = inputs.iter().map(facts).collect();
        let Some(artifacts) = artifacts else { return Verdicts::default() };
        let nodes: Vec<NodeFacts> = self.nodes.values().cloned().collect();
        let classes = decide_classes(&workload, &artifacts, &nodes, asked.bundle, asked.now);
        let each = classes.iter().flat_map(|class| {
            let verdict = match class.refusals().next() {
                None => Verdict::Allow,
                Some(decision) => {
                    let rule = decision.reasons.first().map_or("default-deny", |r| r.rule.as_str());
                    Verdict::Deny { rule: rule.to_owned() }
                }
            };
            class.nodes.iter().map(move |node| (node.clone(), verdict.clone()))
        });
        each.collect()
    }
}

/// The keys of everything the job reads.
fn inputs(spec: &JobSpec) -> impl Iterator<Item = String> {
    let datasets = spec.datasets.iter().map(|d| format!("dataset/{}", d.dataset));
    let model = spec.base_model.iter().map(|m| format!("model/{m}"));
    std::iter::once(format!("image/{}", spec.image)).chain(datasets).chain(model)
}
