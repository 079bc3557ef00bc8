//! The identity of a running process, which rotation replaces under its listeners.

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::identity::Identity;

/// A shared, replaceable identity. Configurations made from it present the new one from the next handshake on.
#[derive(Clone)]
pub struct IdentityHandle(Arc<RwLock<Arc<Identity>>>);

impl IdentityHandle {
    /// Shares an identity.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(identity))))
    }

    /// Replaces the identity for all later handshakes; open connections keep theirs.
    pub fn replace(&self, identity: Identity) {
        *self.0.write() = Arc::new(identity);
    }

    /// The identity of this moment.
    #[must_use]
    pub fn current(&self) -> Arc<Identity> {
        Arc::clone(&self.0.read())
    }
}

/// Names the principal and nothing of the key.
impl fmt::Debug for IdentityHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdentityHandle({})", self.current().principal())
    }
}

impl ResolvesServerCert for IdentityHandle {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current().certified())
    }
}

impl ResolvesClientCert for IdentityHandle {
    fn resolve(&self, _roots: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.current().certified())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
