//! Deciding: the slice of a request is put to the rules, and whatever is not a clean Allow is Deny.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Authorizer, PolicyId};
use holdfast_types::{NodeName, Time};

use crate::bundle::Bundle;
use crate::decision::{DEFAULT_DENY, Decision, EVALUATION_ERROR, MAX_ERRORS, Reason, Verdict};
use crate::facts::{ArtifactFacts, NodeClass, NodeFacts, WorkloadFacts};
use crate::request::Request;
use crate::slice::{Fault, Question, question};

/// The longest error a decision keeps, in characters.
const MAX_ERROR: usize = 300;

/// What the law says of a request at an instant.
#[must_use]
pub fn decide(request: &Request, bundle: &Bundle, now: Time) -> Decision {
    match question(request, bundle, now) {
        Ok(question) => evaluate(&question, bundle),
        Err(faults) => refuse(&faults, bundle),
    }
}

fn refuse(faults: &[Fault], bundle: &Bundle) -> Decision {
    let shown = faults.iter().take(MAX_ERRORS);
    let reasons = shown.clone().map(|fault| Reason { rule: fault.rule.to_owned(), text: cut(&fault.text) });
    Decision {
        verdict: Verdict::Deny,
        reasons: reasons.collect(),
        obligations: Vec::new(),
        errors: shown.map(|fault| cut(&fault.text)).collect(),
        bundle: bundle.hash(),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_ERROR).collect()
}

fn evaluate(question: &Question, bundle: &Bundle) -> Decision {
    let response = Authorizer::new().is_authorized(&question.request, &bundle.rules.set, &question.entities);
    let determining: BTreeSet<&PolicyId> = response.diagnostics().reason().collect();
    let rules = || bundle.order().iter().filter(|rule| determining.contains(&rule.id));
    let named = rules().map(|rule| Reason { rule: rule.id.to_string(), text: rule.reason.clone() });
    let mut reasons: Vec<Reason> = named.collect();
    // Sorted, because Cedar reports errors in no fixed order and a replay has to agree byte for byte.
    let errors: BTreeSet<String> =
        response.diagnostics().errors().map(|error| cut(&error.to_string())).collect();
    let errors: Vec<String> = errors.into_iter().take(MAX_ERRORS).collect();

    let allowed = response.decision() == cedar_policy::Decision::Allow;
    if !errors.is_empty() {
        // Cedar skips a rule that errors. Were it a forbid, the act would pass, so no error may pass.
        if allowed {
            reasons.clear();
        }
        let text = "a rule could not be evaluated, and what cannot be judged is refused".to_owned();
        reasons.push(Reason { rule: EVALUATION_ERROR.to_owned(), text });
        return Decision {
            verdict: Verdict::Deny,
            reasons,
            obligations: Vec::new(),
            errors,
            bundle: bundle.hash(),
        };
    }
    if allowed {
        let obligations: BTreeSet<String> = rules().filter_map(|rule| rule.obligation.clone()).collect();
        let obligations = obligations.into_iter().collect();
        return Decision { verdict: Verdict::Allow, reasons, obligations, errors, bundle: bundle.hash() };
    }
    if reasons.is_empty() {
        let text = "no rule permits it".to_owned();
        reasons.push(Reason { rule: DEFAULT_DENY.to_owned(), text });
    }
    Decision { verdict: Verdict::Deny, reasons, obligations: Vec::new(), errors, bundle: bundle.hash() }
}

/// What the law says of a workload on all nodes of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassDecision {
    /// The class.
    pub class: NodeClass,
    /// The nodes of the class, in the order given.
    pub nodes: Vec<NodeName>,
    /// Whether it may be placed there.
    pub place: Decision,
    /// Whether it may use each of the artifacts there, in the order given.
    pub uses: Vec<Decision>,
}

impl ClassDecision {
    /// Whether it may be placed there and use everything it needs.
    #[must_use]
    pub fn is_allow(&self) -> bool {
        self.place.is_allow() && self.uses.iter().all(Decision::is_allow)
    }

    /// The decisions that refuse.
    pub fn refusals(&self) -> impl Iterator<Item = &Decision> {
        std::iter::once(&self.place).chain(&self.uses).filter(|decision| !decision.is_allow())
    }
}

/// Decides placement and use once per class instead of once per node. Sound because a bundle with a rule about a
/// single node is not accepted.
#[must_use]
pub fn decide_classes(
    workload: &WorkloadFacts,
    artifacts: &[ArtifactFacts],
    nodes: &[NodeFacts],
    bundle: &Bundle,
    now: Time,
) -> Vec<ClassDecision> {
    let mut classes: BTreeMap<&NodeClass, Vec<&NodeFacts>> = BTreeMap::new();
    for node in nodes {
        classes.entry(&node.class).or_default().push(node);
    }
    let decided = classes.into_iter().filter_map(|(class, members)| {
        let node = (*members.first()?).clone();
        let place = Request::Place { workload: workload.clone(), node: node.clone() };
        let uses = artifacts.iter().map(|artifact| Request::Use {
            workload: workload.clone(),
            artifact: artifact.clone(),
            node: node.clone(),
        });
        Some(ClassDecision {
            class: class.clone(),
            nodes: members.iter().map(|member| member.name.clone()).collect(),
            place: decide(&place, bundle, now),
            uses: uses.map(|request| decide(&request, bundle, now)).collect(),
        })
    });
    decided.collect()
}
