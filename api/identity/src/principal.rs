//! Principals and their names in certificates: `spiffe://<cluster>/j/DE/node/n1`, `holdfast:role:admin`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use holdfast_types::{Jurisdiction, NodeName, PrincipalName, TenantName};

use crate::names::{ClusterId, NameFault, Role};

/// The most roles of one operator.
pub const MAX_ROLES: usize = 16;

const SPIFFE: &str = "spiffe://";
const ROLE: &str = "holdfast:role:";
const TENANT: &str = "holdfast:tenant:";

/// Who a peer is. What it may do is for the law and for the service to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// A controller of this cluster.
    Controller {
        /// Its name.
        name: NodeName,
    },
    /// A node, with the jurisdiction of the CA that issued its certificate.
    Node {
        /// Its name.
        name: NodeName,
        /// Its jurisdiction.
        jurisdiction: Jurisdiction,
    },
    /// A person or a service account.
    Operator {
        /// Its name.
        name: PrincipalName,
        /// Its roles.
        roles: BTreeSet<Role>,
        /// The tenant it acts for; none for staff of the cluster.
        tenant: Option<TenantName>,
    },
    /// A peer that presented no certificate.
    Anonymous,
}

impl Principal {
    /// Whether the principal is a person or service account with this role.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        match self {
            Self::Operator { roles, .. } => roles.iter().any(|held| held.as_str() == role),
            Self::Controller { .. } | Self::Node { .. } | Self::Anonymous => false,
        }
    }

    /// The issuing CA that alone may certify this principal; none for [`Principal::Anonymous`].
    #[must_use]
    pub fn issuer(&self) -> Option<IssuerId> {
        match self {
            Self::Controller { .. } | Self::Operator { .. } => Some(IssuerId::Cluster),
            Self::Node { jurisdiction, .. } => Some(IssuerId::Jurisdiction(jurisdiction.clone())),
            Self::Anonymous => None,
        }
    }

    /// The URI names of a certificate of this principal, the SPIFFE id first.
    pub(crate) fn uris(&self, cluster: &ClusterId) -> Vec<String> {
        let mut uris = vec![format!("{SPIFFE}{cluster}/{self}")];
        if let Self::Operator { roles, tenant, .. } = self {
            uris.extend(roles.iter().map(|role| format!("{ROLE}{role}")));
            uris.extend(tenant.iter().map(|tenant| format!("{TENANT}{tenant}")));
        }
        uris
    }
}

/// The path of the SPIFFE id, which names a principal in logs and in the audit log: `j/DE/node/n1`, `operator/alice`.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Controller { name } => write!(f, "controller/{name}"),
            Self::Node { name, jurisdiction } => write!(f, "j/{jurisdiction}/node/{name}"),
            Self::Operator { name, .. } => write!(f, "operator/{name}"),
            Self::Anonymous => f.write_str("anonymous"),
        }
    }
}

/// An issuing CA: one for each jurisdiction, and one for controllers and operators.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum IssuerId {
    /// The CA of controllers and operators, named `cluster`.
    Cluster,
    /// The CA of the nodes of a jurisdiction.
    Jurisdiction(Jurisdiction),
}

impl fmt::Display for IssuerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("cluster"),
            Self::Jurisdiction(jurisdiction) => jurisdiction.fmt(f),
        }
    }
}

/// `cluster` cannot be a jurisdiction: those are in capital letters.
impl FromStr for IssuerId {
    type Err = NameFault;

    fn from_str(text: &str) -> Result<Self, NameFault> {
        if text == "cluster" {
            return Ok(Self::Cluster);
        }
        let jurisdiction = text.parse().map_err(|_| {
            NameFault::new("issuing CA", text, "`cluster` or the code of a jurisdiction, such as `DE`")
        })?;
        Ok(Self::Jurisdiction(jurisdiction))
    }
}

/// The URI name of the root CA.
pub(crate) fn root_uri(cluster: &ClusterId) -> String {
    format!("{SPIFFE}{cluster}")
}

