//! Whatever happens, a node is told what it would be told after a look at the whole state, and woken when that changes.

use holdfast_api::internal::{Desired, TaskReport};
use holdfast_api::store::{self, command};

use super::*;
use crate::desired;
use crate::world::{founded, inventory, node, said};

const NODES: u64 = 4;
const STEPS: u64 = 2_000;

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % below
    }
}

fn artifact(dice: &mut Dice) -> String {
    format!("dataset/d{}@1", dice.roll(3))
}

fn step(dice: &mut Dice, state: &State) -> command::Body {
    let on = node(dice.roll(NODES));
    let job = format!("j{}", dice.roll(3));
    let status = state.job(&job).and_then(|job| job.status.clone()).unwrap_or_default();
    match dice.roll(9) {
        0 => command::Body::SetNodePhase(store::SetNodePhase {
            node: on,
            alive: dice.roll(3) > 0,
            reason: "told".to_owned(),
        }),
        1 => command::Body::ReportNode(store::ReportNode {
            node: on,
            data_address: format!("a:{}", dice.roll(3)),
            relay_address: format!("b:{}", dice.roll(2)),
            inventory: Some(inventory()),
            ..store::ReportNode::default()
        }),
        2 => {
            let spec = v1::ArtifactSpec {
                kind: "dataset".to_owned(),
                name: format!("d{}", dice.roll(3)),
                version: 1,
                manifest: "b3-1".to_owned(),
                copies: 2,
                ..v1::ArtifactSpec::default()
            };
            command::Body::CommitVersion(store::CommitVersion {
                spec: Some(spec),
                node: on,
                ..store::CommitVersion::default()
            })
        }
        3 => {
            let have = vec![artifact(dice)];
            command::Body::SetReplicas(store::SetReplicas { node: on, have, targets: Vec::new() })
        }
        4 => {
            let targets = vec![store::ReplicaTarget { artifact: artifact(dice), node: on }];
            command::Body::SetReplicas(store::SetReplicas { node: String::new(), have: Vec::new(), targets })
        }
        5 => submitted(dice, job),
        6 => {
            let task =
                |rank| store::TaskPlacement { rank, node: node(dice.roll(NODES)), ..Default::default() };
            let tasks = (0..2).map(task).collect();
            let gang = store::GangPlacement { job_uid: format!("uid-{job}"), job, tasks, variant: 0 };
            command::Body::CommitPlan(store::CommitPlan { gangs: vec![gang], ..store::CommitPlan::default() })
        }
        7 => {
            let phases = ["Running", "Succeeded", "Failed", "Stopped"];
            let task = status.tasks.get(usize::try_from(dice.roll(2)).unwrap()).cloned().unwrap_or_default();
            let report = TaskReport {
                job_uid: format!("uid-{job}"),
                job,
                fence: status.fence,
                rank: task.rank,
                phase: phases[usize::try_from(dice.roll(4)).unwrap()].to_owned(),
                ..TaskReport::default()
            };
            command::Body::ReportTasks(store::ReportTasks { node: task.node, tasks: vec![report] })
        }
        _ if dice.roll(2) == 0 => command::Body::CancelJob(store::EndJob { name: job }),
        _ => command::Body::DeleteJob(store::EndJob { name: job }),
    }
}

fn submitted(dice: &mut Dice, name: String) -> command::Body {
    let resources = v1::Resources { cpu_millis: 10, memory_bytes: 1 << 20, devices: None };
    let group = v1::TaskGroup {
        min: 0,
        name: "worker".to_owned(),
        count: 2,
        resources: Some(resources),
        topology: None,
        variants: Vec::new(),
    };
    let dataset = format!("d{}@1", dice.roll(3));
    let spec = v1::JobSpec {
        kind: "batch".to_owned(),
        queue: "default".to_owned(),
        retries: 9,
        datasets: vec![v1::DatasetMount { dataset, ..v1::DatasetMount::default() }],
        groups: vec![group],
        ..v1::JobSpec::default()
    };
    command::Body::SubmitJob(store::SubmitJob {
        uid: format!("uid-{name}"),
        name,
        spec: Some(spec),
        submitted_by: "alice".to_owned(),
        ..store::SubmitJob::default()
    })
}

#[test]
fn nodes_are_told_the_same_as_by_the_whole_state_and_woken_when_that_changes() {
    let (mut state, mut concerns, mut dice) = (founded(NODES), Concerns::default(), Dice(7));
    assert_eq!(concerns.follow(&state), Touched::All);
    let all = |state: &State| -> Vec<Desired> { (0..NODES).map(|n| desired(state, &node(n))).collect() };
    let mut before = all(&state);
    let (mut changed, mut spared, mut tasks) = (0, 0, 0);
    for now in 0..STEPS {
        let body = step(&mut dice, &state);
        said(&mut state, 10 + now, body.clone());
        // Every other change is taken over together with the next one.
        if dice.roll(2) == 0 {
            continue;
        }
        let Touched::Nodes(touched) = concerns.follow(&state) else { panic!("all by {body:?}") };
        let after = all(&state);
        for (number, (before, after)) in (0..).zip(before.iter().zip(&after)) {
            let name = node(number);
            let told = concerns.of_node(&name).told(&state, &name);
            assert_eq!(Desired::decode(&*told).unwrap(), *after, "{name} after {body:?}");
            let woken = touched.contains(name.as_str());
            assert!(woken || before == after, "{name} sleeps after {body:?}");
            changed += u32::from(before != after);
            spared += u32::from(!woken);
            tasks += after.tasks.len();
        }
        before = after;
    }
    assert!(
        changed > 500 && spared > 500 && tasks > 500,
        "{changed} changes, {spared} spared, {tasks} tasks"
    );
    // What it has put together piece by piece is what it would find at once.
    let mut anew = Concerns::default();
    anew.follow(&state);
    assert_eq!(
        format!("{:?}", (&concerns.nodes, &concerns.users)),
        format!("{:?}", (&anew.nodes, &anew.users))
    );
}
