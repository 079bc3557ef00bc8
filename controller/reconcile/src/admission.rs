//! Admission: whether a job may come in at all, and the spec it comes in with.
//!
//! Versions are filled in here, so that what was decided on is what runs. A job that the law would let run nowhere is
//! refused now, with the rule's id, instead of waiting for ever.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_api::store::{DecisionRecord, NodeRecord};
use holdfast_api::{legal_label, legal_label_from, v1};
use holdfast_policy::{
    ArtifactFacts, Bundle, Decision, NodeClass, NodeFacts, Request, UserFacts, WorkloadFacts, decide,
    decide_classes,
};
use holdfast_state::State;
use holdfast_types::{
    ArtifactKind, ArtifactRef, AsProblem, JobSpec, Jurisdiction, LegalLabel, NodePhase, Problem, ProblemKind,
    Time,
};

use crate::facts::{artifact_facts, node_facts, record_decision, workload_facts};

/// A job that may come in.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// Its spec with every version filled in.
    pub spec: JobSpec,
    /// What its outputs will be labelled: the join of its inputs' labels.
    pub label: v1::LegalLabel,
    /// The decision that let it in.
    pub decision: DecisionRecord,
}

/// A job that may not come in.
#[derive(Debug, Clone)]
pub struct Refused {
    /// What its owner sees.
    pub problem: Problem,
    /// The decision to record, where the law and not a mistake is the reason.
    pub decision: Option<DecisionRecord>,
}

impl<E: AsProblem> From<E> for Box<Refused> {
    fn from(error: E) -> Self {
        Box::new(Refused { problem: error.problem(), decision: None })
    }
}

/// Decides on a job.
///
/// # Errors
///
/// Where a reference does not resolve, a name is not known to the law, or the law refuses.
pub fn admit(
    name: &str,
    spec: JobSpec,
    user: &UserFacts,
    state: &State,
    bundle: &Bundle,
    now: Time,
) -> Result<Admitted, Box<Refused>> {
    let object = format!("job/{name}");
    bundle.law().validate_job(format!("job `{name}`"), &spec.tenant, &spec.purpose, &spec.jurisdictions)?;
    let (spec, inputs) = resolve(spec, state)?;
    let label = output_label(name, &spec, &inputs, bundle)?;
    let workload = workload_facts(name, &spec, user.clone())?;

    let submit = decide(&Request::Submit { user: user.clone(), workload: workload.clone() }, bundle, now);
    if !submit.is_allow() {
        return Err(refused(&submit, "submit", &object, user, format!("job `{name}` may not be submitted")));
    }
    let artifacts: Vec<ArtifactFacts> = inputs.iter().map(artifact_facts).collect::<Result<_, _>>()?;
    check_somewhere(name, &spec, &Case { workload, artifacts, user, object: &object }, state, bundle, now)?;
    let decision = record_decision("submit", &object, user.name.as_str(), &submit);
    Ok(Admitted { spec, label, decision })
}

struct Case<'a> {
    workload: WorkloadFacts,
    artifacts: Vec<ArtifactFacts>,
    user: &'a UserFacts,
    object: &'a str,
}

fn refused(
    decision: &Decision,
    action: &str,
    object: &str,
    user: &UserFacts,
    summary: String,
) -> Box<Refused> {
    Box::new(Refused {
        problem: decision.refusal(summary).next("holdfast policy show"),
        decision: Some(record_decision(action, object, user.name.as_str(), decision)),
    })
}

/// Fills in every version, and collects what the job reads.
fn resolve(mut spec: JobSpec, state: &State) -> Result<(JobSpec, Vec<v1::ArtifactSpec>), Problem> {
    let mut inputs = Vec::new();
    inputs.push(resolve_one(ArtifactKind::Image, &mut spec.image, state)?);
    for dataset in &mut spec.datasets {
        inputs.push(resolve_one(ArtifactKind::Dataset, &mut dataset.dataset, state)?);
    }
    if let Some(model) = &mut spec.base_model {
        inputs.push(resolve_one(ArtifactKind::Model, model, state)?);
    }
    Ok((spec, inputs))
}

