//! The cluster goes on from an older or an uncertain state: after a restore or a recovery. What was given out under the
//! state that is gone, revisions, starts of gangs, leases, join tokens, must never be taken for this state's.

use holdfast_api::store::{BeginIncarnation, Done, TokenRecord, outcome};
use holdfast_types::TaskPhase;

use crate::act::{Act, Answer};
use crate::phases::job_phase;
use crate::{artifacts, lifecycle, nodes, record, refuse, settling};

/// Revisions given out under the state that is gone lie between the restored one and this much more.
const REVISIONS: u64 = 1 << 32;
/// The same for the starts of a gang.
const FENCES: u64 = 1 << 20;
/// How long nothing is placed where the command does not say: longer than any lease.
const QUIET_MS: u64 = 60_000;

pub(crate) fn begin(act: &mut Act<'_>, begin: &BeginIncarnation) -> Answer {
    let done = Ok(outcome::Result::Done(Done {}));
    let known = act.cluster.incarnation.max(1);
    if begin.incarnation == known && known > 1 {
        return done;
    }
    if begin.incarnation <= known {
        return Err(refuse::incarnation(known, begin.incarnation));
    }
    act.cluster.incarnation = begin.incarnation;
    act.revision = act.cluster.revision.saturating_add(REVISIONS);
    let quiet = if begin.quiet_ms == 0 { QUIET_MS } else { begin.quiet_ms };
    act.cluster.place_after_ms = act.now.0.saturating_add(quiet);
    let number = begin.incarnation;
    let reason = format!("the cluster began incarnation {number}");
    silence_nodes(act, &reason);
    void_starts(act, &reason);
    void_tokens(act);
    artifacts::recount_all(act);
    let name = format!("cluster/{}", act.cluster.name);
    act.event(&name, "Incarnation", format!("{reason}: {}", begin.reason));
    let number = number.to_string();
    let details = [("incarnation", number.as_str()), ("reason", begin.reason.as_str())];
    record::mutation(act, "begin-incarnation", &name, &details);
    // A watch from before may have seen what is not part of this state.
    act.state.history.cut(act.revision, &mut act.state.changes);
    done
}

/// No node counts as alive until it is heard.
fn silence_nodes(act: &mut Act<'_>, reason: &str) {
    let alive: Vec<_> = act.state.nodes().filter(|record| record.alive).cloned().collect();
    for mut record in alive {
        record.alive = false;
        let status = record.node.get_or_insert_default().status.get_or_insert_default();
        status.reason = format!("not heard from since {reason}");
        nodes::put(act, record);
    }
}

/// Gangs that held places start again, under a fence that no start under the state before can have had.
fn void_starts(act: &mut Act<'_>, reason: &str) {
    let jobs = act.state.jobs().filter_map(|job| job.metadata.as_ref());
    let names: Vec<String> = jobs.map(|metadata| metadata.name.clone()).collect();
    for name in names {
        let Some(mut job) = act.state.job(&name).cloned() else { continue };
        if job_phase(&job).holds_places() {
            let mut tasks = std::mem::take(&mut job.status.get_or_insert_default().tasks);
            for task in &mut tasks {
                lifecycle::set_task(task, TaskPhase::Lost, reason, act);
            }
            job.status.get_or_insert_default().tasks = tasks;
            settling::settle(&mut job, act);
        }
        let status = job.status.get_or_insert_default();
        status.fence = status.fence.saturating_add(FENCES);
        act.state.put_job(job, act.revision);
    }
}

/// A token that this state believes unused may have opened the door already.
fn void_tokens(act: &mut Act<'_>) {
    let unused: Vec<TokenRecord> =
        act.state.tokens.values().filter(|token| token.used_by.is_empty()).cloned().collect();
    for mut token in unused {
        token.expires_at_ms = token.expires_at_ms.min(act.now.0.saturating_sub(1));
        let id = token.id.clone();
        act.state.tokens.put(&id, token, &mut act.state.changes);
    }
}

/// Why nothing can be placed yet, if so.
pub(crate) fn quiet(act: &Act<'_>) -> Option<String> {
    let after = act.cluster.place_after_ms;
    (act.now.0 < after).then(|| {
        let left = (after - act.now.0).div_ceil(1_000);
        format!("the cluster began anew, and what ran before may still run for {left} s")
    })
}
