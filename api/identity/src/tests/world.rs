//! A small cluster for tests, and a handshake between two configurations.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use holdfast_types::{Span, Time};
use rustls::{ClientConfig, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use crate::*;

pub(super) const HOUR: Span = Span::from_secs(3_600);

/// The verifiers take the time from the clock, so the CA of a test does too.
pub(super) fn now() -> Time {
    Time(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap())
}

pub(super) fn node(name: &str, jurisdiction: &str) -> Principal {
    Principal::Node { name: name.parse().unwrap(), jurisdiction: jurisdiction.parse().unwrap() }
}

pub(super) fn controller(name: &str) -> Principal {
    Principal::Controller { name: name.parse().unwrap() }
}

pub(super) fn operator(name: &str, roles: &[&str]) -> Principal {
    let roles = roles.iter().map(|role| role.parse().unwrap()).collect();
    Principal::Operator { name: name.parse().unwrap(), roles, tenant: Some("acme".parse().unwrap()) }
}

pub(super) struct Cluster {
    pub(super) ca: ClusterCa,
    pub(super) trust: Trust,
}

impl Cluster {
    pub(super) fn new(id: &str) -> Self {
        let jurisdictions = ["DE", "FR"].map(|j| j.parse().unwrap());
        let ca = ClusterCa::create(id.parse().unwrap(), &jurisdictions, now()).unwrap();
        let trust = Trust::new(&ca.root_pem()).unwrap();
        Self { ca, trust }
    }

    pub(super) fn identity(&self, principal: &Principal) -> Identity {
        self.identity_at(principal, HOUR, now())
    }

    pub(super) fn identity_at(&self, principal: &Principal, validity: Span, at: Time) -> Identity {
        let (key, request) = Identity::generate_csr().unwrap();
        let issued = self.ca.issue(&request, principal, validity, at).unwrap();
        let identity = Identity::from_pem(&issued.chain_pem, key).unwrap();
        assert_eq!((identity.serial(), identity.not_after()), (issued.serial, issued.not_after));
        identity
    }

    pub(super) fn handle(&self, principal: &Principal) -> IdentityHandle {
        IdentityHandle::new(self.identity(principal))
    }

    /// A controller that insists on certificates and on the hybrid key exchange.
    pub(super) fn server(&self) -> Arc<ServerConfig> {
        let handle = self.handle(&controller("c1"));
        server_config(&handle, &self.trust, KeyExchange::HybridOnly, ClientAuth::Required, Alpn::H2).unwrap()
    }

    pub(super) fn client(&self, identity: Identity) -> Arc<ClientConfig> {
        let handle = IdentityHandle::new(identity);
        client_config(Some(&handle), &self.trust, Expect::Controller, Alpn::H2).unwrap()
    }
}

/// A handshake and one byte from server to client. The byte matters: a client of TLS 1.3 learns only by reading that the
/// server refused it.
pub(super) async fn meet(
    server: &Arc<ServerConfig>,
    client: &Arc<ClientConfig>,
) -> (Result<PeerInfo, StreamError>, Result<PeerInfo, String>) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let acceptor = TlsAcceptor::from(Arc::clone(server));
    let serve = async {
        let (mut stream, peer) = tls_accept(near, &acceptor, HANDSHAKE_TIMEOUT).await?;
        stream.write_all(b"!").await.unwrap();
        stream.shutdown().await.unwrap();
        Ok(peer)
    };
    let dial = async {
        let connected = tls_connect_over(far, client, HANDSHAKE_TIMEOUT).await;
        let (mut stream, peer) = connected.map_err(|error| causes(&error))?;
        let mut byte = [0];
        stream.read_exact(&mut byte).await.map_err(|error| error.to_string())?;
        Ok(peer)
    };
    tokio::join!(serve, dial)
}

/// An error with its causes on one line.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Asserts that the server refused, with this in the chain of causes, and that the client got nothing.
pub(super) async fn refused_by_server(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>, why: &str) {
    let (served, dialled) = meet(server, client).await;
    let error = causes(&served.expect_err("the server must refuse"));
    assert!(error.contains(why), "`{error}` does not say `{why}`");
    dialled.expect_err("a refused client must not read");
}

/// Asserts that the client refused, with this in the chain of causes.
pub(super) async fn refused_by_client(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>, why: &str) {
    let (served, dialled) = meet(server, client).await;
    let error = dialled.expect_err("the client must refuse");
    assert!(error.contains(why), "`{error}` does not say `{why}`");
    served.expect_err("a server that is refused has no stream");
}
