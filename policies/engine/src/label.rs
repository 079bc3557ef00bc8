//! Legal labels at admission: a label may only use terms the law knows, and what is derived from several inputs carries
//! the join of theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use holdfast_types::{
    ArtifactKey, AsProblem, Jurisdiction, LabelName, LegalLabel, Problem, ProblemKind, PurposeName,
    TenantName,
};

use crate::law::{Law, Term, within};

/// The most known terms that an error lists.
const LISTED: usize = 24;

/// Why a legal label is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// A classification the law does not define.
    #[error("{object} names the label `{name}`, which the law does not know")]
    UnknownLabel {
        /// Whose label.
        object: String,
        /// The classification.
        name: LabelName,
        /// Those it knows.
        known: Vec<String>,
    },
    /// A jurisdiction the law does not define.
    #[error("{object} names the jurisdiction `{name}`, which the law does not know")]
    UnknownJurisdiction {
        /// Whose label.
        object: String,
        /// The jurisdiction.
        name: Jurisdiction,
        /// Those it knows.
        known: Vec<String>,
    },
    /// A purpose the law does not define.
    #[error("{object} names the purpose `{name}`, which the law does not know")]
    UnknownPurpose {
        /// Whose label.
        object: String,
        /// The purpose.
        name: PurposeName,
        /// Those it knows.
        known: Vec<String>,
    },
    /// A tenant the law does not define.
    #[error("{object} names the tenant `{name}`, which the law does not know")]
    UnknownTenant {
        /// What names it.
        object: String,
        /// The tenant.
        name: TenantName,
        /// Those it knows.
        known: Vec<String>,
    },
    /// No residency: the bytes could be nowhere.
    #[error("{object} has no residency")]
    NoResidency {
        /// Whose label.
        object: String,
    },
    /// No purpose: the data could be used for nothing.
    #[error("{object} has no purpose")]
    NoPurpose {
        /// Whose label.
        object: String,
    },
    /// The inputs of something derived have no jurisdiction in common.
    #[error("the inputs of {object} share no jurisdiction, so their result may be nowhere")]
    NoCommonResidency {
        /// What is derived.
        object: String,
    },
    /// The inputs of something derived have no purpose in common.
    #[error("the inputs of {object} share no purpose, so their result may be used for nothing")]
    NoCommonPurpose {
        /// What is derived.
        object: String,
    },
    /// Nothing to join.
    #[error("{object} has no inputs, so the law cannot say what label it inherits")]
    NoInputs {
        /// What is derived.
        object: String,
    },
}

impl AsProblem for LabelError {
    fn problem(&self) -> Problem {
        let (code, kind, known) = match self {
            Self::UnknownLabel { known, .. } => (3010, ProblemKind::Invalid, Some(known)),
            Self::UnknownJurisdiction { known, .. } => (3011, ProblemKind::Invalid, Some(known)),
            Self::UnknownPurpose { known, .. } => (3012, ProblemKind::Invalid, Some(known)),
            Self::UnknownTenant { known, .. } => (3013, ProblemKind::Invalid, Some(known)),
            Self::NoResidency { .. } => (3014, ProblemKind::Invalid, None),
            Self::NoPurpose { .. } => (3015, ProblemKind::Invalid, None),
            Self::NoCommonResidency { .. } | Self::NoCommonPurpose { .. } => {
                (3020, ProblemKind::Refused, None)
            }
            Self::NoInputs { .. } => (3021, ProblemKind::Invalid, None),
        };
        let problem = Problem::new(code, kind, self.to_string());
        match known {
            Some(known) => problem.because(format!("the law knows: {}", listed(known))),
            None => problem,
        }
    }
}

fn listed(known: &[String]) -> String {
    let shown = known.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match known.len().checked_sub(LISTED) {
        Some(more) if more > 0 => format!("{shown} and {more} more"),
        _ => shown,
    }
}

fn known<N: fmt::Display, T>(table: &BTreeMap<N, T>) -> Vec<String> {
    table.keys().map(ToString::to_string).collect()
}

