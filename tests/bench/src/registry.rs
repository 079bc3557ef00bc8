//! Every promise and how it is measured. A row here without one on the page, or the other way, stops the bench.

use crate::measure::{Bench, Measurement, Promise};
use crate::{audit, control, machines, openb, philly, policy, scheduler};

/// Measures one promise.
type Run = fn(&Bench) -> anyhow::Result<Measurement>;

/// The promises, area by area.
#[must_use]
pub fn promises() -> Vec<Promise> {
    let pending = |area, ids: &[&'static str]| {
        ids.iter().map(move |id| Promise { id, area, run: None }).collect::<Vec<Promise>>()
    };
    let measured = |area, id, run: Run| vec![Promise { id, area, run: Some(run) }];
    [
        control::rows(),
        measured("scheduler", "scheduler-placements-1k", scheduler::placements_1k),
        measured("scheduler", "scheduler-placements-10k", scheduler::placements_10k),
        measured("scheduler", "scheduler-placements-100k", scheduler::placements_100k),
        measured("scheduler", "scheduler-gang-1k", scheduler::gang_1k),
        measured("scheduler", "scheduler-gang-10k", scheduler::gang_10k),
        measured("scheduler", "scheduler-gang-100k", scheduler::gang_100k),
        measured("scheduler", "scheduler-event-1k", scheduler::event_1k),
        measured("scheduler", "scheduler-event-10k", scheduler::event_10k),
        measured("scheduler", "scheduler-event-100k", scheduler::event_100k),
        measured("scheduler", "scheduler-backfill", scheduler::backfill),
        measured("scheduler", "scheduler-submit", control::served::submit),
        measured("scheduler", "scheduler-array-submit", control::served::submit_array),
        measured("scheduler", "scheduler-array-cancel", control::served::cancel_array),
        measured("scheduler", "scheduler-commits", control::served::placements),
        measured("scheduler", "scheduler-kueue-baseline", control::served::baseline),
        measured("scheduler", "scheduler-kueue-large", control::served::large),
        measured("scheduler", "scheduler-slurm-1k", scheduler::slurm_1k),
        measured("scheduler", "scheduler-slurm-10k", scheduler::slurm_10k),
        measured("scheduler", "scheduler-rebuild-1k", scheduler::rebuild_1k),
        measured("scheduler", "scheduler-rebuild-10k", scheduler::rebuild_10k),
        measured("scheduler", "scheduler-rebuild-100k", scheduler::rebuild_100k),
        measured("scheduler", "scheduler-memory-1k", scheduler::memory_1k),
        measured("scheduler", "scheduler-memory-10k", scheduler::memory_10k),
        measured("scheduler", "scheduler-memory-100k", scheduler::memory_100k),
        measured("scheduler", "scheduler-philly-queue", philly::queue),
        measured("scheduler", "scheduler-philly-wait", philly::wait),
        measured("scheduler", "scheduler-philly-p99", philly::p99),
        measured("scheduler", "scheduler-philly-used", philly::used),
        measured("scheduler", "scheduler-philly-replay", philly::replay),
        measured("scheduler", "scheduler-openb-random", openb::random),
        measured("scheduler", "scheduler-openb-best-fit", openb::best_fit),
        measured("scheduler", "scheduler-openb-default", openb::default),
        measured("policy", "policy-decision-p50", policy::decision_p50),
        measured("policy", "policy-decision-p99", policy::decision_p99),
        pending("policy", &["policy-differential"]),
        measured("policy", "audit-append", audit::append),
        pending("storage", &["storage-hot-get"]),
        machines::rows(),
    ]
    .concat()
}
