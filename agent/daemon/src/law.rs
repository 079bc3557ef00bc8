//! The law as this node holds it: its own copy, verified by its hash, asked before anything is fetched, used or sent.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use holdfast_api::{internal, legal_label_from, v1};
use holdfast_identity::Role;
use holdfast_policy::{
    ArtifactFacts, Basis, Bundle, BundleSource, Decision, Egress, NodeClass, NodeFacts, Request, UserFacts,
    WorkloadFacts, decide,
};
use holdfast_types::{
    ArtifactKey, JobSpec, Jurisdiction, NodeName, PrincipalName, Problem, ProblemKind, TenantName, Time,
};
use tokio::sync::watch;

/// A bundle and the name that its texts hash to.
type Named = (String, Arc<Bundle>);

/// How long who asks waits for the first bundle: an agent that has just begun gets it with its first answer, and a peer or
/// a person need not know that it has just begun.
const FIRST: Duration = Duration::from_secs(10);

/// The bundle in force on this node, shared by everything that asks it.
#[derive(Debug, Clone)]
pub(crate) struct Law(watch::Sender<Option<Named>>);

impl Default for Law {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

fn unjudged(because: impl Into<String>) -> Problem {
    Problem::new(6220, ProblemKind::Refused, "the law cannot be asked").because(because)
}

fn parse<T: std::str::FromStr>(what: &str, text: &str) -> Result<T, Problem>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| unjudged(format!("{what}: {error}")))
}

impl Law {
    /// Takes over a bundle whose texts hash to its name; anything else leaves the old law in force.
    pub(crate) fn replace(&self, stored: &v1::PolicyBundle) -> Result<(), Problem> {
        let source = BundleSource {
            schema: &stored.schema,
            constitution: &stored.constitution,
            tenant: &stored.tenant,
            law: &stored.law,
        };
        let bundle = Bundle::parse(source).map_err(|findings| {
            unjudged(findings.first().map_or_else(|| "it does not parse".to_owned(), ToString::to_string))
        })?;
        if bundle.hash().to_string() != stored.hash {
            return Err(unjudged(format!(
                "its texts hash to {}, its name is {}",
                bundle.hash(),
                stored.hash
            )));
        }
        self.0.send_replace(Some((stored.hash.clone(), Arc::new(bundle))));
        Ok(())
    }

    /// The hash of the bundle in force; empty where there is none yet.
    pub(crate) fn hash(&self) -> String {
        self.0.borrow().as_ref().map(|(hash, _)| hash.clone()).unwrap_or_default()
    }

    /// Waits until there is a law to ask, for a while; whoever asks after that is told that there is none.
    pub(crate) async fn arrived(&self) {
        let mut here = self.0.subscribe();
        // The sender is this one, so waiting ends by the law or by the time.
        let _ = tokio::time::timeout(FIRST, here.wait_for(Option::is_some)).await;
    }

    fn bundle(&self) -> Result<Arc<Bundle>, Problem> {
        self.0.borrow().as_ref().map(|(_, b)| Arc::clone(b)).ok_or_else(|| {
            unjudged("no bundle is here yet")
                .because("no controller has answered this agent since it began")
                .next("holdfast cluster status")
        })
    }

    /// Whether a jurisdiction lies within a label's residency.
    pub(crate) fn admits(
        &self,
        label: Option<&v1::LegalLabel>,
        jurisdiction: &Jurisdiction,
    ) -> Result<bool, Problem> {
        let label = legal_label_from(label.unwrap_or(&v1::LegalLabel::default()))
            .map_err(|error| unjudged(error.to_string()))?;
        Ok(self.bundle()?.law().lies_within(jurisdiction, &label.residency))
    }

    /// Decides whether a task may use an artifact on this node.
    pub(crate) fn may_use(
        &self,
        task: &internal::TaskAssignment,
        artifact: &v1::ArtifactSpec,
        node: (&NodeName, &Jurisdiction),
        now: Time,
    ) -> Result<Decision, Problem> {
        let bundle = self.bundle()?;
        let request = Request::Use {
            workload: workload(task, &bundle)?,
            artifact: facts(artifact)?,
            node: node_facts(node, &bundle)?,
        };
        Ok(decide(&request, &bundle, now))
    }
}

impl Law {
    /// Decides whether a person may take an artifact away from here. The controllers decide too, before they name this
    /// node as a source; a person who comes without asking them meets the same law.
    pub(crate) fn may_export(
        &self,
        who: (&PrincipalName, &BTreeSet<Role>, Option<&TenantName>),
        artifact: &v1::ArtifactSpec,
        here: &Jurisdiction,
        now: Time,
    ) -> Result<Decision, Problem> {
        let (name, roles, tenant) = who;
        let bundle = self.bundle()?;
        let artifact = facts(artifact)?;
        let tenant = tenant.unwrap_or(&artifact.tenant).clone();
        let home = bundle.law().tenants.get(&tenant).map(|t| t.home.clone());
        let roles = roles.iter().map(|r| parse("role", r.as_str())).collect::<Result<_, _>>()?;
        let user = UserFacts {
            name: name.clone(),
            location: home.ok_or_else(|| unjudged(format!("it does not know tenant `{tenant}`")))?,
            tenant,
            roles,
            clearance: 0,
            hwkey: false,
        };
        let destination = here.clone();
        let request = Request::Export { user, artifact, destination, basis: Basis::None, approval: None };
        Ok(decide(&request, &bundle, now))
    }
}

