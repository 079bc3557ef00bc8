//! What a release wrote into the log is applied for ever to the same state, and what it stored is read for ever.
//!
//! `corpus/level-N` holds a story of every command that level N knows, what each was answered, and the records at the
//! end. With `HOLDFAST_CORPUS=write` the newest level is written again; a level that was released is never changed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use holdfast_api::internal::{CheckpointReport, OutputReport, TaskReport};
use holdfast_api::store::{self, Command, command, transaction_step};
use holdfast_api::v1;
use holdfast_state::State;
use holdfast_types::Time;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

type Story = Vec<(u64, Vec<u8>)>;

fn directory(level: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("corpus/level-{level}"))
}

/// Frames of bytes, each with its length.
fn framed(parts: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let frame = |part: Vec<u8>| [u32::try_from(part.len()).unwrap().to_be_bytes().to_vec(), part].concat();
    parts.into_iter().flat_map(frame).collect()
}

fn unframed(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let (part, rest) = rest.split_at(usize::try_from(u32::from_be_bytes(*length)).unwrap());
        parts.push(part.to_vec());
        bytes = rest;
    }
    parts
}

fn story_in(bytes: &[u8]) -> Story {
    let parts = unframed(bytes);
    parts.chunks(2).map(|c| (u64::from_be_bytes(c[0].as_slice().try_into().unwrap()), c[1].clone())).collect()
}

/// What the story comes to: one line for each command, then the records.
fn told(story: &Story) -> (String, Vec<u8>) {
    let mut state = State::default();
    let mut lines = String::new();
    let hash = |bytes: &[u8]| hex::encode(&Sha256::digest(bytes)[..8]);
    for (time, bytes) in story {
        let command = Command::decode(bytes.as_slice()).unwrap();
        let kind = kind(command.body.as_ref().unwrap());
        let outcome = state.apply(Time(*time), bytes).outcome;
        let answer = match &outcome.result {
            Some(store::outcome::Result::Refusal(refusal)) => format!("E{}", refusal.code),
            _ => "done".to_owned(),
        };
        let records = framed(state.records().flat_map(|(key, value)| [key, value]));
        lines.push_str(&format!(
            "{kind} {answer} outcome {} state {}\n",
            hash(&outcome.encode_to_vec()),
            hash(&records)
        ));
    }
    (lines, framed(state.records().flat_map(|(key, value)| [key, value])))
}

fn kind(body: &command::Body) -> &'static str {
    match body {
        command::Body::InitCluster(_) => "init-cluster",
        command::Body::CreateToken(_) => "create-token",
        command::Body::EnrolNode(_) => "enrol-node",
        command::Body::RotateNode(_) => "rotate-node",
        command::Body::ChangeNode(_) => "change-node",
        command::Body::ReportNode(_) => "report-node",
        command::Body::SetNodePhase(_) => "set-node-phase",
        command::Body::SubmitJob(_) => "submit-job",
        command::Body::CancelJob(_) => "cancel-job",
        command::Body::DeleteJob(_) => "delete-job",
        command::Body::CommitPlan(_) => "commit-plan",
        command::Body::ReportTasks(_) => "report-tasks",
        command::Body::CommitVersion(_) => "commit-version",
        command::Body::SetReplicas(_) => "set-replicas",
        command::Body::PutQueue(_) => "put-queue",
        command::Body::DeleteQueue(_) => "delete-queue",
        command::Body::RecordDecisions(_) => "record-decisions",
        command::Body::CommitCheckpoint(_) => "commit-checkpoint",
        command::Body::Transaction(_) => "transaction",
        command::Body::BeginIncarnation(_) => "begin-incarnation",
        command::Body::RaiseLevel(_) => "raise-level",
        command::Body::AdmitController(_) => "admit-controller",
        command::Body::SettleController(_) => "settle-controller",
        command::Body::SetRecipients(_) => "set-recipients",
        command::Body::TrustReleases(_) => "trust-releases",
        command::Body::ImportRelease(_) => "import-release",
        command::Body::StartRollout(_) => "start-rollout",
        command::Body::ChangeRollout(_) => "change-rollout",
        command::Body::StepRollout(_) => "step-rollout",
        command::Body::FailOverdue(_) => "fail-overdue",
        command::Body::PutReservation(_) => "put-reservation",
        command::Body::DeleteReservation(_) => "delete-reservation",
    }
}

/// The kinds that come into being at each level.
const KINDS: [&[&str]; 6] = [
    &[
        "init-cluster",
        "create-token",
        "enrol-node",
        "rotate-node",
        "change-node",
        "report-node",
        "set-node-phase",
        "submit-job",
        "cancel-job",
        "delete-job",
        "commit-plan",
        "report-tasks",
        "commit-version",
        "set-replicas",
        "put-queue",
        "delete-queue",
        "record-decisions",
        "commit-checkpoint",
        "begin-incarnation",
        "raise-level",
    ],
    &["transaction", "admit-controller", "settle-controller", "set-recipients"],
    // No command, but that requests have ids.
    &["raise-level", "submit-job", "transaction"],
    &["trust-releases", "import-release", "start-rollout", "change-rollout", "step-rollout", "report-node"],
    &["submit-job", "fail-overdue", "transaction"],
    &[
        "submit-job",
        "commit-plan",
        "change-node",
        "put-queue",
        "transaction",
        "put-reservation",
        "delete-reservation",
    ],
];

struct Teller {
    story: Story,
    now: u64,
    request: String,
}

impl Teller {
    fn tell(&mut self, body: command::Body) {
        self.keyed("", 0, body);
    }

    fn keyed(&mut self, key: &str, expected_revision: u64, body: command::Body) {
        let reasons = vec![v1::Reason { rule: "rule".to_owned(), text: "why".to_owned() }];
        let decision = store::DecisionRecord {
            action: "act".to_owned(),
            object: "job/x".to_owned(),
            verdict: "allow".to_owned(),
            reasons,
            bundle: "law".to_owned(),
            actor: String::new(),
        };
        let command = Command {
            idempotency_key: key.to_owned(),
            actor: "operator/anna".to_owned(),
            expected_revision,
            decision: (!key.is_empty()).then_some(decision),
            request_hash: if key.is_empty() { vec![] } else { key.as_bytes().to_vec() },
            body: Some(body),
            request_id: self.request.clone(),
        };
        self.now += 137;
        self.story.push((self.now, command.encode_to_vec()));
    }

