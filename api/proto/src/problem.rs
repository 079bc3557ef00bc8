//! Problems over the wire: a gRPC status whose details are our own message, so that nothing is lost on the way.

use std::time::Duration;

use holdfast_types::{Code, Problem, ProblemKind};
use prost::Message as _;
use tonic::{Code as Grpc, Status};

use crate::generated::holdfast::store::v1::Refusal;

/// Metadata of a status that says who leads: `host:port` of the leader's port.
pub const LEADER_METADATA: &str = "holdfast-leader";

/// Metadata of a status that says after how many milliseconds the call may be made again.
pub const RETRY_AFTER_METADATA: &str = "retry-after-ms";
/// Metadata of every call and every answer: the id of the request.
pub const REQUEST_ID_METADATA: &str = "x-request-id";
/// The longest id of a request.
pub const MAX_REQUEST_ID: usize = 64;

/// Whether a text is the id of a request: any other is replaced by whoever answers it.
#[must_use]
pub fn is_request_id(text: &str) -> bool {
    let clean = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    !text.is_empty() && text.len() <= MAX_REQUEST_ID && text.bytes().all(clean)
}

const KINDS: [(ProblemKind, &str, Grpc); 8] = [
    (ProblemKind::Failed, "failed", Grpc::Internal),
    (ProblemKind::Invalid, "invalid", Grpc::InvalidArgument),
    (ProblemKind::NotFound, "not-found", Grpc::NotFound),
    (ProblemKind::Refused, "refused", Grpc::FailedPrecondition),
    (ProblemKind::Unauthorised, "unauthorised", Grpc::PermissionDenied),
    (ProblemKind::Unreachable, "unreachable", Grpc::Unavailable),
    (ProblemKind::Conflict, "conflict", Grpc::Aborted),
    (ProblemKind::Exhausted, "exhausted", Grpc::ResourceExhausted),
];

fn word(kind: ProblemKind) -> (&'static str, Grpc) {
    KINDS.iter().find(|(k, _, _)| *k == kind).map_or(("failed", Grpc::Internal), |(_, w, g)| (w, *g))
}

/// The stored and sent form of a problem.
#[must_use]
pub fn refusal(problem: &Problem) -> Refusal {
    Refusal {
        code: u32::from(problem.code.0),
        kind: word(problem.kind).0.to_owned(),
        summary: problem.summary.clone(),
        because: problem.because.clone(),
        next: problem.next.clone(),
    }
}

/// The problem of a stored or sent form.
#[must_use]
pub fn refusal_problem(refusal: &Refusal) -> Problem {
    let kind = KINDS.iter().find(|(_, w, _)| *w == refusal.kind).map_or(ProblemKind::Failed, |(k, _, _)| *k);
    Problem {
        code: Code(u16::try_from(refusal.code).unwrap_or(0)),
        kind,
        summary: refusal.summary.clone(),
        because: refusal.because.clone(),
        next: refusal.next.clone(),
        request: None,
    }
}

/// The status that carries a problem.
#[must_use]
pub fn status_from_problem(problem: &Problem) -> Status {
    let (_, grpc) = word(problem.kind);
    Status::with_details(grpc, problem.summary.clone(), refusal(problem).encode_to_vec().into())
}

/// The problem a status carries, or one made of its text where another program made the status.
#[must_use]
pub fn problem_from_status(status: &Status) -> Problem {
    let id = status.metadata().get(REQUEST_ID_METADATA).and_then(|id| id.to_str().ok());
    Problem { request: id.map(str::to_owned), ..carried(status) }
}

fn carried(status: &Status) -> Problem {
    if !status.details().is_empty()
        && let Ok(refusal) = Refusal::decode(status.details())
        && refusal.code > 0
    {
        return refusal_problem(&refusal);
    }
    let kind = match status.code() {
        Grpc::InvalidArgument | Grpc::OutOfRange | Grpc::Unimplemented => ProblemKind::Invalid,
        Grpc::NotFound => ProblemKind::NotFound,
        Grpc::PermissionDenied | Grpc::Unauthenticated => ProblemKind::Unauthorised,
        Grpc::Unavailable | Grpc::DeadlineExceeded | Grpc::Cancelled => ProblemKind::Unreachable,
        Grpc::Aborted | Grpc::AlreadyExists => ProblemKind::Conflict,
        Grpc::ResourceExhausted => ProblemKind::Exhausted,
        Grpc::FailedPrecondition => ProblemKind::Refused,
        Grpc::Ok | Grpc::Unknown | Grpc::Internal | Grpc::DataLoss => ProblemKind::Failed,
    };
    Problem::new(5290, kind, "the cluster did not do what was asked").because(status.message().to_owned())
}

/// The status with the time after which the call may be made again. Only calls that were not begun carry it.
#[must_use]
pub fn retry_after(mut status: Status, after: Duration) -> Status {
    let ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX).max(1);
    status.metadata_mut().insert(RETRY_AFTER_METADATA, ms.into());
    status
}

/// After what time the call may be made again, where the status says so.
#[must_use]
pub fn retry_after_of(status: &Status) -> Option<Duration> {
    let ms = status.metadata().get(RETRY_AFTER_METADATA)?.to_str().ok()?;
    ms.parse().ok().map(Duration::from_millis)
}

/// A request that breaks a rule of its own form, not of the cluster's state.
#[must_use]
pub fn invalid_request(because: impl Into<String>) -> Problem {
    Problem::new(1001, ProblemKind::Invalid, "the request is not valid").because(because)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_survives_the_wire() {
        for (kind, _, _) in KINDS {
            let problem =
                Problem::new(2104, kind, "job `x` cannot be placed").because("a").because("b").next("c");
            assert_eq!(problem_from_status(&status_from_problem(&problem)), problem);
            let later = retry_after(status_from_problem(&problem), Duration::from_micros(10));
            assert_eq!(problem_from_status(&later), problem);
            let mut named = later.clone();
            named.metadata_mut().insert(REQUEST_ID_METADATA, "abc".parse().unwrap());
            assert_eq!(problem_from_status(&named), Problem { request: Some("abc".to_owned()), ..problem });
            assert_eq!(retry_after_of(&later), Some(Duration::from_millis(1)));
        }
    }
}
