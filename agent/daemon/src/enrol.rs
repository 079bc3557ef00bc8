//! How a machine becomes a node: a one-time token is traded for a certificate, which is renewed before it ends.

use std::time::Duration;

use camino::Utf8Path;
use holdfast_api::internal::EnrolRequest;
use holdfast_api::internal::enrolment_client::EnrolmentClient;
use holdfast_client::ClusterClient;
use holdfast_identity::{
    Alpn, CapturedRoot, Expect, Identity, IdentityHandle, JoinToken, Trust, client_config,
    client_config_pinned,
};
use holdfast_types::{AsProblem as _, Problem, ProblemKind};

use crate::config::Config;

/// How long enrolment tries: controllers may start after the agent.
const PATIENCE: Duration = Duration::from_secs(60);

fn failed(because: impl Into<String>) -> Problem {
    Problem::new(6202, ProblemKind::Failed, "the node cannot join").because(because)
}

/// Who this node is and whom it trusts: from disk, or by enrolling.
///
/// # Errors
///
/// Where there is neither a certificate nor a token that works.
pub(crate) async fn identity(config: &Config) -> Result<(IdentityHandle, Trust), Problem> {
    let place = config.path("identity");
    let (chain, key, roots) = (place.join("chain.pem"), place.join("key.pem"), place.join("roots.pem"));
    if chain.exists() && roots.exists() {
        let identity = Identity::load(&chain, &key).map_err(|error| error.problem())?;
        let text =
            std::fs::read_to_string(&roots).map_err(|error| failed(format!("read `{roots}`: {error}")))?;
        let trust = Trust::new(&text).map_err(|error| error.problem())?;
        return Ok((IdentityHandle::new(identity), trust));
    }
    enrol(config, &place).await
}

/// What lets a node in.
struct Ticket {
    client: ClusterClient,
    token: String,
    jurisdiction: String,
    roots: Roots,
}

/// Where the root of the cluster is from.
enum Roots {
    /// The connection shows it, and the token says which it is.
    Shown(CapturedRoot),
    /// The controller of this machine has it.
    Known(String),
}

fn ticket(config: &Config) -> Result<Ticket, Problem> {
    let read = |file: &Utf8Path| {
        std::fs::read_to_string(file).map_err(|error| failed(format!("read `{file}`: {error}")))
    };
    let client = |tls| ClusterClient::new(config.controllers.clone(), tls, PATIENCE);
    if let Some(controller) = &config.controller {
        let roots = read(&controller.directory.join("pki/root.crt"))?;
        let trust = Trust::new(&roots).map_err(|error| error.problem())?;
        let place = controller.directory.join("identity");
        let identity = Identity::load(&place.join("chain.pem"), &place.join("key.pem"));
        let identity = IdentityHandle::new(identity.map_err(|error| error.problem())?);
        let tls = client_config(Some(&identity), &trust, Expect::Controller, Alpn::H2);
        let jurisdiction = controller.jurisdiction.clone().unwrap_or_default();
        let client = client(tls.map_err(|error| error.problem())?);
        return Ok(Ticket { client, token: String::new(), jurisdiction, roots: Roots::Known(roots) });
    }
    let Some(file) = &config.join_token_file else {
        return Err(
            failed("it has no certificate and no join token").next("holdfast node token --jurisdiction CODE")
        );
    };
    let text = read(file)?.trim().to_owned();
    let token = JoinToken::parse(&text).map_err(|error| error.problem())?;
    let (tls, root) = client_config_pinned(token.root(), Alpn::H2).map_err(|error| error.problem())?;
    Ok(Ticket { client: client(tls), token: text, jurisdiction: String::new(), roots: Roots::Shown(root) })
}

async fn enrol(config: &Config, place: &Utf8Path) -> Result<(IdentityHandle, Trust), Problem> {
    let Ticket { client, token, jurisdiction, roots } = ticket(config)?;
    let (key, csr_pem) = Identity::generate_csr().map_err(|error| error.problem())?;
    let request = EnrolRequest { token, node: config.name.clone(), csr_pem, jurisdiction };
    let answer = client
        .call(|channel| {
            let request = request.clone();
            async move { EnrolmentClient::new(channel).enrol(request).await }
        })
        .await?;
    let roots = match &roots {
        Roots::Shown(root) => root.pem().ok_or_else(|| failed("no root was captured"))?,
        Roots::Known(text) => text,
    };
    let identity = Identity::from_pem(&answer.chain_pem, key).map_err(|error| error.problem())?;
    let trust = Trust::new(roots).map_err(|error| error.problem())?;
    std::fs::create_dir_all(place).map_err(|error| failed(format!("create `{place}`: {error}")))?;
    let path = place.join("roots.pem");
    std::fs::write(&path, roots).map_err(|error| failed(format!("write `{path}`: {error}")))?;
    identity.save(&place.join("chain.pem"), &place.join("key.pem")).map_err(|error| error.problem())?;
    // The token is spent: what is left of it is only a secret lying about.
    if let Some(file) = &config.join_token_file
        && let Err(error) = std::fs::remove_file(file)
    {
        tracing::warn!(%error, %file, "the spent join token could not be deleted");
    }
    tracing::info!(node = config.name, jurisdiction = answer.jurisdiction, "node enrolled");
    Ok((IdentityHandle::new(identity), trust))
}
