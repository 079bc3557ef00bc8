//! What is foreseen is what comes.

use proptest::prelude::*;

use super::*;

/// Every job takes as long as its name says after a dash, in seconds: `j-60`; one without takes nobody knows how long.
struct Named(Verdicts);

impl Named {
    fn on(snapshot: &Snapshot) -> Self {
        Self(snapshot.nodes.iter().map(|node| (node.name.clone(), Verdict::Allow)).collect())
    }
}

fn takes(job: &JobName) -> Option<Span> {
    let name = element_of(job.as_str()).map_or(job.as_str(), |(array, _)| array);
    name.split_once('-').map(|(_, seconds)| Span::from_secs(seconds.parse().unwrap()))
}

impl Expectation for Named {
    fn takes(&self, job: &JobView) -> Option<Span> {
        takes(&job.name)
    }

    fn again(&mut self, _: &JobView) -> Option<Verdicts> {
        Some(self.0.clone())
    }
}

/// When each of these starts, in seconds from now.
fn check(snapshot: &Snapshot, jobs: &[(&str, Option<u64>)]) {
    let mut foresight = Foresight::new(snapshot, &config(), NOW, Named::on(snapshot));
    for (job, at) in jobs {
        let job: JobName = job.parse().unwrap();
        assert_eq!(foresight.until_started([&job].into_iter()), at.is_some(), "{job}");
        let start = foresight.starts().get(&job).map(|start| start.at.since(NOW).0 / 1_000);
        assert_eq!(start, *at, "{job}");
    }
}

#[test]
fn a_job_starts_when_what_is_before_it_has_ended() {
    let mut snapshot =
        cluster(&["a gpus=8"], &[], &["now-10 gpus=2", "next-90 gpus=6 age=50", "last-9 gpus=8 age=40"]);
    let nodes = snapshot.nodes.clone();
    snapshot.jobs.push(running("old-100 gpus=4", 60, "a:0-3", &nodes));
    check(&snapshot, &[("now-10", Some(0)), ("next-90", Some(40)), ("last-9", Some(130))]);
}

#[test]
fn nobody_says_when_a_job_starts_that_waits_for_one_without_an_end() {
    let mut snapshot = cluster(&["a gpus=8"], &[], &["next-90 gpus=8", "small-5 gpus=4 age=9"]);
    let nodes = snapshot.nodes.clone();
    snapshot.jobs.push(running("old gpus=4", 60, "a:0-3", &nodes));
    check(&snapshot, &[("next-90", None)]);
}

#[test]
fn one_that_has_taken_longer_than_it_was_expected_to_ends_any_moment() {
    let mut snapshot = cluster(&["a gpus=8"], &[], &["next-90 gpus=8"]);
    let nodes = snapshot.nodes.clone();
    snapshot.jobs.push(running("old-30 gpus=4", 60, "a:0-3", &nodes));
    check(&snapshot, &[("next-90", Some(0))]);
}

#[test]
fn who_is_stopped_starts_again_after_the_one_that_it_was_stopped_for() {
    let mut snapshot = cluster(&["a gpus=8"], &[], &["urgent-600 gpus=8 priority=5"]);
    let nodes = snapshot.nodes.clone();
    snapshot.jobs.push(running("old-90000 gpus=4 stoppable=1", 50_000, "a:0-3", &nodes));
    let mut foresight = Foresight::new(&snapshot, &config(), NOW, Named::on(&snapshot));
    let old: JobName = "old-90000".parse().unwrap();
    assert_eq!(foresight.starts().keys().map(JobName::as_str).collect::<Vec<_>>(), ["urgent-600"]);
    assert_eq!(foresight.stopped().get(&old), Some(&Cause::Job("urgent-600".parse().unwrap())));
    assert!(foresight.until_started([&old].into_iter()));
    assert_eq!(foresight.starts()[&old].at, NOW + Span::from_secs(600));
}