/// The URI name of an issuing CA.
pub(crate) fn issuing_uri(cluster: &ClusterId, issuer: &IssuerId) -> String {
    format!("{SPIFFE}{cluster}/ca/{issuer}")
}

/// The cluster of a root CA, from its URI names.
pub(crate) fn read_root(uris: &[&str]) -> Option<ClusterId> {
    match uris {
        [uri] => uri.strip_prefix(SPIFFE)?.parse().ok(),
        _ => None,
    }
}

/// The cluster and the name of an issuing CA, from its URI names.
pub(crate) fn read_issuing(uris: &[&str]) -> Option<(ClusterId, IssuerId)> {
    let [uri] = uris else { return None };
    let (cluster, path) = uri.strip_prefix(SPIFFE)?.split_once('/')?;
    Some((cluster.parse().ok()?, path.strip_prefix("ca/")?.parse().ok()?))
}

/// The cluster and the principal of a leaf, from its URI names: exactly one SPIFFE id, and for an operator roles and at
/// most one tenant. Any other name makes the certificate foreign.
pub(crate) fn read_principal(uris: &[&str]) -> Option<(ClusterId, Principal)> {
    let mut id = None;
    let mut roles = BTreeSet::new();
    let mut tenant = None;
    for uri in uris {
        if let Some(rest) = uri.strip_prefix(SPIFFE) {
            if id.replace(rest.split_once('/')?).is_some() {
                return None;
            }
        } else if let Some(role) = uri.strip_prefix(ROLE) {
            roles.insert(role.parse::<Role>().ok()?);
        } else if tenant.replace(uri.strip_prefix(TENANT)?.parse::<TenantName>().ok()?).is_some() {
            return None;
        }
    }
    let (cluster, path) = id?;
    let parts: Vec<&str> = path.splitn(5, '/').collect();
    let plain = roles.is_empty() && tenant.is_none();
    let principal = match parts.as_slice() {
        ["controller", name] if plain => Principal::Controller { name: name.parse().ok()? },
        ["j", jurisdiction, "node", name] if plain => {
            Principal::Node { name: name.parse().ok()?, jurisdiction: jurisdiction.parse().ok()? }
        }
        ["operator", name] if roles.len() <= MAX_ROLES => {
            Principal::Operator { name: name.parse().ok()?, roles, tenant }
        }
        _ => return None,
    };
    Some((cluster.parse().ok()?, principal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_reads_back_from_its_uris() {
        let cluster: ClusterId = "alpha".parse().unwrap();
        let operator = Principal::Operator {
            name: "alice".parse().unwrap(),
            roles: ["admin", "dpo"].map(|r| r.parse().unwrap()).into(),
            tenant: Some("acme".parse().unwrap()),
        };
        let node = Principal::Node { name: "n.1".parse().unwrap(), jurisdiction: "DE".parse().unwrap() };
        let controller = Principal::Controller { name: "c1".parse().unwrap() };
        for principal in [operator, node, controller] {
            let uris = principal.uris(&cluster);
            let uris: Vec<&str> = uris.iter().map(String::as_str).collect();
            assert_eq!(read_principal(&uris), Some((cluster.clone(), principal)));
        }
    }

    #[test]
    fn foreign_names_are_no_principal() {
        for bad in [
            &[][..],
            &["spiffe://alpha"],
            &["spiffe://alpha/"],
            &["spiffe://alpha/node/n1"],
            &["spiffe://alpha/j/de/node/n1"],
            &["spiffe://alpha/j/DE/node/n1/x"],
            &["spiffe://alpha/j/DE/node/../n1"],
            &["spiffe://ALPHA/controller/c1"],
            &["spiffe://alpha/controller/c1", "spiffe://alpha/controller/c2"],
            &["spiffe://alpha/controller/c1", "holdfast:role:admin"],
            &["spiffe://alpha/operator/a", "holdfast:tenant:x", "holdfast:tenant:y"],
            &["spiffe://alpha/operator/a", "https://example.org"],
            &["holdfast:role:admin"],
        ] {
            assert_eq!(read_principal(bad), None, "{bad:?}");
        }
    }
}
