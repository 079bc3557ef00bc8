//! A planner that is told what changes decides as one that looks at everything.

use proptest::prelude::*;

use super::*;

/// Something that happens to a cluster.
#[derive(Debug, Clone)]
enum Event {
    Comes(String),
    Ends(usize),
    /// One that is told to stop has stopped, and waits again.
    Stops,
    Closes(usize),
    Opens(usize),
    Hours(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let comes = (1..4_u32, 0..13_usize, 0..3_i32, 0..6_usize, prop::bool::ANY, 0..6_usize).prop_map(
        |(tasks, devices, priority, queue, stoppable, other)| {
            // Half of the gangs stay together in some way.
            let takes = ["", "", "takes=7200", "takes=30000"][(devices + other) % 4];
            let near = ["", "near=required:rack", "near=preferred:rack", "near=1:rack,1:node", "", ""];
            let near = near[devices % 6];
            let devices = match devices.checked_sub(9) {
                None => format!("gpus={devices}"),
                Some(part) => format!("share={}", [200, 350, 500, 800][part]),
            };
            let stoppable = if stoppable { "stoppable=1" } else { "" };
            let waits = if other % 2 == 0 { "wait=9000" } else { "" };
            let array = ["", "", "array=4", "", "array=3 room=2", "beside=a:rack"][other];
            let other = ["", "or=amd:2", "or=nvidia:1:3,amd:4"][other / 2];
            let queue = ["default", "lab", "small", "one", "two", "light"][queue];
            Event::Comes(format!(
                "tasks={tasks} {devices} priority={priority} queue={queue} age=0 {stoppable} {waits} {near} {other} {array} {takes}"
            ))
        },
    );
    let event = prop_oneof![
        5 => comes,
        3 => (0..99_usize).prop_map(Event::Ends),
        3 => Just(Event::Stops),
        1 => (0..5_usize).prop_map(Event::Closes),
        1 => (0..5_usize).prop_map(Event::Opens),
        3 => (0..20_u64).prop_map(Event::Hours),
    ];
    prop::collection::vec(event, 1..60)
}

struct World {
    snapshot: Snapshot,
    warm: Scheduler,
    now: Time,
    came: u32,
}

impl World {
    fn new(reservations: &[&str]) -> Self {
        let mut snapshot = cluster(
            &[
                "a gpus=8 place=rack:r1",
                "b gpus=8 place=rack:r1",
                "c gpus=8 cores=6 place=rack:r2",
                "d gpus=4 place=rack:r2",
                "e gpus=4 class=amd",
            ],
            &[
                "default half=40000 stops=2:30000",
                "light weight=1 parent=lab run=0",
                "small max=9 priority=1",
                "lab nominal=nvidia:4 half=86400 weight=2 stops=3:50000",
                "one parent=lab nominal=nvidia:8 lend=nvidia:6 weight=3",
                "two parent=lab nominal=nvidia:4 borrow=nvidia:9 run=40000 stops=1:20000",
            ],
            &[],
        );
        snapshot.reservations = reservations.iter().map(|line| reservation(line)).collect();
        let warm = Scheduler::new(&snapshot, &settings(), NOW);
        Self { snapshot, warm, now: NOW, came: 0 }
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Comes(line) => {
                let mut view = job(&format!("j{} {line}", self.came), &self.snapshot.nodes);
                self.came += 1;
                view.submitted = self.now;
                if let JobState::Waiting { since, not_before, .. } = &mut view.state {
                    *since = self.now;
                    *not_before = not_before.map(|_| self.now + Span::from_secs(9_000));
                }
                self.warm.set_job(&view);
                self.snapshot.jobs.push(view);
            }
            Event::Ends(number) => {
                if !self.snapshot.jobs.is_empty() {
                    let number = number % self.snapshot.jobs.len();
                    let job = self.snapshot.jobs.swap_remove(number);
                    if matches!(job.state, JobState::Placed { .. }) {
                        record(&mut self.snapshot, &job, self.now, Usage::give_back);
                    }
                    self.warm.remove_job(&job.name);
                    self.make_room(&job.name);
                }
            }
            Event::Stops => self.stop(),
            Event::Closes(node) => self.set_node(*node, Schedulable::No(NodePhase::Cordoned)),
            Event::Opens(node) => self.set_node(*node, Schedulable::Yes),
            Event::Hours(hours) => self.now = self.now + Span::from_secs(hours * 3_600),
        }
    }

