//! What agents and controllers have to agree on about leases. A leaf.

use std::time::Duration;

/// What of a lease an agent needs to notice that a controller is gone, to find another one, and to be answered.
const SEARCH: Duration = Duration::from_secs(8);
/// Where leases are shorter than that, this part of one may be spent waiting.
const PART: u32 = 6;
const LONGEST: Duration = Duration::from_secs(10);

/// The longest that an answer to an agent is held while there is nothing to tell. Two of them and a search fit into a lease:
/// the answer that renewed it last may have been held for as long as the one that never comes.
#[must_use]
pub fn longest_hold(lease: Duration) -> Duration {
    (lease.saturating_sub(SEARCH) / 2).max(lease / PART).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_held_answers_and_a_search_fit_into_a_lease() {
        let longest = |lease| longest_hold(Duration::from_millis(lease)).as_millis();
        assert_eq!([longest(6_000), longest(20_000), longest(30_000)], [1_000, 6_000, 10_000]);
        assert_eq!(longest(600_000), 10_000, "a node that is lost is noticed by its silence");
        for lease in (12_000_u64..60_000).step_by(1_000).map(Duration::from_millis) {
            assert!(longest_hold(lease) * 2 + SEARCH <= lease, "{lease:?}");
        }
    }
}
