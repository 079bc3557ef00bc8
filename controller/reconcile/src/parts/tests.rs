//! What becomes of jobs that restart tasks alone, from the submission to what nodes are told, over plans that are committed.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_api::store::{self, command};
use holdfast_api::{internal, v1};
use holdfast_policy::Bundle;
use holdfast_state::State;
use holdfast_types::Time;

use crate::desired::desired;
use crate::placement::commit_plan;
use crate::planner::Planner;
use crate::telling::Telling;
use crate::world::{ALL, alive, cores, founded, law, node, planned, reported, said, submitted, trainer};

struct World {
    state: State,
    law: Bundle,
    now: u64,
}

impl World {
    /// Nodes, eight in a rack.
    fn new(nodes: u64) -> Self {
        let mut state = founded(nodes);
        trainer(&mut state);
        for number in 0..nodes {
            alive(&mut state, number);
            let place = BTreeMap::from([("rack".to_owned(), format!("r{}", number / 8))]);
            let change = "place".to_owned();
            let change = store::ChangeNode { node: node(number), change, place, ..Default::default() };
            said(&mut state, 4, command::Body::ChangeNode(change));
        }
        Self { state, law: law(), now: 10 }
    }

    fn submit(&mut self, job: &str, edit: impl FnOnce(&mut v1::JobSpec)) {
        submitted(&mut self.state, self.now, job, edit);
    }

    /// Two plans, a while after what was before: what one begins the next goes on with.
    fn plan(&mut self) {
        for _ in 0..2 {
            self.now += 10_000;
            let mut planner = Planner::new(&self.state, &self.law, Time(self.now));
            let plan = planner.plan();
            let told = planner.tell(&self.state, Telling::Changed).sentences;
            if let Some(commit) = commit_plan(&plan, told, "law") {
                said(&mut self.state, self.now, command::Body::CommitPlan(commit));
            }
        }
    }

    fn runs(&mut self, job: &str) {
        reported(&mut self.state, self.now, job, "Running");
    }

    fn lose(&mut self, node: &str) {
        let phase = store::SetNodePhase {
            node: node.to_owned(),
            alive: false,
            reason: "its lease ran out".to_owned(),
        };
        said(&mut self.state, self.now, command::Body::SetNodePhase(phase));
    }

    /// The node of a task says what became of it.
    fn says(&mut self, job: &str, rank: usize, phase: &str, exit_code: i32) {
        let known = self.state.job(job).cloned().unwrap();
        let (task, uid) = (self.tasks(job)[rank].clone(), known.metadata.unwrap().uid);
        let report = internal::TaskReport {
            job: job.to_owned(),
            job_uid: uid,
            fence: holdfast_state::fence_of(&known.status.unwrap(), &task),
            rank: task.rank,
            phase: phase.to_owned(),
            reason: format!("exit code {exit_code}"),
            exit_code,
            ..internal::TaskReport::default()
        };
        let report = store::ReportTasks { node: task.node, tasks: vec![report] };
        said(&mut self.state, self.now, command::Body::ReportTasks(report));
    }

    fn status(&self, job: &str) -> v1::JobStatus {
        self.state.job(job).unwrap().status.clone().unwrap()
    }

    fn tasks(&self, job: &str) -> Vec<v1::TaskStatus> {
        self.status(job).tasks
    }

    /// The phases of the tasks, and of the job.
    fn phases(&self, job: &str) -> (Vec<String>, String) {
        let status = self.status(job);
        (status.tasks.into_iter().map(|task| task.phase).collect(), status.phase)
    }

    /// What a node is told of the tasks of a job: the rank, the start of it, and that of rank 0 with its node.
    fn told(&self, node: &str) -> Vec<(u32, u64, u64, String)> {
        let tasks = desired(&self.state, node).tasks.into_iter();
        tasks.map(|task| (task.rank, task.fence, task.leader_fence, task.leader_node)).collect()
    }
}

/// So many tasks, each of which restarts alone and takes a node.
fn alone(tasks: u32) -> impl FnOnce(&mut v1::JobSpec) {
    move |spec| {
        (spec.groups, spec.restart) = (cores(tasks, ALL), "task".to_owned());
    }
}

fn rack(node: &str) -> u64 {
    node.trim_start_matches('n').parse::<u64>().unwrap() / 8
}

