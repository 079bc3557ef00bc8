//! Handshakes with a time limit, which end in a stream and the name of its peer.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use holdfast_types::{AsProblem, Problem, ProblemKind};
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, Error as TlsError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use crate::chain::ChainError;
use crate::peer::{PeerError, PeerInfo, peer_of};
use crate::report::with_causes;

/// How long a connection may take to become a TLS stream: a handshake is two round trips and a millisecond of work, so
/// only a dead or hostile peer needs longer.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// rustls wants a name to connect to; it is neither sent nor checked. RFC 6761 keeps `invalid` from ever existing.
const UNUSED_NAME: &str = "holdfast.invalid";

/// Why there is no TLS stream.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// No TCP connection.
    #[error("connect to `{endpoint}`")]
    Connect {
        /// What was dialled.
        endpoint: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The handshake failed: this side refused the peer, or the peer refused this side.
    #[error("TLS handshake")]
    Handshake(#[source] io::Error),
    /// This side refused the peer for what its certificates say.
    #[error("refuse the peer of a TLS handshake")]
    Refused(#[source] ChainError),
    /// Connecting or the handshake took too long.
    #[error("TLS handshake not complete after {} s", .0.as_secs())]
    Timeout(Duration),
    /// The handshake named nobody who is welcome.
    #[error(transparent)]
    Peer(#[from] PeerError),
}

impl AsProblem for StreamError {
    fn problem(&self) -> Problem {
        let problem = |code, kind| with_causes(Problem::new(code, kind, self.to_string()), self);
        match self {
            Self::Connect { .. } => problem(5017, ProblemKind::Unreachable),
            Self::Handshake(_) => problem(5014, ProblemKind::Unauthorised),
            Self::Refused(_) => problem(5014, ProblemKind::Unauthorised),
            Self::Timeout(_) => problem(5015, ProblemKind::Unreachable),
            Self::Peer(error) => error.problem(),
        }
    }
}

/// Completes the handshake of an accepted connection.
pub async fn tls_accept<S>(
    stream: S,
    acceptor: &TlsAcceptor,
    limit: Duration,
) -> Result<(server::TlsStream<S>, PeerInfo), StreamError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let accepted = timeout(limit, acceptor.accept(stream)).await.map_err(|_| StreamError::Timeout(limit))?;
    let stream = accepted.map_err(fault_of)?;
    let peer = peer_of(stream.get_ref().1)?;
    Ok((stream, peer))
}

/// Connects to `host:port` and completes the handshake, both within one limit.
///
/// TLS 1.3 ends on the side of the client before the server has looked at the client's certificate: a refusal by the
/// server arrives as an error of the first read.
pub async fn tls_connect(
    endpoint: &str,
    config: &Arc<ClientConfig>,
    limit: Duration,
) -> Result<(client::TlsStream<TcpStream>, PeerInfo), StreamError> {
    let connect = async {
        let fault = |source| StreamError::Connect { endpoint: endpoint.to_owned(), source };
        let stream = TcpStream::connect(endpoint).await.map_err(fault)?;
        // Calls and Raft messages are small and wait for answers.
        stream.set_nodelay(true).map_err(fault)?;
        handshake(stream, config).await
    };
    timeout(limit, connect).await.map_err(|_| StreamError::Timeout(limit))?
}

/// As [`tls_connect`], over a stream that is already connected.
pub async fn tls_connect_over<S>(
    stream: S,
    config: &Arc<ClientConfig>,
    limit: Duration,
) -> Result<(client::TlsStream<S>, PeerInfo), StreamError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    timeout(limit, handshake(stream, config)).await.map_err(|_| StreamError::Timeout(limit))?
}

async fn handshake<S>(
    stream: S,
    config: &Arc<ClientConfig>,
) -> Result<(client::TlsStream<S>, PeerInfo), StreamError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = ServerName::try_from(UNUSED_NAME)
        .map_err(|error| StreamError::Handshake(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
    let connector = TlsConnector::from(Arc::clone(config));
    let stream = connector.connect(name, stream).await.map_err(fault_of)?;
    let peer = peer_of(stream.get_ref().1)?;
    Ok((stream, peer))
}

/// rustls prints the fault of a verifier of one's own in its debug form; this takes it out again.
fn fault_of(error: io::Error) -> StreamError {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
    if let Some(TlsError::InvalidCertificate(CertificateError::Other(other))) = tls
        && let Some(fault) = other.0.downcast_ref::<ChainError>()
    {
        return StreamError::Refused(fault.clone());
    }
    StreamError::Handshake(error)
}
