//! What a large state costs: memory for a row, the moment it is held still, the time to take it in again. It prints what it
//! found; the bounds are wide, for a machine that does other things as well.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use holdfast_api::store::{self, Command, command};
use holdfast_api::v1;
use holdfast_state::State;
use holdfast_types::Time;
use prost::Message as _;

const ARTIFACTS: usize = 100_000;
const JOBS: usize = 10_000;
const NODES: usize = 1_000;
/// A controller has 300 MB for everything.
const MOST_STATE_MB: u64 = 220;

struct World {
    state: State,
    now: u64,
    slowest: Duration,
}

impl World {
    fn send(&mut self, body: command::Body) {
        let command = Command {
            actor: "spiffe://berlin/operator/anna".to_owned(),
            body: Some(body),
            ..Command::default()
        };
        let bytes = command.encode_to_vec();
        self.now += 10;
        let began = Instant::now();
        let outcome = self.state.apply(Time(self.now), &bytes).outcome;
        self.slowest = self.slowest.max(began.elapsed());
        assert!(!matches!(outcome.result, Some(store::outcome::Result::Refusal(_)) | None), "{outcome:?}");
    }
}

fn rss_mb() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096 / 1_000_000
}

fn label() -> v1::LegalLabel {
    v1::LegalLabel { residency: vec!["DE".to_owned()], ..v1::LegalLabel::default() }
}

fn node(world: &mut World, number: usize) {
    let name = format!("node-{number:04}");
    let (id, hash) = (format!("token-{number}"), "3c".repeat(32));
    world.send(command::Body::CreateToken(store::CreateToken {
        id: id.clone(),
        hash: hash.clone(),
        jurisdiction: "DE".to_owned(),
        site: "berlin".to_owned(),
        expires_at_ms: u64::MAX,
        approve: true,
    }));
    world.send(command::Body::EnrolNode(store::EnrolNode {
        token_id: id,
        token_hash: hash,
        node: name.clone(),
        certificate_serial: format!("{number:040x}"),
        certificate_expires_ms: u64::MAX,
        controller: false,
    }));
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
    world.send(command::Body::ReportNode(store::ReportNode {
        system: None,
        node: name.clone(),
        inventory: Some(inventory),
        data_address: format!("10.0.0.{number}:7003"),
        relay_address: format!("10.0.0.{number}:7004"),
        agent_version: "0.1.0".to_owned(),
        simulated: false,
    }));
    world.send(command::Body::SetNodePhase(store::SetNodePhase {
        node: name,
        alive: true,
        reason: "heard".to_owned(),
    }));
}

fn artifact(world: &mut World, number: usize) {
    world.send(command::Body::CommitVersion(store::CommitVersion {
        spec: Some(v1::ArtifactSpec {
            kind: "dataset".to_owned(),
            name: format!("corpus-of-some-kind-{}", number % 20_000),
            manifest: format!("b3-{}", "a7".repeat(32)),
            bytes: 1 << 40,
            files: 1_000,
            label: Some(label()),
            tenant: "laboratory".to_owned(),
            owner: "anna".to_owned(),
            copies: 3,
            ..v1::ArtifactSpec::default()
        }),
        uid: format!("artifact-{number:032x}"),
        node: format!("node-{:04}", number % NODES),
        new_version: true,
    }));
}

fn job(world: &mut World, number: usize) {
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
    world.send(command::Body::SubmitJob(store::SubmitJob {
        name: format!("train-{number:05}"),
        uid: format!("job-{number:032x}"),
        spec: Some(spec),
        submitted_by: "anna".to_owned(),
        label: Some(label()),
        bundle: "5e".repeat(32),
        ..store::SubmitJob::default()
    }));
}

#[test]
#[ignore = "full tier: takes a minute and 300 MB"]
fn a_large_state_is_held_still_in_no_time_and_fits_into_memory() {
    let before = rss_mb();
    let mut world = World { state: State::default(), now: 1_000, slowest: Duration::ZERO };
    let bundle = Some(v1::PolicyBundle::default());
    world.send(command::Body::InitCluster(store::InitCluster { bundle, ..Default::default() }));
    (0..NODES).for_each(|number| node(&mut world, number));
    println!("nodes {}", rss_mb() - before);
    (0..JOBS).for_each(|number| job(&mut world, number));
    println!("jobs {}", rss_mb() - before);
    (0..ARTIFACTS).for_each(|number| artifact(&mut world, number));
    let used = rss_mb() - before;
    println!("state of {ARTIFACTS} artifacts, {JOBS} jobs, {NODES} nodes: {used} MB");

    world.slowest = Duration::ZERO;
    let began = Instant::now();
    let frozen = world.state.clone();
    let froze = began.elapsed();
    (0..100).for_each(|number| artifact(&mut world, number));
    println!("frozen in {froze:?}; the slowest command after that took {:?}", world.slowest);

    let began = Instant::now();
    let (mut records, mut bytes) = (0_usize, 0_usize);
    for (key, value) in frozen.into_records() {
        records += 1;
        bytes += key.len() + value.len();
    }
    println!("{records} records of {bytes} bytes written in {:?}", began.elapsed());
    let stored: Vec<_> = world.state.records().collect();
    let began = Instant::now();
    let restored = State::restore(stored).unwrap();
    println!("{} records restored in {:?}", restored.records().count(), began.elapsed());
    assert!(froze < Duration::from_millis(20), "frozen in {froze:?}");
    assert!(used < MOST_STATE_MB, "{used} MB");
}
