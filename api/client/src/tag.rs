//! The id of a request on its way: every attempt of one call carries the same, whoever answers it in the end.

use holdfast_api::{REQUEST_ID_METADATA, is_request_id};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::random::random_id;

/// A channel on which every call carries the id of one request.
pub type TaggedChannel = InterceptedService<Channel, RequestTag>;

/// The id of a request, for the calls that belong to it.
#[derive(Debug, Clone)]
pub struct RequestTag(MetadataValue<Ascii>);

impl RequestTag {
    /// The tag of an id; nothing where it is not one that controllers take over.
    #[must_use]
    pub fn of(id: &str) -> Option<Self> {
        is_request_id(id).then(|| id.parse().ok()).flatten().map(Self::once)
    }

    /// A tag that nobody had before.
    #[must_use]
    pub fn fresh() -> Self {
        // An id is no secret: where the system has no randomness the call is made all the same.
        let id = random_id().ok().and_then(|id| id.parse().ok());
        Self::once(id.unwrap_or_else(|| MetadataValue::from_static("unnamed")))
    }

    /// No two calls carry the same: HTTP/2 would keep the last hundred of them on both sides of every connection, to be named
    /// shortly the next time, as it keeps what is not marked as sensitive (RFC 7541, 7.1.3).
    fn once(mut id: MetadataValue<Ascii>) -> Self {
        id.set_sensitive(true);
        Self(id)
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The channel whose calls carry the id.
    #[must_use]
    pub fn on(&self, channel: Channel) -> TaggedChannel {
        InterceptedService::new(channel, self.clone())
    }
}

impl Interceptor for RequestTag {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert(REQUEST_ID_METADATA, self.0.clone());
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_carries_the_id_and_no_id_is_taken_that_a_controller_would_replace() {
        let mut tag = RequestTag::of("abc-1").unwrap();
        let call = tag.call(Request::new(())).unwrap();
        let id = call.metadata().get(REQUEST_ID_METADATA).unwrap();
        assert_eq!((id.to_str().unwrap(), id.is_sensitive()), ("abc-1", true));
        for bad in ["", "a b", "ä", &"a".repeat(65)] {
            assert!(RequestTag::of(bad).is_none(), "{bad}");
        }
        assert!(is_request_id(RequestTag::fresh().id()));
    }
}