fn workload(task: &internal::TaskAssignment, bundle: &Bundle) -> Result<WorkloadFacts, Problem> {
    let spec = JobSpec::try_from(task.spec.as_ref().unwrap_or(&v1::JobSpec::default()))
        .map_err(|error| unjudged(error.to_string()))?;
    let home = bundle.law().tenants.get(&spec.tenant).map(|t| t.home.clone());
    let owner = UserFacts {
        name: parse::<PrincipalName>("owner", &task.owner)?,
        tenant: spec.tenant.clone(),
        roles: BTreeSet::new(),
        location: home.ok_or_else(|| unjudged(format!("it does not know tenant `{}`", spec.tenant)))?,
        clearance: 0,
        hwkey: false,
    };
    Ok(WorkloadFacts {
        name: parse("job", &task.job)?,
        tenant: spec.tenant,
        owner,
        purpose: spec.purpose,
        clearance: 0,
        egress: Egress::None,
        image_verified: true,
    })
}

fn facts(spec: &v1::ArtifactSpec) -> Result<ArtifactFacts, Problem> {
    let key: ArtifactKey = parse("artifact", &format!("{}/{}@{}", spec.kind, spec.name, spec.version))?;
    let label = legal_label_from(spec.label.as_ref().unwrap_or(&v1::LegalLabel::default()))
        .map_err(|error| unjudged(error.to_string()))?;
    Ok(ArtifactFacts::new(&key, parse("tenant", &spec.tenant)?, parse("owner", &spec.owner)?, &label))
}

/// This node among the sites the law knows in its jurisdiction: the jurisdiction is proved by the certificate.
fn node_facts(node: (&NodeName, &Jurisdiction), bundle: &Bundle) -> Result<NodeFacts, Problem> {
    let (name, jurisdiction) = node;
    let mut sites = bundle.law().sites.iter().filter(|(_, s)| s.jurisdiction == *jurisdiction);
    let (site, law) = sites.next().ok_or_else(|| unjudged(format!("it knows no site in {jurisdiction}")))?;
    let class = NodeClass {
        jurisdiction: jurisdiction.clone(),
        site: site.clone(),
        operator: law.operator.clone(),
        attested_until: None,
        tee: false,
        quarantined: false,
    };
    Ok(NodeFacts { name: name.clone(), class })
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_policy::packs;

    fn law() -> Law {
        let (schema, constitution) = (packs::DEMO.schema.to_owned(), packs::DEMO.constitution.to_owned());
        let (tenant, law) = (packs::DEMO.tenant.to_owned(), packs::DEMO.law.to_owned());
        let hash = packs::DEMO.hash().to_string();
        let stored =
            v1::PolicyBundle { hash, schema, constitution, tenant, law, ..v1::PolicyBundle::default() };
        let asked = Law::default();
        asked.replace(&stored).unwrap();
        let forged = v1::PolicyBundle { tenant: format!("{}\n", stored.tenant), ..stored.clone() };
        assert!(asked.replace(&forged).is_err(), "texts that do not hash to their name");
        assert_eq!(asked.hash(), stored.hash);
        asked
    }

    fn dataset(residency: &str) -> v1::ArtifactSpec {
        let label = v1::LegalLabel {
            labels: vec!["personal".to_owned()],
            residency: vec![residency.to_owned()],
            purposes: vec!["research".to_owned()],
            level: 0,
        };
        v1::ArtifactSpec {
            kind: "dataset".to_owned(),
            name: "corpus".to_owned(),
            version: 1,
            tenant: "lab".to_owned(),
            owner: "alice".to_owned(),
            label: Some(label),
            ..v1::ArtifactSpec::default()
        }
    }

    #[test]
    fn a_node_keeps_and_uses_only_what_may_be_where_it_stands() {
        let law = law();
        let task = internal::TaskAssignment {
            job: "train".to_owned(),
            owner: "alice".to_owned(),
            spec: Some(v1::JobSpec {
                kind: "train".to_owned(),
                tenant: "lab".to_owned(),
                purpose: "research".to_owned(),
                image: "trainer@1".to_owned(),
                groups: vec![v1::TaskGroup {
                    min: 0,
                    name: "w".to_owned(),
                    count: 1,
                    resources: None,
                    topology: None,
                    variants: Vec::new(),
                }],
                ..v1::JobSpec::default()
            }),
            ..internal::TaskAssignment::default()
        };
        let node: NodeName = "node-01".parse().unwrap();
        for (place, admitted) in [("DE", true), ("FR", false)] {
            let here: Jurisdiction = place.parse().unwrap();
            assert_eq!(law.admits(dataset("DE").label.as_ref(), &here).unwrap(), admitted);
            let decision = law.may_use(&task, &dataset("DE"), (&node, &here), Time(1)).unwrap();
            assert_eq!(decision.is_allow(), admitted, "{decision:?}");
        }
        assert!(law.admits(dataset("EU").label.as_ref(), &"FR".parse().unwrap()).unwrap());
    }

    #[test]
    fn without_a_law_the_answer_is_no() {
        let law = Law::default();
        assert!(law.admits(dataset("DE").label.as_ref(), &"DE".parse().unwrap()).is_err());
    }

    #[test]
    fn a_person_does_not_get_bytes_by_role_alone() {
        let roles = ["admin", "engineer"].iter().map(|r| r.parse().unwrap()).collect();
        let (name, here) = ("alice".parse().unwrap(), "DE".parse().unwrap());
        let decision = law().may_export((&name, &roles, None), &dataset("DE"), &here, Time(1)).unwrap();
        assert!(!decision.is_allow(), "{decision:?}");
        assert!(decision.reasons.iter().any(|r| r.rule == "c12-four-eyes"), "{decision:?}");
    }
}