impl Law {
    /// Checks that a label names only known terms, a residency and a purpose.
    pub fn validate_label(&self, object: impl fmt::Display, label: &LegalLabel) -> Result<(), LabelError> {
        let object = object.to_string();
        if let Some(name) = label.labels.iter().find(|name| !self.labels.contains_key(*name)) {
            return Err(LabelError::UnknownLabel { object, name: name.clone(), known: known(&self.labels) });
        }
        if let Some(name) = label.residency.iter().find(|name| !self.jurisdictions.contains_key(*name)) {
            let known = known(&self.jurisdictions);
            return Err(LabelError::UnknownJurisdiction { object, name: name.clone(), known });
        }
        if let Some(name) = label.purposes.iter().find(|name| !self.purposes.contains_key(*name)) {
            return Err(LabelError::UnknownPurpose {
                object,
                name: name.clone(),
                known: known(&self.purposes),
            });
        }
        if label.residency.is_empty() {
            return Err(LabelError::NoResidency { object });
        }
        if label.purposes.is_empty() {
            return Err(LabelError::NoPurpose { object });
        }
        Ok(())
    }

    /// Checks the tenant and the label of an artifact's version before it is committed.
    pub fn validate_artifact(
        &self,
        artifact: &ArtifactKey,
        tenant: &TenantName,
        label: &LegalLabel,
    ) -> Result<(), LabelError> {
        self.validate_tenant(artifact, tenant)?;
        self.validate_label(artifact, label)
    }

    /// Checks the tenant, the purpose and the jurisdictions of a job before it is accepted.
    pub fn validate_job(
        &self,
        job: impl fmt::Display,
        tenant: &TenantName,
        purpose: &PurposeName,
        jurisdictions: &BTreeSet<Jurisdiction>,
    ) -> Result<(), LabelError> {
        self.validate_tenant(&job, tenant)?;
        let object = job.to_string();
        if !self.purposes.contains_key(purpose) {
            let known = known(&self.purposes);
            return Err(LabelError::UnknownPurpose { object, name: purpose.clone(), known });
        }
        if let Some(name) = jurisdictions.iter().find(|name| !self.jurisdictions.contains_key(*name)) {
            let known = known(&self.jurisdictions);
            return Err(LabelError::UnknownJurisdiction { object, name: name.clone(), known });
        }
        Ok(())
    }

    fn validate_tenant(&self, object: impl fmt::Display, tenant: &TenantName) -> Result<(), LabelError> {
        if self.tenants.contains_key(tenant) {
            return Ok(());
        }
        let (object, known) = (object.to_string(), known(&self.tenants));
        Err(LabelError::UnknownTenant { object, name: tenant.clone(), known })
    }

    /// The label of what is derived from inputs: all their classifications, the jurisdictions and purposes they share,
    /// the highest of their levels. EU and DE share DE.
    pub fn join(&self, object: impl fmt::Display, inputs: &[LegalLabel]) -> Result<LegalLabel, LabelError> {
        let object = object.to_string();
        let Some((first, rest)) = inputs.split_first() else {
            return Err(LabelError::NoInputs { object });
        };
        self.validate_label(&object, first)?;
        let mut joined = LegalLabel {
            labels: first.labels.clone(),
            residency: shared(&self.jurisdictions, &first.residency, &first.residency),
            purposes: shared(&self.purposes, &first.purposes, &first.purposes),
            level: first.level,
        };
        for input in rest {
            self.validate_label(&object, input)?;
            joined.labels.extend(input.labels.iter().cloned());
            joined.residency = shared(&self.jurisdictions, &joined.residency, &input.residency);
            joined.purposes = shared(&self.purposes, &joined.purposes, &input.purposes);
            joined.level = joined.level.max(input.level);
        }
        if joined.residency.is_empty() {
            return Err(LabelError::NoCommonResidency { object });
        }
        if joined.purposes.is_empty() {
            return Err(LabelError::NoCommonPurpose { object });
        }
        Ok(joined)
    }
}

/// The highest terms that lie within both sets.
fn shared<N: Ord + Clone>(tree: &BTreeMap<N, Term<N>>, a: &BTreeSet<N>, b: &BTreeSet<N>) -> BTreeSet<N> {
    let both: BTreeSet<&N> =
        tree.keys().filter(|name| within(tree, name, a) && within(tree, name, b)).collect();
    let covered = |name: &N| tree.get(name).is_some_and(|term| term.parents.iter().any(|p| both.contains(p)));
    both.iter().filter(|name| !covered(name)).map(|name| (*name).clone()).collect()
}

#[cfg(test)]
mod tests;