/// Kueue #14244: a gang of 500 nodes was evicted as a whole because two of them failed.
#[test]
fn of_500_nodes_of_a_gang_two_fail_and_only_their_tasks_find_other_places() {
    let mut world = World::new(512);
    world.submit("train", |spec| {
        alone(500)(spec);
        let slices = vec![v1::TopologySlice { size: 4, level: "rack".to_owned() }];
        spec.groups[0].topology = Some(v1::TopologyRequest { slices, ..Default::default() });
    });
    world.plan();
    world.runs("train");
    let before = world.tasks("train");
    assert!(before.iter().all(|task| task.phase == "Running"), "{:?}", world.status("train").reason);
    for rank in [3, 77] {
        world.lose(&before[rank].node);
    }
    assert_eq!(world.status("train").phase, "Running");
    world.plan();
    let after = world.tasks("train");
    let changed: Vec<usize> = (0..500)
        .filter(|rank| before[*rank] != v1::TaskStatus { fence: 0, ..after[*rank].clone() })
        .collect();
    assert_eq!(changed, [3, 77]);
    for rank in changed {
        assert_eq!(after[rank].phase, "Assigned");
        assert!(after[rank].fence > 1 && after[rank].node != before[rank].node);
        assert_eq!(world.told(&after[rank].node)[0].0, u32::try_from(rank).unwrap());
    }
    let fences: BTreeSet<u64> = after.iter().map(|task| task.fence).collect();
    assert_eq!(fences.len(), 3, "the others keep the number of their start: {fences:?}");
    world.runs("train");
    assert_eq!(world.phases("train").0, vec!["Running"; 500]);
}

#[test]
fn a_task_comes_back_in_the_rack_that_the_others_have_to_be_in() {
    let mut world = World::new(24);
    world.submit("train", |spec| {
        alone(7)(spec);
        let required = "rack".to_owned();
        spec.groups[0].topology = Some(v1::TopologyRequest { required, ..Default::default() });
    });
    world.plan();
    world.runs("train");
    let before = world.tasks("train");
    world.lose(&before[5].node);
    world.plan();
    let racks =
        |world: &World| world.tasks("train").iter().map(|task| rack(&task.node)).collect::<BTreeSet<_>>();
    assert_eq!(racks(&world).len(), 1);
    assert_ne!(world.tasks("train")[5].node, before[5].node);
    // Now the rack is full.
    world.runs("train");
    world.lose(&before[2].node);
    world.plan();
    let status = world.status("train");
    assert_eq!((status.tasks[2].phase.as_str(), status.phase.as_str()), ("Waiting", "Running"));
    let why = status.explanation.unwrap().summary;
    assert!(why.contains("held for it") || why.contains("not in the rack of"), "{why}");
}

#[test]
fn when_rank_0_moves_the_others_are_told_where_it_is() {
    let mut world = World::new(3);
    world.submit("train", alone(2));
    world.plan();
    world.runs("train");
    let before = world.tasks("train");
    assert_eq!(world.told(&before[1].node), [(1, 1, 1, before[0].node.clone())]);
    world.lose(&before[0].node);
    world.plan();
    let leader = world.tasks("train")[0].node.clone();
    assert_ne!(leader, before[0].node);
    assert_eq!(world.told(&before[1].node), [(1, 1, 2, leader.clone())], "it goes on, under the same number");
    assert_eq!(world.told(&leader), [(0, 2, 2, leader.clone())]);
    assert_eq!(world.told(&before[0].node), [], "what was there is called off");
    // What the lost one says later is of a start that is over.
    let late = internal::TaskReport {
        job: "train".to_owned(),
        job_uid: "uid-train".to_owned(),
        fence: 1,
        phase: "Failed".to_owned(),
        ..internal::TaskReport::default()
    };
    let late = store::ReportTasks { node: before[0].node.clone(), tasks: vec![late] };
    said(&mut world.state, world.now, command::Body::ReportTasks(late));
    assert_eq!(world.phases("train").0, ["Assigned", "Running"]);
}

#[test]
fn replicas_of_a_service_fail_and_end_one_by_one() {
    let mut world = World::new(3);
    world.submit("chat", |spec| {
        alone(3)(spec);
        spec.kind = "service".to_owned();
    });
    world.plan();
    world.runs("chat");
    world.says("chat", 1, "Failed", 1);
    assert_eq!(
        world.phases("chat"),
        (["Running", "Waiting", "Running"].map(str::to_owned).to_vec(), "Running".to_owned())
    );
    planned(&mut world.state, &world.law, world.now);
    assert_eq!(world.phases("chat").0[1], "Waiting", "it pauses after a failure");
    world.plan();
    assert_eq!(world.phases("chat").0[1], "Assigned");
    world.says("chat", 2, "Succeeded", 0);
    planned(&mut world.state, &world.law, world.now);
    assert_eq!(world.phases("chat").0, ["Running", "Assigned", "Assigned"], "an end is no reason to pause");
    let status = world.status("chat");
    assert_eq!((status.failures, status.restarts, status.failed_starts.len()), (1, 1, 1));
}

#[test]
fn a_job_that_is_not_a_service_fails_when_its_tasks_failed_too_often_and_ends_with_the_last() {
    let mut world = World::new(3);
    world.submit("train", |spec| {
        alone(3)(spec);
        spec.retries = 1;
    });
    world.plan();
    world.runs("train");
    world.says("train", 0, "Succeeded", 0);
    world.says("train", 1, "Failed", 7);
    world.plan();
    assert_eq!(world.phases("train").0, ["Succeeded", "Assigned", "Running"]);
    world.says("train", 1, "Succeeded", 0);
    world.says("train", 2, "Failed", 7);
    let status = world.status("train");
    assert_eq!(status.phase, "Failed");
    assert_eq!(status.reason, "failed 2 of 2 starts: task 2 on n2: exit code 7");
    world.submit("short", alone(1));
    world.plan();
    world.says("short", 0, "Succeeded", 0);
    assert_eq!(world.status("short").phase, "Succeeded");
}

