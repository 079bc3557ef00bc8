//! The data port's listener: mutual TLS for everybody, and connections end when their certificate is revoked.

use holdfast_api::internal::data_server::DataServer;
use holdfast_api::{REQUEST_ID_METADATA, is_request_id};
use holdfast_identity::{ConnectionGuard, HANDSHAKE_TIMEOUT, PeerInfo, Trust, tls_accept};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tower::ServiceExt as _;
use tracing::{Instrument as _, Span};

use crate::data::Service;

/// The largest message of the data port.
const MAX_MESSAGE: usize = 16 << 20;

/// Accepts connections until it is cancelled.
pub(crate) async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    trust: Trust,
    service: Service,
    stop: CancellationToken,
) {
    let routes = Routes::new(DataServer::new(service).max_decoding_message_size(MAX_MESSAGE)).prepare();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, acceptor.clone(), trust.clone(), routes.clone(), stop.clone()));
                }
                Err(error) => tracing::warn!(%error, "a connection could not be accepted"),
            },
        }
    }
    connections.shutdown().await;
}

/// What is logged of a call says whose it is, under the id that the controllers know the request by.
fn span<B>(peer: &PeerInfo, request: &http::Request<B>) -> Span {
    let id = request.headers().get(REQUEST_ID_METADATA).and_then(|id| id.to_str().ok());
    let id = id.filter(|id| is_request_id(id)).unwrap_or_default();
    tracing::info_span!("data", request = id, path = request.uri().path(), caller = %peer.principal)
}

async fn connection(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    trust: Trust,
    routes: Routes,
    stop: CancellationToken,
) {
    let (stream, peer) = match tls_accept(stream, &acceptor, HANDSHAKE_TIMEOUT).await {
        Ok(accepted) => accepted,
        Err(error) => return tracing::debug!(%error, "a connection was refused"),
    };
    let mut guard = ConnectionGuard::new(&trust, &peer);
    let service = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let (routes, peer): (Routes, PeerInfo) = (routes.clone(), peer.clone());
        let mut request = request.map(tonic::body::Body::new);
        let span = span(&peer, &request);
        request.extensions_mut().insert(peer);
        routes.oneshot(request).instrument(span)
    });
    let builder = Builder::new(TokioExecutor::new());
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    tokio::select! {
        ended = serving.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended badly");
            }
        }
        () = guard.revoked() => tracing::warn!("a connection was closed: its certificate is revoked"),
        () = stop.cancelled() => {}
    }
}
