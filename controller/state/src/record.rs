//! The audit log: every decision and every change that a person or the cluster made becomes one leaf, in the same entry
//! of the log as its effect.

use holdfast_api::store::{DecisionRecord, Done, RecordDecisions, outcome};
use holdfast_audit::{Draft, EntryReason, Head, Kind};
use holdfast_types::Problem;

use crate::act::{Act, Answer};

/// A decision of the law; `refusal` says why the command failed although it was allowed.
pub(crate) fn decision(act: &mut Act<'_>, decision: DecisionRecord, refusal: Option<&Problem>) {
    let actor = if decision.actor.is_empty() { act.actor.clone() } else { decision.actor };
    let mut draft = Draft::new(act.now, Kind::DECISION, actor, decision.action, decision.object);
    draft.verdict = Some(decision.verdict);
    draft.bundle = Some(decision.bundle).filter(|b| !b.is_empty());
    draft.reasons =
        decision.reasons.into_iter().map(|r| EntryReason { rule: r.rule, text: r.text }).collect();
    place(act, &mut draft);
    if let Some(problem) = refusal {
        draft.details.insert("not-done".to_owned(), problem.code.to_string().into());
    }
    append(act, draft);
}

/// Something that was done.
pub(crate) fn mutation(act: &mut Act<'_>, action: &str, object: &str, details: &[(&str, &str)]) {
    done(act, action, object, "done", details);
}

/// Something that was tried and refused without the law being asked.
pub(crate) fn refused_mutation(act: &mut Act<'_>, action: &str, object: &str, why: &str) {
    done(act, action, object, "refused", &[("why", why)]);
}

fn done(act: &mut Act<'_>, action: &str, object: &str, result: &str, details: &[(&str, &str)]) {
    let mut draft = Draft::new(act.now, kind_of(object), act.actor.clone(), action, object);
    let given = details.iter().filter(|(_, v)| !v.is_empty());
    draft.details = given.map(|(k, v)| ((*k).to_owned(), (*v).into())).collect();
    draft.details.insert("result".to_owned(), result.into());
    place(act, &mut draft);
    append(act, draft);
}

/// Which change it belongs to, and which request led to it.
fn place(act: &Act<'_>, draft: &mut Draft) {
    draft.details.insert("revision".to_owned(), act.revision.into());
    if !act.request.is_empty() {
        draft.details.insert("request".to_owned(), act.request.as_str().into());
    }
}

fn kind_of(object: &str) -> Kind {
    match object.split('/').next() {
        Some("node" | "token") => Kind::NODE,
        Some("job") => Kind::JOB,
        Some("artifact") => Kind::ARTIFACT,
        Some("cluster") => Kind::POLICY,
        _ => Kind::MUTATION,
    }
}

/// Decisions taken elsewhere: by a controller that refused, or by an agent at its own door.
pub(crate) fn decisions(act: &mut Act<'_>, record: RecordDecisions) -> Answer {
    let known = act.state.node(&record.node).map_or(0, |n| n.decisions_through);
    if !record.node.is_empty() {
        let Some(mut node) = act.state.node(&record.node).cloned() else {
            return Ok(outcome::Result::Done(Done {}));
        };
        if record.through <= known {
            return Ok(outcome::Result::Done(Done {}));
        }
        node.decisions_through = record.through;
        act.state.put_node(node, act.revision);
    }
    for each in record.decisions {
        decision(act, each, None);
    }
    Ok(outcome::Result::Done(Done {}))
}

/// Puts an entry at the end of the log.
fn append(act: &mut Act<'_>, draft: Draft) {
    // The head is written by this crate alone; should it not read, an empty one makes every later proof fail loudly
    // instead of the state machine stopping.
    let mut head = Head::from_bytes(&act.cluster.audit_head).unwrap_or_default();
    let appended = head.append(draft.clone()).or_else(|_| head.append(shortened(draft)));
    // What the law has no room for in one entry is cut by `shortened` below the limit, so this cannot fail twice.
    let Ok(appended) = appended else { return };
    act.cluster.audit_size = head.size();
    act.cluster.audit_head = head.to_bytes();
    act.state.audit.push(appended.bytes, &mut act.state.changes);
}

/// The entry without what can make it longer than an entry may be.
fn shortened(draft: Draft) -> Draft {
    let cut = |text: &str| text.chars().take(200).collect::<String>();
    Draft {
        actor: cut(&draft.actor),
        act: cut(&draft.act),
        object: cut(&draft.object),
        reasons: draft
            .reasons
            .into_iter()
            .take(1)
            .map(|r| EntryReason { rule: cut(&r.rule), text: cut(&r.text) })
            .collect(),
        details: [("shortened".to_owned(), true.into())].into(),
        ..draft
    }
}