    fn found(&mut self, feature_level: u32) {
        let bundle = v1::PolicyBundle {
            hash: "law".to_owned(),
            constitution: "permit".to_owned(),
            law: "[law]".to_owned(),
            ..v1::PolicyBundle::default()
        };
        self.tell(command::Body::InitCluster(store::InitCluster {
            cluster_id: "0f".to_owned(),
            name: "berlin".to_owned(),
            bundle: Some(bundle),
            feature_level,
        }));
    }

    fn join(&mut self, node: &str) {
        self.tell(command::Body::CreateToken(store::CreateToken {
            id: format!("token-{node}"),
            hash: "hash".to_owned(),
            jurisdiction: "DE".to_owned(),
            site: "berlin".to_owned(),
            expires_at_ms: 9_000_000,
            approve: node != "de-3",
        }));
        self.tell(command::Body::EnrolNode(store::EnrolNode {
            token_id: format!("token-{node}"),
            token_hash: "hash".to_owned(),
            node: node.to_owned(),
            certificate_serial: format!("serial-{node}"),
            certificate_expires_ms: 99_000_000,
            controller: false,
        }));
        let device = v1::Device {
            class: "nvidia".to_owned(),
            memory_bytes: 80 << 30,
            health: "ok".to_owned(),
            simulated: true,
            ..v1::Device::default()
        };
        let inventory = v1::NodeInventory {
            cpu_millis: 8_000,
            memory_bytes: 64 << 30,
            devices: vec![device],
            ..v1::NodeInventory::default()
        };
        self.tell(command::Body::ReportNode(store::ReportNode {
            node: node.to_owned(),
            inventory: Some(inventory),
            data_address: format!("{node}:7003"),
            relay_address: format!("{node}:7004"),
            agent_version: "1".to_owned(),
            simulated: true,
            system: None,
        }));
        self.alive(node, true);
    }

    fn runs(&mut self, node: &str, version: &str, healthy: bool) {
        self.says(
            node,
            v1::NodeSystem {
                version: version.to_owned(),
                slot: "A".to_owned(),
                healthy,
                boot: "1".to_owned(),
                ..v1::NodeSystem::default()
            },
        );
    }

    fn says(&mut self, node: &str, system: v1::NodeSystem) {
        self.tell(command::Body::ReportNode(store::ReportNode {
            node: node.to_owned(),
            system: Some(system),
            ..store::ReportNode::default()
        }));
    }

    fn alive(&mut self, node: &str, alive: bool) {
        let (node, reason) = (node.to_owned(), "heard".to_owned());
        self.tell(command::Body::SetNodePhase(store::SetNodePhase { node, alive, reason }));
    }

    fn change(&mut self, node: &str, change: &str) {
        let (node, change, reason) = (node.to_owned(), change.to_owned(), "fans".to_owned());
        self.tell(command::Body::ChangeNode(store::ChangeNode {
            node,
            change,
            reason,
            ..Default::default()
        }));
    }

    fn submit(&mut self, name: &str) {
        self.submit_so(name, |_| {});
    }

    fn submit_so(&mut self, name: &str, edit: impl FnOnce(&mut v1::JobSpec)) {
        let devices = Some(v1::DeviceRequest {
            class: "nvidia".to_owned(),
            count: 1,
            memory_bytes: 1 << 30,
            ..Default::default()
        });
        let group = v1::TaskGroup {
            min: 0,
            name: "worker".to_owned(),
            count: 2,
            resources: Some(v1::Resources { cpu_millis: 1_000, memory_bytes: 1 << 30, devices }),
            topology: None,
            variants: Vec::new(),
        };
        let mut spec = v1::JobSpec {
            kind: "train".to_owned(),
            queue: "default".to_owned(),
            tenant: "lab".to_owned(),
            image: "trainer@1".to_owned(),
            output: "weights".to_owned(),
            retries: 1,
            checkpoint: Some(v1::CheckpointPolicy { keep: 1, copies: 2 }),
            groups: vec![group],
            ..v1::JobSpec::default()
        };
        edit(&mut spec);
        let submit = store::SubmitJob {
            name: name.to_owned(),
            uid: format!("uid-{name}"),
            labels: [("team".to_owned(), "blue".to_owned())].into(),
            spec: Some(spec),
            submitted_by: "anna".to_owned(),
            label: Some(v1::LegalLabel { residency: vec!["DE".to_owned()], ..v1::LegalLabel::default() }),
            bundle: "law".to_owned(),
        };
        self.keyed(&format!("submit-{name}"), 0, command::Body::SubmitJob(submit));
    }

    fn place(&mut self, name: &str, nodes: [&str; 2]) {
        let tasks = (0..).zip(nodes).map(|(rank, node)| store::TaskPlacement {
            rank,
            node: node.to_owned(),
            devices: vec![0],
            ..Default::default()
        });
        self.place_gang(store::GangPlacement {
            job: name.to_owned(),
            job_uid: format!("uid-{name}"),
            tasks: tasks.collect(),
            variant: 0,
        });
    }

    fn place_gang(&mut self, gang: store::GangPlacement) {
        let explanation = v1::JobExplanation { summary: "no place".to_owned(), ..Default::default() };
        self.tell(command::Body::CommitPlan(store::CommitPlan {
            gangs: vec![gang],
            policy_hash: "law".to_owned(),
            explanations: [("other".to_owned(), explanation)].into(),
            ..store::CommitPlan::default()
        }));
    }

    fn report(&mut self, name: &str, fence: u64, rank: u32, node: &str, phase: &str) {
        let output = OutputReport { manifest: "b3-out".to_owned(), bytes: 5, files: 1 };
        let report = TaskReport {
            job: name.to_owned(),
            job_uid: format!("uid-{name}"),
            fence,
            rank,
            phase: phase.to_owned(),
            reason: "told".to_owned(),
            output: (phase == "Succeeded").then_some(output),
            ..TaskReport::default()
        };
        let tasks = vec![report];
        self.tell(command::Body::ReportTasks(store::ReportTasks { node: node.to_owned(), tasks }));
    }

