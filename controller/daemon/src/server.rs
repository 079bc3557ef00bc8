//! The one port: TLS, then gRPC or REST by what the request says it is.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use holdfast_identity::{ConnectionGuard, HANDSHAKE_TIMEOUT, Trust, tls_accept};
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::front::{Front, Peer};

/// The most connections at a time; one more waits in the kernel's queue.
const MAX_CONNECTIONS: usize = 16_384;
/// How long the head of an HTTP/1 request may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// What every connection needs.
#[derive(Clone)]
pub(crate) struct Listening {
    pub(crate) front: Arc<Front>,
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) trust: Trust,
    pub(crate) stop: CancellationToken,
}

/// Accepts connections until it is told to stop. Then nobody new comes in, those who are there are told to go
/// (GOAWAY, `connection: close`), and it ends when the last request that had begun is answered.
pub(crate) async fn serve(listener: TcpListener, listening: Listening) {
    let mut connections = JoinSet::new();
    loop {
        let full = connections.len() >= MAX_CONNECTIONS;
        tokio::select! {
            () = listening.stop.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if !full => match accepted {
                Ok((stream, address)) => {
                    connections.spawn(connection(stream, address.ip(), listening.clone()));
                }
                // Out of descriptors: those that are open have to end first.
                Err(error) => tracing::warn!(%error, "a connection could not be accepted"),
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(stream: TcpStream, address: IpAddr, listening: Listening) {
    let Listening { front, acceptor, trust, stop } = listening;
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "small messages may wait");
    }
    let accepted = tokio::select! {
        accepted = tls_accept(stream, &acceptor, HANDSHAKE_TIMEOUT) => accepted,
        () = stop.cancelled() => return,
    };
    let (stream, info) = match accepted {
        Ok(accepted) => accepted,
        Err(error) => return tracing::debug!(%error, "a connection was refused"),
    };
    let mut guard = ConnectionGuard::new(&trust, &info);
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    // REST has its date from the front; gRPC needs none, and HTTP/2 would keep every one of them for the connection.
    builder.http2().max_concurrent_streams(front.streams()).auto_date_header(false);
    let peer = Arc::new(Peer { info, address });
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let (front, peer) = (Arc::clone(&front), Arc::clone(&peer));
        async move { Ok::<_, Infallible>(front.answer(&peer, request.map(Body::new)).await) }
    });
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let mut told = false;
    loop {
        tokio::select! {
            ended = serving.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended badly");
                }
                return;
            }
            () = guard.revoked() => {
                return tracing::warn!("a connection was closed: its certificate is revoked");
            }
            () = stop.cancelled(), if !told => {
                told = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
}
