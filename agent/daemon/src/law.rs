//! The law as this node holds it: its own copy, verified by its hash, asked before anything is fetched, used or sent.

use std::sync::Arc;

use holdfast_api::{internal, legal_label_from, v1};
use holdfast_policy::{
    ArtifactFacts, Bundle, BundleSource, Decision, Egress, NodeClass, NodeFacts, Request, UserFacts,
    WorkloadFacts, decide,
};
use holdfast_types::{
    ArtifactKey, JobSpec, Jurisdiction, NodeName, PrincipalName, Problem, ProblemKind, Time,
};
use parking_lot::RwLock;

/// A bundle and the name that its texts hash to.
type Named = (String, Arc<Bundle>);

/// The bundle in force on this node, shared by everything that asks it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Law(Arc<RwLock<Option<Named>>>);

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
        *self.0.write() = Some((stored.hash.clone(), Arc::new(bundle)));
        Ok(())
    }

    /// The hash of the bundle in force; empty where there is none yet.
    pub(crate) fn hash(&self) -> String {
        self.0.read().as_ref().map(|(hash, _)| hash.clone()).unwrap_or_default()
    }

    fn bundle(&self) -> Result<Arc<Bundle>, Problem> {
        self.0.read().as_ref().map(|(_, b)| Arc::clone(b)).ok_or_else(|| unjudged("no bundle is here yet"))
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

fn workload(task: &internal::TaskAssignment, bundle: &Bundle) -> Result<WorkloadFacts, Problem> {
    let spec = JobSpec::try_from(task.spec.as_ref().unwrap_or(&v1::JobSpec::default()))
        .map_err(|error| unjudged(error.to_string()))?;
    let home = bundle.law().tenants.get(&spec.tenant).map(|t| t.home.clone());
    let owner = UserFacts {
        name: parse::<PrincipalName>("owner", &task.owner)?,
        tenant: spec.tenant.clone(),
        roles: std::collections::BTreeSet::new(),
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