    fn checkpoint(&mut self, name: &str, fence: u64, step: u64) {
        let checkpoint = CheckpointReport {
            job: name.to_owned(),
            job_uid: format!("uid-{name}"),
            fence,
            step,
            manifest: format!("b3-{step}"),
            bytes: 7,
            files: 2,
        };
        let (node, checkpoint) = ("de-1".to_owned(), Some(checkpoint));
        self.tell(command::Body::CommitCheckpoint(store::CommitCheckpoint { node, checkpoint }));
    }

    fn weighed_queue(&mut self, name: &str, parent: &str, weight: u32) {
        self.tell(command::Body::PutQueue(weighed(name, parent, weight)));
    }

    fn queue(&mut self, name: &str, priority: i32) {
        let put = store::PutQueue {
            name: name.to_owned(),
            uid: format!("uid-{name}"),
            labels: [("tier".to_owned(), "1".to_owned())].into(),
            spec: Some(v1::QueueSpec { priority, ..v1::QueueSpec::default() }),
        };
        self.keyed(&format!("queue-{name}-{priority}"), 0, command::Body::PutQueue(put));
    }
}

/// Every command of the first level, with what it can lead to.
fn first(teller: &mut Teller) {
    teller.found(1);
    for node in ["de-1", "de-2", "de-3"] {
        teller.join(node);
    }
    teller.change("de-3", "approve");
    let (node, old_serial) = ("de-2".to_owned(), "serial-de-2".to_owned());
    let new_serial = "serial-new".to_owned();
    teller.tell(command::Body::RotateNode(store::RotateNode { node, old_serial, new_serial, expires_ms: 7 }));
    teller.queue("gold", 5);
    teller.queue("gold", 6);
    teller.queue("tin", 1);
    teller.keyed("drop", 1, command::Body::DeleteQueue(store::DeleteQueue { name: "tin".to_owned() }));
    teller.keyed("drop2", 0, command::Body::DeleteQueue(store::DeleteQueue { name: "tin".to_owned() }));
    let spec = v1::ArtifactSpec {
        kind: "dataset".to_owned(),
        name: "corpus".to_owned(),
        manifest: "b3-data".to_owned(),
        bytes: 11,
        files: 3,
        copies: 2,
        ..v1::ArtifactSpec::default()
    };
    let (spec, uid, node) = (Some(spec), "uid-corpus".to_owned(), "de-1".to_owned());
    let version = store::CommitVersion { spec, uid, node, new_version: true };
    teller.keyed("commit", 0, command::Body::CommitVersion(version));
    let target = store::ReplicaTarget { artifact: "dataset/corpus@1".to_owned(), node: "de-3".to_owned() };
    let have = vec!["dataset/corpus@1".to_owned()];
    let replicas = store::SetReplicas { node: "de-2".to_owned(), have, targets: vec![target] };
    teller.tell(command::Body::SetReplicas(replicas));
    for name in ["train", "other"] {
        teller.submit(name);
    }
    teller.submit("train");
    teller.place("train", ["de-1", "de-2"]);
    teller.report("train", 1, 0, "de-1", "Running");
    teller.report("train", 1, 1, "de-2", "Running");
    teller.checkpoint("train", 1, 50);
    let have = vec!["checkpoint/train@1".to_owned()];
    teller.tell(command::Body::SetReplicas(store::SetReplicas {
        node: "de-3".to_owned(),
        have,
        ..Default::default()
    }));
    teller.alive("de-2", false);
    teller.report("train", 1, 0, "de-1", "Stopped");
    teller.place("train", ["de-1", "de-3"]);
    teller.report("train", 2, 1, "de-3", "Succeeded");
    teller.report("train", 2, 0, "de-1", "Succeeded");
    teller.tell(command::Body::CancelJob(store::EndJob { name: "other".to_owned() }));
    teller.tell(command::Body::DeleteJob(store::EndJob { name: "other".to_owned() }));
    let decision = store::DecisionRecord {
        action: "mount".to_owned(),
        object: "job/train".to_owned(),
        verdict: "deny".to_owned(),
        actor: "node/de-1".to_owned(),
        ..store::DecisionRecord::default()
    };
    let (decisions, node) = (vec![decision], "de-1".to_owned());
    teller.tell(command::Body::RecordDecisions(store::RecordDecisions { decisions, node, through: 4 }));
    for name in ["drained", "again"] {
        teller.submit(name);
        teller.place(name, ["de-1", "de-3"]);
        teller.report(name, 1, 0, "de-1", "Running");
        if name == "drained" {
            teller.change("de-3", "drain");
            teller.report(name, 1, 0, "de-1", "Stopped");
            teller.report(name, 1, 1, "de-3", "Stopped");
            teller.change("de-3", "uncordon");
        }
    }
    teller.change("de-2", "retire");
    let reason = "restored".to_owned();
    let begin = store::BeginIncarnation { incarnation: 2, reason, quiet_ms: 100 };
    teller.tell(command::Body::BeginIncarnation(begin));
    teller.alive("de-1", true);
    teller.tell(command::Body::RaiseLevel(store::RaiseLevel { level: 3 }));
}

fn second(teller: &mut Teller) {
    teller.found(2);
    for node in ["de-1", "de-2"] {
        teller.join(node);
    }
    teller.submit("train");
    let step = |body| store::TransactionStep { body: Some(body), ..Default::default() };
    let end = || store::EndJob { name: "train".to_owned() };
    let queue = store::PutQueue { name: "q".to_owned(), ..Default::default() };
    let change =
        store::ChangeNode { node: "de-2".to_owned(), change: "cordon".to_owned(), ..Default::default() };
    let steps = vec![
        step(transaction_step::Body::PutQueue(queue)),
        step(transaction_step::Body::CancelJob(end())),
        step(transaction_step::Body::DeleteJob(end())),
        step(transaction_step::Body::ChangeNode(change)),
        step(transaction_step::Body::SubmitJob(store::SubmitJob {
            name: "next".to_owned(),
            uid: "uid-next".to_owned(),
            spec: Some(v1::JobSpec { queue: "q".to_owned(), ..v1::JobSpec::default() }),
            ..store::SubmitJob::default()
        })),
    ];
    teller.keyed("all", 0, command::Body::Transaction(store::Transaction { steps: steps.clone() }));
    let mut refused = steps;
    refused.push(step(transaction_step::Body::DeleteQueue(store::DeleteQueue { name: "q".to_owned() })));
    teller.keyed("none", 0, command::Body::Transaction(store::Transaction { steps: refused }));
    controllers(teller);
}

