//! rustls configurations: TLS 1.3 only, aws-lc-rs, no resumption.
//!
//! A resumed session skips the certificate checks, so a revoked or expired peer could come back through it. Therefore
//! there are no tickets and no session cache, and every connection pays for its handshake (about half a millisecond).

use std::sync::Arc;

use holdfast_types::{AsProblem, Problem, ProblemKind};
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::server::NoServerSessionStorage;
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};

use crate::handle::IdentityHandle;
use crate::names::RootPin;
use crate::pinned::{CapturedRoot, PinnedVerifier};
use crate::report::with_causes;
use crate::trust::Trust;
use crate::verify::{ClientAuth, ClientVerifier, Expect, ServerVerifier};

/// Which key exchanges a server accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyExchange {
    /// X25519MLKEM768 alone: a recorded connection stays secret when quantum computers come. Between our own processes.
    HybridOnly,
    /// Also X25519 and P-256, for the HTTP clients of people on the REST face. `peer_of` still refuses controllers and
    /// nodes over them.
    HybridOrClassical,
}

/// The application protocols offered in the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alpn {
    /// None: a protocol of our own.
    None,
    /// HTTP/2 alone: gRPC.
    H2,
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2 or HTTP/1.1: gRPC and REST on one port.
    H2AndHttp1,
}

impl Alpn {
    fn protocols(self) -> Vec<Vec<u8>> {
        let names: &[&[u8]] = match self {
            Self::None => &[],
            Self::H2 => &[b"h2"],
            Self::Http1 => &[b"http/1.1"],
            Self::H2AndHttp1 => &[b"h2", b"http/1.1"],
        };
        names.iter().map(|name| name.to_vec()).collect()
    }
}

/// rustls does not make a configuration.
#[derive(Debug, thiserror::Error)]
#[error("make TLS configuration")]
pub struct ConfigError(#[from] rustls::Error);

impl AsProblem for ConfigError {
    fn problem(&self) -> Problem {
        with_causes(Problem::new(5013, ProblemKind::Failed, self.to_string()), self)
    }
}

/// The configuration of a server. It presents leaf, issuing CA and root, so that a joiner can pin the root.
pub fn server_config(
    identity: &IdentityHandle,
    trust: &Trust,
    exchange: KeyExchange,
    auth: ClientAuth,
    alpn: Alpn,
) -> Result<Arc<ServerConfig>, ConfigError> {
    let provider = provider(exchange);
    let algorithms = provider.signature_verification_algorithms;
    let verifier = ClientVerifier { trust: trust.clone(), auth, algorithms };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::new(identity.clone()));
    config.alpn_protocols = alpn.protocols();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The configuration of a client that knows its cluster. Without an identity it is anonymous to the server.
pub fn client_config(
    identity: Option<&IdentityHandle>,
    trust: &Trust,
    expect: Expect,
    alpn: Alpn,
) -> Result<Arc<ClientConfig>, ConfigError> {
    let provider = provider(KeyExchange::HybridOnly);
    let algorithms = provider.signature_verification_algorithms;
    let verifier = ServerVerifier { trust: trust.clone(), expect, algorithms };
    client(provider, Arc::new(verifier), identity, alpn)
}

/// The configuration of a joiner that has only the pin of a join token. After a handshake the root is in
/// [`CapturedRoot`].
pub fn client_config_pinned(
    pin: RootPin,
    alpn: Alpn,
) -> Result<(Arc<ClientConfig>, CapturedRoot), ConfigError> {
    let provider = provider(KeyExchange::HybridOnly);
    let captured = CapturedRoot::default();
    let algorithms = provider.signature_verification_algorithms;
    let verifier = PinnedVerifier { pin, captured: captured.clone(), algorithms };
    Ok((client(provider, Arc::new(verifier), None, alpn)?, captured))
}

fn client(
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
    identity: Option<&IdentityHandle>,
    alpn: Alpn,
) -> Result<Arc<ClientConfig>, ConfigError> {
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        // rustls calls every verifier of one's own dangerous; this one checks more than its own does.
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(Arc::new(identity.clone())),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.protocols();
    config.resumption = Resumption::disabled();
    // The name of the server is in its SPIFFE id; what was dialled is nobody's business on the wire.
    config.enable_sni = false;
    Ok(Arc::new(config))
}

fn provider(exchange: KeyExchange) -> Arc<CryptoProvider> {
    let kx_groups: Vec<&'static dyn SupportedKxGroup> = match exchange {
        KeyExchange::HybridOnly => vec![kx_group::X25519MLKEM768],
        KeyExchange::HybridOrClassical => {
            vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1]
        }
    };
    Arc::new(CryptoProvider { kx_groups, ..default_provider() })
}
