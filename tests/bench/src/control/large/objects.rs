//! The commands that make a large state, as a cluster would send them: nodes that join and report, jobs, artifacts.

use holdfast_api::store::{self, Command, command};
use holdfast_api::v1;
use prost::Message as _;

/// Nodes are numbered below this by those that refer to them.
const NODES: u64 = 1_000;
/// So many series of artifacts; what is more are versions of them.
const SERIES: u64 = 20_000;
/// What a node takes to be alive.
pub(super) const STEPS: usize = 4;

fn encoded(body: command::Body) -> Vec<u8> {
    let actor = "spiffe://bench/operator/anna".to_owned();
    Command { actor, body: Some(body), ..Command::default() }.encode_to_vec()
}

/// The founding of the cluster, before everything else.
pub(super) fn founding() -> Vec<u8> {
    let bundle = Some(v1::PolicyBundle::default());
    encoded(command::Body::InitCluster(store::InitCluster { bundle, ..store::InitCluster::default() }))
}

/// What a node goes through, step by step: a later step refers to the one before.
pub(super) fn node(number: u64) -> [Vec<u8>; STEPS] {
    let name = format!("node-{number:04}");
    let (id, hash) = (format!("token-{number}"), "3c".repeat(32));
    let device = |index| v1::Device {
        index,
        class: "nvidia".to_owned(),
        memory_bytes: 80 << 30,
        health: "ok".to_owned(),
        ..v1::Device::default()
    };
    let inventory = v1::NodeInventory {
        cpu_millis: 128_000,
        memory_bytes: 1 << 40,
        devices: (0..8).map(device).collect(),
        ..v1::NodeInventory::default()
    };
    let token = store::CreateToken {
        id: id.clone(),
        hash: hash.clone(),
        jurisdiction: "DE".to_owned(),
        site: "berlin".to_owned(),
        expires_at_ms: u64::MAX,
        approve: true,
    };
    let enrolment = store::EnrolNode {
        token_id: id,
        token_hash: hash,
        node: name.clone(),
        certificate_serial: format!("{number:040x}"),
        certificate_expires_ms: u64::MAX,
        controller: false,
    };
    let report = store::ReportNode {
        node: name.clone(),
        inventory: Some(inventory),
        data_address: format!("10.0.0.{number}:7003"),
        relay_address: format!("10.0.0.{number}:7004"),
        agent_version: "0.1.0".to_owned(),
        simulated: false,
        system: None,
    };
    let alive = store::SetNodePhase { node: name, alive: true, reason: "heard".to_owned() };
    [
        encoded(command::Body::CreateToken(token)),
        encoded(command::Body::EnrolNode(enrolment)),
        encoded(command::Body::ReportNode(report)),
        encoded(command::Body::SetNodePhase(alive)),
    ]
}

/// The submission of a job.
pub(super) fn job(number: u64) -> Vec<u8> {
    let devices = Some(v1::DeviceRequest {
        class: "nvidia".to_owned(),
        count: 8,
        memory_bytes: 40 << 30,
        ..Default::default()
    });
    let resources = Some(v1::Resources { cpu_millis: 64_000, memory_bytes: 512 << 30, devices });
    let spec = v1::JobSpec {
        kind: "train".to_owned(),
        queue: "default".to_owned(),
        tenant: "laboratory".to_owned(),
        purpose: "research".to_owned(),
        image: "image/trainer@12".to_owned(),
        output: format!("model-{number}"),
        checkpoint: Some(v1::CheckpointPolicy { keep: 2, copies: 2 }),
        groups: vec![v1::TaskGroup {
            min: 0,
            name: "worker".to_owned(),
            count: 4,
            resources,
            topology: None,
            variants: Vec::new(),
        }],
        ..v1::JobSpec::default()
    };
    encoded(command::Body::SubmitJob(store::SubmitJob {
        name: format!("train-{number:05}"),
        uid: format!("job-{number:032x}"),
        spec: Some(spec),
        submitted_by: "anna".to_owned(),
        label: Some(label()),
        bundle: "5e".repeat(32),
        ..store::SubmitJob::default()
    }))
}

/// A new version of an artifact.
pub(super) fn artifact(number: u64) -> Vec<u8> {
    let spec = v1::ArtifactSpec {
        kind: "dataset".to_owned(),
        name: format!("corpus-of-some-kind-{}", number % SERIES),
        manifest: format!("b3-{}", "a7".repeat(32)),
        bytes: 1 << 40,
        files: 1_000,
        label: Some(label()),
        tenant: "laboratory".to_owned(),
        owner: "anna".to_owned(),
        copies: 3,
        ..v1::ArtifactSpec::default()
    };
    encoded(command::Body::CommitVersion(store::CommitVersion {
        spec: Some(spec),
        uid: format!("artifact-{number:032x}"),
        node: format!("node-{:04}", number % NODES),
        new_version: true,
    }))
}

fn label() -> v1::LegalLabel {
    v1::LegalLabel { residency: vec!["DE".to_owned()], ..v1::LegalLabel::default() }
}
