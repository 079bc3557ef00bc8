//! Whom a process believes: the roots of its cluster, less the certificates that were revoked.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use holdfast_types::{AsProblem, Problem, ProblemKind};
use parking_lot::RwLock;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use tokio::sync::watch;

use crate::chain::{ChainError, read_root_certificate};
use crate::names::{ClusterId, RootPin, Serial};
use crate::peer::PeerInfo;
use crate::pem;
use crate::report::with_causes;

/// Why a text gives no trust.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The text is not certificates in PEM.
    #[error("read root certificates: expected PEM sections `CERTIFICATE`")]
    Text,
    /// A certificate is not a root of a cluster.
    #[error("use root certificate")]
    Root(#[from] ChainError),
    /// The roots are of more than one cluster.
    #[error("root certificates are of two clusters, `{first}` and `{second}`")]
    Clusters {
        /// The first cluster.
        first: ClusterId,
        /// The second cluster.
        second: ClusterId,
    },
    /// rustls does not take a certificate as a root.
    #[error("use root certificate of `{cluster}`")]
    Rustls {
        /// The cluster.
        cluster: ClusterId,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl AsProblem for TrustError {
    fn problem(&self) -> Problem {
        with_causes(Problem::new(5011, ProblemKind::Invalid, self.to_string()), self)
    }
}

/// The roots of a cluster and the set of revoked serial numbers; cheap to clone, and all clones are one.
#[derive(Clone)]
pub struct Trust(Arc<Inner>);

struct Inner {
    cluster: ClusterId,
    roots: Vec<CertificateDer<'static>>,
    store: Arc<RootCertStore>,
    clients: Arc<dyn ClientCertVerifier>,
    revoked: RwLock<Arc<BTreeSet<Serial>>>,
    generation: watch::Sender<u64>,
}

impl Trust {
    /// Trusts the roots in a PEM text: one, or two while the root is being changed. All are of one cluster, which is
    /// read from them.
    pub fn new(roots_pem: &str) -> Result<Self, TrustError> {
        let roots = pem::certificates(roots_pem).ok_or(TrustError::Text)?;
        let mut cluster = None;
        let mut store = RootCertStore::empty();
        for root in &roots {
            let (of, _) = read_root_certificate(root)?;
            if let Some(first) = cluster.replace(of.clone()).filter(|first| *first != of) {
                return Err(TrustError::Clusters { first, second: of });
            }
            store.add(root.clone()).map_err(|e| TrustError::Rustls { cluster: of, source: e.into() })?;
        }
        let cluster = cluster.ok_or(TrustError::Text)?;
        let store = Arc::new(store);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::clone(&store), provider)
            .build()
            .map_err(|e| TrustError::Rustls { cluster: cluster.clone(), source: e.into() })?;
        let revoked = RwLock::new(Arc::default());
        Ok(Self(Arc::new(Inner {
            cluster,
            roots,
            store,
            clients,
            revoked,
            generation: watch::Sender::new(0),
        })))
    }

    /// The cluster.
    #[must_use]
    pub fn cluster(&self) -> &ClusterId {
        &self.0.cluster
    }

    /// The roots in PEM.
    #[must_use]
    pub fn roots_pem(&self) -> String {
        pem::encode_chain(&self.0.roots)
    }

    /// The pin of the first root, for a join token.
    #[must_use]
    pub fn root_pin(&self) -> RootPin {
        RootPin::of(self.0.roots.first().map_or(&[], |root| root.as_ref()))
    }

    /// Adds serial numbers to the revoked ones, of leaves or of issuing CAs. Handshakes refuse them from now on, and
    /// [`Trust::revocations`] fires so that open connections can be closed.
    pub fn revoke(&self, serials: impl IntoIterator<Item = Serial>) {
        let mut revoked = self.0.revoked.write();
        let mut wider = BTreeSet::clone(&revoked);
        wider.extend(serials);
        *revoked = Arc::new(wider);
        drop(revoked);
        self.announce();
    }

    /// Replaces the set of revoked serial numbers by the one of the replicated state, from which expired ones may have
    /// been dropped.
    pub fn replace_revoked(&self, serials: BTreeSet<Serial>) {
        *self.0.revoked.write() = Arc::new(serials);
        self.announce();
    }

    /// Whether a serial number is revoked.
    #[must_use]
    pub fn is_revoked(&self, serial: Serial) -> bool {
        self.0.revoked.read().contains(&serial)
    }

    /// Whether the certificate of a peer, or the CA that issued it, is revoked.
    #[must_use]
    pub fn is_peer_revoked(&self, peer: &PeerInfo) -> bool {
        let revoked = self.0.revoked.read();
        [peer.serial, peer.issuer_serial].iter().flatten().any(|serial| revoked.contains(serial))
    }

    /// A counter that moves when the set of revoked serial numbers changes.
    #[must_use]
    pub fn revocations(&self) -> watch::Receiver<u64> {
        self.0.generation.subscribe()
    }

    /// The roots as rustls takes them.
    pub(crate) fn store(&self) -> &RootCertStore {
        &self.0.store
    }

    /// The check of a chain as that of a client.
    pub(crate) fn clients(&self) -> &dyn ClientCertVerifier {
        self.0.clients.as_ref()
    }

    fn announce(&self) {
        self.0.generation.send_modify(|generation| *generation = generation.wrapping_add(1));
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").field("cluster", &self.0.cluster).finish_non_exhaustive()
    }
}
