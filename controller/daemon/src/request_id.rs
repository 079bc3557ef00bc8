//! The id of a request: in the answer, in the log, and in the calls that it leads to, so that a person who was refused
//! and the one who reads the log speak of the same thing.

use http::{HeaderMap, HeaderName, HeaderValue};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Request, Status};

/// The header, and the metadata of gRPC calls.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static(holdfast_api::REQUEST_ID_METADATA);

tokio::task_local! {
    static CURRENT: RequestId;
}

/// The id of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestId(String);

impl RequestId {
    /// The id that the caller gave where it is clean, else a new one of 128 random bits.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
        given.filter(|id| holdfast_api::is_request_id(id)).map_or_else(Self::new, |id| Self(id.to_owned()))
    }

    fn new() -> Self {
        // An id is no secret: where the system has no randomness the request is answered all the same.
        Self(holdfast_client::idempotency_key().unwrap_or_else(|_| "unnamed".to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as a header; it is clean, so it always is one. It never comes again: HTTP/2 shall not keep it for each connection
    /// to be named shortly the next time, as it keeps what is not marked as sensitive (RFC 7541, 7.1.3).
    pub(crate) fn header(&self) -> HeaderValue {
        let header = HeaderValue::from_str(&self.0);
        let mut header = header.unwrap_or_else(|_| HeaderValue::from_static("unnamed"));
        header.set_sensitive(true);
        header
    }

    /// Answers a request whose calls to others carry this id.
    pub(crate) async fn scope<F: Future>(self, answer: F) -> F::Output {
        CURRENT.scope(self, answer).await
    }
}

/// The id of the request that is being answered; nothing where a loop works by itself.
pub(crate) fn current() -> Option<String> {
    CURRENT.try_with(|id| id.0.clone()).ok()
}

/// Adds the id of the request that is being answered to a call that it leads to.
pub(crate) fn pass_on(mut call: Request<()>) -> Result<Request<()>, Status> {
    let id = CURRENT.try_with(|id| id.0.parse::<MetadataValue<Ascii>>().ok()).ok().flatten();
    if let Some(id) = id {
        call.metadata_mut().insert(holdfast_api::REQUEST_ID_METADATA, id);
    }
    Ok(call)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_clean_id_is_kept_and_passed_on_and_any_other_is_replaced() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(text.as_bytes()).unwrap());
            RequestId::of(&headers)
        };
        assert_eq!(of("abc-123").as_str(), "abc-123");
        for bad in ["", "a b", "\"", "ä", &"a".repeat(65)] {
            let id = of(bad);
            assert_eq!(id.as_str().len(), 32, "{id:?}");
            assert_ne!(id, of(bad));
        }
        let call = of("abc").scope(async { pass_on(Request::new(())).unwrap() }).await;
        assert_eq!(call.metadata().get("x-request-id").unwrap(), "abc");
        assert!(pass_on(Request::new(())).unwrap().metadata().is_empty());
    }
}
