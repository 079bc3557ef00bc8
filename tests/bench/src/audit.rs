//! How many entries the audit log takes in a second on one core: canonical bytes, leaf hash, and the root of the Merkle
//! tree with each entry, as the replicated state does it. Nothing is written to disk: that is the log of Raft, measured
//! with it.

use std::time::Instant;

use anyhow::{Context as _, Result};
use holdfast_audit::{Draft, EntryReason, Head, Kind};
use holdfast_types::Time;

use crate::measure::{Bench, Measurement};

/// Entries between two looks at the clock.
const ROUND: u64 = 1_000;

/// Decisions with a rule, a text and a bundle, as admission writes them.
pub(crate) fn append(bench: &Bench) -> Result<Measurement> {
    let mut head = Head::default();
    let begun = Instant::now();
    while begun.elapsed() < bench.budget || head.size() == 0 {
        for _ in 0..ROUND {
            let appended = head.append(draft(head.size())).context("append an entry")?;
            std::hint::black_box(appended.root);
        }
    }
    let figure = head.size() as f64 / begun.elapsed().as_secs_f64();
    Ok(Measurement::new(figure, "", Err("no peer writes the same entries".to_owned())))
}

fn draft(number: u64) -> Draft {
    let object = format!("job/train-{number}");
    let mut draft =
        Draft::new(Time(1_800_000_000_000 + number), Kind::DECISION, "operator/ada", "submit", object);
    draft.verdict = Some("allow".to_owned());
    draft.bundle = Some("5f".repeat(32));
    let text = "engineers and administrators may submit jobs for their tenant".to_owned();
    draft.reasons = vec![EntryReason { rule: "t9-submit".to_owned(), text }];
    draft.details.insert("revision".to_owned(), number.into());
    draft
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn entries_are_counted() {
        let bench = Bench::new("/nowhere".into(), Duration::ZERO);
        assert!(append(&bench).unwrap().figure > 0.0);
    }
}
