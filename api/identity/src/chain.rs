//! A chain leaf, issuing CA, root: whether its names agree, and who its leaf is. Signatures are for `verify` to check.

use holdfast_types::{AsProblem, Problem, ProblemKind, Time};
use rustls::pki_types::CertificateDer;

use crate::certificate::Fields;
use crate::names::{ClusterId, Serial};
use crate::principal::{IssuerId, Principal, read_issuing, read_principal, read_root};

/// Why a chain of certificates does not name a principal of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The chain is not leaf, issuing CA and, where it was asked for, root.
    #[error("certificate chain has {found} certificates: expected a leaf, its issuing CA and the root")]
    Length {
        /// How many there are.
        found: usize,
    },
    /// A certificate is malformed or not of the shape a cluster CA issues.
    #[error("{which} certificate is not one of a Holdfast cluster")]
    Foreign {
        /// Which of the chain.
        which: &'static str,
    },
    /// The names of the chain contradict each other.
    #[error("certificate of `{principal}` comes from the issuing CA `{issuer}`, which may not name it")]
    Issuer {
        /// The principal of the leaf.
        principal: String,
        /// The issuing CA.
        issuer: String,
    },
    /// The chain is of another cluster.
    #[error("certificate of `{principal}` is of cluster `{found}`, not of `{expected}`")]
    Cluster {
        /// The principal of the leaf.
        principal: String,
        /// The cluster the certificate names.
        found: ClusterId,
        /// The cluster that was asked for.
        expected: ClusterId,
    },
    /// The peer is another than was dialled.
    #[error("peer is `{found}`, expected {expected}")]
    Peer {
        /// Who answered.
        found: String,
        /// Who was dialled.
        expected: String,
    },
    /// The root of the chain is not the one that was pinned.
    #[error("root certificate of the peer is not the one the join token names")]
    Pin,
}

impl AsProblem for ChainError {
    fn problem(&self) -> Problem {
        Problem::new(5004, ProblemKind::Unauthorised, self.to_string())
    }
}

/// The leaf of a chain whose names agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) principal: Principal,
    pub(crate) cluster: ClusterId,
    pub(crate) serial: Serial,
    pub(crate) issuer_serial: Serial,
    pub(crate) not_before: Time,
    pub(crate) not_after: Time,
}

impl Leaf {
    /// Reads the leaf and the issuing CA at the head of a chain. The jurisdiction of a node is taken from its issuing CA,
    /// and the name in the leaf must agree with it.
    pub(crate) fn read(leaf: &[u8], issuing: &[u8]) -> Result<Self, ChainError> {
        let foreign = |which| ChainError::Foreign { which };
        let ca = Fields::read(issuing).filter(|f| f.is_ca).ok_or(foreign("issuing CA"))?;
        let (ca_cluster, issuer) = read_issuing(&ca.uris()).ok_or(foreign("issuing CA"))?;
        let fields = Fields::read(leaf).filter(|f| !f.is_ca).ok_or(foreign("leaf"))?;
        let (cluster, principal) = read_principal(&fields.uris()).ok_or(foreign("leaf"))?;
        // The issuer's name is compared too: without it, a leaf signed by the root itself would pass beside any
        // issuing CA that the peer cares to present.
        let agrees = principal.issuer() == Some(issuer.clone());
        if !agrees || cluster != ca_cluster || fields.issuer != ca.subject {
            return Err(ChainError::Issuer { principal: principal.to_string(), issuer: issuer.to_string() });
        }
        Ok(Self {
            principal,
            cluster,
            serial: fields.serial,
            issuer_serial: ca.serial,
            not_before: fields.not_before,
            not_after: fields.not_after,
        })
    }

    /// As [`Leaf::read`] for a whole chain, of which the root is not looked at.
    pub(crate) fn of_chain(chain: &[CertificateDer<'_>]) -> Result<Self, ChainError> {
        match chain {
            [leaf, issuing] | [leaf, issuing, _] => Self::read(leaf, issuing),
            _ => Err(ChainError::Length { found: chain.len() }),
        }
    }

    /// Refuses a leaf of another cluster.
    pub(crate) fn of_cluster(self, expected: &ClusterId) -> Result<Self, ChainError> {
        if &self.cluster == expected {
            return Ok(self);
        }
        Err(ChainError::Cluster {
            principal: self.principal.to_string(),
            found: self.cluster,
            expected: expected.clone(),
        })
    }
}

/// The cluster and the fields of a root certificate.
pub(crate) fn read_root_certificate(der: &[u8]) -> Result<(ClusterId, Fields), ChainError> {
    let foreign = ChainError::Foreign { which: "root" };
    let fields = Fields::read(der).filter(|f| f.is_ca && f.subject == f.issuer).ok_or(foreign.clone())?;
    let cluster = read_root(&fields.uris()).ok_or(foreign)?;
    Ok((cluster, fields))
}

/// The cluster, the name and the fields of the certificate of an issuing CA.
pub(crate) fn read_issuing_certificate(der: &[u8]) -> Result<(ClusterId, IssuerId, Fields), ChainError> {
    let foreign = ChainError::Foreign { which: "issuing CA" };
    let fields = Fields::read(der).filter(|f| f.is_ca).ok_or(foreign.clone())?;
    let (cluster, issuer) = read_issuing(&fields.uris()).ok_or(foreign)?;
    Ok((cluster, issuer, fields))
}