/// Requests with ids, before the level that they count from and behind it.
fn third(teller: &mut Teller) {
    teller.request = "request-1".to_owned();
    teller.found(2);
    teller.join("de-1");
    teller.submit("before");
    teller.tell(command::Body::RaiseLevel(store::RaiseLevel { level: 3 }));
    teller.submit("behind");
    let end = |name: &str| store::EndJob { name: name.to_owned() };
    let step = |body| store::TransactionStep { body: Some(body), ..Default::default() };
    let steps = ["before", "behind"].map(|name| step(transaction_step::Body::CancelJob(end(name))));
    let both = || command::Body::Transaction(store::Transaction { steps: steps.to_vec() });
    teller.keyed("both", 0, both());
    teller.request = "another".to_owned();
    teller.keyed("both", 0, both());
    teller.request = "r".repeat(65);
    teller.keyed("gone", 0, command::Body::DeleteJob(end("before")));
    teller.request.clear();
    teller.keyed("gone-too", 0, command::Body::DeleteJob(end("behind")));
}

/// Controllers that come and go, and the keys for backups.
fn controllers(teller: &mut Teller) {
    let admit = |name: &str, port: u32, replaces, greatest| {
        command::Body::AdmitController(store::AdmitController {
            name: name.to_owned(),
            address: format!("127.0.0.1:{port}"),
            certificate_serial: format!("serial-{name}"),
            replaces,
            greatest,
        })
    };
    let settle = |id, name: &str, phase: &str| {
        let (name, phase, reason) = (name.to_owned(), phase.to_owned(), "told".to_owned());
        command::Body::SettleController(store::SettleController { id, name, phase, reason })
    };
    teller.keyed("admit", 0, admit("c4", 4, 0, 3));
    teller.tell(admit("c4", 4, 0, 3));
    teller.tell(settle(5, "c4", "joined"));
    teller.tell(settle(5, "c4", "joined"));
    teller.tell(admit("c4", 6, 0, 3));
    teller.tell(admit("c5", 4, 0, 3));
    teller.tell(admit("c5", 4, 5, 3));
    teller.tell(settle(6, "c5", "joined"));
    teller.tell(settle(5, "c4", "removed"));
    teller.tell(settle(1, "c1", "removed"));
    teller.tell(settle(1, "c1", "left"));
    let keys = |keys: &[&str]| {
        let recipients = keys.iter().map(|key| (*key).to_owned()).collect();
        command::Body::SetRecipients(store::SetRecipients { recipients })
    };
    teller.tell(keys(&["key-1", "key-2"]));
    teller.tell(keys(&["key-2", "key-3"]));
    teller.tell(keys(&["key-2", "key-3"]));
    teller.tell(keys(&[""]));
}

/// Releases, and a rollout of each way that one ends.
fn fourth(teller: &mut Teller) {
    teller.found(4);
    for node in ["de-1", "de-2"] {
        teller.join(node);
        teller.runs(node, "0.1.0", true);
    }
    let trust = |root_version, floor| store::ReleaseTrustRecord {
        root: vec![7; 9],
        root_version,
        timestamp_floor: floor,
        snapshot_floor: floor,
        targets_floor: floor,
        fingerprint: "root".to_owned(),
    };
    let first = |over| command::Body::TrustReleases(store::TrustReleases { trust: Some(trust(1, 0)), over });
    teller.keyed("trust", 0, first(0));
    teller.tell(first(0));
    let import = |version: &str, number, over, node: &str| {
        let spec = v1::ReleaseSpec {
            version: version.to_owned(),
            number,
            manifest: format!("b3-{number}"),
            bytes: 8,
            ..v1::ReleaseSpec::default()
        };
        command::Body::ImportRelease(store::ImportRelease {
            release: Some(v1::Release { spec: Some(spec), ..v1::Release::default() }),
            metadata: Some(v1::ReleaseMetadata { targets: vec![1], ..v1::ReleaseMetadata::default() }),
            trust: Some(trust(1, number)),
            over,
            node: node.to_owned(),
            at: String::new(),
        })
    };
    teller.keyed("import", 0, import("0.2.0", 5, 1, "de-1"));
    for refused in
        [import("0.1.9", 4, 1, "de-1"), import("0.3.0", 6, 2, "de-1"), import("0.2.0", 6, 1, "de-1")]
    {
        teller.tell(refused);
    }
    teller.tell(import("0.3.0", 6, 1, "de-9"));
    rollouts(teller);
    resets(teller);
    machine_of_a_controller(teller);
}

/// A controller lets its own machine in, and again once that was installed anew.
fn machine_of_a_controller(teller: &mut Teller) {
    for token in ["first", "second"] {
        teller.tell(command::Body::CreateToken(store::CreateToken {
            id: token.to_owned(),
            hash: "hash".to_owned(),
            jurisdiction: "DE".to_owned(),
            expires_at_ms: 90_000_000,
            approve: true,
            ..store::CreateToken::default()
        }));
        teller.tell(command::Body::EnrolNode(store::EnrolNode {
            token_id: token.to_owned(),
            token_hash: "hash".to_owned(),
            node: "c1".to_owned(),
            certificate_serial: format!("serial-{token}"),
            certificate_expires_ms: 99_000_000,
            controller: true,
        }));
        teller.change("c1", "uncordon");
    }
}

/// A node that is reset, by force since it has the only copy of a release.
fn resets(teller: &mut Teller) {
    for force in [false, true] {
        let (node, change, reason) = ("de-1".to_owned(), "reset".to_owned(), "sold".to_owned());
        teller.tell(command::Body::ChangeNode(store::ChangeNode {
            node,
            change,
            reason,
            force,
            ..store::ChangeNode::default()
        }));
    }
    teller.change("de-1", "uncordon");
    let unlocked_by = "tpm".to_owned();
    teller.says("de-1", v1::NodeSystem { resets: true, unlocked_by, ..v1::NodeSystem::default() });
}

