//! From stored records to the facts that the law decides on. One place, so that admission, placement and replication
//! cannot describe the same thing differently.

use std::collections::BTreeSet;

use holdfast_api::legal_label_from;
use holdfast_api::store::{DecisionRecord, NodeRecord};
use holdfast_api::v1;
use holdfast_policy::{
    ArtifactFacts, Bundle, Decision, Egress, NodeClass, NodeFacts, RoleName, SiteName, UserFacts,
    WorkloadFacts,
};
use holdfast_types::{ArtifactKey, AsProblem, JobSpec, PrincipalName, Problem, ProblemKind, TenantName};

/// Why facts cannot be stated; the law then has nothing to decide on, and the answer is no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{object}: {reason}")]
pub struct FactsError {
    /// What they are about.
    pub object: String,
    /// What is missing or wrong.
    pub reason: String,
}

impl AsProblem for FactsError {
    fn problem(&self) -> Problem {
        Problem::new(1121, ProblemKind::Refused, format!("the law cannot judge {}", self.object))
            .because(self.reason.clone())
            .next("holdfast policy show")
    }
}

fn parse<T: std::str::FromStr>(object: &str, text: &str) -> Result<T, FactsError>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| FactsError { object: object.to_owned(), reason: error.to_string() })
}

/// A person as the law sees them. Where they are is the home of the tenant they act for.
///
/// # Errors
///
/// Where the law does not know the tenant, or a role is not a name.
pub fn user_facts(
    name: &PrincipalName,
    tenant: &TenantName,
    roles: impl IntoIterator<Item = impl AsRef<str>>,
    bundle: &Bundle,
) -> Result<UserFacts, FactsError> {
    let object = format!("principal `{name}`");
    let home = bundle.law().tenants.get(tenant).map(|t| t.home.clone()).ok_or_else(|| FactsError {
        object: object.clone(),
        reason: format!("the law does not know tenant `{tenant}`"),
    })?;
    let roles: BTreeSet<RoleName> =
        roles.into_iter().map(|role| parse(&object, role.as_ref())).collect::<Result<_, _>>()?;
    Ok(UserFacts {
        name: name.clone(),
        tenant: tenant.clone(),
        roles,
        location: home,
        clearance: 0,
        hwkey: false,
    })
}

/// A job as the law sees it. Its sandbox has no network but the gang's own rendezvous, so it has no egress; its image
/// was verified when it was imported and is verified again by every agent.
///
/// # Errors
///
/// Where its name is not one.
pub fn workload_facts(name: &str, spec: &JobSpec, owner: UserFacts) -> Result<WorkloadFacts, FactsError> {
    Ok(WorkloadFacts {
        name: parse(&format!("job `{name}`"), name)?,
        tenant: spec.tenant.clone(),
        owner,
        purpose: spec.purpose.clone(),
        clearance: 0,
        egress: Egress::None,
        image_verified: true,
    })
}

/// The owner of a job as it is known after its admission: by name, without the roles held then.
///
/// # Errors
///
/// Where the law does not know the tenant.
pub fn owner_facts(owner: &str, tenant: &TenantName, bundle: &Bundle) -> Result<UserFacts, FactsError> {
    let name: PrincipalName =
        parse(&format!("principal `{owner}`"), owner.rsplit('/').next().unwrap_or(owner))?;
    user_facts(&name, tenant, std::iter::empty::<&str>(), bundle)
}

/// A node as the law sees it: its jurisdiction is that of its issuing CA, its operator that of its site.
///
/// # Errors
///
/// Where the law does not know its site, or puts that site elsewhere.
pub fn node_facts(record: &NodeRecord, bundle: &Bundle) -> Result<NodeFacts, FactsError> {
    // A node is large: all of what its machine has is in it.
    let node = record.node.as_ref();
    let name = node.and_then(|node| node.metadata.as_ref()).map_or("", |metadata| metadata.name.as_str());
    let unknown = v1::NodeSpec::default();
    let spec = node.and_then(|node| node.spec.as_ref()).unwrap_or(&unknown);
    let object = format!("node `{name}`");
    let site: SiteName = parse(&object, &spec.site)?;
    let law = bundle.law().sites.get(&site).ok_or_else(|| FactsError {
        object: object.clone(),
        reason: format!("the law does not know site `{site}`"),
    })?;
    if law.jurisdiction.as_str() != spec.jurisdiction {
        let reason = format!(
            "its certificate says {}, its site `{site}` lies in {}",
            spec.jurisdiction, law.jurisdiction
        );
        return Err(FactsError { object, reason });
    }
    let class = NodeClass {
        jurisdiction: law.jurisdiction.clone(),
        site,
        operator: law.operator.clone(),
        // Nothing attests yet: the constitution keeps restricted data away from such a node.
        attested_until: None,
        tee: false,
        quarantined: false,
    };
    Ok(NodeFacts { name: parse(&object, name)?, class })
}

/// A version of an artifact as the law sees it.
///
/// # Errors
///
/// Where its key, tenant, owner or label is not valid.
pub fn artifact_facts(spec: &v1::ArtifactSpec) -> Result<ArtifactFacts, FactsError> {
    let key = format!("{}/{}@{}", spec.kind, spec.name, spec.version.max(1));
    let object = format!("artifact `{key}`");
    let parsed: ArtifactKey = parse(&object, &key)?;
    let label = legal_label_from(spec.label.as_ref().unwrap_or(&v1::LegalLabel::default()))
        .map_err(|error| FactsError { object: object.clone(), reason: error.to_string() })?;
    let owner = spec.owner.rsplit('/').next().unwrap_or(&spec.owner);
    Ok(ArtifactFacts::new(&parsed, parse(&object, &spec.tenant)?, parse(&object, owner)?, &label))
}

/// A decision as the audit log keeps it.
#[must_use]
pub fn record_decision(action: &str, object: &str, actor: &str, decision: &Decision) -> DecisionRecord {
    DecisionRecord {
        action: action.to_owned(),
        object: object.to_owned(),
        verdict: decision.verdict.to_string(),
        reasons: decision
            .reasons
            .iter()
            .map(|r| v1::Reason { rule: r.rule.clone(), text: r.text.clone() })
            .collect(),
        bundle: decision.bundle.to_string(),
        actor: actor.to_owned(),
    }
}
