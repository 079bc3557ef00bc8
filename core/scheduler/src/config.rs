//! What an operator may set about planning. It must not know where the settings come from.

use holdfast_types::Span;

/// How to plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The hash of the law that the verdicts of the snapshot were decided by; it enters the hash of the plan.
    pub policy_hash: String,
    /// The most gangs one plan starts, so that one entry of the log stays small.
    pub max_gangs_per_plan: u32,
    /// A job that has waited longer than this, and would fit once others end, has the nodes held for it that are free for it
    /// first, until it is placed.
    pub reserve_after: Span,
    /// The most jobs that nodes are held for at once.
    pub max_holds: u32,
}

/// One entry of the log with this many one-task gangs stays below 100 KiB.
const DEFAULT_MAX_GANGS: u32 = 512;
const DEFAULT_RESERVE_AFTER: Span = Span::from_secs(3_600);
/// A few, so that the whole cluster is never held at once; more of them bound waits no better (`holdfast simulate`, Philly).
const DEFAULT_MAX_HOLDS: u32 = 4;

impl Default for Config {
    fn default() -> Self {
        Self {
            policy_hash: String::new(),
            max_gangs_per_plan: DEFAULT_MAX_GANGS,
            reserve_after: DEFAULT_RESERVE_AFTER,
            max_holds: DEFAULT_MAX_HOLDS,
        }
    }
}
