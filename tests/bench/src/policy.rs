//! How fast the law decides: the golden requests that a scheduler asks, one after another on one core.
//!
//! The pack has more than the 25 rules that the promise names. The peer is the Cedar crate with the same rules in the same
//! run, in its best case: its entities are loaded once beforehand, while the engine gathers and checks them each time.

mod cedar;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use holdfast_policy::{Request, decide, packs};
use holdfast_types::Time;
use serde_json::Value;

use crate::measure::{Bench, Measurement, quantile};
use cedar::Peer;

const WORLD: &str = include_str!("../../../policies/packs/demo/cases/world.json");
const CASES: [&str; 2] = [
    include_str!("../../../policies/packs/demo/cases/jobs.json"),
    include_str!("../../../policies/packs/demo/cases/data.json"),
];

/// The instant of the golden cases.
const NOW: Time = Time(1_800_000_000_000);
/// Rounds over all requests before the clock counts.
const WARM_UP: usize = 20;
/// What the engine answers by itself.
const FAULTS: [&str; 2] = ["unknown-term", "contradicting-facts"];
/// A name in a case stands for another at most this deep.
const MAX_DEPTH: usize = 8;

/// The median decision.
pub(crate) fn decision_p50(bench: &Bench) -> Result<Measurement> {
    measured(bench, 0.50)
}

/// The slow decision: 99 of 100 are faster.
pub(crate) fn decision_p99(bench: &Bench) -> Result<Measurement> {
    measured(bench, 0.99)
}

fn measured(bench: &Bench, share: f64) -> Result<Measurement> {
    let bundle = packs::demo().map_err(|findings| anyhow!("compile the demo pack: {findings:?}"))?;
    let requests = requests()?;
    let peer = Peer::new(&bundle, &requests, NOW)?;
    for (number, request) in requests.iter().enumerate() {
        let ours = decide(request, &bundle, NOW).is_allow();
        if peer.allows(number)? != ours {
            bail!("the engine and the Cedar crate differ in {request:?}");
        }
    }
    let half = bench.budget / 2;
    let mut engine = samples(requests.len(), half, |number| {
        if let Some(request) = requests.get(number) {
            std::hint::black_box(decide(std::hint::black_box(request), &bundle, NOW));
        }
    });
    let mut crate_itself = samples(requests.len(), half, |number| {
        drop(std::hint::black_box(peer.allows(std::hint::black_box(number))));
    });
    let micros =
        |took: Option<Duration>| took.map(|t| t.as_secs_f64() * 1e6).context("at least one decision");
    let figure = micros(quantile(&mut engine, share))?;
    Ok(Measurement::new(figure, "us", Ok(micros(quantile(&mut crate_itself, share))?)))
}

/// How long each decision took, for as long as the budget lasts and once round at least.
fn samples(count: usize, budget: Duration, decide: impl Fn(usize)) -> Vec<Duration> {
    let once = |number: usize| {
        let begun = Instant::now();
        decide(number);
        begun.elapsed()
    };
    for number in (0..count).cycle().take(count * WARM_UP.min(1 + budget.as_millis() as usize)) {
        std::hint::black_box(once(number));
    }
    let mut samples = Vec::new();
    let end = Instant::now() + budget;
    loop {
        samples.extend((0..count).map(once));
        if Instant::now() >= end {
            return samples;
        }
    }
}

fn requests() -> Result<Vec<Request>> {
    let world: Value = serde_json::from_str(WORLD).context("read world.json")?;
    let mut requests = Vec::new();
    for cases in CASES {
        let cases: Vec<Value> = serde_json::from_str(cases).context("read the golden cases")?;
        for case in cases {
            let mut request = case.get("request").context("a case has a request")?.clone();
            resolve(&mut request, &world, MAX_DEPTH)?;
            let request: Request = serde_json::from_value(request).with_context(|| format!("case {case}"))?;
            // What contradicts the law is refused before any rule is asked, so the peer has no part in it.
            let rules = case.get("rules").map(Value::to_string).unwrap_or_default();
            let reaches_the_rules = !FAULTS.iter().any(|fault| rules.contains(fault));
            if reaches_the_rules && matches!(request, Request::Place { .. } | Request::Use { .. }) {
                requests.push(request);
            }
        }
    }
    if requests.is_empty() {
        bail!("no golden case");
    }
    Ok(requests)
}

/// Replaces `@users/ada` by what the world says of her.
fn resolve(value: &mut Value, world: &Value, depth: usize) -> Result<()> {
    match value {
        Value::String(text) => {
            if let Some(name) = text.strip_prefix('@') {
                let depth = depth.checked_sub(1).with_context(|| format!("`@{name}` has no end"))?;
                let pointer = format!("/{name}");
                let named =
                    world.pointer(&pointer).with_context(|| format!("`{pointer}` is not in the world"))?;
                *value = named.clone();
                resolve(value, world, depth)?;
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| resolve(item, world, depth)),
        Value::Object(fields) => fields.values_mut().try_for_each(|field| resolve(field, world, depth)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_golden_cases_are_measured() {
        let bench = Bench::new("/nowhere".into(), Duration::ZERO);
        let measured = decision_p50(&bench).unwrap();
        assert!(measured.figure > 0.0 && requests().unwrap().len() > 15, "{measured:?}");
        assert!(decision_p99(&bench).unwrap().figure > 0.0);
    }
}
