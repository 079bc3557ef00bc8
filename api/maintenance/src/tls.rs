//! TLS 1.3 with a certificate that nobody signed but itself: the machine has no other yet, and the client knows its fingerprint.
//! Keys are agreed on by X25519MLKEM768 alone, as between all our processes: the recovery key goes over this channel.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, PeerIncompatible, ServerConfig,
    SignatureScheme,
};

use crate::fingerprint::Fingerprint;

/// rustls wants a name to connect to; it is neither sent nor checked. RFC 6761 keeps `invalid` from ever existing.
pub(crate) const UNUSED_NAME: &str = "holdfast.invalid";

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// It cannot be made.
    #[error("make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// rustls does not take it.
    #[error("make TLS configuration")]
    Configuration(#[from] Error),
}

/// What a machine presents: a key and a certificate that live in its memory as long as this.
#[derive(Debug, Clone)]
pub struct Presented {
    /// How it takes connections.
    pub config: Arc<ServerConfig>,
    /// What it shows.
    pub fingerprint: Fingerprint,
}

impl Presented {
    /// A new key, and its certificate.
    ///
    /// # Errors
    ///
    /// They cannot be made.
    pub fn make() -> Result<Self, TlsError> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![UNUSED_NAME.to_owned()])?.self_signed(&key)?;
        let fingerprint = Fingerprint::of(certificate.der());
        let secret = PrivatePkcs8KeyDer::from(key.serialize_der());
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], secret.into())?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { config: Arc::new(config), fingerprint })
    }
}

/// A client that speaks with the machine of this fingerprint alone.
pub(crate) fn client_config(pin: Fingerprint) -> Result<Arc<ClientConfig>, Error> {
    let provider = provider();
    let verifier = Pinned { pin, algorithms: provider.signature_verification_algorithms };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        // rustls calls every verifier of one's own dangerous.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider { kx_groups: vec![kx_group::X25519MLKEM768], ..default_provider() })
}

/// Another machine, or somebody in between.
#[derive(Debug, thiserror::Error)]
#[error("it presents the fingerprint {0}")]
pub(crate) struct Mismatch(pub(crate) Fingerprint);

/// Accepts one certificate, and only from who has its key.
#[derive(Debug)]
struct Pinned {
    pin: Fingerprint,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let presented = Fingerprint::of(end_entity);
        if presented == self.pin {
            return Ok(ServerCertVerified::assertion());
        }
        let other = OtherError(Arc::new(Mismatch(presented)));
        Err(Error::InvalidCertificate(CertificateError::Other(other)))
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered))
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
