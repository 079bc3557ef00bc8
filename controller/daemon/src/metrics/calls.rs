//! What was asked of this controller, and what it proposed.

use holdfast_telemetry::{Counter, Family, Histogram, MetricError, Registry};

use crate::app::App;
use crate::calls::BOUNDS_US;

/// The steps in which calls are counted, in seconds.
const SECONDS: &[f64] =
    &[0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

pub(super) struct Metrics {
    answered: Family<Counter>,
    took: Family<Histogram>,
    accepted: Family<Counter>,
    refused: Family<Counter>,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, MetricError> {
        Ok(Self {
            answered: registry.counter(
                "holdfast_calls_answered_total",
                "Calls of the API and between our own processes, by how they ended.",
                &["call", "code"],
            )?,
            took: registry.histogram(
                "holdfast_calls_answer_seconds",
                "How long calls take; of streams, until they begin.",
                &["call"],
                SECONDS,
            )?,
            accepted: registry.counter(
                "holdfast_commands_accepted_total",
                "Commands that were proposed here and applied.",
                &["command"],
            )?,
            refused: registry.counter(
                "holdfast_commands_refused_total",
                "Commands that were proposed here and refused, by the code of the error.",
                &["code"],
            )?,
        })
    }

    pub(super) fn read(&self, app: &App) {
        for counts in app.calls.read() {
            for (code, count) in &counts.codes {
                self.answered.with(&[&counts.call, code]).raise_to(*count);
            }
            self.took.with(&[&counts.call]).replace(&counts.took, counts.sum_us as f64 / 1e6);
        }
        for (command, count) in app.vitals.commands.accepted() {
            self.accepted.with(&[command]).raise_to(count);
        }
        for (code, count) in app.vitals.commands.refused() {
            self.refused.with(&[&code]).raise_to(count);
        }
    }
}

const _: () = assert!(SECONDS.len() == BOUNDS_US.len(), "calls are counted in these steps");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_are_those_in_which_calls_are_counted() {
        let seconds: Vec<f64> = BOUNDS_US.iter().map(|us| *us as f64 / 1e6).collect();
        assert_eq!(seconds, SECONDS);
    }
}
