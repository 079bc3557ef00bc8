//! What an operator may set about planning. It must not know where the settings come from.

use holdfast_types::Span;

/// How to plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The hash of the law that the verdicts of the snapshot were decided by; it enters the hash of the plan.
    pub policy_hash: String,
    /// The most gangs one plan starts, so that one entry of the log stays small.
    pub max_gangs_per_plan: u32,
    /// A job that has waited longer than this in all, and would fit once others end, has the places held for it that are free for it
    /// first, until it starts. Where most of what runs may be stopped for others it has only once it is overdue: time serves it.
    pub reserve_after: Span,
    /// The most jobs that places are held for at once, beside those for which others are stopped.
    pub max_holds: u32,
    /// How often it is seen whether other places will be free sooner than those that are held.
    pub rehold_after: Span,
    /// How long a job has run when it leaves the first level, and the second. Among jobs of one priority the lower level goes first.
    pub levels: [Span; 2],
    /// A job runs for so long on end before it is stopped for one of a lower level.
    pub slice: Span,
    /// A job runs for so long on end before it is stopped for one of a higher priority.
    pub min_run: Span,
    /// A job that has waited for so long in all is not stopped for one of its own priority.
    pub spared_after: Span,
    /// A job that has waited for so long in all goes before all that have not.
    pub overdue_after: Span,
}

const HOUR: u64 = 3_600;
/// One entry of the log with this many one-task gangs stays below 100 KiB.
const DEFAULT_MAX_GANGS: u32 = 512;
const DEFAULT_RESERVE_AFTER: Span = Span::from_secs(HOUR);
/// A few, so that the whole cluster is never held at once; more of them bound waits no better (`holdfast simulate`, Philly).
const DEFAULT_MAX_HOLDS: u32 = 4;
const DEFAULT_REHOLD_AFTER: Span = Span::from_secs(600);
/// Two levels and long slices serve a trace of training jobs as well as more of either, and stop fewer (the same).
const DEFAULT_LEVELS: [Span; 2] = [Span::from_secs(2 * HOUR), Span::from_secs(32 * HOUR)];
const DEFAULT_SLICE: Span = Span::from_secs(12 * HOUR);
const DEFAULT_MIN_RUN: Span = Span::from_secs(600);
const DEFAULT_SPARED_AFTER: Span = Span::from_secs(36 * HOUR);
const DEFAULT_OVERDUE_AFTER: Span = Span::from_secs(48 * HOUR);

impl Default for Config {
    fn default() -> Self {
        Self {
            policy_hash: String::new(),
            max_gangs_per_plan: DEFAULT_MAX_GANGS,
            reserve_after: DEFAULT_RESERVE_AFTER,
            max_holds: DEFAULT_MAX_HOLDS,
            rehold_after: DEFAULT_REHOLD_AFTER,
            levels: DEFAULT_LEVELS,
            slice: DEFAULT_SLICE,
            min_run: DEFAULT_MIN_RUN,
            spared_after: DEFAULT_SPARED_AFTER,
            overdue_after: DEFAULT_OVERDUE_AFTER,
        }
    }
}
