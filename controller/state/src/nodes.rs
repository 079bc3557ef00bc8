//! The life of nodes: tokens, enrolment, approval, liveness, drain, retirement.

use holdfast_api::store::{
    ChangeNode, CreateToken, Done, EnrolNode, NodeRecord, ReportNode, RevokedRecord, RotateNode,
    SetNodePhase, TokenRecord, outcome,
};
use holdfast_api::{timestamp, v1};
use holdfast_types::{NodePhase, Problem};

use crate::act::{Act, Answer};
use crate::phases::node_phase;
use crate::{artifacts, record, refuse, retention, settling};

pub(crate) fn create_token(act: &mut Act<'_>, token: CreateToken) -> Answer {
    if act.state.tokens.contains(&token.id) {
        return Err(refuse::exists("token", &token.id));
    }
    retention::token_room(act)?;
    let id = token.id.clone();
    let jurisdiction = token.jurisdiction.clone();
    let row = TokenRecord {
        id: token.id,
        hash: token.hash,
        jurisdiction: token.jurisdiction,
        site: token.site,
        expires_at_ms: token.expires_at_ms,
        approve: token.approve,
        used_by: String::new(),
    };
    act.state.tokens.put(&id, row, &mut act.state.changes);
    record::mutation(act, "create-token", &format!("token/{id}"), &[("jurisdiction", &jurisdiction)]);
    Ok(outcome::Result::Done(Done {}))
}

/// Uses a token up and makes its node: the one place where of several racing nodes exactly one wins.
pub(crate) fn enrol(act: &mut Act<'_>, enrol: EnrolNode) -> Answer {
    let name = enrol.node.clone();
    let refused = |act: &mut Act<'_>, why: &str| {
        act.event(&format!("node/{name}"), "JoinRefused", format!("its join token {why}"));
        record::refused_mutation(act, "enrol-node", &format!("node/{name}"), why);
        Err(refuse::token_refused(&name, why))
    };
    let Some(token) = act.state.tokens.get(&enrol.token_id).cloned() else {
        return refused(act, "is not known");
    };
    if token.hash != enrol.token_hash {
        return refused(act, "is not known");
    }
    if !token.used_by.is_empty() {
        return refused(act, "has been used");
    }
    if act.now.0 > token.expires_at_ms {
        return refused(act, "has expired");
    }
    if let Some(mut old) = act.state.node(&name).cloned()
        && node_phase(&old) != NodePhase::Retired
    {
        // A controller that was installed anew is who it says it is, and its machine forgot the node that it was.
        if !(enrol.controller && is_controller(&old)) {
            return Err(refuse::known_node(&name));
        }
        let why = "its machine joined anew";
        retire(act, &mut old, why);
        put(act, old);
        retired(act, &name, why);
    }
    let (jurisdiction, approved) = (token.jurisdiction.clone(), token.approve);
    let node = new_node(act, &enrol, &token);
    let used = TokenRecord { used_by: name.clone(), ..token };
    act.state.tokens.put(&enrol.token_id, used, &mut act.state.changes);
    put(
        act,
        NodeRecord {
            node: Some(node),
            certificate_expires_ms: enrol.certificate_expires_ms,
            approved,
            alive: false,
            decisions_through: 0,
        },
    );
    act.event(&format!("node/{name}"), "Enrolled", format!("node `{name}` enrolled in {jurisdiction}"));
    record::mutation(act, "enrol-node", &format!("node/{name}"), &[("jurisdiction", &jurisdiction)]);
    answer(act, &name)
}

fn new_node(act: &Act<'_>, enrol: &EnrolNode, token: &TokenRecord) -> v1::Node {
    v1::Node {
        metadata: Some(v1::Metadata {
            kind: "Node".to_owned(),
            name: enrol.node.clone(),
            // The token is used once, so its id tells this life of the name from any other.
            uid: format!("node-{}", enrol.token_id),
            generation: 1,
            created_at: Some(timestamp(act.now)),
            ..v1::Metadata::default()
        }),
        spec: Some(v1::NodeSpec {
            jurisdiction: token.jurisdiction.clone(),
            site: token.site.clone(),
            cordoned: enrol.controller,
            controller: enrol.controller,
            ..v1::NodeSpec::default()
        }),
        status: Some(v1::NodeStatus {
            certificate_serial: enrol.certificate_serial.clone(),
            ..v1::NodeStatus::default()
        }),
    }
}

