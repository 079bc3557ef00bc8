//! Refusals as RFC 9457 problem details, with the status and the headers that belong to them.

use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use holdfast_api::{problem_from_status, retry_after_of};
use holdfast_types::{Problem, ProblemKind};
use http::{HeaderValue, StatusCode, header};
use tonic::Status;

use crate::calls::code_of;

/// The media type of problem details.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request is not done, as HTTP says it.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) problem: Box<Problem>,
    pub(crate) status: StatusCode,
    /// When the request may be made again.
    pub(crate) after: Option<Duration>,
}

impl Refusal {
    /// A refusal with a status of its own.
    pub(crate) fn with_status(problem: Problem, status: StatusCode) -> Self {
        Self { problem: Box::new(problem), status, after: None }
    }

    /// The refusal that a call answered with.
    pub(crate) fn of(status: &Status) -> Self {
        let after = retry_after_of(status);
        Self { after, ..Self::from(problem_from_status(status)) }
    }

    /// The answer.
    pub(crate) fn response(&self, request_id: &str) -> Response {
        let body = problem_details(&self.problem, self.status, request_id).to_string();
        let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON))];
        let mut response = (self.status, kind, body).into_response();
        if let Some(after) = self.after {
            // The header counts whole seconds, and to come back too early is to be refused again.
            let seconds = after.as_millis().div_ceil(1_000).max(1).to_string();
            if let Ok(value) = HeaderValue::from_str(&seconds) {
                response.headers_mut().insert(header::RETRY_AFTER, value);
            }
        }
        response
    }

    /// The code that a gRPC call would have ended with.
    pub(crate) fn code(&self) -> tonic::Code {
        code_of(self.status)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let status = http_status(problem.kind);
        Self::with_status(problem, status)
    }
}

/// A request that is not of the form that the document says.
pub(crate) fn bad_request(cause: impl Into<String>) -> Refusal {
    let problem =
        Problem::new(1002, ProblemKind::Invalid, "the HTTP request cannot be read").because(cause.into());
    Refusal::with_status(problem, StatusCode::BAD_REQUEST)
}

/// The answer to a request that was refused before it came to its operation.
pub(crate) fn refused(status: &Status, request_id: &str) -> Response {
    Refusal::of(status).response(request_id)
}

/// The last line of a stream that ends otherwise than it should: it has begun, so it cannot change its status.
pub(crate) fn last_line(status: &Status, request_id: &str) -> Vec<u8> {
    let refusal = Refusal::of(status);
    let details = problem_details(&refusal.problem, refusal.status, request_id);
    let mut line = serde_json::json!({ "error": details }).to_string().into_bytes();
    line.push(b'\n');
    line
}

fn problem_details(problem: &Problem, status: StatusCode, request_id: &str) -> serde_json::Value {
    serde_json::json!({
        "type": format!("/errors/{}", problem.code),
        "title": problem.summary,
        "status": status.as_u16(),
        "detail": problem.because.join("; "),
        "instance": format!("/requests/{request_id}"),
        "code": problem.code.to_string(),
        "because": problem.because,
        "next": problem.next,
        "requestId": request_id,
    })
}

/// A request of the right form whose content breaks a rule is 422; one that is not of the form is 400, see
/// [`bad_request`].
fn http_status(kind: ProblemKind) -> StatusCode {
    match kind {
        ProblemKind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        ProblemKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        ProblemKind::NotFound => StatusCode::NOT_FOUND,
        ProblemKind::Refused | ProblemKind::Unauthorised => StatusCode::FORBIDDEN,
        ProblemKind::Unreachable => StatusCode::SERVICE_UNAVAILABLE,
        ProblemKind::Conflict => StatusCode::CONFLICT,
        ProblemKind::Exhausted => StatusCode::TOO_MANY_REQUESTS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_api::{retry_after, status_from_problem};

    #[tokio::test]
    async fn a_refusal_has_status_code_page_request_and_the_time_to_come_back() {
        let problem = Problem::new(1230, ProblemKind::Exhausted, "too often").because("a").because("b");
        let status = retry_after(status_from_problem(&problem), Duration::from_millis(1_001));
        let response = refused(&status, "abc");
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()["retry-after"], "2");
        assert_eq!(response.headers()["content-type"], PROBLEM_JSON);
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let details: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(details["type"], "/errors/E1230");
        assert_eq!((&details["code"], &details["status"]), (&"E1230".into(), &429.into()));
        assert_eq!((&details["detail"], &details["requestId"]), (&"a; b".into(), &"abc".into()));
    }
}
