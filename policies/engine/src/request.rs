//! The acts that the law permits or refuses.

use holdfast_types::Jurisdiction;
use serde::{Deserialize, Serialize};

use crate::facts::{ArtifactFacts, NodeFacts, UserFacts, WorkloadFacts};

/// One act, with everything the law needs to know of it. Its JSON form is what an audit entry keeps for a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// A person hands in a job.
    Submit {
        /// Who.
        user: UserFacts,
        /// What.
        workload: WorkloadFacts,
    },
    /// A job is put on a node.
    Place {
        /// What.
        workload: WorkloadFacts,
        /// Where.
        node: NodeFacts,
    },
    /// A job reads an artifact on a node.
    Use {
        /// What reads.
        workload: WorkloadFacts,
        /// What is read.
        artifact: ArtifactFacts,
        /// Where.
        node: NodeFacts,
    },
    /// A copy of an artifact is made on another node.
    Replicate {
        /// Who asks.
        actor: Actor,
        /// What is copied.
        artifact: ArtifactFacts,
        /// Where the copy will be.
        target: NodeFacts,
        /// How it travels.
        transport: Transport,
    },
    /// An artifact enters the cluster.
    Import {
        /// Who brings it.
        user: UserFacts,
        /// What, under the label it will have.
        artifact: ArtifactFacts,
        /// Where its bytes will be.
        target: Jurisdiction,
    },
    /// An artifact leaves the cluster.
    Export {
        /// Who takes it out.
        user: UserFacts,
        /// What.
        artifact: ArtifactFacts,
        /// To where.
        destination: Jurisdiction,
        /// On what legal basis.
        basis: Basis,
        /// Who approved, checked by their signatures.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approval: Option<Approval>,
    },
    /// A node becomes part of the cluster.
    Enrol {
        /// Who approves it.
        user: UserFacts,
        /// Which.
        node: NodeFacts,
    },
    /// A person reads what a job wrote.
    ReadLogs {
        /// Who.
        user: UserFacts,
        /// Whose output.
        workload: WorkloadFacts,
    },
}

/// Who asks for a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// A person.
    User(UserFacts),
    /// The cluster, for the tenant whose artifact it keeps.
    System,
}

/// How bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// Under mutual TLS, as between all our processes.
    Encrypted,
    /// In the clear.
    Clear,
}

/// The legal basis of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// None is claimed.
    None,
    /// An adequacy decision (GDPR Art. 45).
    Adequacy,
    /// Standard contractual clauses (Art. 46).
    Scc,
    /// Binding corporate rules (Art. 47).
    Bcr,
    /// A derogation for a specific situation (Art. 49).
    #[serde(rename = "derogation-49")]
    Derogation49,
}

impl Basis {
    /// The basis as the rules spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Adequacy => "adequacy",
            Self::Scc => "scc",
            Self::Bcr => "bcr",
            Self::Derogation49 => "derogation-49",
        }
    }
}

/// Two people who approved an act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The custodian.
    pub a: UserFacts,
    /// The data protection officer.
    pub b: UserFacts,
}

/// The word of an act, as rules and audit entries spell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// See [`Request::Submit`].
    Submit,
    /// See [`Request::Place`].
    Place,
    /// See [`Request::Use`].
    Use,
    /// See [`Request::Replicate`].
    Replicate,
    /// See [`Request::Import`].
    Import,
    /// See [`Request::Export`].
    Export,
    /// See [`Request::Enrol`].
    Enrol,
    /// See [`Request::ReadLogs`].
    ReadLogs,
}

impl Act {
    /// The act as the schema spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Place => "place",
            Self::Use => "use",
            Self::Replicate => "replicate",
            Self::Import => "import",
            Self::Export => "export",
            Self::Enrol => "enrolNode",
            Self::ReadLogs => "readLogs",
        }
    }
}

impl Request {
    /// Which act it is.
    #[must_use]
    pub fn act(&self) -> Act {
        match self {
            Self::Submit { .. } => Act::Submit,
            Self::Place { .. } => Act::Place,
            Self::Use { .. } => Act::Use,
            Self::Replicate { .. } => Act::Replicate,
            Self::Import { .. } => Act::Import,
            Self::Export { .. } => Act::Export,
            Self::Enrol { .. } => Act::Enrol,
            Self::ReadLogs { .. } => Act::ReadLogs,
        }
    }
}
