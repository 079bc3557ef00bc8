//! The first contact of a joiner, which knows nothing of the cluster but the digest of its root.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::certificate::is_self_signed;
use crate::chain::{ChainError, Leaf, read_root_certificate};
use crate::names::RootPin;
use crate::pem;
use crate::principal::Principal;
use crate::verify::{issuing_of, refuse, refuse_tls12, verify_server_path};

/// The root that a pinned handshake proved to be the one of the join token.
#[derive(Debug, Clone, Default)]
pub struct CapturedRoot(Arc<OnceLock<String>>);

impl CapturedRoot {
    /// The root in PEM, once a handshake has succeeded; a `Trust` is made from it.
    #[must_use]
    pub fn pem(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

/// Accepts a controller whose chain ends in the pinned root.
#[derive(Debug)]
pub(crate) struct PinnedVerifier {
    pub(crate) pin: RootPin,
    pub(crate) captured: CapturedRoot,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
}

impl PinnedVerifier {
    fn pinned_root<'a, 'b>(
        &self,
        chain: &'a [CertificateDer<'b>],
    ) -> Result<&'a CertificateDer<'b>, ChainError> {
        let [_, root] = chain else {
            return Err(ChainError::Length { found: chain.len().saturating_add(1) });
        };
        if RootPin::of(root) == self.pin && is_self_signed(root) { Ok(root) } else { Err(ChainError::Pin) }
    }
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let issuing = issuing_of(intermediates)?;
        let root = self.pinned_root(intermediates).map_err(refuse)?;
        let (cluster, _) = read_root_certificate(root).map_err(refuse)?;
        let mut roots = RootCertStore::empty();
        roots.add(root.clone().into_owned())?;
        verify_server_path(&roots, end_entity, issuing, now, &self.algorithms)?;
        let leaf =
            Leaf::read(end_entity, issuing).and_then(|leaf| leaf.of_cluster(&cluster)).map_err(refuse)?;
        match leaf.principal {
            Principal::Controller { .. } => {
                // A second handshake captures the same bytes: the pin admits no others.
                self.captured.0.get_or_init(|| pem::encode_chain(std::slice::from_ref(root)));
                Ok(ServerCertVerified::assertion())
            }
            Principal::Node { .. } | Principal::Operator { .. } | Principal::Anonymous => {
                let (found, expected) = (leaf.principal.to_string(), "a controller".to_owned());
                Err(refuse(ChainError::Peer { found, expected }))
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(refuse_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
