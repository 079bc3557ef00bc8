//! Commands on a state that has something in it already.

use std::collections::BTreeMap;

use holdfast_api::store::{self, Command, command};
use holdfast_api::v1;
use holdfast_state::State;
use holdfast_types::Time;
use prost::Message as _;

/// Commands that are all taken: a cluster with nodes, a queue and a gang.
pub(crate) fn prelude() -> Vec<Vec<u8>> {
    let bundle = v1::PolicyBundle { hash: "law".to_owned(), ..v1::PolicyBundle::default() };
    let init = store::InitCluster {
        cluster_id: "c".to_owned(),
        name: "c".to_owned(),
        bundle: Some(bundle),
        feature_level: holdfast_state::NEWEST_LEVEL,
    };
    let mut bodies = vec![command::Body::InitCluster(init)];
    for node in ["de-1", "de-2"] {
        bodies.extend(joined(node));
    }
    bodies.push(command::Body::PutQueue(store::PutQueue {
        name: "default".to_owned(),
        uid: "uid-default".to_owned(),
        ..store::PutQueue::default()
    }));
    bodies.push(command::Body::PutReservation(store::PutReservation {
        name: "night".to_owned(),
        uid: "reservation-night".to_owned(),
        spec: Some(v1::ReservationSpec {
            count: 1,
            queues: vec!["default".to_owned()],
            ..Default::default()
        }),
        ..store::PutReservation::default()
    }));
    bodies.push(command::Body::SubmitJob(store::SubmitJob {
        name: "train".to_owned(),
        uid: "uid-train".to_owned(),
        spec: Some(job()),
        submitted_by: "alice".to_owned(),
        label: Some(v1::LegalLabel { residency: vec!["DE".to_owned()], ..v1::LegalLabel::default() }),
        ..store::SubmitJob::default()
    }));
    let tasks = (0..2).zip(["de-1", "de-2"]).map(|(rank, node)| store::TaskPlacement {
        rank,
        node: node.to_owned(),
        devices: vec![0, 1],
        ..Default::default()
    });
    let gang = store::GangPlacement {
        job: "train".to_owned(),
        job_uid: "uid-train".to_owned(),
        tasks: tasks.collect(),
        variant: 0,
    };
    bodies.push(command::Body::CommitPlan(store::CommitPlan {
        gangs: vec![gang],
        ..store::CommitPlan::default()
    }));
    let command =
        |body| Command { actor: "operator/test".to_owned(), body: Some(body), ..Command::default() };
    bodies.into_iter().map(|body| command(body).encode_to_vec()).collect()
}

fn joined(node: &str) -> Vec<command::Body> {
    let device = |index| v1::Device {
        index,
        class: "nvidia".to_owned(),
        memory_bytes: 80 << 30,
        health: "ok".to_owned(),
        ..v1::Device::default()
    };
    let inventory = v1::NodeInventory {
        cpu_millis: 8_000,
        memory_bytes: 16 << 30,
        devices: (0..2).map(device).collect(),
        ..v1::NodeInventory::default()
    };
    vec![
        command::Body::CreateToken(store::CreateToken {
            id: node.to_owned(),
            hash: format!("hash-{node}"),
            jurisdiction: "DE".to_owned(),
            site: "berlin".to_owned(),
            expires_at_ms: u64::MAX,
            approve: true,
        }),
        command::Body::EnrolNode(store::EnrolNode {
            token_id: node.to_owned(),
            token_hash: format!("hash-{node}"),
            node: node.to_owned(),
            certificate_serial: format!("serial-{node}"),
            certificate_expires_ms: u64::MAX,
            controller: false,
        }),
        command::Body::ReportNode(store::ReportNode {
            node: node.to_owned(),
            inventory: Some(inventory),
            data_address: "a:1".to_owned(),
            ..store::ReportNode::default()
        }),
        command::Body::SetNodePhase(store::SetNodePhase {
            node: node.to_owned(),
            alive: true,
            reason: "told".to_owned(),
        }),
    ]
}

fn job() -> v1::JobSpec {
    v1::JobSpec {
        kind: "train".to_owned(),
        queue: "default".to_owned(),
        tenant: "lab".to_owned(),
        purpose: "research".to_owned(),
        image: "trainer@1".to_owned(),
        output: "model".to_owned(),
        retries: 1,
        checkpoint: Some(v1::CheckpointPolicy { keep: 2, copies: 2 }),
        groups: vec![v1::TaskGroup {
            min: 0,
            name: "worker".to_owned(),
            count: 2,
            resources: Some(v1::Resources {
                cpu_millis: 1_000,
                memory_bytes: 1 << 30,
                devices: Some(v1::DeviceRequest {
                    class: "nvidia".to_owned(),
                    count: 2,
                    memory_bytes: 0,
                    ..Default::default()
                }),
            }),
            topology: None,
            variants: Vec::new(),
        }],
        ..v1::JobSpec::default()
    }
}

/// Applies commands to a state. What it reports as changed is what changed, two members that do the same agree, and the
/// records make the same state again.
pub(crate) fn play(start: &State, commands: &[Vec<u8>]) -> String {
    let (mut one, mut other) = (start.clone(), start.clone());
    let mut stored: BTreeMap<Vec<u8>, Vec<u8>> = one.records().collect();
    let mut way = String::new();
    for (command, now) in commands.iter().zip((10_000_000..).step_by(1_000)) {
        let applied = one.apply(Time(now), command);
        let again = other.apply(Time(now), command);
        assert_eq!(applied.outcome, again.outcome, "two members answer the same");
        assert_eq!(applied.changes, again.changes, "two members store the same");
        way = said(command, &applied.outcome);
        for (key, value) in applied.changes {
            match value {
                Some(value) => drop(stored.insert(key, value)),
                None => drop(stored.remove(&key)),
            }
        }
    }
    assert!(
        stored.iter().map(|(key, value)| (key.clone(), value.clone())).eq(one.records()),
        "the records follow"
    );
    if one.feature_level() > holdfast_state::NEWEST_LEVEL {
        // A state of a newer release; this one takes no part in it.
        return "newer".to_owned();
    }
    let restored = State::restore(stored);
    assert_eq!(restored.as_ref().err(), None, "the records make a state again");
    assert!(
        restored.is_ok_and(|restored| restored.records().eq(one.records())),
        "the records make the same state"
    );
    way
}

/// What the last command came to; the ways of whole stories are too many to tell apart.
fn said(command: &[u8], outcome: &store::Outcome) -> String {
    let command = Command::decode(command).ok().and_then(|command| command.body);
    let kind = command.map(|body| format!("{body:?}")).unwrap_or_default();
    let kind = kind.split('(').next().unwrap_or_default();
    match &outcome.result {
        Some(store::outcome::Result::Refusal(refusal)) => {
            format!("{kind}: {} {}", refusal.summary, refusal.because.join(" "))
        }
        _ => format!("{kind}: done"),
    }
}
