//! The one port: TLS, then gRPC or REST by what the request says it is.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use holdfast_identity::{ConnectionGuard, HANDSHAKE_TIMEOUT, PeerInfo, tls_accept};
use http::{Request, Response, header};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tower::ServiceExt as _;

use crate::app::App;

/// The most connections at a time; one more waits in the kernel's queue.
const MAX_CONNECTIONS: usize = 16_384;

/// Both faces of the API.
#[derive(Clone)]
pub(crate) struct Faces {
    pub(crate) grpc: Routes,
    pub(crate) rest: axum::Router,
}

impl Faces {
    async fn serve(self, request: Request<Body>) -> Result<Response<Body>, Infallible> {
        let kind = request.headers().get(header::CONTENT_TYPE).map(http::HeaderValue::as_bytes);
        if kind.is_some_and(|kind| kind.starts_with(b"application/grpc")) {
            let request = request.map(tonic::body::Body::new);
            let answer = self.grpc.oneshot(request).await?;
            Ok(answer.map(Body::new))
        } else {
            self.rest.oneshot(request).await
        }
    }
}

/// Accepts connections until it is cancelled, then lets those that are open finish what they answer.
pub(crate) async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    acceptor: TlsAcceptor,
    faces: Faces,
    stop: CancellationToken,
) {
    let mut connections = JoinSet::new();
    loop {
        let full = connections.len() >= MAX_CONNECTIONS;
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if !full => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(Arc::clone(&app), stream, acceptor.clone(), faces.clone(), stop.clone()));
                }
                // Out of descriptors: those that are open have to end first.
                Err(error) => tracing::warn!(%error, "a connection could not be accepted"),
            },
        }
    }
    connections.shutdown().await;
}

async fn connection(
    app: Arc<App>,
    stream: TcpStream,
    acceptor: TlsAcceptor,
    faces: Faces,
    stop: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "small messages may wait");
    }
    let (stream, peer) = match tls_accept(stream, &acceptor, HANDSHAKE_TIMEOUT).await {
        Ok(accepted) => accepted,
        Err(error) => return tracing::debug!(%error, "a connection was refused"),
    };
    let mut guard = ConnectionGuard::new(&app.trust, &peer);
    let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
        answer(faces.clone(), peer.clone(), request)
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

async fn answer(
    faces: Faces,
    peer: PeerInfo,
    request: Request<hyper::body::Incoming>,
) -> Result<Response<Body>, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(peer);
    faces.serve(request).await
}
