//! The certificate of the node, renewed before it ends. Apart from the session: a renewal that hangs must not keep the
//! lease from being renewed.

use std::time::Duration;

use camino::Utf8PathBuf;
use holdfast_api::internal::RotateRequest;
use holdfast_api::internal::agent_session_client::AgentSessionClient;
use holdfast_client::ClusterClient;
use holdfast_identity::{Identity, IdentityHandle};
use holdfast_types::{AsProblem as _, Problem};
use tokio_util::sync::CancellationToken;

use crate::clock::now;

/// How often the age of the certificate is looked at; a third of its life is left for retries.
const LOOK: Duration = Duration::from_secs(30);

/// What a renewal needs.
pub(crate) struct Rotation {
    pub(crate) client: ClusterClient,
    pub(crate) identity: IdentityHandle,
    /// Where the identity is kept.
    pub(crate) place: Utf8PathBuf,
}

impl Rotation {
    /// Renews the certificate whenever two thirds of its life are over, until it is cancelled.
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            if self.identity.current().needs_rotation(now()) {
                let renewed = tokio::select! {
                    () = stop.cancelled() => return,
                    renewed = self.renew() => renewed,
                };
                match renewed {
                    Ok(()) => tracing::info!("certificate renewed"),
                    Err(problem) => tracing::warn!(%problem, "the certificate could not be renewed"),
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn renew(&self) -> Result<(), Problem> {
        let (key, csr_pem) = Identity::generate_csr().map_err(|error| error.problem())?;
        let call = |channel| {
            let csr_pem = csr_pem.clone();
            async move { AgentSessionClient::new(channel).rotate(RotateRequest { csr_pem }).await }
        };
        let answer = self.client.call(call).await?;
        let identity = Identity::from_pem(&answer.chain_pem, key).map_err(|error| error.problem())?;
        let (chain, key) = (self.place.join("chain.pem"), self.place.join("key.pem"));
        identity.save(&chain, &key).map_err(|error| error.problem())?;
        self.identity.replace(identity);
        Ok(())
    }
}