fn rollouts(teller: &mut Teller) {
    let start = |release: &str, nodes: &[&str]| {
        let spec = v1::RolloutSpec {
            release: release.to_owned(),
            nodes: nodes.iter().map(|node| (*node).to_owned()).collect(),
            ..v1::RolloutSpec::default()
        };
        command::Body::StartRollout(store::StartRollout { uid: "uid".to_owned(), spec: Some(spec) })
    };
    let change = |change: &str, all| {
        let (change, reason) = (change.to_owned(), "told".to_owned());
        command::Body::ChangeRollout(store::ChangeRollout { name: String::new(), change, reason, all })
    };
    let step = |rollout: u32, node: &str, attempt, from: &str, phase: &str| {
        command::Body::StepRollout(store::StepRollout {
            rollout: format!("rollout-{rollout}"),
            node: node.to_owned(),
            from_phase: from.to_owned(),
            attempt,
            phase: phase.to_owned(),
            reason: if phase == "Failed" { "no heartbeat".to_owned() } else { String::new() },
        })
    };
    const WAY: [&str; 8] =
        ["Pending", "Draining", "Fetching", "Writing", "Staged", "Rebooting", "Verifying", "Done"];
    teller.keyed("start", 0, start("0.2.0", &["de-1", "de-2"]));
    teller.tell(start("0.2.0", &["de-1"]));
    teller.tell(start("0.9.0", &["de-1"]));
    teller.tell(start("0.2.0", &["de-1", "de-1"]));
    for pair in WAY.windows(2) {
        teller.tell(step(1, "de-1", 1, pair[0], pair[1]));
        teller.tell(step(1, "de-1", 1, pair[0], pair[1]));
    }
    teller.tell(change("pause", false));
    teller.tell(step(1, "de-2", 1, "Pending", "Draining"));
    teller.tell(change("resume", false));
    for pair in WAY[..6].windows(2) {
        teller.tell(step(1, "de-2", 1, pair[0], pair[1]));
    }
    teller.tell(step(1, "de-2", 1, "Rebooting", "Failed"));
    teller.tell(change("pause", false));
    teller.tell(change("resume", false));
    teller.tell(step(1, "de-2", 2, "Pending", "Draining"));
    teller.tell(change("abort", true));
    // The one that is done waits until the other one is back.
    teller.tell(step(1, "de-1", 2, "Recalled", "Returning"));
    teller.tell(step(1, "de-2", 3, "Returning", "Returned"));
    teller.tell(step(1, "de-1", 2, "Recalled", "Returning"));
    teller.tell(step(1, "de-1", 2, "Returning", "Returned"));
    teller.tell(change("abort", false));
    teller.keyed("again", 0, start("0.2.0", &["de-2"]));
    for pair in WAY.windows(2) {
        teller.tell(step(2, "de-2", 1, pair[0], pair[1]));
    }
}

/// Jobs that wait for others, for their turn and for times, one whose starts fail, and one that stops for another.
fn fifth(teller: &mut Teller) {
    teller.found(5);
    ["de-1", "de-2"].iter().for_each(|node| teller.join(node));
    let on = |job: &str, condition: &str| v1::JobDependency {
        job: job.to_owned(),
        condition: condition.to_owned(),
    };
    let at = |ms: u64| Some(holdfast_api::timestamp(Time(ms)));
    teller.submit("first");
    for condition in ["after", "afterok", "afternotok"] {
        teller.submit_so(condition, |spec| spec.depends_on.push(on("first", condition)));
    }
    teller.submit_so("vain", |spec| spec.depends_on.push(on("afternotok", "afterok")));
    teller.submit_so("lost", |spec| spec.depends_on.push(on("gone", "after")));
    for name in ["turn-1", "turn-2", "turn-3"] {
        teller.submit_so(name, |spec| spec.singleton = "turns".to_owned());
    }
    teller.submit_so("later", |spec| spec.not_before = at(1_100_000));
    teller.submit_so("past", |spec| spec.deadline = at(900_000));
    teller.submit_so("due", |spec| (spec.deadline, spec.max_run_time_ms) = (at(1_300_000), 100_000));
    teller.place("after", ["de-1", "de-2"]);
    teller.place("later", ["de-1", "de-2"]);
    teller.place("first", ["de-1", "de-2"]);
    for phase in ["Running", "Failed"] {
        teller.report("first", 1, 0, "de-1", phase);
        teller.report("first", 1, 1, "de-2", phase);
    }
    teller.place("first", ["de-1", "de-2"]);
    for (rank, node) in [(0, "de-1"), (1, "de-2")] {
        teller.report("first", 2, rank, node, "Succeeded");
    }
    let steps = ["turn-2", "turn-1"].map(|name| store::TransactionStep {
        body: Some(transaction_step::Body::CancelJob(store::EndJob { name: name.to_owned() })),
        ..store::TransactionStep::default()
    });
    teller.tell(command::Body::Transaction(store::Transaction { steps: steps.into() }));
    let overdue = || {
        let jobs = [("due", "uid-due"), ("turn-3", "uid-turn-3"), ("first", "other")];
        let job =
            |(name, uid): (&str, &str)| store::OverdueJob { name: name.to_owned(), uid: uid.to_owned() };
        command::Body::FailOverdue(store::FailOverdue { jobs: jobs.into_iter().map(job).collect() })
    };
    teller.tell(overdue());
    teller.now = 1_250_000;
    teller.place("due", ["de-1", "de-2"]);
    teller.tell(overdue());
    teller.place("later", ["de-1", "de-2"]);
    turns(teller);
}

/// One that runs stops for another, which has its places held meanwhile, and one that may not be stopped does not.
fn turns(teller: &mut Teller) {
    teller.submit_so("stays", |spec| spec.preemptible = Some(false));
    let task = |rank, node: &str| store::TaskPlacement {
        rank,
        node: node.to_owned(),
        devices: vec![0],
        ..Default::default()
    };
    let held = store::GangPlacement {
        job: "stays".to_owned(),
        job_uid: "uid-stays".to_owned(),
        tasks: vec![task(0, "de-1"), task(1, "de-2")],
        variant: 0,
    };
    let preempts = ["later", "stays", "gone"].map(|job| store::Preemption {
        job: job.to_owned(),
        job_uid: format!("uid-{job}"),
        by: "stays".to_owned(),
        ..Default::default()
    });
    teller.tell(command::Body::CommitPlan(store::CommitPlan {
        holds: vec![held.clone()],
        preempts: preempts.into(),
        ..store::CommitPlan::default()
    }));
    for (rank, node) in [(0, "de-1"), (1, "de-2")] {
        teller.report("later", 1, rank, node, "Stopped");
    }
    let released = store::GangPlacement { tasks: Vec::new(), ..held };
    teller.tell(command::Body::CommitPlan(store::CommitPlan {
        holds: vec![released],
        ..store::CommitPlan::default()
    }));
    teller.place("stays", ["de-1", "de-2"]);
}

