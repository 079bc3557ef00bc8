//! Founding a cluster: its CA, the directories of its first controllers, and its first operators' contexts.

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_identity::{
    CONTROLLER_VALIDITY, ClusterCa, ClusterId, Context, Endpoint, Identity, MAX_OPERATOR_VALIDITY, Principal,
    Role,
};
use holdfast_types::{
    AsProblem as _, Jurisdiction, NodeName, PrincipalName, Problem, ProblemKind, Span, TenantName, Time,
};

use crate::config::{Config, MemberConfig};
use crate::durable;

/// A first controller.
#[derive(Debug, Clone)]
pub struct FoundController {
    /// Its name.
    pub name: String,
    /// Where it keeps everything.
    pub directory: Utf8PathBuf,
    /// `host:port` it listens on and the others reach it at.
    pub listen: String,
}

/// A first operator.
#[derive(Debug, Clone)]
pub struct FoundOperator {
    /// Their name.
    pub name: String,
    /// Their roles, such as `admin`.
    pub roles: Vec<String>,
    /// The tenant they are bound to, if any.
    pub tenant: Option<TenantName>,
    /// Where their context file is written.
    pub context: Utf8PathBuf,
}

/// What a cluster is founded with.
#[derive(Debug, Clone)]
pub struct FoundOptions {
    /// The cluster's name; its id is that name with random digits.
    pub cluster_name: String,
    /// How long a node may be silent.
    pub lease: Span,
    /// The first controllers: 1, 3 or 5.
    pub controllers: Vec<FoundController>,
    /// Jurisdictions that get an issuing CA.
    pub jurisdictions: Vec<Jurisdiction>,
    /// The text of `law.toml`.
    pub law: String,
    /// The text of `tenant.cedar`.
    pub tenant_policies: String,
    /// The first operators.
    pub operators: Vec<FoundOperator>,
    /// Now.
    pub now: Time,
}

/// A founded cluster.
#[derive(Debug, Clone)]
pub struct Founded {
    /// Its id.
    pub cluster_id: String,
}

fn failed(because: impl Into<String>) -> Problem {
    Problem::new(1218, ProblemKind::Failed, "the cluster cannot be prepared").because(because)
}

/// Writes everything the first controllers and operators need. Nothing is started.
///
/// # Errors
///
/// Where a name is not valid or a file cannot be written.
pub fn found(options: &FoundOptions) -> Result<Founded, Problem> {
    if !matches!(options.controllers.len(), 1 | 3 | 5) {
        let count = options.controllers.len();
        return Err(failed(format!("{count} controllers asked for: a quorum has 1, 3 or 5 members")));
    }
    let suffix = holdfast_client::idempotency_key()?;
    let id = format!("{}-{}", options.cluster_name, suffix.get(..8).unwrap_or_default());
    let cluster: ClusterId =
        id.parse().map_err(|error: holdfast_identity::NameFault| failed(error.to_string()))?;
    let ca =
        ClusterCa::create(cluster, &options.jurisdictions, options.now).map_err(|error| error.problem())?;
    let seed = holdfast_client::idempotency_key()? + &holdfast_client::idempotency_key()?;
    for index in 0..options.controllers.len() {
        prepare_controller(options, index, &ca, &id, &seed)?;
    }
    for operator in &options.operators {
        prepare_operator(options, operator, &ca)?;
    }
    Ok(Founded { cluster_id: id })
}

fn write(path: &Utf8Path, text: &str, private: bool) -> Result<(), Problem> {
    let tell = |error: std::io::Error| failed(format!("write `{path}`: {error}"));
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(tell)?;
    }
    let mode = if private { 0o600 } else { 0o644 };
    durable::write(path, text.as_bytes(), mode).map_err(tell)
}

fn prepare_controller(
    options: &FoundOptions,
    index: usize,
    ca: &ClusterCa,
    id: &str,
    seed: &str,
) -> Result<(), Problem> {
    let Some(controller) = options.controllers.get(index) else { return Ok(()) };
    let name: NodeName =
        controller.name.parse().map_err(|error: holdfast_types::NameError| failed(error.to_string()))?;
    let (key, request) = Identity::generate_csr().map_err(|error| error.problem())?;
    let principal = Principal::Controller { name };
    let issued = ca.issue(&request, &principal, CONTROLLER_VALIDITY, options.now).map_err(|e| e.problem())?;
    let identity = Identity::from_pem(&issued.chain_pem, key).map_err(|error| error.problem())?;

    let directory = &controller.directory;
    write(&directory.join("law/law.toml"), &options.law, false)?;
    write(&directory.join("law/tenant.cedar"), &options.tenant_policies, false)?;
    ca.save(&directory.join("pki")).map_err(|error| error.problem())?;
    write(&directory.join("pki/audit.key"), seed, true)?;
    let place = directory.join("identity");
    std::fs::create_dir_all(&place).map_err(|error| failed(format!("create `{place}`: {error}")))?;
    identity.save(&place.join("chain.pem"), &place.join("key.pem")).map_err(|error| error.problem())?;

    let number = |index: usize| u64::try_from(index).unwrap_or(u64::MAX) + 1;
    let members = options.controllers.iter().enumerate().map(|(i, c)| MemberConfig {
        id: number(i),
        name: c.name.clone(),
        address: c.listen.clone(),
    });
    let config = Config {
        cluster: id.to_owned(),
        cluster_name: options.cluster_name.clone(),
        incarnation: 1,
        begun: String::new(),
        id: number(index),
        listen: controller.listen.clone(),
        directory: directory.clone(),
        members: members.collect(),
        join: false,
        lease_ms: options.lease.0,
        law: None,
        quota_bytes: None,
        limits: crate::limits::Limits::default(),
    };
    config.save(&directory.join("controller.toml")).map_err(|error| error.problem())
}

fn prepare_operator(options: &FoundOptions, operator: &FoundOperator, ca: &ClusterCa) -> Result<(), Problem> {
    let name: PrincipalName =
        operator.name.parse().map_err(|error: holdfast_types::NameError| failed(error.to_string()))?;
    let roles: Result<_, holdfast_identity::NameFault> =
        operator.roles.iter().map(|r| r.parse::<Role>()).collect();
    let roles = roles.map_err(|error| failed(error.to_string()))?;
    let (key, request) = Identity::generate_csr().map_err(|error| error.problem())?;
    let principal = Principal::Operator { name: name.clone(), roles, tenant: operator.tenant.clone() };
    let issued =
        ca.issue(&request, &principal, MAX_OPERATOR_VALIDITY, options.now).map_err(|e| e.problem())?;
    let endpoints: Result<Vec<Endpoint>, holdfast_identity::NameFault> =
        options.controllers.iter().map(|c| c.listen.parse()).collect();
    if let Some(parent) = operator.context.parent() {
        std::fs::create_dir_all(parent).map_err(|error| failed(format!("create `{parent}`: {error}")))?;
    }
    let context = Context {
        cluster: ca.cluster().clone(),
        name,
        endpoints: endpoints.map_err(|error| failed(error.to_string()))?,
        ca_pem: ca.root_pem(),
        cert_pem: issued.chain_pem,
        key,
    };
    context.save(&operator.context).map_err(|error| error.problem())
}