    /// One element less of an array is under way.
    fn make_room(&mut self, element: &JobName) {
        if let Some(view) = make_room(&mut self.snapshot, element) {
            self.warm.set_job(view);
        }
    }

    fn set_node(&mut self, node: usize, schedulable: Schedulable) {
        self.snapshot.nodes[node].schedulable = schedulable;
        assert!(self.warm.set_node(&self.snapshot.nodes[node].name, schedulable));
    }

    fn stop(&mut self) {
        let stops = |job: &&mut JobView| matches!(job.state, JobState::Placed { stopping: true, .. });
        let JobState::Waiting { verdicts, .. } = job("x", &self.snapshot.nodes).state else {
            panic!("it waits")
        };
        let Some(view) = self.snapshot.jobs.iter_mut().find(stops) else { return };
        if let JobState::Placed { since, .. } = &view.state {
            view.past.ran = Span(view.past.ran.0 + self.now.since(*since).0);
        }
        let (since, held_since) = (self.now, self.now);
        view.state =
            JobState::Waiting { verdicts, since, not_before: None, held: Vec::new(), held_in: 0, held_since };
        let view = view.clone();
        self.warm.set_job(&view);
        record(&mut self.snapshot, &view, self.now, Usage::give_back);
    }

    /// Tells what was recorded of the queues.
    fn tell(&mut self) {
        for queue in &self.snapshot.queues {
            assert!(self.warm.set_usage(&queue.name, queue.usage));
            assert!(self.warm.set_disrupted(&queue.name, &queue.disrupted));
        }
    }
}

/// What is kept for whom, again and again.
const KEPT: [&str; 5] = [
    "row domain=rack:r1 power=6000",
    "tariff power=9000 from=30000 for=30000 every=70000",
    "any count=1 from=20000 for=20000 every=50000 queues=lab",
    "night domain=rack:r1 from=40000 for=9000 every=86400 until=200000 flex=1",
    "amd nodes=e queues=default from=70000",
];

fn settings() -> Config {
    Config { max_gangs_per_plan: 3, ..config() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_told_of_changes_decides_as_what_looks_at_everything(events in events(), kept in prop::bool::ANY) {
        let mut world = World::new(if kept { &KEPT } else { &[] });
        for (revision, event) in (1..).zip(&events) {
            world.happen(event);
            world.tell();
            world.snapshot.revision = revision;
            let mut cold = Scheduler::new(&world.snapshot, &settings(), world.now);
            let expected = cold.plan(revision, world.now);
            let mut ledger = Ledger::new(&world.snapshot, world.now);
            for gang in &expected.gangs {
                prop_assert_eq!(ledger.accept(gang), Ok(()));
            }
            prop_assert_eq!(&world.warm.plan(revision, world.now), &expected);
            prop_assert_eq!(world.warm.explanations(), cold.explanations());
            // Nobody is stopped and started at once, and places are held for every job that somebody is stopped for.
            for stopped in &expected.preempts {
                prop_assert!(expected.gangs.iter().all(|gang| gang.job != stopped.job));
                let by = |gang: &GangPlacement| Cause::Job(gang.job.clone()) == stopped.by;
                let makes_way = matches!(stopped.by, Cause::Reservation(_));
                prop_assert!(makes_way || expected.holds.iter().any(by));
            }
            commit(&mut world.snapshot, &expected);
            for queue in &world.snapshot.queues {
                let most = queue.disruptions.map_or(usize::MAX, |budget| usize::try_from(budget.max).unwrap());
                prop_assert!(counted(queue, world.now) <= most, "{} is stopped too often", queue.name);
            }
        }
    }
}
