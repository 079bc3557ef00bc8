//! What agents and controllers have to agree on about leases. A leaf.

use std::time::Duration;

use holdfast_types::{Problem, ProblemKind};
use prost::Message as _;

use crate::internal::{Desired, RenewRequest, SyncRequest, SyncResponse};

/// What of a lease an agent needs to notice that a controller is gone, to find another one, and to be answered.
const SEARCH: Duration = Duration::from_secs(8);
/// Where leases are shorter than that, this part of one may be spent waiting.
const PART: u32 = 6;
/// Shorter than a client waits for a word before it asks whether its peer lives.
const LONGEST: Duration = Duration::from_secs(11);

/// The longest that an answer to an agent is held while there is nothing to tell. Two of them and a search fit into a lease:
/// the answer that renewed it last may have been held for as long as the one that never comes.
#[must_use]
pub fn longest_hold(lease: Duration) -> Duration {
    (lease.saturating_sub(SEARCH) / 2).max(lease / PART).min(LONGEST)
}

/// What an agent said last, and how the controller that heard it calls it.
#[derive(Debug, Default)]
pub struct LastSaid {
    name: Vec<u8>,
    request: SyncRequest,
}

impl LastSaid {
    /// A request under the name that its answer gave it.
    #[must_use]
    pub fn new(name: Vec<u8>, request: SyncRequest) -> Self {
        Self { name, request }
    }

    /// Says a request once more; none where it was not said, or has no name.
    #[must_use]
    pub fn renewal(&self, request: &SyncRequest) -> Option<RenewRequest> {
        let again = !self.name.is_empty() && self.request == *request;
        again.then(|| RenewRequest {
            said: self.name.clone(),
            known_desired: request.known_desired.clone(),
            bundle: request.bundle.clone(),
            incarnation: request.incarnation,
            hold_ms: request.hold_ms,
        })
    }
}

impl SyncResponse {
    /// What the node should run and keep, where it was told.
    ///
    /// # Errors
    ///
    /// E6211 where it does not decode: the controller is damaged or of a release that does not go with this one.
    pub fn told(&self) -> Result<Option<Desired>, Problem> {
        let decoded = self.desired.as_ref().map(|bytes| Desired::decode(&**bytes)).transpose();
        decoded.map_err(|error| {
            Problem::new(6211, ProblemKind::Failed, "what a controller wants of this node does not decode")
                .because(error.to_string())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_held_answers_and_a_search_fit_into_a_lease() {
        let longest = |lease| longest_hold(Duration::from_millis(lease)).as_millis();
        assert_eq!([longest(6_000), longest(20_000), longest(30_000)], [1_000, 6_000, 11_000]);
        assert_eq!(longest(600_000), 11_000, "a node that is lost is noticed by its silence");
        for lease in (12_000_u64..60_000).step_by(1_000).map(Duration::from_millis) {
            assert!(longest_hold(lease) * 2 + SEARCH <= lease, "{lease:?}");
        }
    }

    #[test]
    fn what_was_told_is_decoded_and_nothing_else_is_taken_for_it() {
        let told = |desired: Option<Vec<u8>>| SyncResponse { desired, ..SyncResponse::default() }.told();
        assert_eq!(told(None).unwrap(), None);
        assert_eq!(
            told(Some(Vec::new())).unwrap(),
            Some(Desired::default()),
            "nothing is a desired state too"
        );
        let desired = Desired { phase: "Ready".to_owned(), ..Desired::default() };
        assert_eq!(told(Some(desired.encode_to_vec())).unwrap(), Some(desired));
        assert_eq!(told(Some(vec![0xff])).unwrap_err().code.0, 6211);
    }
}
