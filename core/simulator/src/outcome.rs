//! What came of a simulation, in the figures by which schedulers are compared. It must not know how it was run.

use holdfast_types::Span;
use serde::{Serialize, Serializer};

use crate::series::Series;
use crate::tally::{Done, Tally};

/// A job shorter than this counts as this long where its wait is held against it (D. Feitelson, "Metrics for parallel job scheduling
/// and their convergence", 2001).
const SHORTEST: Span = Span::from_secs(10);

/// What came of a simulation. As JSON its spans are milliseconds, as the names say there.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// What decided.
    pub policy: String,
    /// Jobs that ended.
    pub jobs: u64,
    /// Jobs that no empty cluster of this kind has room for.
    pub left_out: u64,
    /// Jobs that were stopped so often that they were given up.
    pub given_up: u64,
    /// From submission to end.
    #[serde(rename = "completionMs")]
    pub completion: Spread,
    /// All the time a job waited.
    #[serde(rename = "waitMs")]
    pub wait: Spread,
    /// From the first submission of the trace's clock to the end of the last job.
    #[serde(rename = "makespanMs", serialize_with = "milliseconds")]
    pub makespan: Span,
    /// Of the accelerators' time, what was held, in hundredths of a percent.
    pub utilisation: u64,
    /// The same in the weeks asked for.
    pub utilisation_within: u64,
    /// Of the free accelerators' time, what lay on nodes that were partly taken, in hundredths of a percent.
    pub fragmentation: u64,
    /// How often a job was stopped by a failure.
    pub stops: u64,
    /// How often the policy took a job's places away.
    pub preemptions: u64,
    /// Accelerator seconds of work that were done for nothing.
    pub lost_device_seconds: u64,
    /// How equal the mean slowdowns of the queues are, in thousandths: R. Jain's index, 1,000 where all are equal.
    pub fairness: u64,
    /// Queue by queue.
    pub queues: Vec<QueueOutcome>,
    /// How often the policy was asked, and what it started.
    pub decisions: u64,
    /// How many starts there were.
    pub starts: u64,
    /// SHA-256 over all decisions in their order, in hexadecimal.
    pub chain: String,
    /// How many accelerators there are.
    pub devices: u64,
    #[serde(skip)]
    pub(crate) held: Series,
    #[serde(skip)]
    pub(crate) depth: Series,
    #[serde(skip)]
    pub(crate) waits: Vec<u64>,
}

/// How a span is spread over jobs, by nearest rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Spread {
    /// The mean, rounded.
    #[serde(serialize_with = "milliseconds")]
    pub mean: Span,
    /// Half of the jobs have no more.
    #[serde(serialize_with = "milliseconds")]
    pub p50: Span,
    /// Nine in ten.
    #[serde(serialize_with = "milliseconds")]
    pub p90: Span,
    /// Ninety-nine in a hundred.
    #[serde(serialize_with = "milliseconds")]
    pub p99: Span,
    /// The most.
    #[serde(serialize_with = "milliseconds")]
    pub max: Span,
}

/// What came of the jobs of one queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueOutcome {
    /// Its name.
    pub name: String,
    /// Its jobs that ended.
    pub jobs: u64,
    /// What its jobs held, in accelerator seconds.
    pub device_seconds: u64,
    /// How long its jobs waited.
    #[serde(rename = "waitMs")]
    pub wait: Spread,
    /// The mean of completion time by running time, in thousandths; a job of less than ten seconds counts as ten.
    pub slowdown: u64,
}

fn milliseconds<S: Serializer>(span: &Span, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(span.0)
}

impl Spread {
    /// Of spans in ascending order.
    fn of(sorted: &[u64]) -> Self {
        let count = u128::try_from(sorted.len()).unwrap_or(u128::MAX);
        if count == 0 {
            return Self::default();
        }
        let sum: u128 = sorted.iter().map(|&span| u128::from(span)).sum();
        let rank = |percent: usize| {
            let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            Span(sorted.get(rank).copied().unwrap_or_default())
        };
        let mean = Span(narrow((sum + count / 2) / count));
        Self { mean, p50: rank(50), p90: rank(90), p99: rank(99), max: rank(100) }
    }
}

