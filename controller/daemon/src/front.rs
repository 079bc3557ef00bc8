//! What happens around every request, whichever face it is for: its id and its span, the limits, the count of how it
//! ended, and the end of streams when the controller stops.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::body::Body;
use holdfast_api::store::ControllerRecord;
use holdfast_api::{retry_after, status_from_problem};
use holdfast_identity::{PeerInfo, Principal};
use holdfast_state::ADMITTED;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Code, Status};
use tower::ServiceExt as _;
use tracing::{Instrument as _, Span, field};

use crate::app::{App, now};
use crate::calls::{Answered, OTHER, code_name, code_of};
use crate::drain::{Ending, Face, draining, drains};
use crate::limits::{Access, FULL_RETRY, Limiter, Limits, full};
use crate::removed::refused;
use crate::request_id::{REQUEST_ID, RequestId};
use crate::rest;

/// What nodes and controllers say to each other; it is never held up by what people ask.
const INTERNAL: &str = "/holdfast.internal.";
/// What a controller asks that was admitted; it is proved there that it was.
const JOINING: &str = "/holdfast.internal.v1.Joining/";
/// The long polls of agents: held until something changes, so a controller that stops ends them.
const HELD: [&str; 2] =
    ["/holdfast.internal.v1.AgentSession/Sync", "/holdfast.internal.v1.AgentSession/Renew"];
/// Where an answer that asks the caller to come back does not say when, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Methods that change nothing begin with one of these words.
const READS: [&str; 12] = [
    "Get", "List", "Show", "Status", "Watch", "Explain", "Logs", "Head", "Export", "Check", "Plan",
    "Describe",
];

/// Both faces of the API.
#[derive(Clone)]
pub(crate) struct Faces {
    pub(crate) grpc: Routes,
    pub(crate) rest: axum::Router,
}

/// Who is at the other end of a connection, and where.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) info: PeerInfo,
    pub(crate) address: IpAddr,
}

impl Peer {
    /// The name under which calls are limited and logged. Strangers are told apart by where they are.
    fn caller(&self) -> String {
        match &self.info.principal {
            Principal::Anonymous => format!("anonymous/{}", self.address),
            known => known.to_string(),
        }
    }

    fn is_ours(&self) -> bool {
        matches!(self.info.principal, Principal::Controller { .. } | Principal::Node { .. })
    }
}

/// The way in to both faces.
pub(crate) struct Front {
    app: Arc<App>,
    faces: Faces,
    limits: Limits,
    limiter: Limiter,
    places: Semaphore,
    began: Instant,
    stop: CancellationToken,
}

/// The time as RFC 9110, 6.6.1, asks for it in every answer.
fn date() -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(now().0))
}

fn face(request: &Request<Body>) -> Face {
    let kind = request.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if kind.is_some_and(|kind| kind.starts_with(b"application/grpc")) { Face::Grpc } else { Face::Rest }
}

fn access(face: Face, request: &Request<Body>) -> Access {
    let reads = match face {
        Face::Rest => matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS),
        Face::Grpc => {
            let method = request.uri().path().rsplit('/').next().unwrap_or_default();
            READS.iter().any(|word| method.starts_with(word))
        }
    };
    if reads { Access::Read } else { Access::Write }
}

impl Front {
    pub(crate) fn new(app: Arc<App>, faces: Faces, stop: CancellationToken) -> Self {
        let limits = app.config.limits.clone();
        let places =
            Semaphore::new(usize::try_from(limits.calls_in_flight).unwrap_or(Semaphore::MAX_PERMITS));
        let limiter = Limiter::new(limits.clone());
        Self { app, faces, limits, limiter, places, began: Instant::now(), stop }
    }

    /// The most streams of one connection.
    pub(crate) fn streams(&self) -> u32 {
        self.limits.streams_per_connection
    }

