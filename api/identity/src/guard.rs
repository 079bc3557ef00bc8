//! Revocation reaches connections that are already open.

use tokio::sync::watch;

use crate::peer::PeerInfo;
use crate::trust::Trust;

/// Watches the certificate of one open connection.
///
/// ```ignore
/// let mut guard = ConnectionGuard::new(&trust, &peer);
/// tokio::select! {
///     done = serve(stream) => done,
///     () = guard.revoked() => Ok(()), // Dropping the stream closes the connection.
/// }
/// ```
#[derive(Debug)]
pub struct ConnectionGuard {
    trust: Trust,
    peer: PeerInfo,
    changes: watch::Receiver<u64>,
}

impl ConnectionGuard {
    /// Watches the certificate of a peer. A revocation since the handshake is not missed.
    #[must_use]
    pub fn new(trust: &Trust, peer: &PeerInfo) -> Self {
        Self { trust: trust.clone(), peer: peer.clone(), changes: trust.revocations() }
    }

    /// Returns when the certificate of the peer, or its issuing CA, is revoked. An anonymous peer has none.
    pub async fn revoked(&mut self) {
        loop {
            // Asked of the set, not of the event, so a change before the first call counts too.
            if self.trust.is_peer_revoked(&self.peer) {
                return;
            }
            if self.changes.changed().await.is_err() {
                // The sender lives in the trust this guard holds, so it cannot be gone.
                return std::future::pending().await;
            }
        }
    }
}
