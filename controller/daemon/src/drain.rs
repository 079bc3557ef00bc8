//! How an answer that has begun ends when the controller stops: what is ready is still sent, then the caller is told
//! where it stands, so that it asks another controller at once.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use holdfast_api::{retry_after, status_from_problem};
use holdfast_types::{Problem, ProblemKind};
use http::HeaderMap;
use hyper::body::{Frame, SizeHint};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;

use crate::request_id::RequestId;
use crate::rest;

/// When to come back: another controller leads by then.
const RETRY: Duration = Duration::from_millis(100);

/// How the end of a stream is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Face {
    /// As trailers.
    Grpc,
    /// As a last line.
    Rest,
}

/// The status of calls that end because the controller does.
pub(crate) fn drains() -> Status {
    let problem = Problem::new(1232, ProblemKind::Unreachable, "the controller drains")
        .because("it was told to stop, and ends what it answers")
        .next("ask another controller, or this one when it is back");
    retry_after(status_from_problem(&problem), RETRY)
}

/// When and how a body ends before its time.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) face: Face,
    pub(crate) id: RequestId,
    pub(crate) stop: CancellationToken,
}

/// A body that ends when the controller stops and nothing of it is ready.
struct Draining {
    inner: Body,
    ending: Ending,
    /// Made when the body has to wait for the first time: most never do.
    told: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    ended: bool,
}

/// The body of an answer, ended when the controller stops. Bodies whose length is known are whole already.
pub(crate) fn draining(body: Body, ending: Ending) -> Body {
    if HttpBody::size_hint(&body).exact().is_some() {
        return body;
    }
    Body::new(Draining { inner: body, ending, told: None, ended: false })
}

impl Draining {
    fn end(&mut self) -> Option<Frame<Bytes>> {
        self.ended = true;
        let status = drains();
        match self.ending.face {
            Face::Grpc => {
                let mut trailers = HeaderMap::new();
                status.add_header(&mut trailers).ok()?;
                Some(Frame::trailers(trailers))
            }
            Face::Rest => {
                let line = rest::last_line(&status, self.ending.id.as_str());
                Some(Frame::data(Bytes::from(line)))
            }
        }
    }
}

impl HttpBody for Draining {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(context) {
            return Poll::Ready(frame);
        }
        let this = &mut *self;
        let told = this.told.get_or_insert_with(|| Box::pin(this.ending.stop.clone().cancelled_owned()));
        match told.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(self.end().map(Ok)),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt as _;
    use http_body_util::BodyExt as _;

    fn ending(face: Face) -> Ending {
        let stop = CancellationToken::new();
        stop.cancel();
        Ending { face, id: RequestId::of(&HeaderMap::new()), stop }
    }

    fn stream() -> Body {
        let first = futures::stream::once(async { Ok::<_, std::convert::Infallible>("first\n") });
        Body::from_stream(first.chain(futures::stream::pending()))
    }

    #[tokio::test]
    async fn what_is_ready_is_sent_before_the_end_is_told() {
        let rest = draining(stream(), ending(Face::Rest)).collect().await.unwrap().to_bytes();
        let text = std::str::from_utf8(&rest).unwrap();
        let last: serde_json::Value = serde_json::from_str(text.strip_prefix("first\n").unwrap()).unwrap();
        assert_eq!(last["error"]["code"], "E1232");

        let grpc = draining(stream(), ending(Face::Grpc)).collect().await.unwrap();
        let status = Status::from_header_map(grpc.trailers().unwrap()).unwrap();
        assert_eq!(status.code(), tonic::Code::Unavailable);
        assert_eq!(holdfast_api::retry_after_of(&status), Some(RETRY));
    }

    #[tokio::test]
    async fn a_whole_body_is_left_alone() {
        let body = draining(Body::from("whole"), ending(Face::Rest)).collect().await.unwrap().to_bytes();
        assert_eq!(&body[..], b"whole");
    }
}