/// Jobs that ask for parts of accelerators, and for nodes that are near each other.
fn sixth(teller: &mut Teller) {
    teller.found(6);
    ["de-1", "de-2"].iter().for_each(|node| teller.join(node));
    shares(teller);
    nearness(teller);
    weights(teller);
    variants(teller);
    arrays(teller);
    reservations(teller);
    tasks(teller);
    budgets(teller);
}

/// Three of which two have room on one accelerator; a part that is not what was asked for, and a whole one, are refused.
fn shares(teller: &mut Teller) {
    let part = |spec: &mut v1::JobSpec, share: u32| {
        let group = &mut spec.groups[0];
        group.count = 1;
        let devices = group.resources.get_or_insert_default().devices.get_or_insert_default();
        devices.share_millis = share;
    };
    for (name, share) in [("small", 250), ("half", 500), ("large", 700)] {
        teller.submit_so(name, |spec| part(spec, share));
    }
    teller.submit_so("whole", |spec| spec.groups[0].count = 1);
    let gang = |name: &str, share_millis: u32| store::GangPlacement {
        job: name.to_owned(),
        job_uid: format!("uid-{name}"),
        variant: 0,
        tasks: vec![store::TaskPlacement {
            node: "de-1".to_owned(),
            devices: vec![0],
            share_millis,
            ..Default::default()
        }],
    };
    let gangs = [("small", 250), ("half", 250), ("half", 500), ("large", 700), ("whole", 0)];
    for (name, share) in gangs {
        teller.place_gang(gang(name, share));
    }
    teller.tell(command::Body::CommitPlan(store::CommitPlan {
        holds: vec![gang("large", 700)],
        ..store::CommitPlan::default()
    }));
    teller.report("half", 1, 0, "de-1", "Succeeded");
    teller.place_gang(gang("large", 700));
}

/// Nodes that stand somewhere, and a gang whose tasks stay together.
fn nearness(teller: &mut Teller) {
    for (node, rack) in [("de-1", "r1"), ("de-2", "r1"), ("de-1", "r2"), ("gone", "r1")] {
        let (change, reason) = ("place".to_owned(), "moved".to_owned());
        let place = [("rack", rack), ("row", "a")].map(|(level, name)| (level.to_owned(), name.to_owned()));
        teller.tell(command::Body::ChangeNode(store::ChangeNode {
            node: node.to_owned(),
            change,
            reason,
            place: place.into(),
            ..store::ChangeNode::default()
        }));
    }
    teller.submit_so("together", |spec| {
        for group in &mut spec.groups {
            group.topology = Some(v1::TopologyRequest {
                required: "row".to_owned(),
                preferred: "rack".to_owned(),
                slices: vec![v1::TopologySlice { size: 1, level: "node".to_owned() }],
                balanced: true,
            });
        }
    });
    teller.place("together", ["de-1", "de-2"]);
}

/// Jobs that start in the variant that there is room for, and in none that they have not.
fn variants(teller: &mut Teller) {
    for name in ["any", "less"] {
        teller.submit_so(name, |spec| {
            let group = &mut spec.groups[0];
            let resources = group.resources.clone().unwrap_or_default();
            group.count = 1;
            group.variants = vec![v1::Resources { devices: None, ..resources }];
        });
    }
    for (name, variant, devices) in [
        ("less", 2, vec![]),
        ("less", 0, vec![]),
        ("less", 1, vec![0]),
        ("less", 1, vec![]),
        ("any", 0, vec![0]),
    ] {
        let task = store::TaskPlacement { node: "de-1".to_owned(), devices, ..Default::default() };
        let gang = store::GangPlacement {
            job: name.to_owned(),
            job_uid: format!("uid-{name}"),
            variant,
            tasks: vec![task],
        };
        let holds = vec![gang.clone()];
        teller.tell(command::Body::CommitPlan(store::CommitPlan { holds, ..Default::default() }));
        teller.place_gang(gang);
    }
    teller.now += 1_000_000;
    teller.report("less", 1, 0, "de-1", "Succeeded");
    teller.report("any", 1, 0, "de-1", "Succeeded");
}

/// Elements that end each in its way, one that is not the next, and an array that is cancelled and goes.
fn arrays(teller: &mut Teller) {
    let array = |size, max_parallel, indexes: &str| {
        let array = Some(v1::ArraySpec { size, max_parallel, indexes: indexes.to_owned() });
        move |spec: &mut v1::JobSpec| {
            (spec.array, spec.output, spec.checkpoint) = (array, String::new(), None);
            spec.groups[0].count = 1;
        }
    };
    teller.submit_so("sweep", array(3_000, 3, "1,2,1500-2999"));
    teller.submit_so("sweep.4", |_| {});
    teller.submit_so("service", array(0, 0, ""));
    let place = |teller: &mut Teller, name: &str, node: &str, device| {
        let task =
            store::TaskPlacement { node: node.to_owned(), devices: vec![device], ..Default::default() };
        let (job, job_uid, tasks) = (name.to_owned(), format!("uid-{name}"), vec![task]);
        teller.place_gang(store::GangPlacement { job, job_uid, tasks, variant: 0 });
    };
    for (name, node, device) in
        [("sweep.1500", "de-1", 0), ("sweep.1", "de-1", 0), ("sweep.2", "de-1", 1), ("sweep.1500", "de-2", 0)]
    {
        place(teller, name, node, device);
    }
    place(teller, "sweep.1501", "de-2", 1);
    teller.now += 50_000;
    teller.report("sweep.1", 1, 0, "de-1", "Succeeded");
    teller.report("sweep.2", 1, 0, "de-1", "Failed");
    teller.now += 50_000;
    place(teller, "sweep.2", "de-1", 0);
    teller.report("sweep.2", 2, 0, "de-1", "Failed");
    place(teller, "sweep.1501", "de-2", 1);
    teller.tell(command::Body::CancelJob(store::EndJob { name: "sweep".to_owned() }));
    teller.report("sweep.1500", 1, 0, "de-2", "Stopped");
    teller.report("sweep.1501", 1, 0, "de-2", "Stopped");
    teller.submit_so("grid", array(1_025, 0, ""));
    teller.tell(command::Body::CancelJob(store::EndJob { name: "grid".to_owned() }));
    teller.tell(command::Body::DeleteJob(store::EndJob { name: "grid".to_owned() }));
}