fn narrow(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// A share in hundredths of a percent.
fn share(part: u128, whole: u128) -> u64 {
    narrow((part * 10_000 + whole / 2) / whole.max(1))
}

fn sorted(spans: impl Iterator<Item = Span>) -> Vec<u64> {
    let mut spans: Vec<u64> = spans.map(|span| span.0).collect();
    spans.sort_unstable();
    spans
}

impl Outcome {
    pub(crate) fn of(policy: String, queues: &[String], tally: Tally, devices: u64, left_out: u64) -> Self {
        let makespan = Span(tally.at().0);
        let whole = |long: Span| u128::from(devices) * u128::from(long.0);
        let waits = sorted(tally.done.iter().map(|done| done.waited));
        let queues: Vec<QueueOutcome> = queues
            .iter()
            .enumerate()
            .map(|(number, name)| {
                let mine: Vec<Done> =
                    tally.done.iter().filter(|done| done.queue == number).copied().collect();
                QueueOutcome::of(name, &mine)
            })
            .collect();
        Self {
            policy,
            jobs: u64::try_from(waits.len()).unwrap_or(u64::MAX),
            left_out,
            given_up: tally.given_up,
            completion: Spread::of(&sorted(tally.done.iter().map(|done| done.took))),
            wait: Spread::of(&waits),
            makespan,
            utilisation: share(tally.busy, whole(makespan)),
            utilisation_within: share(tally.busy_within, whole(tally.window())),
            fragmentation: share(tally.beside, tally.free),
            stops: tally.stops,
            preemptions: tally.preemptions,
            lost_device_seconds: narrow(tally.lost / 1_000),
            fairness: jain(&queues),
            queues,
            decisions: tally.decisions,
            starts: tally.starts,
            chain: tally.chain(),
            devices,
            held: tally.held,
            depth: tally.depth,
            waits,
        }
    }
}

impl QueueOutcome {
    fn of(name: &str, done: &[Done]) -> Self {
        let held: u128 = done.iter().map(|done| u128::from(done.devices) * u128::from(done.duration.0)).sum();
        let slowdown = |done: &Done| {
            u128::from(done.took.0.max(SHORTEST.0)) * 1_000 / u128::from(done.duration.0.max(SHORTEST.0))
        };
        let count = u128::try_from(done.len()).unwrap_or(u128::MAX);
        Self {
            name: name.to_owned(),
            jobs: narrow(count),
            device_seconds: narrow(held / 1_000),
            wait: Spread::of(&sorted(done.iter().map(|done| done.waited))),
            slowdown: narrow(done.iter().map(slowdown).sum::<u128>() / count.max(1)),
        }
    }
}

/// (sum of x)^2 / (n * sum of x^2) in thousandths (R. Jain, D. Chiu and W. Hawe, "A quantitative measure of fairness and
/// discrimination", 1984), over the queues that had jobs.
fn jain(queues: &[QueueOutcome]) -> u64 {
    let slowdowns = || queues.iter().filter(|queue| queue.jobs > 0).map(|queue| u128::from(queue.slowdown));
    let (count, sum) = (slowdowns().count(), slowdowns().sum::<u128>());
    let squares = slowdowns().map(|slowdown| slowdown.saturating_mul(slowdown)).fold(0, u128::saturating_add);
    let below = u128::try_from(count).unwrap_or(u128::MAX).saturating_mul(squares);
    sum.saturating_mul(sum).saturating_mul(1_000).checked_div(below).map_or(1_000, narrow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_are_by_nearest_rank_and_means_are_rounded() {
        let spread = Spread::of(&[1, 2, 3, 5]);
        assert_eq!((spread.mean, spread.p50, spread.p90, spread.max), (Span(3), Span(2), Span(5), Span(5)));
        let hundred: Vec<u64> = (1..=200).collect();
        assert_eq!((Spread::of(&hundred).p99, Spread::of(&hundred).p50), (Span(198), Span(100)));
        assert_eq!(Spread::of(&[]), Spread::default());
    }

    #[test]
    fn equal_queues_are_fair_and_one_that_has_all_is_not() {
        let queue = |took: u64| {
            let done = Done {
                queue: 0,
                devices: 2,
                duration: Span(100_000),
                waited: Span(took - 100_000),
                took: Span(took),
            };
            QueueOutcome::of("q", &[done])
        };
        assert_eq!((queue(300_000).slowdown, queue(300_000).device_seconds), (3_000, 200));
        assert_eq!(jain(&[queue(300_000), queue(300_000)]), 1_000);
        assert_eq!(jain(&[queue(100_000), queue(10_000_000)]), 509);
        assert_eq!(jain(&[]), 1_000);
    }
}