pub(crate) fn rotate(act: &mut Act<'_>, rotate: &RotateNode) -> Answer {
    let mut node = get(act, &rotate.node)?;
    let status = status_of(&mut node);
    if status.certificate_serial != rotate.old_serial {
        return Err(refuse::wrong_phase(
            "node",
            &rotate.node,
            "given a new certificate",
            "holding another certificate than the one that asked",
            "only the newest certificate can be renewed",
        ));
    }
    status.certificate_serial.clone_from(&rotate.new_serial);
    node.certificate_expires_ms = rotate.expires_ms;
    put(act, node);
    record::mutation(act, "rotate-certificate", &format!("node/{}", rotate.node), &[]);
    answer(act, &rotate.node)
}

pub(crate) fn change(act: &mut Act<'_>, change: &ChangeNode) -> Answer {
    let name = &change.node;
    let mut node = get(act, name)?;
    let found = node.node.as_ref().and_then(|n| n.metadata.as_ref()).map_or(0, |m| m.revision);
    act.check_revision("node", name, found)?;
    if node_phase(&node) == NodePhase::Retired {
        return Err(refuse::wrong_phase(
            "node",
            name,
            &change.change,
            "Retired",
            "a retired node never comes back",
        ));
    }
    if is_reset(&node) && change.change == "uncordon" {
        let allowed = "it may have begun to erase what it keeps";
        return Err(refuse::wrong_phase("node", name, "given work again", "being reset", allowed));
    }
    if is_controller(&node) && change.change == "uncordon" {
        let allowed = "work beside a controller could cost the cluster its quorum";
        return Err(refuse::wrong_phase("node", name, "given work", "the machine of a controller", allowed));
    }
    let (cordoned, draining) = match change.change.as_str() {
        "approve" => {
            node.approved = true;
            spec_flags(&node)
        }
        "cordon" => (true, false),
        "uncordon" => (false, false),
        "drain" => (true, true),
        "retire" => (true, false),
        "place" => {
            node.node.get_or_insert_default().spec.get_or_insert_default().place.clone_from(&change.place);
            spec_flags(&node)
        }
        "reset" => {
            resettable(act, name, &node, change.force)?;
            (true, true)
        }
        other => return Err(refuse::undecodable(&format!("`{other}` is not a change of a node"))),
    };
    let spec = node.node.get_or_insert_default().spec.get_or_insert_default();
    (spec.cordoned, spec.draining) = (cordoned, draining);
    if change.change == "reset" {
        // A machine may have begun with what it was told first: more may be asked of it, never less.
        spec.reset_keeps_data = change.keep_data && (!spec.reset || spec.reset_keeps_data);
        spec.reset = true;
    }
    if change.change == "retire" {
        retire(act, &mut node, "retired");
    }
    put(act, node);
    let reason = if change.reason.is_empty() { String::new() } else { format!(": {}", change.reason) };
    act.event(&format!("node/{name}"), "Changed", format!("{} by {}{reason}", change.change, act.actor));
    record::mutation(
        act,
        &format!("{}-node", change.change),
        &format!("node/{name}"),
        &[("reason", &change.reason)],
    );
    match change.change.as_str() {
        "drain" => settling::leave_node(act, name, "its node is being drained"),
        "reset" => settling::leave_node(act, name, "its node is being reset"),
        "retire" => retired(act, name, "its node was retired"),
        _ => {}
    }
    answer(act, name)
}

/// Whether a node can be reset: only a machine that is wholly ours, and without `force` only where nothing is lost by it.
fn resettable(act: &Act<'_>, name: &str, node: &NodeRecord, force: bool) -> Result<(), Problem> {
    let status = node.node.as_ref().and_then(|n| n.status.as_ref());
    if status.is_none_or(|status| status.system.is_none()) {
        return Err(refuse::not_an_appliance(name));
    }
    if force {
        return Ok(());
    }
    let tasks = settling::tasks_on(act, name);
    if tasks > 0 {
        return Err(refuse::still_runs(name, tasks));
    }
    let only = artifacts::only_on(act, name);
    if only.is_empty() { Ok(()) } else { Err(refuse::only_copies(name, &only)) }
}

fn spec_flags(node: &NodeRecord) -> (bool, bool) {
    let spec = node.node.as_ref().and_then(|n| n.spec.as_ref());
    spec.map_or((false, false), |s| (s.cordoned, s.draining))
}