#[test]
fn a_drain_moves_the_tasks_of_that_node_alone() {
    let mut world = World::new(3);
    world.submit("train", alone(2));
    world.plan();
    world.runs("train");
    let before = world.tasks("train");
    let drain =
        store::ChangeNode { node: before[0].node.clone(), change: "drain".to_owned(), ..Default::default() };
    said(&mut world.state, world.now, command::Body::ChangeNode(drain));
    assert_eq!(world.told(&before[0].node), [], "it is told to stop");
    assert_eq!(world.told(&before[1].node).len(), 1);
    world.plan();
    assert_eq!(world.phases("train").0, ["Running", "Running"], "it has not said yet that it has");
    world.says("train", 0, "Stopped", 0);
    world.plan();
    let after = world.tasks("train");
    assert_eq!((after[0].phase.as_str(), &after[1].node), ("Assigned", &before[1].node));
    assert_ne!(after[0].node, before[0].node);
}

#[test]
fn an_elastic_gang_starts_with_what_it_needs_grows_into_what_is_free_and_shrinks_before_anybody_stops() {
    let mut world = World::new(4);
    world.submit("other", |spec| spec.groups = cores(1, ALL));
    world.plan();
    world.submit("train", |spec| {
        alone(4)(spec);
        spec.kind = "service".to_owned();
        spec.groups[0].min = 2;
    });
    world.plan();
    world.runs("train");
    let waiting = |world: &World| world.phases("train").0.iter().filter(|phase| *phase == "Waiting").count();
    assert_eq!(waiting(&world), 1, "one node is in use");
    assert_eq!(world.status("train").phase, "Running");
    said(&mut world.state, world.now, command::Body::CancelJob(store::EndJob { name: "other".to_owned() }));
    world.says("other", 0, "Stopped", 0);
    world.plan();
    world.runs("train");
    assert_eq!(waiting(&world), 0);
    let before = world.tasks("train");
    // Long after, others need room for two: of four tasks two are more than the gang needs.
    world.now += 86_400_000;
    world.submit("urgent", |spec| spec.groups = cores(2, ALL));
    world.plan();
    let leaving: Vec<u32> =
        world.tasks("train").iter().filter(|task| task.leaving).map(|task| task.rank).collect();
    assert_eq!(leaving, [2, 3]);
    assert_eq!(world.status("train").phase, "Running");
    world.says("train", 2, "Stopped", 0);
    world.says("train", 3, "Stopped", 0);
    world.plan();
    assert_eq!(world.status("urgent").phase, "Starting");
    let after = world.tasks("train");
    assert_eq!(
        after[..2].iter().map(|task| &task.node).collect::<Vec<_>>(),
        before[..2].iter().map(|task| &task.node).collect::<Vec<_>>()
    );
    assert_eq!(waiting(&world), 2);
    // It comes back.
    said(&mut world.state, world.now, command::Body::CancelJob(store::EndJob { name: "urgent".to_owned() }));
    for rank in 0..2 {
        world.says("urgent", rank, "Stopped", 0);
    }
    world.plan();
    assert_eq!(waiting(&world), 0);
}

#[test]
fn a_gang_that_lost_every_task_starts_again_as_one() {
    let mut world = World::new(2);
    world.submit("train", alone(2));
    world.plan();
    world.runs("train");
    let before = world.tasks("train");
    before.iter().for_each(|task| world.lose(&task.node));
    assert_eq!(world.status("train").phase, "Pending");
    (0..2).for_each(|number| alive(&mut world.state, number));
    world.plan();
    let after = world.tasks("train");
    assert!(after.iter().all(|task| task.phase == "Assigned" && task.fence == 0), "{after:?}");
    assert_eq!(world.status("train").fence, 2);
}

#[test]
fn queues_are_charged_for_the_tasks_that_have_places() {
    let mut world = World::new(3);
    let held = |world: &World| {
        let status = world.state.queue("default").unwrap().status.clone().unwrap_or_default();
        let usage = holdfast_types::Usage::from(&status.usage.unwrap_or_default());
        usage.holds.get(holdfast_types::Resource::Cores)
    };
    world.submit("train", |spec| {
        alone(4)(spec);
        spec.groups[0].min = 1;
    });
    world.plan();
    world.runs("train");
    assert_eq!(held(&world), 3 * ALL);
    world.lose(&world.tasks("train")[1].node.clone());
    assert_eq!(held(&world), 2 * ALL);
    said(&mut world.state, world.now, command::Body::CancelJob(store::EndJob { name: "train".to_owned() }));
    for rank in 0..world.tasks("train").len() {
        world.says("train", rank, "Stopped", 0);
    }
    assert_eq!((world.status("train").phase.as_str(), held(&world)), ("Cancelled", 0));
}
