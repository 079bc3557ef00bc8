//! A new controller: what is written on its machine before it starts, and what it fetches from the others when it does.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_api::internal::FetchRequest;
use holdfast_api::internal::joining_client::JoiningClient;
use holdfast_api::v1::AdmittedController;
use holdfast_client::{ClusterClient, MAX_MESSAGE};
use holdfast_identity::{Alpn, Expect, Identity, IdentityHandle, PrivateKey, Trust, client_config};
use holdfast_types::{AsProblem as _, Problem, ProblemKind};

use crate::config::{Config, MemberConfig};
use crate::limits::Limits;
use crate::material;

/// How long the others are asked before a joining controller gives up; whoever starts it starts it again.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one of them may take.
const ATTEMPT: Duration = Duration::from_secs(5);

/// What a machine that was admitted is prepared with.
#[expect(missing_debug_implementations, reason = "it holds a private key")]
pub struct JoinOptions {
    /// Where the controller keeps everything; empty or not there.
    pub directory: Utf8PathBuf,
    /// Its name.
    pub name: String,
    /// `host:port` at which it is reached.
    pub address: String,
    /// `host:port` it listens on.
    pub listen: String,
    /// Its key.
    pub key: PrivateKey,
    /// The root of the cluster in PEM, from whoever prepares it and not from the answer.
    pub ca_pem: String,
    /// What the leader answered.
    pub admitted: AdmittedController,
}

fn failed(because: impl Into<String>) -> Problem {
    Problem::new(1273, ProblemKind::Failed, "the controller cannot join").because(because)
}

/// Refuses a directory in which something is already.
///
/// # Errors
///
/// Where it is not empty.
pub fn refuse_used(directory: &Utf8Path) -> Result<(), Problem> {
    let used = directory.read_dir_utf8().is_ok_and(|mut entries| entries.next().is_some());
    if !used {
        return Ok(());
    }
    let problem = Problem::new(1276, ProblemKind::Conflict, format!("`{directory}` is not empty"));
    Err(problem.because("a controller begins with a directory of its own, and nothing is overwritten"))
}

/// Writes what a new controller starts with: its certificate and its configuration. The configuration comes last.
///
/// # Errors
///
/// Where the directory is used, the certificate is not for this key and cluster, or a file cannot be written.
pub fn prepare_joining(options: JoinOptions) -> Result<(), Problem> {
    let JoinOptions { directory, name, address, listen, key, ca_pem, admitted } = options;
    refuse_used(&directory)?;
    let trust = Trust::new(&ca_pem).map_err(|error| error.problem())?;
    let identity = Identity::from_pem(&admitted.chain_pem, key).map_err(|error| error.problem())?;
    if trust.cluster().to_string() != admitted.cluster_id || identity.cluster() != trust.cluster() {
        return Err(failed(format!("the answer is of cluster `{}`", admitted.cluster_id)));
    }
    let place = directory.join("identity");
    std::fs::create_dir_all(&place).map_err(|error| failed(format!("create `{place}`: {error}")))?;
    identity.save(&place.join("chain.pem"), &place.join("key.pem")).map_err(|error| error.problem())?;
    std::fs::write(place.join("root.pem"), ca_pem)
        .map_err(|error| failed(format!("write the root of the cluster: {error}")))?;
    let others = admitted.controllers.into_iter().filter(|other| other.id != admitted.id);
    let others = others.map(|other| MemberConfig { id: other.id, name: other.name, address: other.address });
    let own = MemberConfig { id: admitted.id, name, address };
    let config = Config {
        cluster: admitted.cluster_id,
        cluster_name: admitted.cluster_name,
        incarnation: admitted.incarnation,
        begun: String::new(),
        id: admitted.id,
        listen,
        directory: directory.clone(),
        members: others.chain([own]).collect(),
        join: true,
        lease_ms: admitted.lease_ms,
        quota_bytes: None,
        law: None,
        limits: Limits::default(),
    };
    config.save(&directory.join("controller.toml")).map_err(|error| error.problem())
}

/// Fetches what all controllers have, where it is not here yet.
pub(crate) async fn fetch(config: &Config) -> Result<(), Problem> {
    let directory = &config.directory;
    if !config.join || directory.join("pki/root.crt").exists() {
        return Ok(());
    }
    let place = directory.join("identity");
    let root = place.join("root.pem");
    let root = std::fs::read_to_string(&root).map_err(|error| failed(format!("read `{root}`: {error}")))?;
    let trust = Trust::new(&root).map_err(|error| error.problem())?;
    let identity =
        Identity::load(&place.join("chain.pem"), &place.join("key.pem")).map_err(|error| error.problem())?;
    let identity = IdentityHandle::new(identity);
    let tls = client_config(Some(&identity), &trust, Expect::Controller, Alpn::H2)
        .map_err(|error| error.problem())?;
    let others = config.members.iter().filter(|member| member.id != config.id);
    let client = ClusterClient::new(others.map(|member| member.address.clone()).collect(), tls, PATIENCE);
    let call = |channel| async move {
        JoiningClient::new(channel).max_decoding_message_size(MAX_MESSAGE).fetch(FetchRequest {}).await
    };
    let answer = client.call_within(PATIENCE, ATTEMPT, call).await.map_err(|problem| {
        failed("the other controllers do not give it what it needs")
            .because(problem.to_string())
            .next("holdfast controller list")
    })?;
    material::write(directory, &answer.files)?;
    tracing::info!(files = answer.files.len(), "the CA and the law were fetched");
    Ok(())
}
