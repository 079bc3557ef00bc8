//! What users rely on of the state machine, told as stories of commands.

use holdfast_api::internal::{CheckpointReport, OutputReport, TaskReport};
use holdfast_api::store::{self, Command, Outcome, command, outcome, transaction_step};
use holdfast_api::v1;
use holdfast_types::Time;
use prost::Message as _;

use crate::State;
use crate::retention::{ENDED_AGE_MS, MOST_ENDED, MOST_TOKENS};

mod arrays;
mod budgets;
mod reservations;
mod shares;
mod usage;
mod variants;
mod waiting;

/// A cluster and a clock that moves 100 ms with every command.
struct World {
    state: State,
    now: u64,
    /// Whether every command is held against the changes it reports, which costs a look at the whole state.
    checked: bool,
}

fn inventory(devices: u32) -> v1::NodeInventory {
    let device = |index| v1::Device {
        index,
        class: "nvidia".to_owned(),
        memory_bytes: 80 << 30,
        health: "ok".to_owned(),
        simulated: true,
        ..v1::Device::default()
    };
    v1::NodeInventory {
        cpu_millis: 8_000,
        memory_bytes: 16 << 30,
        devices: (0..devices).map(device).collect(),
        ..v1::NodeInventory::default()
    }
}

fn job_spec(tasks: u32, retries: u32) -> v1::JobSpec {
    v1::JobSpec {
        kind: "train".to_owned(),
        queue: "default".to_owned(),
        tenant: "lab".to_owned(),
        purpose: "research".to_owned(),
        image: "trainer@1".to_owned(),
        output: "model".to_owned(),
        retries,
        checkpoint: Some(v1::CheckpointPolicy { keep: 2, copies: 2 }),
        groups: vec![v1::TaskGroup {
            min: 0,
            name: "worker".to_owned(),
            count: tasks,
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

impl World {
    fn new() -> Self {
        let mut world = Self::of_level(crate::NEWEST_LEVEL);
        for (node, jurisdiction) in [("de-1", "DE"), ("de-2", "DE"), ("de-3", "DE")] {
            world.join(node, jurisdiction);
        }
        world
    }

    /// A cluster of a feature level, without nodes.
    fn of_level(feature_level: u32) -> Self {
        let mut world = Self { state: State::default(), now: 1_000, checked: true };
        let bundle = v1::PolicyBundle { hash: "law".to_owned(), ..v1::PolicyBundle::default() };
        let init = store::InitCluster {
            cluster_id: "c".to_owned(),
            name: "c".to_owned(),
            bundle: Some(bundle),
            feature_level,
        };
        world.done(command::Body::InitCluster(init));
        world
    }

    /// A job like this is kept from the sixth level on, and refused before.
    fn kept_from_the_sixth(spec: v1::JobSpec) {
        let mut world = Self::of_level(5);
        let submit = store::SubmitJob {
            name: "a".to_owned(),
            uid: "uid-a".to_owned(),
            spec: Some(spec),
            ..store::SubmitJob::default()
        };
        assert_eq!(world.refused(command::Body::SubmitJob(submit.clone())), 1130);
        world.done(command::Body::RaiseLevel(store::RaiseLevel { level: 6 }));
        world.done(command::Body::SubmitJob(submit));
    }

    /// One for thousands of commands.
    fn quiet() -> Self {
        Self { checked: false, ..Self::new() }
    }

    fn send(&mut self, command: Command) -> Outcome {
        self.now += 100;
        if !self.checked {
            return self.state.apply(Time(self.now), &command.encode_to_vec()).outcome;
        }
        let before = self.state.records();
        let applied = self.state.apply(Time(self.now), &command.encode_to_vec());
        // What is told to the store is exactly what changed: replaying it on the records before gives those after.
        let mut replayed: std::collections::BTreeMap<Vec<u8>, Vec<u8>> = before.collect();
        for (key, value) in applied.changes {
            match value {
                Some(value) => replayed.insert(key, value),
                None => replayed.remove(&key),
            };
        }
        assert!(replayed.into_iter().eq(self.state.records()));
        applied.outcome
    }

    fn body(&mut self, body: command::Body) -> Outcome {
        self.send(Command { actor: "operator/test".to_owned(), body: Some(body), ..Command::default() })
    }

    fn done(&mut self, body: command::Body) -> outcome::Result {
        match self.body(body).result {
            Some(outcome::Result::Refusal(refusal)) => panic!("refused: {refusal:?}"),
            Some(result) => result,
            None => panic!("no result"),
        }
    }

    fn refused(&mut self, body: command::Body) -> u32 {
        match self.body(body).result {
            Some(outcome::Result::Refusal(refusal)) => refusal.code,
            other => panic!("not refused: {other:?}"),
        }
    }

    fn token(&mut self, id: &str, jurisdiction: &str, expires_at_ms: u64) {
        self.done(command::Body::CreateToken(store::CreateToken {
            id: id.to_owned(),
            hash: format!("hash-{id}"),
            jurisdiction: jurisdiction.to_owned(),
            site: "berlin".to_owned(),
            expires_at_ms,
            approve: true,
        }));
    }

    fn enrol(node: &str, token: &str) -> command::Body {
        command::Body::EnrolNode(store::EnrolNode {
            token_id: token.to_owned(),
            token_hash: format!("hash-{token}"),
            node: node.to_owned(),
            certificate_serial: format!("serial-{node}"),
            certificate_expires_ms: u64::MAX,
            controller: false,
        })
    }

    fn join(&mut self, node: &str, jurisdiction: &str) {
        self.token(node, jurisdiction, u64::MAX);
        self.done(Self::enrol(node, node));
        self.done(command::Body::ReportNode(store::ReportNode {
            node: node.to_owned(),
            inventory: Some(inventory(2)),
            data_address: "a:1".to_owned(),
            ..store::ReportNode::default()
        }));
        self.alive(node, true);
    }

    fn alive(&mut self, node: &str, alive: bool) {
        let change = store::SetNodePhase { node: node.to_owned(), alive, reason: "told".to_owned() };
        self.done(command::Body::SetNodePhase(change));
    }

    fn submit(&mut self, name: &str, spec: v1::JobSpec) {
        self.done(command::Body::SubmitJob(store::SubmitJob {
            name: name.to_owned(),
            uid: format!("uid-{name}"),
            spec: Some(spec),
            submitted_by: "alice".to_owned(),
            label: Some(v1::LegalLabel { residency: vec!["DE".to_owned()], ..v1::LegalLabel::default() }),
            ..store::SubmitJob::default()
        }));
    }

    fn place(&mut self, name: &str, nodes: &[&str]) -> store::PlanOutcome {
        let tasks = (0u32..).zip(nodes).map(|(rank, node)| store::TaskPlacement {
            rank,
            node: (*node).to_owned(),
            devices: vec![0, 1],
            ..Default::default()
        });
        let gang = store::GangPlacement {
            job: name.to_owned(),
            job_uid: format!("uid-{name}"),
            tasks: tasks.collect(),
            variant: 0,
        };
        let plan = store::CommitPlan { gangs: vec![gang], ..store::CommitPlan::default() };
        match self.done(command::Body::CommitPlan(plan)) {
            outcome::Result::Plan(plan) => plan,
            other => panic!("{other:?}"),
        }
    }

    /// What a plan says of who stops, as `victim for job`, and of places that are held.
    fn plan(&mut self, preempts: &[(&str, &str)], holds: &[(&str, &str)]) -> store::PlanOutcome {
        let uid = |job: &str| format!("uid-{job}");
        let preempt = |(job, by): &(&str, &str)| store::Preemption {
            job: (*job).to_owned(),
            job_uid: uid(job),
            by: (*by).to_owned(),
            ..Default::default()
        };
        let hold = |(job, node): &(&str, &str)| {
            let task = store::TaskPlacement {
                rank: 0,
                node: (*node).to_owned(),
                devices: vec![0, 1],
                ..Default::default()
            };
            let tasks = if node.is_empty() { Vec::new() } else { vec![task] };
            store::GangPlacement { job: (*job).to_owned(), job_uid: uid(job), tasks, variant: 0 }
        };
        let plan = store::CommitPlan {
            preempts: preempts.iter().map(preempt).collect(),
            holds: holds.iter().map(hold).collect(),
            ..store::CommitPlan::default()
        };
        match self.done(command::Body::CommitPlan(plan)) {
            outcome::Result::Plan(plan) => plan,
            other => panic!("{other:?}"),
        }
    }

    fn report(&mut self, name: &str, fence: u64, rank: u32, node: &str, phase: &str) {
        let output = OutputReport { manifest: "b3-x".to_owned(), bytes: 1, files: 1 };
        let task = TaskReport {
            job: name.to_owned(),
            job_uid: format!("uid-{name}"),
            fence,
            rank,
            phase: phase.to_owned(),
            reason: format!("told {phase}"),
            output: (rank == 0 && phase == "Succeeded").then_some(output),
            ..TaskReport::default()
        };
        self.done(command::Body::ReportTasks(store::ReportTasks {
            node: node.to_owned(),
            tasks: vec![task],
        }));
    }

    fn checkpoint(&mut self, name: &str, fence: u64, step: u64, node: &str) {
        let checkpoint = CheckpointReport {
            job: name.to_owned(),
            job_uid: format!("uid-{name}"),
            fence,
            step,
            manifest: format!("b3-{step}"),
            ..CheckpointReport::default()
        };
        let body = store::CommitCheckpoint { node: node.to_owned(), checkpoint: Some(checkpoint) };
        self.done(command::Body::CommitCheckpoint(body));
    }

    fn have(&mut self, node: &str, keys: &[&str]) {
        let have = keys.iter().map(|k| (*k).to_owned()).collect();
        self.done(command::Body::SetReplicas(store::SetReplicas {
            node: node.to_owned(),
            have,
            targets: vec![],
        }));
    }

    fn status(&self, name: &str) -> v1::JobStatus {
        self.state.job(name).unwrap().status.clone().unwrap()
    }

    fn status_revision(&self, name: &str) -> u64 {
        self.state.job(name).unwrap().metadata.as_ref().unwrap().revision
    }

    fn phase(&self, name: &str) -> String {
        self.status(name).phase
    }
}

#[test]
fn a_gang_runs_to_its_end_and_leaves_a_model_with_its_lineage() {
    let mut world = World::new();
    world.submit("train", job_spec(2, 0));
    assert_eq!(world.place("train", &["de-1", "de-2"]).placed, ["train"]);
    assert_eq!((world.phase("train").as_str(), world.status("train").fence), ("Starting", 1));
    world.report("train", 1, 0, "de-1", "Running");
    assert_eq!(world.phase("train"), "Starting");
    world.report("train", 1, 1, "de-2", "Running");
    assert_eq!(world.phase("train"), "Running");
    world.report("train", 1, 1, "de-2", "Succeeded");
    assert_eq!(world.phase("train"), "Running");
    world.report("train", 1, 0, "de-1", "Succeeded");
    assert_eq!(world.phase("train"), "Succeeded");
    assert_eq!(world.status("train").output, "model@1");
    let model = world.state.artifact("model/model@1").unwrap().artifact.clone().unwrap().spec.unwrap();
    let lineage = model.lineage.unwrap();
    assert_eq!((lineage.job.as_str(), lineage.image.as_str(), lineage.fence), ("train", "trainer@1", 1));
    assert_eq!(lineage.nodes, ["de-1", "de-2"]);
    assert_eq!(model.label.unwrap().residency, ["DE"]);
}

#[test]
fn a_lost_node_restarts_the_gang_whole_from_the_newest_checkpoint_that_counts() {
    let mut world = World::new();
    world.submit("train", job_spec(2, 0));
    world.place("train", &["de-1", "de-2"]);
    for (rank, node) in [(0, "de-1"), (1, "de-2")] {
        world.report("train", 1, rank, node, "Running");
    }
    world.checkpoint("train", 1, 50, "de-1");
    assert_eq!(world.status("train").checkpoint, "", "one copy is not enough");
    world.have("de-3", &["checkpoint/train@1"]);
    assert_eq!(
        (world.status("train").checkpoint.as_str(), world.status("train").checkpoint_step),
        ("train@1", 50)
    );
    world.checkpoint("train", 1, 100, "de-1");

    world.alive("de-1", false);
    assert_eq!(world.phase("train"), "Stopping", "the other task may still run");
    assert!(world.place("train", &["de-2", "de-3"]).placed.is_empty(), "nothing runs twice at once");
    world.report("train", 1, 1, "de-2", "Stopped");
    assert_eq!((world.phase("train").as_str(), world.status("train").restarts), ("Pending", 1));

    assert_eq!(world.place("train", &["de-2", "de-3"]).placed, ["train"]);
    let status = world.status("train");
    assert_eq!((status.fence, status.resume.as_str()), (2, "train@1"), "step 100 is on the lost node alone");

    world.report("train", 1, 0, "de-1", "Succeeded");
    world.checkpoint("train", 1, 150, "de-1");
    assert_eq!(world.phase("train"), "Starting", "reports of an older start change nothing");
    assert!(world.state.artifact("checkpoint/train@3").is_none());
}

#[test]
fn an_old_checkpoint_reported_again_does_not_come_back() {
    let mut world = World::new();
    world.submit("train", job_spec(1, 0));
    world.place("train", &["de-1"]);
    world.report("train", 1, 0, "de-1", "Running");
    for (version, step) in (1..).zip([50, 100, 150, 200]) {
        world.checkpoint("train", 1, step, "de-1");
        world.have("de-2", &[&format!("checkpoint/train@{version}")]);
    }
    assert!(world.state.artifact("checkpoint/train@1").is_none(), "two are kept");
    let before = world.state.revision();
    for step in [50, 100, 150, 200] {
        world.checkpoint("train", 1, step, "de-1");
    }
    assert_eq!((world.state.revision(), world.status("train").checkpoint_step), (before, 200));
}

#[test]
fn failed_tasks_use_up_the_retries() {
    let mut world = World::new();
    world.submit("train", job_spec(1, 1));
    for (fence, expected) in [(1, "Pending"), (2, "Failed")] {
        world.place("train", &["de-1"]);
        world.report("train", fence, 0, "de-1", "Failed");
        assert_eq!(world.phase("train"), expected);
    }
    assert_eq!(world.status("train").failures, 2);
}

#[test]
fn a_cancelled_gang_ends_when_its_last_task_is_over() {
    let mut world = World::new();
    world.submit("train", job_spec(2, 5));
    world.place("train", &["de-1", "de-2"]);
    let cancel = || command::Body::CancelJob(store::EndJob { name: "train".to_owned() });
    world.done(cancel());
    assert_eq!(world.phase("train"), "Stopping");
    world.report("train", 1, 0, "de-1", "Stopped");
    world.report("train", 1, 1, "de-2", "Failed");
    assert_eq!(world.phase("train"), "Cancelled");
    assert_eq!(world.refused(cancel()), 1105);
    world.done(command::Body::DeleteJob(store::EndJob { name: "train".to_owned() }));
    assert!(world.state.job("train").is_none());
}

#[test]
fn a_preempted_gang_stops_waits_again_and_keeps_what_it_has_had() {
    let mut world = World::new();
    world.submit("long", job_spec(1, 0));
    world.submit("new", job_spec(1, 0));
    world.place("long", &["de-1"]);
    world.report("long", 1, 0, "de-1", "Running");
    assert_eq!((world.status("long").waited_ms, world.status("long").ran_ms), (200, 0));
    let answer = world.plan(&[("long", "new")], &[("new", "de-1")]);
    assert_eq!((answer.preempted, answer.rejected.len()), (vec!["long".to_owned()], 0));
    let long = world.status("long");
    assert_eq!((long.phase.as_str(), long.preemptions), ("Stopping", 1));
    assert_eq!(long.reason, "stops for job `new`, and goes on later");
    assert_eq!(world.status("new").held[0].node, "de-1");
    // Its places are its own until every task is over.
    assert!(world.place("new", &["de-1"]).rejected["new"].contains("in use"));
    world.report("long", 1, 0, "de-1", "Stopped");
    let long = world.status("long");
    assert_eq!((long.phase.as_str(), long.ran_ms, long.restarts), ("Pending", 400, 0));
    assert_eq!(world.place("new", &["de-1"]).placed, ["new"]);
    assert!(world.status("new").held.is_empty() && world.status("new").held_since.is_none());
}

#[test]
fn nobody_is_preempted_who_may_not_be_and_held_places_are_let_go() {
    let mut world = World::new();
    let stays = v1::JobSpec { preemptible: Some(false), ..job_spec(1, 0) };
    world.submit("stays", stays);
    world.submit("new", job_spec(1, 0));
    world.place("stays", &["de-1"]);
    let rejected =
        world.plan(&[("stays", "new"), ("new", "stays")], &[("new", "de-1"), ("stays", "de-2")]).rejected;
    assert_eq!(rejected["stays"], "the job may not be stopped for others");
    assert_eq!(rejected["new"], "the job is Pending");
    assert_eq!((world.phase("stays"), world.status("stays").held.len()), ("Starting".to_owned(), 0));
    assert_eq!(world.status("new").held.len(), 1);
    world.plan(&[], &[("new", "")]);
    assert!(world.status("new").held.is_empty());
    world.plan(&[], &[("new", "de-2")]);
    world.done(command::Body::CancelJob(store::EndJob { name: "new".to_owned() }));
    assert!(world.status("new").held.is_empty());
}

#[test]
fn a_plan_is_taken_gang_by_gang_and_never_in_part() {
    let mut world = World::new();
    world.submit("one", job_spec(1, 0));
    world.submit("two", job_spec(2, 0));
    assert_eq!(world.place("one", &["de-1"]).placed, ["one"]);
    let rejected = world.place("two", &["de-1", "de-2"]).rejected;
    assert!(rejected["two"].contains("device 0 of node de-1 is in use"), "{rejected:?}");
    let rejected = world.place("two", &["de-2"]).rejected;
    assert!(rejected["two"].contains("the gang has 2 tasks, 1 were placed"), "{rejected:?}");
    let drain =
        store::ChangeNode { node: "de-2".to_owned(), change: "drain".to_owned(), ..Default::default() };
    world.done(command::Body::ChangeNode(drain));
    let rejected = world.place("two", &["de-2", "de-3"]).rejected;
    assert!(rejected["two"].contains("node de-2 is Draining"), "{rejected:?}");
    assert_eq!(world.phase("two"), "Pending");
}

#[test]
fn where_a_node_stands_is_kept_and_moves_nothing() {
    let mut world = World::new();
    world.submit("one", job_spec(1, 0));
    world.place("one", &["de-1"]);
    let place = |rack: &str| {
        let place = if rack.is_empty() { [].into() } else { [("rack".to_owned(), rack.to_owned())].into() };
        let (node, change) = ("de-1".to_owned(), "place".to_owned());
        command::Body::ChangeNode(store::ChangeNode { node, change, place, ..Default::default() })
    };
    let stands = |world: &World| world.state.node("de-1").unwrap().node.clone().unwrap().spec.unwrap().place;
    world.done(place("r1"));
    assert_eq!(stands(&world)["rack"], "r1");
    world.done(place("r2"));
    assert_eq!((stands(&world)["rack"].as_str(), world.phase("one").as_str()), ("r2", "Starting"));
    world.done(place(""));
    assert!(stands(&world).is_empty());
}

#[test]
fn a_join_token_opens_the_door_once() {
    let mut world = World::new();
    world.token("t", "DE", u64::MAX);
    world.done(World::enrol("de-4", "t"));
    assert_eq!(world.refused(World::enrol("de-5", "t")), 1107);
    world.token("late", "DE", 1);
    assert_eq!(world.refused(World::enrol("de-5", "late")), 1107);
    assert_eq!(world.refused(World::enrol("de-5", "unknown")), 1107);
    world.token("again", "DE", u64::MAX);
    assert_eq!(world.refused(World::enrol("de-1", "again")), 1110, "a name that is in use");
    let retire =
        store::ChangeNode { node: "de-1".to_owned(), change: "retire".to_owned(), ..Default::default() };
    world.done(command::Body::ChangeNode(retire));
    assert!(world.state.revoked().any(|serial| serial == "serial-de-1"));
    world.done(World::enrol("de-1", "again"));
}

/// The machine of a controller is a node that takes no work, and that may come again when it was installed anew.
#[test]
fn the_machine_of_a_controller_takes_no_work_and_may_join_again() {
    let mut world = World::new();
    let joins = |token: &str, serial: &str| {
        let command::Body::EnrolNode(enrol) = World::enrol("c1", token) else { panic!() };
        let certificate_serial = serial.to_owned();
        command::Body::EnrolNode(store::EnrolNode { controller: true, certificate_serial, ..enrol })
    };
    world.token("t1", "DE", u64::MAX);
    world.done(joins("t1", "first"));
    let change = |change: &str| {
        command::Body::ChangeNode(store::ChangeNode {
            node: "c1".to_owned(),
            change: change.to_owned(),
            ..Default::default()
        })
    };
    let cordoned =
        |world: &World| world.state.node("c1").unwrap().node.clone().unwrap().spec.unwrap().cordoned;
    assert!(cordoned(&world));
    assert_eq!(world.refused(change("uncordon")), 1105);
    world.done(change("drain"));
    world.done(change("cordon"));
    assert!(cordoned(&world));
    world.token("t2", "DE", u64::MAX);
    assert_eq!(world.refused(World::enrol("c1", "t2")), 1110, "a token lets in nobody else under its name");
    world.done(joins("t2", "second"));
    assert!(world.state.revoked().any(|serial| serial == "first"));
    // A node that works is not taken over by a controller of its name.
    world.token("t3", "DE", u64::MAX);
    let command::Body::EnrolNode(enrol) = World::enrol("de-1", "t3") else { panic!() };
    assert_eq!(world.refused(command::Body::EnrolNode(store::EnrolNode { controller: true, ..enrol })), 1110);
}

#[test]
fn a_node_is_reset_where_nothing_is_lost_by_it_and_ends_when_it_goes_down() {
    let mut world = World::new();
    let change = |change: &str, force| {
        let (node, change) = ("de-1".to_owned(), change.to_owned());
        command::Body::ChangeNode(store::ChangeNode { node, change, force, ..Default::default() })
    };
    let runs = |resets| {
        let system = Some(v1::NodeSystem { version: "1".to_owned(), resets, ..Default::default() });
        let (node, inventory) = ("de-1".to_owned(), Some(inventory(2)));
        command::Body::ReportNode(store::ReportNode { node, inventory, system, ..Default::default() })
    };
    assert_eq!(world.refused(change("reset", true)), 1293, "a machine that is not ours alone");
    world.done(runs(false));
    world.submit("one", job_spec(1, 0));
    world.place("one", &["de-1"]);
    world.report("one", 1, 0, "de-1", "Running");
    assert_eq!(world.refused(change("reset", false)), 1293, "a task runs on it");
    world.checkpoint("one", 1, 10, "de-1");
    world.done(change("drain", false));
    world.report("one", 1, 0, "de-1", "Stopped");
    let said = world.body(change("reset", false));
    let Some(outcome::Result::Refusal(refusal)) = said.result else { panic!("its checkpoint is lost") };
    assert!(refusal.because.iter().any(|line| line.contains("checkpoint/one")), "{refusal:?}");

    world.done(change("reset", true));
    let node = |world: &World| world.state.node("de-1").and_then(|r| r.node.clone()).unwrap();
    let phase = |world: &World| node(world).status.unwrap().phase;
    assert!(node(&world).spec.unwrap().reset);
    assert_eq!(world.refused(change("uncordon", false)), 1105, "it may have begun");
    assert_eq!(phase(&world), "Draining");
    // Until the machine says that it does so, its certificate is what it hears of it by.
    world.done(runs(false));
    assert_eq!(phase(&world), "Draining");
    world.done(runs(true));
    assert_eq!(phase(&world), "Retired");
    assert!(world.state.revoked().any(|serial| serial == "serial-de-1"));
    world.done(runs(true));
    // A machine that does so unasked is only gone.
    let unasked = v1::NodeSystem { resets: true, ..Default::default() };
    let report = store::ReportNode { node: "de-2".to_owned(), system: Some(unasked), ..Default::default() };
    world.done(command::Body::ReportNode(report));
    assert_eq!(
        world.state.node("de-2").unwrap().node.as_ref().unwrap().status.as_ref().unwrap().phase,
        "Ready"
    );
    world.token("again", "DE", u64::MAX);
    world.done(World::enrol("de-1", "again"));
    assert!(!node(&world).spec.unwrap().reset, "what joins under its name is another machine");
}

#[test]
fn a_node_that_keeps_its_data_may_be_told_to_erase_more_and_never_less() {
    let mut world = World::new();
    let runs = |resets| {
        let system = Some(v1::NodeSystem { version: "1".to_owned(), resets, ..Default::default() });
        let (node, inventory) = ("de-1".to_owned(), Some(inventory(2)));
        command::Body::ReportNode(store::ReportNode { node, inventory, system, ..Default::default() })
    };
    let reset = |keep_data| {
        let (node, change) = ("de-1".to_owned(), "reset".to_owned());
        command::Body::ChangeNode(store::ChangeNode { node, change, keep_data, ..Default::default() })
    };
    let node = |world: &World| world.state.node("de-1").and_then(|r| r.node.clone()).unwrap();
    let keeps = |world: &World| node(world).spec.unwrap().reset_keeps_data;
    world.done(runs(false));
    world.done(reset(true));
    assert!(keeps(&world));
    world.done(reset(false));
    assert!(!keeps(&world));
    world.done(reset(true));
    assert!(!keeps(&world), "it may have begun to erase everything");
    world.done(runs(true));
    assert_eq!(node(&world).status.unwrap().reason, "reset: it erases everything it keeps");
}

#[test]
fn an_idempotency_key_gives_the_first_answer_again() {
    let mut world = World::new();
    let put = |priority| Command {
        idempotency_key: "k".to_owned(),
        actor: "operator/a".to_owned(),
        body: Some(command::Body::PutQueue(store::PutQueue {
            name: "gold".to_owned(),
            spec: Some(v1::QueueSpec { priority, ..v1::QueueSpec::default() }),
            ..store::PutQueue::default()
        })),
        ..Command::default()
    };
    let first = world.send(put(1));
    let revision = world.state.revision();
    assert_eq!(world.send(put(1)), first);
    assert_eq!(world.state.revision(), revision);
    let Some(outcome::Result::Refusal(refusal)) = world.send(put(2)).result else { panic!("accepted") };
    assert_eq!(refusal.code, 1104);

    // What admission made of a request may differ by the time of a retry; the request is the same.
    let asked = |priority, request: &[u8]| Command {
        idempotency_key: "k2".to_owned(),
        request_hash: request.to_vec(),
        ..put(priority)
    };
    let first = world.send(asked(1, b"same"));
    assert_eq!(world.send(asked(2, b"same")), first);
    assert_ne!(world.send(asked(1, b"other")), first);
}

#[test]
fn a_write_on_an_older_revision_is_a_conflict() {
    let mut world = World::new();
    let put = |expected_revision| Command {
        actor: "operator/a".to_owned(),
        expected_revision,
        body: Some(command::Body::PutQueue(store::PutQueue {
            name: "default".to_owned(),
            ..Default::default()
        })),
        ..Command::default()
    };
    let read = world.state.queue("default").unwrap().metadata.as_ref().unwrap().revision;
    assert!(!matches!(world.send(put(read)).result, Some(outcome::Result::Refusal(_))));
    let Some(outcome::Result::Refusal(refusal)) = world.send(put(read)).result else { panic!("accepted") };
    assert_eq!((refusal.code, refusal.kind.as_str()), (1103, "conflict"));
}

#[test]
fn a_restored_state_is_the_same_and_goes_on_the_same() {
    let mut world = World::new();
    world.submit("train", job_spec(2, 0));
    world.place("train", &["de-1", "de-2"]);
    let mut again =
        World { state: State::restore(world.state.records()).unwrap(), now: world.now, checked: true };
    assert!(again.state.records().eq(world.state.records()));
    for each in [&mut world, &mut again] {
        each.report("train", 1, 0, "de-1", "Failed");
        each.alive("de-2", false);
    }
    assert!(again.state.records().eq(world.state.records()));
    assert!(State::restore([(b"zz/x".to_vec(), Vec::new())]).is_err());
}

#[test]
fn a_watch_resumes_where_it_was_and_says_when_it_cannot() {
    let mut world = World::new();
    let from = world.state.revision();
    world.submit("a", job_spec(1, 0));
    world.submit("b", job_spec(1, 0));
    let seen: Vec<String> = world.state.changes_since(from).unwrap().map(|c| c.name.clone()).collect();
    assert_eq!(seen, ["a", "b"]);
    // Whoever takes the state over, after a restart or from a snapshot, remembers the same.
    let restored = State::restore(world.state.records()).unwrap();
    assert!(restored.changes_since(from).unwrap().eq(world.state.changes_since(from).unwrap()));
    assert!(restored.changes_since(0).unwrap().eq(world.state.changes_since(0).unwrap()));
    assert_eq!(restored.changes_since(world.state.revision()).unwrap().count(), 0);
}

#[test]
fn what_a_watch_can_go_back_to_is_bounded_and_the_same_on_every_member() {
    let mut world = World::quiet();
    let put = |text: String| {
        command::Body::PutQueue(store::PutQueue {
            name: format!("q{}", text.len() % 7),
            labels: [("text".to_owned(), text)].into(),
            ..Default::default()
        })
    };
    for number in 0..8_300 {
        world.done(put(format!("{number}")));
    }
    let floor = world.state.watch_floor();
    assert!(floor > 0 && world.state.changes_since(floor).unwrap().count() <= 8_192);
    assert_eq!(world.state.changes_since(floor - 1).err().unwrap().oldest, floor);
    let mut restored = World { state: State::restore(world.state.records()).unwrap(), ..world };
    let mut world = World { state: restored.state.clone(), ..restored };
    // Few but large changes are bounded by their bytes.
    for number in 0..40 {
        for each in [&mut world, &mut restored] {
            each.done(put(format!("{number}{}", "x".repeat(1 << 20))));
        }
    }
    assert!(world.state.changes_since(world.state.watch_floor()).unwrap().count() <= 33);
    assert_eq!(world.state.queue("q1").unwrap().metadata.as_ref().unwrap().labels.len(), 1);
    assert_eq!(restored.state.watch_floor(), world.state.watch_floor());
    assert!(restored.state.records().eq(world.state.records()));
}

#[test]
fn idempotency_keys_are_let_go_by_number_and_by_age() {
    let mut world = World::quiet();
    let keyed = |key: String| Command {
        idempotency_key: key,
        actor: "a".to_owned(),
        body: Some(command::Body::PutQueue(store::PutQueue { name: "q".to_owned(), ..Default::default() })),
        ..Command::default()
    };
    let keys = |world: &World| world.state.records().filter(|(key, _)| key.starts_with(b"i/")).count();
    let first = world.send(keyed("k0".to_owned()));
    for number in 1..10_000 {
        world.send(keyed(format!("k{number}")));
    }
    assert_eq!(world.send(keyed("k0".to_owned())), first);
    world.send(keyed("one more".to_owned()));
    assert_eq!(keys(&world), 10_000);
    assert_ne!(world.send(keyed("k0".to_owned())), first, "the oldest of too many was let go");
    // A member that was restored lets go of the same keys.
    let mut restored = World { state: State::restore(world.state.records()).unwrap(), ..world };
    let mut world = World { state: restored.state.clone(), ..restored };
    for each in [&mut world, &mut restored] {
        each.now += 24 * 60 * 60 * 1_000 - 5_000_000 / 10;
        each.send(keyed("late".to_owned()));
    }
    assert!(keys(&world) < 6_000, "{} are left", keys(&world));
    assert!(restored.state.records().eq(world.state.records()));
    for each in [&mut world, &mut restored] {
        each.now += 2 * 24 * 60 * 60 * 1_000;
    }
    let late = world.state.revision();
    world.send(keyed("late".to_owned()));
    assert_eq!((keys(&world), world.state.revision()), (1, late + 1), "an old key is a new one");
}

#[test]
fn garbage_and_time_running_backwards_do_no_harm() {
    let mut world = World::new();
    let applied = world.state.apply(Time(0), b"\xff\xff\xff");
    assert!(matches!(applied.outcome.result, Some(outcome::Result::Refusal(r)) if r.code == 1108));
    let time = world.state.time();
    world.now = 0;
    world.submit("late", job_spec(1, 0));
    assert_eq!(world.state.time(), time);
}

#[test]
fn every_change_and_every_decision_is_one_leaf_of_the_log() {
    let mut world = World::new();
    let before = world.state.audit_size();
    world.submit("train", job_spec(2, 0));
    let decision = store::DecisionRecord {
        action: "use".to_owned(),
        object: "job/fr".to_owned(),
        verdict: "deny".to_owned(),
        reasons: vec![v1::Reason { rule: "c1-residency-use".to_owned(), text: "no".to_owned() }],
        ..store::DecisionRecord::default()
    };
    let record = store::RecordDecisions { decisions: vec![decision], ..store::RecordDecisions::default() };
    world.done(command::Body::RecordDecisions(record));
    world.place("train", &["de-1", "de-2"]);
    assert_eq!(world.state.audit_size(), before + 2);
    let entry = holdfast_audit::Entry::parse(&world.state.audit_from(before).next().unwrap().1).unwrap();
    assert_eq!((entry.seq, entry.draft.verdict.as_deref()), (before, Some("deny")));
    assert_eq!(entry.draft.reasons[0].rule, "c1-residency-use");
}

fn step(expected_revision: u64, body: transaction_step::Body) -> store::TransactionStep {
    let decision = store::DecisionRecord { verdict: "allow".to_owned(), ..store::DecisionRecord::default() };
    store::TransactionStep { expected_revision, decision: Some(decision), body: Some(body) }
}

fn put_queue(name: &str) -> transaction_step::Body {
    transaction_step::Body::PutQueue(store::PutQueue { name: name.to_owned(), ..Default::default() })
}

#[test]
fn a_transaction_is_done_whole_at_one_revision_or_not_at_all() {
    let mut world = World::new();
    world.submit("old", job_spec(1, 0));
    let read = world.status_revision("old");
    let cancel = |expected| {
        step(expected, transaction_step::Body::CancelJob(store::EndJob { name: "old".to_owned() }))
    };
    let steps = |expected| vec![step(0, put_queue("gold")), cancel(expected), step(0, put_queue("silver"))];
    let run = |world: &mut World, steps| world.body(command::Body::Transaction(store::Transaction { steps }));

    let before: Vec<_> = world.state.records().filter(|(key, _)| key.starts_with(b"q/")).collect();
    let (audit, floor) = (world.state.audit_size(), world.state.revision());
    let Some(outcome::Result::Refusal(refusal)) = run(&mut world, steps(read - 1)).result else {
        panic!("a step on an older revision was taken")
    };
    assert_eq!(refusal.code, 1103);
    assert!(refusal.because.iter().any(|b| b.contains("step 2 of 3, cancel job `old`")), "{refusal:?}");
    assert!(world.state.records().filter(|(key, _)| key.starts_with(b"q/")).eq(before));
    assert_eq!(world.phase("old"), "Pending");
    assert_eq!(world.state.changes_since(floor).unwrap().count(), 0, "nobody saw a part of it");
    assert_eq!(world.state.audit_size(), audit + 3, "the decisions are kept, with what became of them");

    let taken = run(&mut world, steps(read));
    let Some(outcome::Result::Transaction(done)) = taken.result else { panic!("{taken:?}") };
    assert_eq!(done.steps.iter().map(|s| s.revision).collect::<Vec<_>>(), [taken.revision; 3]);
    let seen: Vec<_> = world.state.changes_since(taken.revision - 1).unwrap().collect();
    assert!(seen.iter().all(|item| item.revision == taken.revision));
    assert_eq!(seen.iter().map(|item| item.name.as_str()).collect::<Vec<_>>(), ["gold", "old", "silver"]);
    assert_eq!(world.phase("old"), "Cancelled");

    for steps in [vec![], vec![step(0, put_queue("q")); 129], vec![store::TransactionStep::default()]] {
        let revision = world.state.revision();
        assert_eq!(world.refused(command::Body::Transaction(store::Transaction { steps })), 1132);
        assert_eq!(world.state.revision(), revision);
    }
}

#[test]
fn a_new_incarnation_voids_what_was_given_out_before() {
    let mut world = World::new();
    for name in ["runs", "ends", "waits"] {
        world.submit(name, job_spec(1, 0));
    }
    world.place("runs", &["de-1"]);
    world.report("runs", 1, 0, "de-1", "Running");
    world.place("ends", &["de-2"]);
    world.done(command::Body::CancelJob(store::EndJob { name: "ends".to_owned() }));
    world.token("unused", "DE", u64::MAX);
    let before = world.state.revision();
    let begin = |incarnation| {
        let reason = "restored from a backup".to_owned();
        command::Body::BeginIncarnation(store::BeginIncarnation { incarnation, reason, quiet_ms: 5_000 })
    };
    assert_eq!(world.refused(begin(1)), 1133);
    world.done(begin(2));
    let began = world.state.revision();
    assert_eq!((world.state.incarnation(), began), (2, before + (1 << 32)));
    world.done(begin(2));
    assert_eq!(world.state.revision(), began, "asked again it is done already");
    // A watch that saw what this state does not have cannot go on as if nothing had happened.
    assert_eq!(world.state.changes_since(began - 1).err().unwrap().oldest, began);
    assert!(world.state.nodes().all(|n| !n.alive));
    assert_eq!((world.phase("runs").as_str(), world.phase("ends").as_str()), ("Pending", "Cancelled"));
    assert_eq!(world.status("runs").fence, 1 + (1 << 20));
    world.report("runs", 1, 0, "de-1", "Succeeded");
    assert_eq!(world.phase("runs"), "Pending", "a start from before counts for nothing");
    assert_eq!(world.refused(World::enrol("de-9", "unused")), 1107);

    assert!(world.place("runs", &["de-1"]).rejected["runs"].contains("may still run"));
    world.now += 5_000;
    assert!(world.place("runs", &["de-1"]).rejected["runs"].contains("node de-1 is Lost"));
    world.alive("de-1", true);
    assert_eq!(world.place("runs", &["de-1"]).placed, ["runs"]);
    assert_eq!(world.status("runs").fence, 2 + (1 << 20));
    let restored = State::restore(world.state.records()).unwrap();
    assert_eq!((restored.incarnation(), restored.watch_floor()), (2, began));
}

#[test]
fn commands_newer_than_the_level_are_refused_until_it_is_raised() {
    let mut world = World { state: State::default(), now: 0, checked: true };
    let bundle = Some(v1::PolicyBundle::default());
    world.done(command::Body::InitCluster(store::InitCluster { bundle, ..Default::default() }));
    let transaction =
        || command::Body::Transaction(store::Transaction { steps: vec![step(0, put_queue("q"))] });
    let raise = |level| command::Body::RaiseLevel(store::RaiseLevel { level });
    assert_eq!((world.state.feature_level(), world.refused(transaction())), (1, 1130));
    // Nor does the key stay: a release that does not know the command could not tell what was answered.
    let before: Vec<_> = world.state.records().collect();
    let keyed = Command { idempotency_key: "k".to_owned(), body: Some(transaction()), ..Command::default() };
    world.state.apply(Time(9), &keyed.encode_to_vec());
    world.state.apply(Time(9), &Command { body: None, ..keyed }.encode_to_vec());
    assert_eq!(world.state.records().collect::<Vec<_>>(), before);
    assert_eq!((world.refused(raise(3)), world.refused(raise(0))), (1131, 1131));
    world.done(raise(2));
    world.done(raise(2));
    world.done(transaction());
    assert_eq!(world.refused(raise(1)), 1131);
    // A release that does not know the level does not take the state.
    (3..=crate::NEWEST_LEVEL + 1).for_each(|level| drop(world.done(raise(level))));
    let unknown = format!("feature level {}", crate::NEWEST_LEVEL + 1);
    assert!(State::restore(world.state.records()).unwrap_err().contains(&unknown));
}

#[test]
fn the_id_of_a_request_is_kept_with_what_it_led_to_from_its_level_on() {
    let mut world = World { state: State::default(), now: 0, checked: true };
    let bundle = Some(v1::PolicyBundle::default());
    world.done(command::Body::InitCluster(store::InitCluster {
        bundle,
        feature_level: 2,
        ..Default::default()
    }));
    let asked = |world: &mut World, id: &str, name: &str| {
        let request = Command {
            idempotency_key: name.to_owned(),
            request_id: id.to_owned(),
            body: Some(command::Body::PutQueue(store::PutQueue {
                name: name.to_owned(),
                ..Default::default()
            })),
            ..Command::default()
        };
        let outcome = world.send(request);
        let (_, entry) = world.state.audit_from(world.state.audit_size() - 1).next().unwrap();
        (outcome, String::from_utf8(entry).unwrap())
    };
    let (_, before) = asked(&mut world, "early", "a");
    assert!(!before.contains("early"), "{before}");
    world.done(command::Body::RaiseLevel(store::RaiseLevel { level: 3 }));
    let (first, kept) = asked(&mut world, "late", "b");
    assert!(kept.contains(r#""request":"late""#), "{kept}");
    let (again, same) = asked(&mut world, "retry", "b");
    assert_eq!((first, kept), (again, same), "a retry is the same command whatever its id");
    assert!(!asked(&mut world, &"x".repeat(65), "c").1.contains("xxx"));
}

#[test]
fn ended_jobs_are_let_go_by_age_and_by_number_and_never_one_that_has_not_ended() {
    let mut world = World::new();
    let end = |world: &mut World, name: &str| {
        world.submit(name, job_spec(1, 0));
        world.done(command::Body::CancelJob(store::EndJob { name: name.to_owned() }));
    };
    end(&mut world, "old");
    world.submit("waits", job_spec(1, 0));
    world.now += ENDED_AGE_MS - 10_000;
    end(&mut world, "young");
    let names = |state: &State| state.jobs().map(|j| j.metadata.clone().unwrap().name).collect::<Vec<_>>();
    assert_eq!(names(&world.state), ["old", "waits", "young"]);
    let before = (world.state.revision(), world.state.audit_size());
    // Any command at all brings the time along; a member that was restored lets go of the same.
    let mut twin = World { state: State::restore(world.state.records()).unwrap(), ..world };
    twin.now += 10_000;
    twin.alive("de-1", true);
    assert_eq!(names(&twin.state), ["waits", "young"]);
    assert!(twin.state.audit_size() > before.1, "it is in the audit log");
    let mut changes = twin.state.changes_since(before.0).unwrap();
    assert!(changes.any(|item| item.name == "old" && item.resource.is_none()), "watches see it go");
    drop(changes);

    let mut world = World { checked: false, ..twin };
    for number in 0..MOST_ENDED {
        end(&mut world, &format!("many-{number:05}"));
    }
    assert_eq!(world.state.jobs().count(), MOST_ENDED + 1);
    assert!(world.state.job("young").is_none() && world.state.job("waits").is_some());
    assert!(world.state.job("many-00000").is_some());
}

#[test]
fn tokens_that_opened_the_door_make_room_for_new_ones() {
    let mut world = World::quiet();
    // Three were used by the nodes of this world.
    for number in 3..MOST_TOKENS {
        world.token(&format!("unused-{number}"), "DE", 100_000_000);
    }
    world.token("after-the-used-ones", "DE", 100_000_000);
    assert!(world.state.token("after-the-used-ones").is_some() && world.state.token("unused-3").is_some());
    world.token("one-more", "DE", 100_000_000);
    world.token("the-last", "DE", 100_000_000);
    let token =
        |id: &str| command::Body::CreateToken(store::CreateToken { id: id.to_owned(), ..Default::default() });
    assert_eq!(world.refused(token("too-many")), 1135);
    world.now = 100_000_001;
    world.done(token("expired-ones-went"));
    assert!(world.state.token("unused-3").is_none());
}

#[test]
fn retired_nodes_go_once_their_certificates_have() {
    let mut world = World::quiet();
    let count = 1_030;
    for number in 0..count {
        let (name, token) = (format!("gone-{number:04}"), format!("token-{number}"));
        world.token(&token, "DE", u64::MAX);
        let command::Body::EnrolNode(enrol) = World::enrol(&name, &token) else { panic!() };
        let enrol = store::EnrolNode { certificate_expires_ms: 50_000_000, ..enrol };
        world.done(command::Body::EnrolNode(enrol));
        let change = "retire".to_owned();
        world.done(command::Body::ChangeNode(store::ChangeNode { node: name, change, ..Default::default() }));
    }
    assert_eq!((world.state.nodes().count(), world.state.revoked().count()), (count + 3, count));
    world.now = 50_000_001;
    let change = "retire".to_owned();
    let node = "de-3".to_owned();
    world.done(command::Body::ChangeNode(store::ChangeNode { node, change, ..Default::default() }));
    let left: Vec<&str> = world.state.revoked().collect();
    assert!(left.len() <= 1, "{left:?}");
    assert!(world.state.node("gone-0000").is_none() && world.state.node("de-1").is_some());
}

fn child(name: &str, parent: &str) -> store::PutQueue {
    let spec = v1::QueueSpec { parent: parent.to_owned(), ..v1::QueueSpec::default() };
    store::PutQueue { name: name.to_owned(), spec: Some(spec), ..Default::default() }
}

#[test]
fn queues_that_share_form_trees() {
    let mut world = World::new();
    let put = |world: &mut World, name: &str, parent: &str| {
        world.body(command::Body::PutQueue(child(name, parent))).result.unwrap()
    };
    let code = |result: outcome::Result| match result {
        outcome::Result::Refusal(refusal) => refusal.code,
        _ => 0,
    };
    assert_eq!(code(put(&mut world, "a", "nobody")), 2170);
    assert_eq!(code(put(&mut world, "a", "a")), 2171);
    assert_eq!(code(put(&mut world, "a", "A b")), 1001);
    let names = ["q1", "q2", "q3", "q4", "q5", "q6", "q7", "q8", "q9"];
    world.done(command::Body::PutQueue(child("q1", "")));
    for pair in names[..8].windows(2) {
        assert_eq!(code(put(&mut world, pair[1], pair[0])), 0, "{pair:?}");
    }
    assert_eq!(code(put(&mut world, "q9", "q8")), 2172);
    assert_eq!(code(put(&mut world, "q1", "q4")), 2171);
    // What is below a queue moves with it.
    assert_eq!(code(put(&mut world, "q9", "q1")), 0);
    assert_eq!(code(put(&mut world, "q2", "q9")), 2172);
    assert_eq!(code(put(&mut world, "q3", "q9")), 0);
    assert_eq!(code(put(&mut world, "q4", "")), 0);
    let delete = |name: &str| command::Body::DeleteQueue(store::DeleteQueue { name: name.to_owned() });
    assert_eq!(world.refused(delete("q9")), 2173);
    world.done(delete("q3"));
    world.done(delete("q9"));

    let mut limited = child("limited", "");
    let spec = limited.spec.as_mut().unwrap();
    spec.nominal.insert("nvidia".to_owned(), 8);
    spec.borrowing_limit.insert("nvidia".to_owned(), 8);
    assert_eq!(world.refused(command::Body::PutQueue(limited)), 1001);
}

#[test]
fn a_cluster_whose_members_may_not_know_them_keeps_no_queues_that_share() {
    let mut world = World::of_level(4);
    let put = child("a", "default");
    assert_eq!(world.refused(command::Body::PutQueue(put.clone())), 1130);
    let steps = vec![step(0, transaction_step::Body::PutQueue(put.clone()))];
    assert_eq!(world.refused(command::Body::Transaction(store::Transaction { steps })), 1130);
    world.done(command::Body::PutQueue(child("a", "")));
    world.done(command::Body::RaiseLevel(store::RaiseLevel { level: 5 }));
    world.done(command::Body::PutQueue(put));
}
