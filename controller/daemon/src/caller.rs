//! Who calls, as the connection's certificate proved it, and what each kind of caller may do at all. What an operator
//! may do with a given job or artifact is for the law.

use holdfast_api::status_from_problem;
use holdfast_identity::{PeerInfo, Principal};
use holdfast_types::{NodeName, PrincipalName, Problem, ProblemKind, TenantName, Time};
use tonic::{Request, Status};

/// An operator who calls.
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    pub(crate) name: PrincipalName,
    pub(crate) roles: Vec<String>,
    /// The tenant it acts for, where its certificate names one.
    pub(crate) tenant: Option<TenantName>,
}

impl Operator {
    pub(crate) fn actor(&self) -> String {
        format!("operator/{}", self.name)
    }
}

fn refused(who: &Principal, needed: &str) -> Status {
    let problem = Problem::new(1202, ProblemKind::Unauthorised, format!("{who} may not do this"))
        .because(format!("the call is for {needed}"));
    status_from_problem(&problem)
}

fn principal<T>(request: &Request<T>) -> Principal {
    request.extensions().get::<PeerInfo>().map_or(Principal::Anonymous, |peer| peer.principal.clone())
}

/// The operator who calls, whatever the roles; one without any is nobody.
pub(crate) fn operator<T>(request: &Request<T>) -> Result<Operator, Status> {
    match principal(request) {
        who @ Principal::Operator { .. } if has_no_role(&who) => Err(refused(&who, "operators with a role")),
        Principal::Operator { name, roles, tenant } => {
            Ok(Operator { name, roles: roles.iter().map(|r| r.as_str().to_owned()).collect(), tenant })
        }
        other => Err(refused(&other, "operators")),
    }
}

fn has_no_role(who: &Principal) -> bool {
    matches!(who, Principal::Operator { roles, .. } if roles.is_empty())
}

/// The operator who calls, if it is an administrator.
pub(crate) fn admin<T>(request: &Request<T>) -> Result<Operator, Status> {
    let operator = operator(request)?;
    if operator.roles.iter().any(|role| role == "admin") {
        Ok(operator)
    } else {
        Err(refused(&principal(request), "operators with the role admin"))
    }
}

/// The node that calls, with the serial number of its certificate.
pub(crate) fn node<T>(request: &Request<T>) -> Result<(NodeName, String), Status> {
    let serial = request.extensions().get::<PeerInfo>().and_then(|p| p.serial).map(|s| s.to_string());
    match principal(request) {
        Principal::Node { name, .. } => Ok((name, serial.unwrap_or_default())),
        other => Err(refused(&other, "nodes")),
    }
}

/// When the certificate of the caller ends.
pub(crate) fn ends<T>(request: &Request<T>) -> Option<Time> {
    request.extensions().get::<PeerInfo>().and_then(|peer| peer.not_after)
}

/// Whether a controller calls.
pub(crate) fn controller<T>(request: &Request<T>) -> Result<(), Status> {
    match principal(request) {
        Principal::Controller { .. } => Ok(()),
        other => Err(refused(&other, "controllers")),
    }
}

/// The controller that calls, with the serial number of its certificate.
pub(crate) fn named_controller<T>(request: &Request<T>) -> Result<(NodeName, String), Status> {
    let serial = request.extensions().get::<PeerInfo>().and_then(|p| p.serial).map(|s| s.to_string());
    match principal(request) {
        Principal::Controller { name } => Ok((name, serial.unwrap_or_default())),
        other => Err(refused(&other, "controllers")),
    }
}