    /// Answers one request of a peer.
    pub(crate) async fn answer(&self, peer: &Peer, mut request: Request<Body>) -> Response<Body> {
        let (face, began) = (face(&request), Instant::now());
        let id = RequestId::of(request.headers());
        let span = self.span(peer, &id, &request);
        let call = self.app.calls.known(request.uri().path()).to_owned();
        request.headers_mut().insert(REQUEST_ID, id.header());
        request.extensions_mut().insert(peer.info.clone());
        let answer = self.admitted(face, peer, request, &id).instrument(span.clone());
        let mut response = Box::pin(id.clone().scope(answer)).await;
        if matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
            && !response.headers().contains_key(header::RETRY_AFTER)
        {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response.headers_mut().insert(REQUEST_ID, id.header());
        if let (Face::Rest, Ok(date)) = (face, date().parse()) {
            response.headers_mut().insert(header::DATE, date);
        }
        let ended = ended(face, call, &response);
        let took = began.elapsed();
        self.app.calls.count(&ended.call, ended.code, took);
        said(&span, &ended, took);
        response.map(|body| draining(body, Ending { face, id, stop: self.stop.clone() }))
    }

    fn span(&self, peer: &Peer, id: &RequestId, request: &Request<Body>) -> Span {
        let path = request.uri().path();
        if path.starts_with(INTERNAL) {
            return tracing::debug_span!(
                "request", id = id.as_str(), method = %request.method(), path, caller = peer.caller(),
                status = field::Empty, ms = field::Empty
            );
        }
        tracing::info_span!(
            "request", id = id.as_str(), method = %request.method(), path, caller = peer.caller(),
            status = field::Empty, ms = field::Empty
        )
    }

    async fn admitted(
        &self,
        face: Face,
        peer: &Peer,
        request: Request<Body>,
        id: &RequestId,
    ) -> Response<Body> {
        let admitted = self.admit(face, peer, &request);
        match (admitted, face) {
            (Ok(place), _) => {
                let response = Box::pin(self.serve(face, request)).await;
                drop(place);
                response
            }
            (Err(status), Face::Grpc) => status.into_http(),
            (Err(status), Face::Rest) => rest::refused(&status, id.as_str()),
        }
    }

    /// A place to be answered in, or why there is none. None is needed for what keeps the cluster itself going.
    fn admit(
        &self,
        face: Face,
        peer: &Peer,
        request: &Request<Body>,
    ) -> Result<Option<SemaphorePermit<'_>>, Status> {
        self.is_known(peer, request.uri().path())?;
        if peer.is_ours() && request.uri().path().starts_with(INTERNAL) {
            return Ok(None);
        }
        let caller = peer.caller();
        self.limiter.take(&caller, access(face, request), self.began.elapsed()).map_err(|too_many| {
            retry_after(status_from_problem(&too_many.problem(&caller)), too_many.after)
        })?;
        let place = self
            .places
            .try_acquire()
            .map_err(|_| retry_after(status_from_problem(&full(&self.limits)), FULL_RETRY))?;
        Ok(Some(place))
    }

    /// Refuses a controller that is no member. Only where this one was cut off there may be members that it has not heard of:
    /// then it is for the log, which knows them by their number, to say whom it follows.
    fn is_known(&self, peer: &Peer, path: &str) -> Result<(), Status> {
        let Principal::Controller { name } = &peer.info.principal else { return Ok(()) };
        if path.starts_with(JOINING) || self.app.known.is_member(name.as_str()) {
            return Ok(());
        }
        let waits = |record: &ControllerRecord| record.phase == ADMITTED && record.name == name.as_str();
        if self.app.with(|state| state.controllers().any(waits)) || self.app.recent().is_err() {
            return Ok(());
        }
        Err(status_from_problem(&refused(name)))
    }

    async fn serve(&self, face: Face, request: Request<Body>) -> Response<Body> {
        let held = HELD.contains(&request.uri().path());
        let answered = match face {
            Face::Grpc => {
                let request = request.map(tonic::body::Body::new);
                let answer = self.faces.grpc.clone().oneshot(request);
                tokio::select! {
                    answer = answer => answer.map(|answer| answer.map(Body::new)),
                    () = self.stop.cancelled(), if held => Ok(drains().into_http()),
                }
            }
            Face::Rest => self.faces.rest.clone().oneshot(request).await,
        };
        match answered {
            Ok(response) => response,
            Err::<_, Infallible>(never) => match never {},
        }
    }
}

/// Which call it was and how it ended. What a stream comes to after it has begun is not in here.
fn ended(face: Face, call: String, response: &Response<Body>) -> Answered {
    match face {
        Face::Grpc => {
            let status = response.headers().get("grpc-status").map(HeaderValue::as_bytes);
            Answered { call, code: status.map_or(Code::Ok, Code::from_bytes) }
        }
        Face::Rest => {
            let known = response.extensions().get::<Answered>().cloned();
            known.unwrap_or_else(|| Answered { call: OTHER.to_owned(), code: code_of(response.status()) })
        }
    }
}

fn said(span: &Span, ended: &Answered, took: Duration) {
    span.record("status", code_name(ended.code));
    span.record("ms", u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    let fault = matches!(ended.code, Code::Internal | Code::Unknown | Code::DataLoss);
    span.in_scope(|| {
        if fault {
            tracing::warn!(call = ended.call, "a request failed by a fault of this controller");
        } else {
            tracing::debug!(call = ended.call, "answered");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_unknown_verbs_count_as_writes() {
        let request = |path: &str, kind: &'static str| {
            let request = Request::post(path).header(header::CONTENT_TYPE, kind);
            request.body(Body::empty()).unwrap()
        };
        for (path, expected) in [
            ("/holdfast.v1.Jobs/List", Access::Read),
            ("/holdfast.v1.Artifacts/PlanImport", Access::Read),
            ("/holdfast.v1.Jobs/Submit", Access::Write),
            ("/holdfast.v1.Transactions/Commit", Access::Write),
        ] {
            let request = request(path, "application/grpc+proto");
            assert_eq!((face(&request), access(Face::Grpc, &request)), (Face::Grpc, expected), "{path}");
        }
        let rest = request("/v1/jobs", "application/json");
        assert_eq!((face(&rest), access(Face::Rest, &rest)), (Face::Rest, Access::Write));
    }
}
