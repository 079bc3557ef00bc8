//! Chance out of a seed: which nodes fail when, so that every policy meets the same failures, and draws one after another. It must
//! not know jobs.

use holdfast_types::Time;

use crate::cluster::Failures;

const HOUR: u64 = 3_600_000;
/// The longest time to a failure that is drawn, in hours: longer than a node is kept.
const MAX_HOURS: u64 = 100_000;

/// The failures of one cluster.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chance {
    seed: u64,
    failures: Failures,
}

impl Chance {
    pub(crate) fn new(seed: u64, failures: Failures) -> Self {
        Self { seed, failures }
    }

    /// When a node that is there since `since` fails. Each hour has the same chance, and an hour's draw depends on the seed, the node
    /// and the hour alone: not on what a policy did before.
    pub(crate) fn fails(&self, node: u32, since: Time) -> Time {
        let first = (since.0 / HOUR).saturating_add(1);
        let hours = (self.failures.mean.0 / HOUR).max(1);
        for hour in first..first.saturating_add(MAX_HOURS) {
            let drawn = self.draw(node, hour);
            if drawn.is_multiple_of(hours) {
                return Time(hour.saturating_mul(HOUR).saturating_add((drawn >> 32) % HOUR));
            }
        }
        Time(u64::MAX)
    }

    /// When it is there again.
    pub(crate) fn returns(&self, failed: Time) -> Time {
        failed + self.failures.repair
    }

    fn draw(&self, node: u32, hour: u64) -> u64 {
        let from = mixed(self.seed ^ mixed(u64::from(node)));
        mixed(from.wrapping_add(hour.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }
}

/// Draws one after another: SplitMix64.
#[derive(Debug, Clone)]
pub(crate) struct Draws(u64);

impl Draws {
    /// Those of a seed; another `stream` of the same seed is independent of it.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        Self(mixed(mixed(seed) ^ stream))
    }

    /// A number below `count`, each alike; 0 where nothing is below it.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let among = u128::try_from(count).unwrap_or(u128::MAX);
        usize::try_from((u128::from(mixed(self.0)) * among) >> 64).unwrap_or(0)
    }
}

/// The finaliser of SplitMix64 (G. Steele, D. Lea and C. Flood, "Fast splittable pseudorandom number generators", 2014).
const fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use holdfast_types::Span;

    use super::*;

    #[test]
    fn draws_are_even_and_differ_by_seed_and_stream() {
        let drawn = |seed, stream| {
            let mut draws = Draws::new(seed, stream);
            std::iter::repeat_with(move || draws.below(10)).take(10_000).collect::<Vec<_>>()
        };
        for number in 0..10 {
            let times = drawn(1, 0).iter().filter(|drawn| **drawn == number).count();
            assert!((850..=1_150).contains(&times), "{number} came {times} times");
        }
        assert_eq!(drawn(1, 0), drawn(1, 0));
        assert!(drawn(1, 0) != drawn(2, 0) && drawn(1, 0) != drawn(1, 1));
        assert_eq!(Draws::new(1, 0).below(0), 0);
    }

    #[test]
    fn failures_are_as_rare_as_was_said_and_differ_by_seed_and_node() {
        let failures = Failures { mean: Span(100 * HOUR), repair: Span(HOUR) };
        let chance = Chance::new(7, failures);
        let mean = |node: u32| {
            let (mut at, mut count) = (Time(0), 0_u64);
            while at.0 < 100_000 * HOUR {
                at = chance.fails(node, at);
                count += 1;
            }
            at.0 / HOUR / count
        };
        assert!((85..=115).contains(&mean(0)) && (85..=115).contains(&mean(1)), "{} {}", mean(0), mean(1));
        assert_ne!(chance.fails(0, Time(0)), chance.fails(1, Time(0)));
        assert_ne!(chance.fails(0, Time(0)), Chance::new(8, failures).fails(0, Time(0)));
    }
}
