//! A virtual week of random trees and random jobs: nobody is stopped in circles, nobody starves, and work comes to rest.
//!
//! Kueue proves that two queues of one cohort do not stop each other in turn, and leaves trees of them open. Here stops that only give
//! back what is somebody's own, or serve a higher priority, end by themselves in any tree; those by which equals take turns are as far
//! apart as the slices say.

use proptest::prelude::*;

use super::*;

const HOUR: u64 = 3_600;

/// When a job comes and for how long it runs, in hours, and what it says.
#[derive(Debug, Clone)]
struct Coming {
    at: u64,
    hours: u64,
    queue: usize,
    priority: i32,
    /// It may not be stopped.
    stays: bool,
    rest: String,
}

fn trees() -> impl Strategy<Value = Vec<String>> {
    let limit = || prop::option::of(0..9_u32);
    let one = (0..7_usize, prop::option::of(0..9_u32), limit(), limit(), 0..2_i32, 1..4_u32);
    prop::collection::vec(one, 2..9).prop_map(|queues| {
        let line = |(at, (parent, nominal, borrow, lend, priority, weight)): (
            usize,
            (usize, Option<u32>, _, _, i32, u32),
        )| {
            let word = |word: &str, count: Option<u32>| {
                count.map_or(String::new(), |count| format!("{word}=nvidia:{count}"))
            };
            let limits = if nominal.is_some() && at > 0 {
                [word("borrow", borrow), word("lend", lend)].join(" ")
            } else {
                String::new()
            };
            let parent = if at == 0 { String::new() } else { format!("parent=q{}", parent % at) };
            format!(
                "q{at} {parent} priority={priority} weight={weight} half=86400 {} {limits}",
                word("nominal", nominal)
            )
        };
        queues.into_iter().enumerate().map(line).collect()
    })
}

fn comings() -> impl Strategy<Value = Vec<Coming>> {
    let one =
        (0..48_u64, prop_oneof![1..40_u64, Just(9_999)], 0..9_usize, 1..3_u32, 1..9_u32, 0..3_i32, 0..5_u32);
    prop::collection::vec(one, 1..14).prop_map(|jobs| {
        let coming = |(number, (at, hours, queue, tasks, gpus, priority, stays)): (
            usize,
            (_, _, usize, u32, u32, i32, u32),
        )| {
            let rest = format!("j{number} tasks={tasks} gpus={gpus}");
            Coming { at, hours, queue, priority, stays: stays == 0, rest }
        };
        jobs.into_iter().enumerate().map(coming).collect()
    })
}

/// What happened to a job.
#[derive(Debug, Default, Clone)]
struct Told {
    started: Option<u64>,
    ran: u64,
    stops: u64,
}

struct Week {
    snapshot: Snapshot,
    warm: Scheduler,
    verdicts: Verdicts,
    config: Config,
    told: BTreeMap<JobName, Told>,
    left: BTreeMap<JobName, u64>,
    hour: u64,
    /// The hours of the last coming or end, and of the last stop.
    moved: u64,
    stopped: Option<u64>,
}

impl Week {
    fn new(nodes: &[&str], queues: &[String], config: Config) -> Self {
        let queues: Vec<&str> = queues.iter().map(String::as_str).collect();
        let snapshot = cluster(nodes, &queues, &[]);
        let warm = Scheduler::new(&snapshot, &config, NOW);
        let JobState::Waiting { verdicts, .. } = job("x", &snapshot.nodes).state else { panic!("it waits") };
        let (told, left) = (BTreeMap::new(), BTreeMap::new());
        Self { snapshot, warm, verdicts, config, told, left, hour: 0, moved: 0, stopped: None }
    }

    fn now(&self) -> Time {
        NOW + Span::from_secs(self.hour * HOUR)
    }

    fn comes(&mut self, coming: &Coming) {
        let queue = &self.snapshot.queues[coming.queue % self.snapshot.queues.len()].name;
        let stoppable = if coming.stays { "" } else { "stoppable=1" };
        let line = format!("{} queue={queue} priority={} {stoppable}", coming.rest, coming.priority);
        let mut view = job(&line, &self.snapshot.nodes);
        view.submitted = self.now();
        wait_from(&mut view, &self.verdicts, self.now());
        self.told.insert(view.name.clone(), Told::default());
        self.left.insert(view.name.clone(), coming.hours);
        self.warm.set_job(&view);
        self.snapshot.jobs.push(view);
        self.moved = self.hour;
    }

    /// Until nothing follows any more at this instant.
    fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 4 + 2 * self.snapshot.jobs.len(), "plans at one instant come to an end");
            for queue in &self.snapshot.queues {
                self.warm.set_usage(&queue.name, queue.usage);
            }
            let made = self.warm.plan(self.snapshot.revision, self.now());
            commit(&mut self.snapshot, &made);
            for gang in &made.gangs {
                let told = self.told.get_mut(&gang.job).unwrap();
                told.started = told.started.or(Some(self.hour));
            }
            for victim in &made.preempts {
                self.stop(&victim.job);
            }
            if made.gangs.is_empty() && made.preempts.is_empty() {
                return;
            }
        }
    }

    fn stop(&mut self, name: &JobName) {
        let (now, verdicts) = (self.now(), self.verdicts.clone());
        let view = find(&mut self.snapshot, name.as_str());
        let JobState::Placed { since, .. } = &view.state else { panic!("it ran") };
        let ran = now.since(*since);
        assert!(ran >= self.config.min_run, "{name} ran for {ran} only");
        view.past.ran = Span(view.past.ran.0 + ran.0);
        wait_from(view, &verdicts, now);
        let view = view.clone();
        self.told.get_mut(name).unwrap().stops += 1;
        record(&mut self.snapshot, &view, now, Usage::give_back);
        self.warm.set_job(&view);
        self.stopped = Some(self.hour);
    }

    fn pass(&mut self) {
        self.hour += 1;
        let mut ended = Vec::new();
        for view in self.snapshot.jobs.iter().filter(|view| matches!(view.state, JobState::Placed { .. })) {
            self.told.get_mut(&view.name).unwrap().ran += 1;
            let left = self.left.get_mut(&view.name).unwrap();
            *left -= 1;
            if *left == 0 {
                ended.push(view.clone());
            }
        }
        let now = self.now();
        for view in ended {
            record(&mut self.snapshot, &view, now, Usage::give_back);
            self.snapshot.jobs.retain(|other| other.name != view.name);
            self.warm.remove_job(&view.name);
            self.moved = self.hour;
        }
    }

    fn run(&mut self, comings: &[Coming], hours: u64) {
        while self.hour < hours {
            let hour = self.hour;
            for coming in comings.iter().filter(|coming| coming.at == hour) {
                self.comes(coming);
            }
            self.settle();
            self.pass();
        }
    }
}

