//! The call that watches. Its messages are encoded once by the hub and only copied here, so this one call has its own
//! codec and is told apart from the other calls of its service by its path.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use holdfast_api::v1::{WatchEvent, WatchRequest};
use holdfast_api::{invalid_request, status_from_problem};
use holdfast_state::State;
use holdfast_types::{AsProblem as _, Problem, ProblemKind};
use prost::Message as _;
use prost::bytes::BufMut as _;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::tokio_stream::Stream;
use tonic::server::{Grpc, NamedService, ServerStreamingService};
use tonic::{Request, Response, Status};
use tower::Service as TowerService;

use crate::app::App;
use crate::caller;
use crate::watch::{Filter, Frame, Kinds, Source, WatchError, Watcher};

/// The call that is answered here.
const PATH: &str = "/holdfast.v1.Cluster/Watch";
/// How long a revision that this controller does not have yet is waited for.
const ARRIVAL: Duration = Duration::from_secs(5);
/// The longest request: a revision, kinds and a name.
const MAX_REQUEST: usize = 16 << 10;

impl Source for App {
    fn read<R>(&self, read: impl FnOnce(&State) -> R) -> R {
        self.with(read)
    }

    fn is_led(&self) -> bool {
        self.raft.leader().is_some()
    }
}

fn ended(error: WatchError) -> Status {
    status_from_problem(&error.problem())
}

fn unknown_revision(asked: u64, newest: u64) -> Status {
    let problem =
        Problem::new(1238, ProblemKind::Conflict, "the watch cannot begin at a revision that never was")
            .because(format!("revision {asked} is asked for, {newest} is the newest of the cluster"))
            .next("list the resources again, and watch from the revision of that list");
    status_from_problem(&problem)
}

/// What a watch sends.
pub(crate) type Frames = Pin<Box<dyn Stream<Item = Result<Frame, Status>> + Send>>;

/// Answers the call.
#[derive(Clone)]
pub(crate) struct Watches(pub(crate) Arc<App>);

impl Watches {
    /// Begins a watch for whoever calls.
    pub(crate) async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Frames>, Status> {
        let operator = caller::operator(&request)?;
        let request = request.into_inner();
        let kinds = Kinds::of(&request.kinds).map_err(|kind| {
            let because = format!("kinds: `{kind}` is not a kind: use Job, Node, Queue or Artifact");
            status_from_problem(&invalid_request(because))
        })?;
        if operator.tenant.is_some() {
            let problem =
                Problem::new(1214, ProblemKind::Unauthorised, "the whole cluster cannot be watched")
                    .because("the certificate is bound to one tenant, and a watch shows the changes of all")
                    .next("holdfast job show NAME");
            return Err(status_from_problem(&problem));
        }
        if request.from_revision == 0 {
            self.0.barrier(request.stale).await?;
        } else {
            self.arrival(request.from_revision).await?;
        }
        let filter = Filter { kinds, name: Some(request.name).filter(|name| !name.is_empty()) };
        let seat = self.0.watches.join(&operator.actor(), filter, &*self.0);
        let seat = seat.map_err(|full| ended(full.into()))?;
        let watcher = Watcher::new(Arc::clone(&self.0), seat, request.from_revision).map_err(ended)?;
        let frames = futures::stream::unfold(watcher, |mut watcher| async move {
            let next = watcher.next().await?;
            Some((next.map_err(ended), watcher))
        });
        Ok(Response::new(Box::pin(frames)))
    }

    /// Waits until this controller has what the watcher has seen elsewhere. Otherwise it would be sent what it has.
    async fn arrival(&self, revision: u64) -> Result<(), Status> {
        // Who leads and has heard from the others knows every revision there is.
        if self.0.with(State::revision) < revision && self.0.barrier(false).await.is_ok() {
            let newest = self.0.with(State::revision);
            if newest < revision {
                return Err(unknown_revision(revision, newest));
            }
        }
        let mut applied = self.0.raft.applied();
        let arrived = async {
            while self.0.with(State::revision) < revision {
                if applied.changed().await.is_err() {
                    break;
                }
            }
        };
        if tokio::time::timeout(ARRIVAL, arrived).await.is_ok() {
            return Ok(());
        }
        let applied = self.0.with(State::revision);
        Err(ended(WatchError::Ahead { asked: revision, applied }))
    }
}

impl ServerStreamingService<WatchRequest> for Watches {
    type Response = Frame;
    type ResponseStream = Frames;
    type Future = BoxFuture<'static, Result<Response<Frames>, Status>>;

    fn call(&mut self, request: Request<WatchRequest>) -> Self::Future {
        let watches = self.clone();
        Box::pin(async move { watches.watch(request).await })
    }
}

/// The service of the cluster with its watch answered here.
#[derive(Clone)]
pub(crate) struct WithWatch<S> {
    pub(crate) inner: S,
    pub(crate) watches: Watches,
}

impl<S: NamedService> NamedService for WithWatch<S> {
    const NAME: &'static str = S::NAME;
}

type HttpRequest = http::Request<tonic::body::Body>;
type HttpResponse = http::Response<tonic::body::Body>;

impl<S> TowerService<HttpRequest> for WithWatch<S>
where
    S: TowerService<HttpRequest, Response = HttpResponse, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = HttpResponse;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<HttpResponse, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: HttpRequest) -> Self::Future {
        if request.uri().path() != PATH {
            return Box::pin(self.inner.call(request));
        }
        let watches = self.watches.clone();
        Box::pin(async move {
            let mut grpc = Grpc::new(WatchCodec).apply_max_message_size_config(Some(MAX_REQUEST), None);
            Ok(grpc.server_streaming(watches, request).await)
        })
    }
}

/// Requests as messages, answers as the bytes they are already.
#[derive(Debug, Clone, Copy, Default)]
struct WatchCodec;

#[derive(Debug, Clone, Copy)]
struct FrameEncoder;

#[derive(Debug, Clone, Copy)]
struct RequestDecoder;

impl Codec for WatchCodec {
    type Encode = Frame;
    type Decode = WatchRequest;
    type Encoder = FrameEncoder;
    type Decoder = RequestDecoder;

    fn encoder(&mut self) -> FrameEncoder {
        FrameEncoder
    }

    fn decoder(&mut self) -> RequestDecoder {
        RequestDecoder
    }
}

impl Encoder for FrameEncoder {
    type Item = Frame;
    type Error = Status;

    fn encode(&mut self, frame: Frame, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        let (head, tail) = frame.parts();
        buffer.put_slice(&head);
        buffer.put_slice(tail);
        Ok(())
    }
}

impl Decoder for RequestDecoder {
    type Item = WatchRequest;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<WatchRequest>, Status> {
        let decoded = WatchRequest::decode(buffer);
        decoded.map(Some).map_err(|error| Status::internal(format!("the request does not decode: {error}")))
    }
}

/// A frame as the message it stands for, for callers that are not on the wire.
pub(crate) fn message(frame: &Frame) -> Result<WatchEvent, Status> {
    let (head, tail) = frame.parts();
    let decoded = WatchEvent::decode([head.as_ref(), tail].concat().as_slice());
    decoded.map_err(|error| Status::internal(format!("a change does not decode: {error}")))
}