/// Nodes that are kept for others: who would cross it is not placed, and who is in its way is stopped for it.
fn reservations(teller: &mut Teller) {
    teller.now = 9_000_000;
    let keep = |name: &str, spec: v1::ReservationSpec| store::PutReservation {
        name: name.to_owned(),
        uid: format!("reservation-{name}"),
        spec: Some(spec),
        ..Default::default()
    };
    let night = v1::ReservationSpec {
        nodes: vec!["de-1".to_owned()],
        starts_at: Some(holdfast_api::timestamp(Time(12_600_000))),
        duration_ms: 3_600_000,
        every_ms: 86_400_000,
        flex: true,
        ..Default::default()
    };
    let any = v1::ReservationSpec {
        count: 1,
        device_class: "nvidia".to_owned(),
        queues: vec!["default".to_owned()],
        ..Default::default()
    };
    teller.keyed("night", 0, command::Body::PutReservation(keep("night", night.clone())));
    teller.tell(command::Body::PutReservation(keep("any", any)));
    let nobody = v1::ReservationSpec { queues: vec!["nobody".to_owned()], ..night.clone() };
    teller.tell(command::Body::PutReservation(keep("nobody", nobody)));
    teller.submit_so("endless", |spec| spec.preemptible = Some(false));
    teller.submit_so("moves", |spec| (spec.preemptible, spec.groups[0].count) = (Some(true), 1));
    teller.place("endless", ["de-1", "de-2"]);
    let task = store::TaskPlacement { node: "de-1".to_owned(), devices: vec![0], ..Default::default() };
    teller.place_gang(store::GangPlacement {
        job: "moves".to_owned(),
        job_uid: "uid-moves".to_owned(),
        tasks: vec![task],
        variant: 0,
    });
    teller.now = 12_600_000;
    let preempts = vec![store::Preemption {
        job: "moves".to_owned(),
        job_uid: "uid-moves".to_owned(),
        reservation: "night".to_owned(),
        ..Default::default()
    }];
    teller.tell(command::Body::CommitPlan(store::CommitPlan { preempts, ..store::CommitPlan::default() }));
    teller.report("moves", 1, 0, "de-1", "Stopped");
    let put =
        transaction_step::Body::PutReservation(keep("night", v1::ReservationSpec { flex: false, ..night }));
    let delete = store::DeleteReservation { name: "any".to_owned() };
    let steps = [put, transaction_step::Body::DeleteReservation(delete)];
    let steps = steps.map(|body| store::TransactionStep { body: Some(body), ..Default::default() });
    teller.tell(command::Body::Transaction(store::Transaction { steps: steps.into() }));
    teller.tell(command::Body::DeleteReservation(store::DeleteReservation { name: "any".to_owned() }));
    // A cap that one of two fits below.
    let cap = v1::ReservationSpec { max_power_watts: 3_000, ..Default::default() };
    teller.tell(command::Body::PutReservation(keep("cap", cap)));
    for (name, node) in [("fits", "de-1"), ("draws", "de-2")] {
        teller.submit_so(name, |spec| {
            (spec.max_run_time_ms, spec.groups[0].count) = (60_000, 1);
        });
        let task = store::TaskPlacement { node: node.to_owned(), devices: vec![0], ..Default::default() };
        let (job, job_uid) = (name.to_owned(), format!("uid-{name}"));
        teller.place_gang(store::GangPlacement { job, job_uid, tasks: vec![task], variant: 0 });
    }
    teller.now += 30_000;
    teller.report("fits", 1, 0, "de-1", "Succeeded");
}

/// Tasks that restart alone: of three the gang starts with one, another joins, one fails, one is drained away, and one makes way.
fn tasks(teller: &mut Teller) {
    teller.now = 17_000_000;
    teller.submit_so("alone", |spec| {
        (spec.restart, spec.max_run_time_ms, spec.retries) = ("task".to_owned(), 60_000, 2);
        (spec.groups[0].count, spec.groups[0].min) = (3, 1);
        let resources = v1::Resources { cpu_millis: 1_000, memory_bytes: 1 << 20, devices: None };
        spec.groups[0].resources = Some(resources);
    });
    let place = |teller: &mut Teller, part: &str, uid: &str, node: &str| {
        let task = store::TaskPlacement { node: node.to_owned(), ..Default::default() };
        let (job, job_uid, tasks) = (format!("alone{part}"), format!("{uid}{part}"), vec![task]);
        teller.place_gang(store::GangPlacement { job, job_uid, tasks, variant: 0 });
    };
    let uid = "uid-alone";
    place(teller, "", uid, "de-2");
    teller.report("alone", 1, 0, "de-2", "Running");
    place(teller, "/worker/.1", "uid-other", "de-2");
    place(teller, "/worker/.1", uid, "nowhere");
    place(teller, "/other/.1", uid, "de-2");
    place(teller, "/worker/.1", uid, "de-2");
    place(teller, "/worker/.1", uid, "de-2");
    teller.report("alone", 1, 1, "de-2", "Running");
    teller.report("alone", 2, 1, "de-2", "Running");
    teller.checkpoint("alone", 1, 5);
    place(teller, "/worker/.2", uid, "de-1");
    teller.report("alone", 2, 1, "de-2", "Failed");
    place(teller, "/worker/.1", uid, "de-2");
    for part in ["/worker/.0", "/worker/.2"] {
        let (job, job_uid) = (format!("alone{part}"), format!("{uid}{part}"));
        let preempts = vec![store::Preemption { job, job_uid, by: "stays".to_owned(), ..Default::default() }];
        teller
            .tell(command::Body::CommitPlan(store::CommitPlan { preempts, ..store::CommitPlan::default() }));
    }
    teller.report("alone", 3, 2, "de-1", "Stopped");
    let drain =
        store::ChangeNode { node: "de-2".to_owned(), change: "drain".to_owned(), ..Default::default() };
    teller.tell(command::Body::ChangeNode(drain));
    teller.report("alone", 1, 0, "de-2", "Succeeded");
    teller.report("alone", 4, 1, "de-2", "Stopped");
}