fn resolve_one(
    kind: ArtifactKind,
    reference: &mut ArtifactRef,
    state: &State,
) -> Result<v1::ArtifactSpec, Problem> {
    let series = format!("{kind}/{}", reference.name);
    let record = match reference.version {
        Some(version) => state.artifact(&format!("{series}@{version}")),
        None => state.newest(&series),
    };
    let found = record.and_then(|row| row.artifact?.spec);
    let Some(found) = found else {
        return Err(Problem::new(
            1122,
            ProblemKind::NotFound,
            format!("{kind} `{reference}` does not exist"),
        )
        .next(format!("holdfast {kind} list")));
    };
    reference.version = Some(found.version);
    Ok(found)
}

fn output_label(
    name: &str,
    spec: &JobSpec,
    inputs: &[v1::ArtifactSpec],
    bundle: &Bundle,
) -> Result<v1::LegalLabel, Problem> {
    // The image is a program: what it makes is bound by the data it read, not by where the program may go.
    let data = inputs.iter().filter(|a| a.kind != ArtifactKind::Image.as_str());
    let labels: Vec<LegalLabel> = data
        .map(|a| legal_label_from(a.label.as_ref().unwrap_or(&v1::LegalLabel::default())))
        .collect::<Result<_, _>>()
        .map_err(|error| error.problem())?;
    if labels.is_empty() {
        let home = bundle.law().tenants.get(&spec.tenant).map(|t| t.home.clone());
        let residency = if spec.jurisdictions.is_empty() {
            home.into_iter().collect()
        } else {
            spec.jurisdictions.clone()
        };
        let label =
            LegalLabel { residency, purposes: [spec.purpose.clone()].into(), ..LegalLabel::default() };
        return Ok(legal_label(&label));
    }
    let joined =
        bundle.law().join(format!("the output of job `{name}`"), &labels).map_err(|e| e.problem())?;
    Ok(legal_label(&joined))
}

/// Refuses a job that the law lets run on no class of node where it asks to run.
fn check_somewhere(
    name: &str,
    spec: &JobSpec,
    case: &Case<'_>,
    state: &State,
    bundle: &Bundle,
    now: Time,
) -> Result<(), Box<Refused>> {
    let nodes = candidates(spec, state, bundle);
    let classes = decide_classes(&case.workload, &case.artifacts, &nodes, bundle, now);
    if classes.is_empty() || classes.iter().any(holdfast_policy::ClassDecision::is_allow) {
        return Ok(());
    }
    let Some(decision) = classes.iter().find_map(|c| c.refusals().next()) else { return Ok(()) };
    let places: Vec<&str> = classes.iter().map(|c| c.class.jurisdiction.as_str()).collect();
    let summary = format!("job `{name}` may not run in {}", places.join(", "));
    Err(refused(decision, "use", case.object, case.user, summary))
}

/// The nodes the job might run on, by what the job asks; and, for jurisdictions without a node yet, what the law says
/// of their sites.
fn candidates(spec: &JobSpec, state: &State, bundle: &Bundle) -> Vec<NodeFacts> {
    let wanted = |jurisdiction: &Jurisdiction| {
        spec.jurisdictions.is_empty() || bundle.law().lies_within(jurisdiction, &spec.jurisdictions)
    };
    let known = state.nodes().filter(|record| {
        let status = record.node.as_ref().and_then(|n| n.status.as_ref());
        status.is_none_or(|s| s.phase != NodePhase::Retired.as_str())
    });
    // There are many nodes in few places, and what the law knows of a node follows from where it is.
    let mut places = BTreeSet::new();
    let firsts = known.filter(|record| places.insert(place_of(record)));
    let mut by_class: BTreeMap<NodeClass, NodeFacts> = BTreeMap::new();
    for facts in firsts.filter_map(|r| node_facts(r, bundle).ok()) {
        by_class.entry(facts.class.clone()).or_insert(facts);
    }
    if !by_class.keys().any(|class| wanted(&class.jurisdiction)) {
        for (site, law) in &bundle.law().sites {
            let class = NodeClass {
                jurisdiction: law.jurisdiction.clone(),
                site: site.clone(),
                operator: law.operator.clone(),
                attested_until: None,
                tee: false,
                quarantined: false,
            };
            if let Ok(name) = site.as_str().parse() {
                by_class.insert(class.clone(), NodeFacts { name, class });
            }
        }
    }
    by_class.into_values().filter(|facts| wanted(&facts.class.jurisdiction)).collect()
}

fn place_of(record: &NodeRecord) -> Option<(&str, &str)> {
    let spec = record.node.as_ref()?.spec.as_ref()?;
    Some((&spec.site, &spec.jurisdiction))
}