/// The same by one that looks at everything at every moment.
fn naive(mut snapshot: Snapshot, config: &Config) -> BTreeMap<JobName, Time> {
    let (mut starts, mut now, law) = (BTreeMap::new(), NOW, Named::on(&snapshot).0);
    for _ in 0..400 {
        let plan = plan(&snapshot, config, now);
        let known: BTreeSet<JobName> = snapshot.jobs.iter().map(|job| job.name.clone()).collect();
        commit(&mut snapshot, &plan);
        for gang in &plan.gangs {
            starts.entry(gang.job.clone()).or_insert(now);
            if let Some((array, _)) = element_of(gang.job.as_str()).filter(|_| !known.contains(&gang.job)) {
                starts.entry(array.parse().unwrap()).or_insert(now);
            }
        }
        for preempt in &plan.preempts {
            let job = find(&mut snapshot, preempt.job.as_str());
            let JobState::Placed { since, .. } = &job.state else { panic!("it runs") };
            job.past.ran = Span(job.past.ran.0 + now.since(*since).0);
            let had = job.clone();
            let (verdicts, held) = (law.clone(), Vec::new());
            job.state = JobState::Waiting {
                verdicts,
                since: now,
                not_before: None,
                held_in: 0,
                held,
                held_since: now,
            };
            record(&mut snapshot, &had, now, Usage::give_back);
        }
        if plan.is_full || !plan.preempts.is_empty() {
            continue;
        }
        let end = |job: &JobView| match &job.state {
            JobState::Placed { since, .. } => Some((*since + takes(&job.name)?).max(NOW)),
            JobState::Waiting { .. } => None,
        };
        let ends = snapshot.jobs.iter().filter_map(end);
        let Some(next) = ends.chain(plan.ask_again.filter(|at| *at > now)).min() else { break };
        now = next.max(now);
        let over: Vec<JobView> =
            snapshot.jobs.iter().filter(|job| end(job).is_some_and(|at| at <= now)).cloned().collect();
        for job in over {
            record(&mut snapshot, &job, now, Usage::give_back);
            snapshot.jobs.retain(|other| other.name != job.name);
            make_room(&mut snapshot, &job.name);
        }
    }
    starts
}

/// What is kept for whom, and capped, once.
const KEPT: [&str; 3] = [
    "night nodes=a from=20000 for=30000 flex=1",
    "day nodes=b from=90000 for=20000 queues=lab",
    "feed power=9000 from=30000 for=60000",
];

fn jobs() -> impl Strategy<Value = Vec<String>> {
    let one = (1..3_u32, 0..9_u32, 0..3_i32, 0..3_usize, 0..9_u64, prop::bool::ANY).prop_map(
        |(tasks, gpus, priority, queue, hours, stoppable)| {
            let queue = ["default", "one", "two"][queue];
            let stoppable = if stoppable { "stoppable=1" } else { "" };
            let or = if gpus == 8 { "or=amd:1,nvidia:0:4" } else { "" };
            let seconds = 60 + hours * 14_400;
            let takes = if hours % 3 == 1 { format!("takes={seconds}") } else { String::new() };
            let array = ["", "", "array=3", "array=4 room=1"][usize::try_from(hours % 4).unwrap()];
            format!("-{seconds} tasks={tasks} gpus={gpus} priority={priority} queue={queue} {stoppable} {or} {array} {takes}")
        },
    );
    prop::collection::vec(one, 1..16)
        .prop_map(|lines| lines.iter().enumerate().map(|(n, line)| format!("j{n}{line} age={n}")).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_foreseen_is_what_comes_of_plan_after_plan(
        jobs in jobs(),
        running in 0..9_usize,
        kept in prop::bool::ANY,
    ) {
        let lines: Vec<&str> = jobs.iter().map(String::as_str).collect();
        let queues = [
            "default stops=1:30000",
            "lab stops=3:90000",
            "one parent=lab nominal=nvidia:8 stops=2:50000",
            "two parent=lab nominal=nvidia:4",
        ];
        let mut snapshot = cluster(&["a gpus=8", "b gpus=8", "c gpus=2 class=amd"], &queues, &lines);
        let waiting = snapshot.jobs.split_off(running.min(snapshot.jobs.len()));
        let first = plan(&snapshot, &config(), NOW - Span::from_secs(50_000));
        commit(&mut snapshot, &first);
        snapshot.jobs.extend(waiting);
        if kept {
            snapshot.reservations = KEPT.iter().map(|line| reservation(line)).collect();
        }
        let config = Config { max_gangs_per_plan: 3, ..config() };
        let expected = naive(snapshot.clone(), &config);
        let mut foresight = Foresight::new(&snapshot, &config, NOW, Named::on(&snapshot));
        let all: Vec<JobName> = expected.keys().cloned().collect();
        foresight.until_started(all.iter());
        let starts: BTreeMap<JobName, Time> =
            foresight.starts().iter().map(|(job, start)| (job.clone(), start.at)).collect();
        prop_assert_eq!(starts, expected);
    }
}