/// Of two jobs of a queue of which one may be stopped an hour one is; the other once that is long ago.
fn budgets(teller: &mut Teller) {
    teller.now = 120_000_000;
    let budget = v1::DisruptionBudget { max: 1, per_ms: 3_600_000 };
    let put = |name: &str, parent: &str, budget| store::PutQueue {
        name: name.to_owned(),
        uid: format!("queue-{name}"),
        spec: Some(v1::QueueSpec {
            parent: parent.to_owned(),
            disruptions: budget,
            ..v1::QueueSpec::default()
        }),
        ..Default::default()
    };
    teller.tell(command::Body::PutQueue(put("spared", "", Some(budget))));
    teller.tell(command::Body::PutQueue(put("below", "spared", None)));
    teller.tell(command::Body::PutQueue(put("never", "", Some(v1::DisruptionBudget { max: 0, ..budget }))));
    for (name, queue) in [("first", "below"), ("next", "spared")] {
        teller.submit_so(name, |spec| {
            (spec.queue, spec.preemptible, spec.max_run_time_ms) = (queue.to_owned(), Some(true), 60_000);
            spec.groups[0].count = 1;
            let resources = v1::Resources { cpu_millis: 1_000, memory_bytes: 1 << 20, devices: None };
            spec.groups[0].resources = Some(resources);
        });
        let task = store::TaskPlacement { node: "de-1".to_owned(), ..Default::default() };
        let (job, job_uid) = (name.to_owned(), format!("uid-{name}"));
        teller.place_gang(store::GangPlacement { job, job_uid, tasks: vec![task], variant: 0 });
    }
    let stop = |teller: &mut Teller, jobs: &[&str]| {
        let preempts = jobs.iter().map(|job| store::Preemption {
            job: (*job).to_owned(),
            job_uid: format!("uid-{job}"),
            by: "urgent".to_owned(),
            ..Default::default()
        });
        let preempts = preempts.collect();
        teller
            .tell(command::Body::CommitPlan(store::CommitPlan { preempts, ..store::CommitPlan::default() }));
    };
    stop(teller, &["first", "next"]);
    teller.now += 3_000_000;
    stop(teller, &["next"]);
    teller.now += 600_000;
    stop(teller, &["next"]);
}

/// What queues weigh, and what their jobs hold on average from the level on.
fn weights(teller: &mut Teller) {
    teller.now = 2_000_000;
    teller.weighed_queue("lab", "", 2);
    teller.weighed_queue("light", "lab", 10_001);
    let put = |name: &str| transaction_step::Body::PutQueue(weighed(name, "lab", 1));
    let steps = vec![store::TransactionStep { body: Some(put("light")), ..Default::default() }];
    teller.tell(command::Body::Transaction(store::Transaction { steps }));
    teller.now = 3_000_000;
    for (rank, node) in [(0, "de-1"), (1, "de-2")] {
        teller.report("together", 1, rank, node, "Succeeded");
    }
    teller.report("large", 1, 0, "de-1", "Succeeded");
    teller.report("small", 1, 0, "de-1", "Succeeded");
    teller.submit_so("second", |spec| spec.queue = "light".to_owned());
    teller.now = 4_000_000;
    teller.place("second", ["de-1", "de-2"]);
    teller.now = 90_000_000;
    for (rank, node) in [(0, "de-1"), (1, "de-2")] {
        teller.report("second", 1, rank, node, "Failed");
    }
}

fn weighed(name: &str, parent: &str, weight: u32) -> store::PutQueue {
    let half_life_ms = if parent.is_empty() { 86_400_000 } else { 0 };
    let (parent, min_run_time_ms) = (parent.to_owned(), Some(0));
    let spec = v1::QueueSpec { parent, weight, half_life_ms, min_run_time_ms, ..v1::QueueSpec::default() };
    store::PutQueue {
        name: name.to_owned(),
        uid: format!("uid-{name}"),
        spec: Some(spec),
        ..Default::default()
    }
}

fn write(level: u32) {
    let mut teller = Teller { story: Vec::new(), now: 1_000_000, request: String::new() };
    match level {
        1 => first(&mut teller),
        2 => second(&mut teller),
        3 => third(&mut teller),
        4 => fourth(&mut teller),
        5 => fifth(&mut teller),
        _ => sixth(&mut teller),
    }
    let directory = directory(level);
    std::fs::create_dir_all(&directory).unwrap();
    let (told, records) = told(&teller.story);
    let story = teller.story.into_iter().flat_map(|(time, bytes)| [time.to_be_bytes().to_vec(), bytes]);
    std::fs::write(directory.join("story.bin"), framed(story)).unwrap();
    std::fs::write(directory.join("records.bin"), records).unwrap();
    std::fs::write(directory.join("told.txt"), told).unwrap();
}

#[test]
fn every_level_is_applied_to_the_same_state_for_ever() {
    for (level, kinds) in (1..).zip(KINDS) {
        if std::env::var("HOLDFAST_CORPUS").as_deref() == Ok("write") {
            write(level);
        }
        let directory = directory(level);
        let story = story_in(&std::fs::read(directory.join("story.bin")).unwrap());
        let (told, records) = told(&story);
        assert_eq!(told, std::fs::read_to_string(directory.join("told.txt")).unwrap(), "level {level}");
        assert!(records == std::fs::read(directory.join("records.bin")).unwrap(), "records of level {level}");
        let known: BTreeSet<&str> = told.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(kinds.iter().all(|kind| known.contains(kind)), "level {level} tells of every command");
    }
}

#[test]
fn what_was_stored_is_read_and_written_the_same() {
    for level in 1..=holdfast_state::NEWEST_LEVEL {
        let stored = std::fs::read(directory(level).join("records.bin")).unwrap();
        let records: Vec<_> = unframed(&stored).chunks(2).map(|c| (c[0].clone(), c[1].clone())).collect();
        let state = State::restore(records.clone()).unwrap();
        assert!(state.records().eq(records), "level {level}");
        let tables: BTreeSet<u8> = state.records().filter_map(|(key, _)| key.first().copied()).collect();
        assert!(level > 1 || tables.iter().eq(b"abceijlnqrtw"), "every table is in the corpus: {tables:?}");
    }
}
