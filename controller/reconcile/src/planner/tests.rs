//! A planner that is kept plans as one that looks at everything, whatever happens to a cluster, and tells every job why it waits.

use holdfast_api::store::{self, command};
use holdfast_api::v1;
use holdfast_scheduler::{Plan, Scheduler};
use holdfast_types::JobPhase;
use proptest::prelude::*;

use super::*;
use crate::placement::{commit_plan, snapshot};
use crate::world::{alive, founded, german, inventory, law, node, reports, said, submitted, trainer};

const NODES: u64 = 4;

/// Something that happens to a cluster.
#[derive(Debug, Clone)]
enum Event {
    Comes {
        tasks: u32,
        gpus: u32,
        priority: i32,
        queue: usize,
        stoppable: bool,
        owner: usize,
    },
    Ends(usize, &'static str),
    /// One task of a job alone.
    One(usize, usize, &'static str),
    Goes(usize),
    Cordons(u64, &'static str),
    Reports(u64, usize),
    Quiets(u64, bool),
    Queue(u32, i32),
    Imports(usize),
    Hours(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let comes = (1..4_u32, 0..5_u32, 0..3_i32, 0..2_usize, any::<bool>(), 0..3_usize).prop_map(
        |(tasks, gpus, priority, queue, stoppable, owner)| Event::Comes {
            tasks,
            gpus,
            priority,
            queue,
            stoppable,
            owner,
        },
    );
    let ends = prop::sample::select(vec!["Running", "Succeeded", "Stopped", "Failed"]);
    let change = prop::sample::select(vec!["cordon", "uncordon"]);
    prop_oneof![
        8 => comes,
        8 => (0..99_usize, ends.clone()).prop_map(|(job, phase)| Event::Ends(job, phase)),
        4 => (0..99_usize, 0..3_usize, ends).prop_map(|(job, rank, phase)| Event::One(job, rank, phase)),
        2 => (0..99_usize).prop_map(Event::Goes),
        2 => (0..NODES, change).prop_map(|(node, change)| Event::Cordons(node, change)),
        1 => (0..NODES, 3..6_usize).prop_map(|(node, gpus)| Event::Reports(node, gpus)),
        1 => (0..NODES, any::<bool>()).prop_map(|(node, alive)| Event::Quiets(node, alive)),
        1 => (0..9_u32, 0..2_i32).prop_map(|(most, priority)| Event::Queue(most, priority)),
        1 => (0..3_usize).prop_map(Event::Imports),
        3 => (0..20_u64).prop_map(Event::Hours),
    ]
}

struct World {
    state: State,
    bundle: Bundle,
    now: u64,
    came: u32,
}

impl World {
    fn new() -> Self {
        let bundle = law();
        let mut world = Self { state: founded(NODES), bundle, now: 10, came: 0 };
        trainer(&mut world.state);
        for number in 0..NODES {
            alive(&mut world.state, number);
            world.happen(&Event::Reports(number, 4));
        }
        world.happen(&Event::Queue(6, 1));
        world
    }

    fn say(&mut self, body: command::Body) {
        self.now += 1;
        said(&mut self.state, self.now, body);
    }

    fn name(&self, number: usize) -> Option<String> {
        let names: Vec<&v1::Job> = self.state.jobs().collect();
        let job = names.get(number.checked_rem(names.len())?)?;
        Some(job.metadata.as_ref()?.name.clone())
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Comes { .. } => self.come(event),
            Event::Ends(number, phase) => self.end(*number, phase),
            Event::One(number, rank, phase) => {
                let Some(name) = self.name(*number) else { return };
                if let Some(body) = reports(&self.state, &name, phase).into_iter().nth(*rank) {
                    self.say(body);
                }
            }
            Event::Goes(number) => {
                if let Some(name) = self.name(*number) {
                    self.say(command::Body::CancelJob(store::EndJob { name: name.clone() }));
                    self.say(command::Body::DeleteJob(store::EndJob { name }));
                }
            }
            Event::Cordons(number, change) => self.say(command::Body::ChangeNode(store::ChangeNode {
                node: node(*number),
                change: (*change).to_owned(),
                ..store::ChangeNode::default()
            })),
            Event::Reports(number, gpus) => self.report(*number, *gpus),
            Event::Quiets(number, alive) => self.say(command::Body::SetNodePhase(store::SetNodePhase {
                node: node(*number),
                alive: *alive,
                reason: "it was quiet".to_owned(),
            })),
            Event::Queue(max_devices, priority) => self.say(command::Body::PutQueue(store::PutQueue {
                name: "small".to_owned(),
                uid: "queue-small".to_owned(),
                spec: Some(v1::QueueSpec {
                    max_devices: *max_devices,
                    priority: *priority,
                    disruptions: (*priority > 0)
                        .then_some(v1::DisruptionBudget { max: 1, per_ms: 30_000_000 }),
                    ..v1::QueueSpec::default()
                }),
                ..store::PutQueue::default()
            })),
            Event::Imports(owner) => {
                let spec = v1::ArtifactSpec {
                    kind: "dataset".to_owned(),
                    name: format!("d{owner}"),
                    label: Some(german()),
                    tenant: "lab".to_owned(),
                    owner: "anna".to_owned(),
                    ..v1::ArtifactSpec::default()
                };
                let commit = store::CommitVersion { spec: Some(spec), node: node(0), ..Default::default() };
                self.say(command::Body::CommitVersion(commit));
            }
            Event::Hours(hours) => self.now += hours * 3_600_000,
        }
    }

    fn come(&mut self, event: &Event) {
        let &Event::Comes { tasks, gpus, priority, queue, stoppable, owner } = event else { return };
        self.came += 1;
        submitted(&mut self.state, self.now, &format!("j{:03}", self.came), |spec| {
            let share_millis = if gpus == 1 && priority == 0 { 400 } else { 0 };
            let class = "nvidia".to_owned();
            let devices = v1::DeviceRequest { class, count: gpus, share_millis, ..Default::default() };
            let resources = v1::Resources {
                cpu_millis: 1_000,
                memory_bytes: 1 << 20,
                devices: (gpus > 0).then_some(devices),
            };
            let name = "worker".to_owned();
            // Some stay together on one node.
            let topology = (gpus == 2).then(|| v1::TopologyRequest {
                required: "node".to_owned(),
                ..v1::TopologyRequest::default()
            });
            // Some would do with less.
            let two = v1::DeviceRequest { class: "nvidia".to_owned(), count: 2, ..Default::default() };
            let less = v1::Resources { devices: Some(two), ..resources.clone() };
            let variants = if gpus == 3 { vec![less] } else { Vec::new() };
            spec.groups = vec![v1::TaskGroup {
                min: 0,
                name,
                count: tasks,
                resources: Some(resources),
                topology,
                variants,
            }];
            // Of some each task restarts for itself, and of some of these not all are needed.
            let alone = stoppable && tasks > 1 && priority < 2;
            spec.restart = if alone { "task" } else { "" }.to_owned();
            for group in &mut spec.groups {
                group.min = u32::from(alone && owner > 0);
            }
            spec.queue = ["default", "small"][queue].to_owned();
            (spec.priority, spec.preemptible) = (priority, Some(stoppable));
            // Some read what may not be there yet.
            let dataset = format!("d{owner}@1");
            let mount = |dataset| v1::DatasetMount { dataset, mount: "/data".to_owned() };
            spec.datasets = (owner > 0).then(|| mount(dataset)).into_iter().collect();
        });
    }

    fn end(&mut self, number: usize, phase: &str) {
        let Some(name) = self.name(number) else { return };
        reports(&self.state, &name, phase).into_iter().for_each(|body| self.say(body));
    }

    fn report(&mut self, number: u64, gpus: usize) {
        let device = |index| v1::Device {
            index: u32::try_from(index).unwrap(),
            class: "nvidia".to_owned(),
            memory_bytes: 1 << 30,
            ..v1::Device::default()
        };
        let inventory = v1::NodeInventory { devices: (0..gpus).map(device).collect(), ..inventory() };
        self.say(command::Body::ReportNode(store::ReportNode {
            node: node(number),
            inventory: Some(inventory),
            ..store::ReportNode::default()
        }));
    }

    /// A plan that was made is committed, perhaps after something else.
    fn commit(&mut self, planner: &mut Planner, plan: &Plan) {
        let told = planner.tell(&self.state, Telling::Changed);
        if let Some(commit) = commit_plan(plan, told.sentences, &planner.config().policy_hash) {
            self.say(command::Body::CommitPlan(commit));
        }
    }

    fn cold(&self) -> Scheduler {
        let view = snapshot(&self.state, &self.bundle, Time(self.now));
        Scheduler::new(&view, &settings(&self.state, &self.bundle), Time(self.now))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_planner_that_is_kept_plans_as_one_that_looks_at_everything(
        story in prop::collection::vec((event(), prop::option::weighted(0.3, event())), 1..50),
    ) {
        let mut world = World::new();
        let mut kept = None;
        for (event, meanwhile) in &story {
            world.happen(event);
            let mut planner = Planner::following(kept, &world.state, &world.bundle, Time(world.now));
            let mut cold = world.cold();
            let plan = planner.plan();
            prop_assert_eq!(&plan, &cold.plan(world.state.revision(), Time(world.now)));
            prop_assert_eq!(planner.scheduler.explanations(), cold.explanations());
            // What happens between a plan and its commit has gangs of it rejected.
            if let Some(event) = meanwhile {
                world.happen(event);
            }
            world.commit(&mut planner, &plan);
            kept = Some(planner);
        }
    }
}

/// A cluster in which so many jobs wait, and the planner of it.
fn crowded(jobs: u32) -> (World, Planner) {
    let mut world = World::new();
    for _ in 0..jobs {
        let queue = 0;
        world.come(&Event::Comes { tasks: 1, gpus: 4, priority: 0, queue, stoppable: false, owner: 0 });
    }
    let planner = Planner::new(&world.state, &world.bundle, Time(world.now));
    (world, planner)
}

fn reasons(world: &World) -> usize {
    let waits = |status: &v1::JobStatus| status.phase == JobPhase::Pending.as_str();
    let statuses = world.state.jobs().filter_map(|job| job.status.as_ref()).filter(|status| waits(status));
    statuses.filter(|status| status.explanation.is_none()).count()
}

#[test]
fn everybody_who_waits_is_told_why_so_many_at_a_time() {
    let (mut world, mut planner) = crowded(1_500);
    let mut left = Vec::new();
    for _ in 0..3 {
        let plan = planner.plan();
        let told = planner.tell(&world.state, Telling::New);
        left.push((told.sentences.len(), told.is_all));
        if let Some(commit) = commit_plan(&plan, told.sentences, "law") {
            world.say(command::Body::CommitPlan(commit));
        }
        planner = Planner::following(Some(planner), &world.state, &world.bundle, Time(world.now));
    }
    assert_eq!(left, [(1_000, false), (496, true), (0, true)]);
    assert_eq!(reasons(&world), 0);
}

#[test]
fn who_was_told_is_told_again_where_the_words_differ_and_it_was_asked_for() {
    let (mut world, mut planner) = crowded(6);
    let plan = planner.plan();
    world.commit(&mut planner, &plan);
    let mut planner = Planner::following(Some(planner), &world.state, &world.bundle, Time(world.now));
    planner.plan();
    assert!(planner.tell(&world.state, Telling::Changed).sentences.is_empty(), "they know");
    (0..NODES).for_each(|node| world.happen(&Event::Cordons(node, "cordon")));
    let mut planner = Planner::following(Some(planner), &world.state, &world.bundle, Time(world.now));
    planner.plan();
    assert!(planner.tell(&world.state, Telling::New).sentences.is_empty());
    assert_eq!(planner.tell(&world.state, Telling::Changed).sentences.len(), 2);
    // With two accelerators each they can never be placed.
    (0..NODES).for_each(|node| world.happen(&Event::Reports(node, 2)));
    let mut planner = Planner::following(Some(planner), &world.state, &world.bundle, Time(world.now));
    planner.plan();
    let told = planner.tell(&world.state, Telling::New);
    assert_eq!(told.sentences.values().filter(|told| told.never_fits).count(), 2);
}
