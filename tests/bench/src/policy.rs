//! How fast the law decides: the golden requests of the demo pack, one after another on one core.
//!
//! The pack has more than the 25 rules that the promise names. There is no figure of the Cedar crate beside it while the
//! engine decides by that crate itself.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use holdfast_policy::{Bundle, Request, decide, packs};
use holdfast_types::Time;
use serde_json::Value;

use crate::measure::{Bench, Measurement, quantile};

const WORLD: &str = include_str!("../../../policies/packs/demo/cases/world.json");
const CASES: [&str; 2] = [
    include_str!("../../../policies/packs/demo/cases/jobs.json"),
    include_str!("../../../policies/packs/demo/cases/data.json"),
];

/// The instant of the golden cases.
const NOW: Time = Time(1_800_000_000_000);
/// Rounds over all requests before the clock counts.
const WARM_UP: usize = 20;
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
    let mut samples = samples(&bundle, &requests, bench.budget);
    let took = quantile(&mut samples, share).context("at least one decision")?;
    let peer = Err("the engine decides by the Cedar crate itself".to_owned());
    Ok(Measurement { figure: took.as_secs_f64() * 1e6, unit: "us", peer })
}

/// How long each decision took, for as long as the budget lasts and once round at least.
fn samples(bundle: &Bundle, requests: &[Request], budget: Duration) -> Vec<Duration> {
    let once = |request: &Request| {
        let begun = Instant::now();
        std::hint::black_box(decide(std::hint::black_box(request), bundle, NOW));
        begun.elapsed()
    };
    for request in requests.iter().cycle().take(requests.len() * WARM_UP.min(1 + budget.as_millis() as usize))
    {
        std::hint::black_box(once(request));
    }
    let mut samples = Vec::new();
    let end = Instant::now() + budget;
    loop {
        samples.extend(requests.iter().map(once));
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
            requests.push(serde_json::from_value(request).with_context(|| format!("case {case}"))?);
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
        let bench = Bench { scratch: "/nowhere".into(), budget: Duration::ZERO };
        let measured = decision_p50(&bench).unwrap();
        assert!(measured.figure > 0.0 && requests().unwrap().len() > 40, "{measured:?}");
        assert!(decision_p99(&bench).unwrap().figure > 0.0);
    }
}