fn wait_from(view: &mut JobView, verdicts: &Verdicts, now: Time) {
    let (verdicts, held) = (verdicts.clone(), Vec::new());
    view.state =
        JobState::Waiting { verdicts, since: now, not_before: None, held, held_in: 0, held_since: now };
}

const NODES: [&str; 3] = ["m gpus=8", "n gpus=8", "o gpus=8"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is one's own, and priorities, come to rest: some hours after the last job came or ended nobody is stopped any more.
    #[test]
    fn stops_for_what_is_ones_own_and_for_priorities_end(queues in trees(), comings in comings()) {
        let never = Span(u64::MAX / 2);
        let mut week = Week::new(&NODES, &queues, Config { slice: never, overdue_after: never, ..config() });
        week.run(&comings, 168);
        // Each job that comes to its own, or to its priority, does so once.
        let rest = u64::try_from(comings.len()).unwrap() + 2;
        prop_assert!(week.stopped.is_none_or(|stopped| stopped <= week.moved + rest), "{:?} {}", week.stopped, week.moved);
        for (name, told) in &week.told {
            // Every arrival and every end can take from a job what another gave it.
            let events = 2 * u64::try_from(comings.len()).unwrap();
            prop_assert!(told.stops <= events, "{name} was stopped {} times", told.stops);
        }
    }

    /// Where equals take turns a job is stopped for them no more often than slices end.
    #[test]
    fn a_job_is_stopped_no_more_often_than_it_runs_slices(queues in trees(), comings in comings()) {
        let comings: Vec<Coming> =
            comings.into_iter().map(|coming| Coming { priority: 0, ..coming }).collect();
        let flat: Vec<String> = (0..queues.len()).map(|at| format!("q{at} weight={} half=86400", at % 3 + 1)).collect();
        let mut week = Week::new(&NODES, &flat, config());
        week.run(&comings, 168);
        for (name, told) in &week.told {
            prop_assert!(told.stops <= told.ran / 12, "{name} ran for {} h and was stopped {} times", told.ran, told.stops);
        }
    }

    /// Everybody comes to an end no later than if all ran one after the other, and the wait that puts one first were added once.
    #[test]
    fn the_wait_of_a_job_that_could_run_is_bounded(
        weights in prop::collection::vec(1..9_u32, 1..5),
        mut comings in comings(),
    ) {
        let queues: Vec<String> = weights.iter().enumerate().map(|(at, weight)| format!("q{at} weight={weight} half=86400")).collect();
        comings.iter_mut().for_each(|coming| (coming.priority, coming.hours) = (0, coming.hours.min(100)));
        let mut week = Week::new(&NODES, &queues, config());
        let all: u64 = comings.iter().map(|coming| coming.hours).sum();
        week.run(&comings, 48 + all + 48);
        prop_assert!(week.snapshot.jobs.is_empty(), "{:?}", week.told);
    }

    /// Who asks for no more than its queue has of its own gets it as soon as others have run for ten minutes.
    #[test]
    fn what_is_ones_own_is_had_within_the_hour(
        nominal in prop::collection::vec(0..7_u32, 2..5),
        greedy in 0..9_usize,
        at in 1..30_u64,
    ) {
        // Two levels: the first queue shares with nobody directly, the others below a second.
        let nominal: Vec<u32> = nominal.into_iter().map(|own| own.min(6)).collect();
        let mut queues = vec!["top".to_owned(), "mid parent=top".to_owned()];
        queues.extend(nominal.iter().enumerate().map(|(n, own)| {
            format!("own-{n} parent={} nominal=nvidia:{own}", if n == 0 { "top" } else { "mid" })
        }));
        let greedy = greedy % nominal.len();
        let single = |name: String, queue: usize, priority: i32, at: u64| Coming {
            at, hours: 9_999, queue: queue + 2, priority, stays: false, rest: format!("{name} gpus=1"),
        };
        // One queue takes everything with the highest priority; then each asks for all that is its own.
        let mut comings: Vec<Coming> = (0..24).map(|n| single(format!("greedy-{n}"), greedy, 9, 0)).collect();
        for (queue, own) in nominal.iter().enumerate().filter(|(queue, _)| *queue != greedy) {
            comings.extend((0..*own).map(|n| single(format!("own-{queue}-{n}"), queue, 0, at)));
        }
        let mut week = Week::new(&NODES, &queues, config());
        week.run(&comings, at + 3);
        for (name, told) in week.told.iter().filter(|(name, _)| name.as_str().starts_with("own")) {
            prop_assert!(told.started.is_some_and(|started| started <= at + 1), "{name}: {told:?} of {queues:?}");
        }
    }
}