/// Whether somebody had it reset.
fn is_reset(node: &NodeRecord) -> bool {
    node.node.as_ref().and_then(|n| n.spec.as_ref()).is_some_and(|spec| spec.reset)
}

/// What a machine erases that is reset.
fn erased(node: &NodeRecord) -> &'static str {
    let keeps = node.node.as_ref().and_then(|n| n.spec.as_ref()).is_some_and(|spec| spec.reset_keeps_data);
    if keeps { "who it is" } else { "everything it keeps" }
}

/// Whether it is the machine of a controller.
fn is_controller(node: &NodeRecord) -> bool {
    node.node.as_ref().and_then(|n| n.spec.as_ref()).is_some_and(|spec| spec.controller)
}

/// What follows once a node was put as retired.
fn retired(act: &mut Act<'_>, name: &str, reason: &str) {
    settling::lose_node(act, name, reason);
    retention::retired(act);
}

fn retire(act: &mut Act<'_>, node: &mut NodeRecord, reason: &str) {
    let expires = node.certificate_expires_ms;
    node.alive = false;
    let status = status_of(node);
    NodePhase::Retired.as_str().clone_into(&mut status.phase);
    reason.clone_into(&mut status.reason);
    let serial = status.certificate_serial.clone();
    let row = RevokedRecord { serial: serial.clone(), until_ms: expires };
    act.state.revoked.put(&serial, row, &mut act.state.changes);
}

pub(crate) fn report(act: &mut Act<'_>, report: ReportNode) -> Answer {
    let mut node = get(act, &report.node)?;
    let status = status_of(&mut node);
    status.inventory = report.inventory;
    status.data_address = report.data_address;
    status.relay_address = report.relay_address;
    status.agent_version = report.agent_version;
    status.simulated = report.simulated;
    if report.system.is_some() {
        status.system = report.system;
    }
    let resets = status.system.as_ref().is_some_and(|system| system.resets);
    let gone = resets && is_reset(&node) && node_phase(&node) != NodePhase::Retired;
    if gone {
        let reason = format!("reset: it erases {}", erased(&node));
        retire(act, &mut node, &reason);
    }
    let what = erased(&node);
    put(act, node);
    if gone {
        let name = &report.node;
        act.event(&format!("node/{name}"), "Reset", format!("it goes down to erase {what}"));
        record::mutation(act, "node-reset", &format!("node/{name}"), &[]);
        retired(act, name, "its node was reset");
    }
    answer(act, &report.node)
}

pub(crate) fn set_alive(act: &mut Act<'_>, change: &SetNodePhase) -> Answer {
    let name = &change.node;
    let mut node = get(act, name)?;
    if node.alive == change.alive || node_phase(&node) == NodePhase::Retired {
        return answer(act, name);
    }
    node.alive = change.alive;
    status_of(&mut node).reason.clone_from(&change.reason);
    put(act, node);
    let reason = if change.alive { "Alive" } else { "Lost" };
    act.event(&format!("node/{name}"), reason, change.reason.clone());
    record::mutation(
        act,
        if change.alive { "node-alive" } else { "node-lost" },
        &format!("node/{name}"),
        &[],
    );
    if change.alive {
        artifacts::recount(act, name);
    } else {
        settling::lose_node(act, name, "its node was lost");
    }
    answer(act, name)
}

/// What a node is to do has changed, although nothing of it has.
pub(crate) fn touch(act: &mut Act<'_>, name: &str) {
    if let Some(node) = act.state.node(name).cloned() {
        put(act, node);
    }
}

pub(crate) fn put(act: &mut Act<'_>, mut record: NodeRecord) {
    let phase = node_phase(&record);
    let now = timestamp(act.now);
    let status = status_of(&mut record);
    if status.phase != phase.as_str() {
        phase.as_str().clone_into(&mut status.phase);
        status.since = Some(now);
    }
    act.state.put_node(record, act.revision);
}

fn status_of(record: &mut NodeRecord) -> &mut v1::NodeStatus {
    record.node.get_or_insert_default().status.get_or_insert_default()
}

fn get(act: &Act<'_>, name: &str) -> Result<NodeRecord, Problem> {
    act.state.node(name).cloned().ok_or_else(|| refuse::not_found("node", name))
}

fn answer(act: &Act<'_>, name: &str) -> Answer {
    let node = get(act, name)?.node.unwrap_or_default();
    Ok(outcome::Result::Node(node))
}
