//! What is let go of without being asked, so that no part of the state grows without end. What goes follows from the state
//! and the time of the command alone, so every member lets go of the same.

use holdfast_api::store::{NodeRecord, RevokedRecord, TokenRecord};
use holdfast_types::{NodePhase, Problem, Time};

use crate::act::Act;
use crate::ended::Line;
use crate::phases::node_phase;
use crate::{array, record, refuse};

/// How many ended jobs are kept, and as many ended elements of arrays.
pub(crate) const MOST_ENDED: usize = 10_000;
/// For how long an ended job is kept.
pub(crate) const ENDED_AGE_MS: u64 = 30 * 24 * 60 * 60 * 1_000;
/// How many join tokens there may be.
pub(crate) const MOST_TOKENS: usize = 4_096;
/// How many certificates are remembered as revoked before those are looked for that nobody could use any more.
const MOST_REVOKED: usize = 1_024;
/// How many retired nodes are kept; of more, those go whose certificate nobody could use any more.
const MOST_RETIRED: usize = 1_024;
/// One command lets go of no more ended jobs than this: what is left goes with the next ones.
const AT_ONCE: usize = 16;

/// Lets go of jobs that ended long ago. They are deleted like any other, with an entry in the audit log. Elements of arrays are counted
/// for themselves: one array would drive out what everybody else has had.
pub(crate) fn ended_jobs(act: &mut Act<'_>) {
    for line in [Line::Jobs, Line::Elements] {
        for _ in 0..AT_ONCE {
            let many = act.state.ended.len(line) > MOST_ENDED;
            let Some((at, name)) = act.state.ended.first(line) else { break };
            let why = match (many, expired(at.0.saturating_add(ENDED_AGE_MS), act.now)) {
                (_, true) => "it ended long ago",
                (true, false) => "many jobs ended after it",
                (false, false) => break,
            };
            let Some(job) = act.state.job(name).cloned() else { break };
            let object = format!("job/{name}");
            array::forget(act, &job);
            record::mutation(act, "forget-job", &object, &[("why", why)]);
        }
    }
}

/// Makes room for a join token: those that were used or have expired go.
pub(crate) fn token_room(act: &mut Act<'_>) -> Result<(), Problem> {
    if act.state.tokens.len() < MOST_TOKENS {
        return Ok(());
    }
    let now = act.now;
    let over = |token: &&TokenRecord| !token.used_by.is_empty() || expired(token.expires_at_ms, now);
    let gone: Vec<String> = act.state.tokens.values().filter(over).map(|token| token.id.clone()).collect();
    for id in &gone {
        act.state.tokens.remove(id, &mut act.state.changes);
    }
    if gone.is_empty() { Err(refuse::tokens(MOST_TOKENS)) } else { Ok(()) }
}

/// Called when a node was retired: what only kept it out goes once its certificate does so by itself.
pub(crate) fn retired(act: &mut Act<'_>) {
    let now = act.now;
    if act.state.revoked.len() > MOST_REVOKED {
        let over = |row: &&RevokedRecord| expired(row.until_ms, now);
        let gone: Vec<String> =
            act.state.revoked.values().filter(over).map(|row| row.serial.clone()).collect();
        for serial in gone {
            act.state.revoked.remove(&serial, &mut act.state.changes);
        }
    }
    let is_retired = |record: &&NodeRecord| node_phase(record) == NodePhase::Retired;
    if act.state.nodes().filter(is_retired).count() > MOST_RETIRED {
        let over = |record: &&NodeRecord| is_retired(record) && expired(record.certificate_expires_ms, now);
        let name = |record: &NodeRecord| record.node.as_ref()?.metadata.as_ref().map(|m| m.name.clone());
        let gone: Vec<String> = act.state.nodes().filter(over).filter_map(name).collect();
        for name in gone {
            act.state.remove_node(&name, act.revision);
            record::mutation(act, "forget-node", &format!("node/{name}"), &[]);
        }
    }
}

fn expired(until_ms: u64, now: Time) -> bool {
    until_ms < now.0
}
