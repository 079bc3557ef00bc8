//! What a decision is told about people, workloads, nodes and artifacts. The caller has proved every fact before it
//! asks (certificate, issuing CA, committed version); nothing here is looked up.

use std::collections::BTreeSet;

use holdfast_types::{
    ArtifactKey, ArtifactKind, ArtifactName, JobName, Jurisdiction, LabelName, LegalLabel, NodeName,
    PrincipalName, PurposeName, TenantName, Time,
};
use serde::{Deserialize, Serialize};

use crate::names::{OperatorName, RoleName, SiteName};

/// A person or a service account, from its certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserFacts {
    /// The name in the certificate.
    pub name: PrincipalName,
    /// On whose behalf it acts.
    pub tenant: TenantName,
    /// What it may be asked to do.
    pub roles: BTreeSet<RoleName>,
    /// Where it is.
    pub location: Jurisdiction,
    /// Up to which level it is cleared.
    pub clearance: u32,
    /// Whether it signed in with a hardware key.
    pub hwkey: bool,
}

/// Whether a workload may send anything out of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Egress {
    /// It has no way out.
    None,
    /// It has the ways out that its manifest declares.
    Declared,
}

/// A job, from its accepted spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadFacts {
    /// The name of the job.
    pub name: JobName,
    /// On whose behalf it runs.
    pub tenant: TenantName,
    /// Who submitted it.
    pub owner: UserFacts,
    /// What it uses data for.
    pub purpose: PurposeName,
    /// Up to which level it is cleared.
    pub clearance: u32,
    /// Its ways out.
    pub egress: Egress,
    /// Whether its image is a committed version whose bytes were verified.
    pub image_verified: bool,
}

/// Everything of a node but its name. Rules may not name nodes, so nodes of one class get one decision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeClass {
    /// The jurisdiction of the CA that issued its certificate.
    pub jurisdiction: Jurisdiction,
    /// Where it stands.
    pub site: SiteName,
    /// Who can touch it.
    pub operator: OperatorName,
    /// Until when its attestation is valid; `None` where it claims none, as a machine without a TPM does.
    #[serde(default, with = "millis", skip_serializing_if = "Option::is_none")]
    pub attested_until: Option<Time>,
    /// Whether it has a trusted execution environment.
    pub tee: bool,
    /// Whether it is under suspicion.
    pub quarantined: bool,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeFacts {
    /// Its name.
    pub name: NodeName,
    /// Everything else.
    pub class: NodeClass,
}

/// A version of an artifact, from its committed manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtifactFacts {
    /// What it is.
    pub kind: ArtifactKind,
    /// Its name.
    pub name: ArtifactName,
    /// Its version.
    pub version: u64,
    /// Whose it is.
    pub tenant: TenantName,
    /// Who brought or made it.
    pub owner: PrincipalName,
    /// Its classification.
    pub labels: BTreeSet<LabelName>,
    /// Where its bytes may be kept and used.
    pub residency: BTreeSet<Jurisdiction>,
    /// What it may be used for.
    pub purposes: BTreeSet<PurposeName>,
    /// The clearance needed.
    pub level: u32,
    /// The key domain its keys are kept in; `None` takes the first of the law that lies within the residency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_domain: Option<Jurisdiction>,
    /// Whether it may be used in a trusted execution environment only.
    #[serde(default)]
    pub tee_required: bool,
    /// Until when it may not be erased.
    #[serde(default, with = "millis", skip_serializing_if = "Option::is_none")]
    pub retain_until: Option<Time>,
    /// Whether a court or an authority asked to keep it.
    #[serde(default)]
    pub legal_hold: bool,
    /// Whether it is being erased.
    #[serde(default)]
    pub erasing: bool,
}

impl ArtifactFacts {
    /// The facts of a version under its legal label, with no special duties.
    #[must_use]
    pub fn new(key: &ArtifactKey, tenant: TenantName, owner: PrincipalName, label: &LegalLabel) -> Self {
        Self {
            kind: key.kind,
            name: key.name.clone(),
            version: key.version,
            tenant,
            owner,
            labels: label.labels.clone(),
            residency: label.residency.clone(),
            purposes: label.purposes.clone(),
            level: label.level,
            key_domain: None,
            tee_required: false,
            retain_until: None,
            legal_hold: false,
            erasing: false,
        }
    }

    /// The key of the version.
    #[must_use]
    pub fn key(&self) -> ArtifactKey {
        ArtifactKey { kind: self.kind, name: self.name.clone(), version: self.version }
    }
}

/// An instant as a number of milliseconds.
mod millis {
    use holdfast_types::Time;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
        time.map(|time| time.0).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Time))
    }
}
