//! Jobs that wait for other jobs, for their turn, or for a moment.

use std::collections::BTreeSet;

use holdfast_api::timestamp;
use proptest::prelude::*;

use super::*;

fn batch() -> v1::JobSpec {
    v1::JobSpec { kind: "batch".to_owned(), output: String::new(), ..job_spec(1, 0) }
}

fn after(waits: &[(&str, &str)]) -> v1::JobSpec {
    let one = |(job, condition): &(&str, &str)| v1::JobDependency {
        job: (*job).to_owned(),
        condition: (*condition).to_owned(),
    };
    v1::JobSpec { depends_on: waits.iter().map(one).collect(), ..batch() }
}

fn singleton(name: &str) -> v1::JobSpec {
    v1::JobSpec { singleton: name.to_owned(), ..batch() }
}

fn submission(name: &str, spec: v1::JobSpec) -> store::SubmitJob {
    let uid = format!("uid-{name}");
    store::SubmitJob { name: name.to_owned(), uid, spec: Some(spec), ..store::SubmitJob::default() }
}

impl World {
    pub(super) fn refusal(&mut self, name: &str, spec: v1::JobSpec) -> String {
        match self.body(command::Body::SubmitJob(submission(name, spec))).result {
            Some(outcome::Result::Refusal(refusal)) => {
                format!("E{} {}", refusal.code, refusal.because.join(" "))
            }
            other => panic!("not refused: {other:?}"),
        }
    }

    pub(super) fn cancel(&mut self, name: &str) {
        self.done(command::Body::CancelJob(store::EndJob { name: name.to_owned() }));
    }

    pub(super) fn delete(&mut self, name: &str) {
        self.done(command::Body::DeleteJob(store::EndJob { name: name.to_owned() }));
    }

    /// A job of one task goes from its place to an end on the first node.
    fn run(&mut self, name: &str, phase: &str) {
        assert_eq!(self.place(name, &["de-1"]).placed, [name]);
        let fence = self.status(name).fence;
        self.report(name, fence, 0, "de-1", "Running");
        self.report(name, fence, 0, "de-1", phase);
    }

    fn told(&self, name: &str) -> String {
        let status = self.status(name);
        format!("{}: {}", status.phase, status.reason)
    }

    /// The leader finds that jobs are overdue.
    pub(super) fn find_overdue(&mut self, names: &[&str]) {
        let job = |name: &&str| store::OverdueJob { name: (*name).to_owned(), uid: format!("uid-{name}") };
        let jobs = names.iter().map(job).collect();
        self.done(command::Body::FailOverdue(store::FailOverdue { jobs }));
    }

    pub(super) fn overdue(&self) -> Vec<String> {
        self.state.overdue(Time(self.now)).map(|job| job.name).collect()
    }
}

const FREE: &str = "Pending: waits for a place";

/// What a job is told before, while and after the one that it waits for runs to an end, and what one is told that came after it.
fn check(condition: &str, end: &str, expected: [&str; 3]) {
    let mut world = World::new();
    world.submit("a", batch());
    world.submit("b", after(&[("a", condition)]));
    let before = world.told("b");
    world.place("a", &["de-1"]);
    world.report("a", 1, 0, "de-1", "Running");
    let running = world.told("b");
    match end {
        "Cancelled" => {
            world.cancel("a");
            world.report("a", 1, 0, "de-1", "Stopped");
        }
        end => world.report("a", 1, 0, "de-1", end),
    }
    assert_eq!(world.phase("a"), end);
    assert_eq!([before, running, world.told("b")], expected, "{condition} {end}");
    world.submit("late", after(&[("a", condition)]));
    assert_eq!(world.told("late"), world.told("b"), "it makes no difference when it was submitted");
}

#[test]
fn a_job_is_released_when_the_one_it_waits_for_is_where_it_has_to_be() {
    const START: &str = "Pending: waits for job `a` to start";
    const SUCCEED: &str = "Pending: waits for job `a` to succeed";
    const FAIL: &str = "Pending: waits for job `a` to fail or be cancelled";
    for end in ["Succeeded", "Failed", "Cancelled"] {
        check("after", end, [START, FREE, FREE]);
    }
    check("afterok", "Succeeded", [SUCCEED, SUCCEED, FREE]);
    let never = |why: &str| format!("Failed: can never start: it {why}");
    let failed = never("waits for job `a` to succeed, and that failed");
    check("afterok", "Failed", [SUCCEED, SUCCEED, &failed]);
    let cancelled = never("waits for job `a` to succeed, and that was cancelled");
    check("afterok", "Cancelled", [SUCCEED, SUCCEED, &cancelled]);
    check("afternotok", "Failed", [FAIL, FAIL, FREE]);
    check("afternotok", "Cancelled", [FAIL, FAIL, FREE]);
    let succeeded = never("waits for job `a` to fail or be cancelled, and that succeeded");
    check("afternotok", "Succeeded", [FAIL, FAIL, &succeeded]);
}

#[test]
fn a_job_that_waits_gets_no_place_and_says_for_how_many_it_waits() {
    let mut world = World::new();
    for name in ["a", "b", "c"] {
        world.submit(name, batch());
    }
    world.submit("d", after(&[("a", "afterok"), ("b", "afterok"), ("c", "after")]));
    assert_eq!(world.told("d"), "Pending: waits for job `a` to succeed and for 2 more jobs");
    assert_eq!(world.place("d", &["de-2"]).rejected["d"], format!("the job {}", &world.status("d").reason));
    world.run("a", "Succeeded");
    assert_eq!(world.told("d"), "Pending: waits for job `b` to succeed and for job `c`");
    // What it waits for is known again from the records alone.
    world.state = State::restore(world.state.records()).unwrap();
    world.run("b", "Succeeded");
    assert_eq!(world.told("d"), "Pending: waits for job `c` to start");
    assert_eq!(world.status("d").released_at, None);
    world.cancel("c");
    assert_eq!((world.told("d").as_str(), world.status("d").waits_for.len()), (FREE, 0));
    assert_eq!(world.status("d").released_at, Some(timestamp(Time(world.now))));
    assert_eq!(world.place("d", &["de-2"]).placed, ["d"]);
}

#[test]
fn what_cannot_be_waited_for_is_refused() {
    let mut world = World::new();
    world.submit("foreign", v1::JobSpec { tenant: "acme".to_owned(), ..batch() });
    let refused = world.refusal("a", after(&[("gone", "afterok")]));
    assert_eq!(refused, "E2180 dependsOn: tenant `lab` has no job `gone`");
    let refused = world.refusal("a", after(&[("foreign", "afterok")]));
    assert_eq!(refused, "E2180 dependsOn: tenant `lab` has no job `foreign`");
    let refused = world.refusal("a", after(&[("a", "afterok")]));
    assert_eq!(refused, "E2180 dependsOn: it cannot wait for itself");
    assert!(world.state.job("a").is_none());
}

/// The only way to a circle would be a name that is used again: `b` waits for `a`, and another `a` for `b`.
#[test]
fn a_name_that_is_used_again_closes_no_circle() {
    let mut world = World::new();
    let resubmit = |name: &str| command::Body::SubmitJob(submission(name, after(&[("b", "afterok")])));
    world.submit("a", batch());
    world.submit("b", after(&[("a", "afternotok")]));
    assert_eq!(world.refused(resubmit("a")), 1102);
    let delete = command::Body::DeleteJob(store::EndJob { name: "a".to_owned() });
    assert_eq!(world.refused(delete), 1105, "one that has not ended keeps its name");
    // Once it has ended nobody waits for it any more, whatever became of those who did.
    world.cancel("a");
    assert_eq!(world.told("b"), FREE);
    world.delete("a");
    world.done(resubmit("a"));
    assert_eq!(world.told("a"), "Pending: waits for job `b` to succeed");
    assert_eq!(world.told("b"), FREE);
    world.run("b", "Succeeded");
    assert_eq!(world.told("a"), FREE);
    // Nor where it is ended, deleted and submitted again in one step each of one transaction.
    world.submit("x", batch());
    world.submit("y", after(&[("x", "afterok")]));
    let end = || store::EndJob { name: "x".to_owned() };
    let again = submission("x", after(&[("y", "afternotok")]));
    let bodies = [
        transaction_step::Body::CancelJob(end()),
        transaction_step::Body::DeleteJob(end()),
        transaction_step::Body::SubmitJob(again),
    ];
    let steps = bodies.into_iter().map(|body| step(0, body)).collect();
    world.done(command::Body::Transaction(store::Transaction { steps }));
    let vain = "Failed: can never start: it waits for job `x` to succeed, and that was cancelled";
    assert_eq!((world.told("y").as_str(), world.told("x").as_str()), (vain, FREE));
}

#[test]
fn jobs_that_wait_in_vain_fail_one_after_another_and_those_that_hope_for_it_start() {
    let mut world = World::new();
    world.submit("a", batch());
    world.submit("b", after(&[("a", "afterok")]));
    world.submit("c", after(&[("b", "afterok")]));
    world.submit("clean", after(&[("c", "afternotok")]));
    let before = world.state.revision();
    world.cancel("a");
    assert_eq!(world.state.revision(), before + 1, "it is one change");
    assert!(world.told("c").ends_with("it waits for job `b` to succeed, and that failed"));
    assert_eq!(world.told("clean"), FREE);
}

#[test]
fn of_a_singleton_one_job_has_its_turn_in_the_order_of_submission() {
    let mut world = World::new();
    for name in ["z", "y", "x", "w"] {
        world.submit(name, singleton("nightly"));
    }
    world.submit("other", singleton("weekly"));
    world.submit("foreign", v1::JobSpec { tenant: "acme".to_owned(), ..singleton("nightly") });
    let turn = |name: &str| {
        format!("Pending: waits for job `{name}` to end, whose turn in singleton `nightly` is first")
    };
    for (name, told) in [("z", FREE.to_owned()), ("y", turn("z")), ("x", turn("y")), ("w", turn("x"))] {
        assert_eq!(world.told(name), told);
    }
    assert_eq!((world.told("other").as_str(), world.told("foreign").as_str()), (FREE, FREE));
    // Who leaves the line is passed over.
    world.cancel("y");
    assert_eq!((world.told("x"), world.told("w")), (turn("z"), turn("x")));
    world.place("z", &["de-1"]);
    world.report("z", 1, 0, "de-1", "Running");
    assert_eq!(world.told("x"), turn("z"));
    world.state = State::restore(world.state.records()).unwrap();
    world.report("z", 1, 0, "de-1", "Failed");
    assert_eq!((world.told("x"), world.told("w")), (FREE.to_owned(), turn("x")));
    // Whoever starts again keeps the turn.
    let retried = v1::JobSpec { retries: 1, ..singleton("again") };
    world.submit("first", retried);
    world.submit("second", singleton("again"));
    world.run("first", "Failed");
    assert_eq!(world.phase("first"), "Pending");
    assert!(world.told("second").starts_with("Pending: waits for job `first` to end"));
    world.run("first", "Succeeded");
    assert_eq!(world.told("second"), FREE);
}

#[test]
fn nothing_starts_before_its_time() {
    let mut world = World::new();
    let not_before = Some(timestamp(Time(world.now + 1_000)));
    world.submit("a", v1::JobSpec { not_before, ..batch() });
    let rejected = &world.place("a", &["de-1"]).rejected["a"];
    assert!(rejected.starts_with("the job may not start before 1970-01-01T00:00:0"), "{rejected}");
    world.now += 1_000;
    assert_eq!(world.place("a", &["de-1"]).placed, ["a"]);
}

fn due(at: u64, max_run_time_ms: u64) -> v1::JobSpec {
    v1::JobSpec { deadline: Some(timestamp(Time(at))), max_run_time_ms, ..batch() }
}

#[test]
fn what_cannot_end_by_its_deadline_fails_by_the_time_of_the_command() {
    let mut world = World::new();
    world.now = 0;
    let refused = world.refusal("old", due(10, 0));
    assert!(refused.starts_with("E2181 deadline: 1970-01-01T00:00:00.010Z is over; it is"), "{refused}");
    let max = 60 * 60 * 1_000;
    world.now = max;
    let refused = world.refusal("short", due(2 * max, max));
    assert_eq!(
        refused,
        "E2181 deadline: it takes up to maxRunTime 1h, and 1970-01-01T02:00:00.000Z is 59m59s from now"
    );
    world.submit("waits", due(3 * max, max));
    world.submit("runs", due(3 * max, 0));
    world.submit("stops", due(3 * max, 0));
    world.place("runs", &["de-1"]);
    world.report("runs", 1, 0, "de-1", "Running");
    world.find_overdue(&["waits", "runs"]);
    assert_eq!((world.told("waits").as_str(), world.phase("runs").as_str()), (FREE, "Running"));

    world.now = 2 * max;
    assert!(world.place("waits", &["de-2"]).rejected["waits"].contains("cannot end by its deadline"));
    assert_eq!(world.overdue(), ["waits"]);
    world.find_overdue(&["waits", "gone"]);
    assert_eq!(
        world.told("waits"),
        "Failed: cannot end by its deadline 1970-01-01T03:00:00.000Z: it did not start, and takes up to maxRunTime 1h"
    );
    world.state = State::restore(world.state.records()).unwrap();
    world.now = 3 * max + 1;
    assert_eq!(world.overdue(), ["runs", "stops"]);
    world.find_overdue(&["runs", "stops"]);
    assert_eq!(world.told("stops"), "Failed: did not start by its deadline 1970-01-01T03:00:00.000Z");
    assert_eq!(world.told("runs"), "Stopping: did not end by its deadline 1970-01-01T03:00:00.000Z");
    assert!(world.overdue().is_empty(), "nothing is found twice");
    world.report("runs", 1, 0, "de-1", "Stopped");
    assert_eq!(world.told("runs"), "Failed: did not end by its deadline 1970-01-01T03:00:00.000Z");
}

#[test]
fn every_start_that_failed_keeps_its_reason() {
    let mut world = World::new();
    world.submit("a", v1::JobSpec { retries: 2, ..batch() });
    for (start, phase) in [(1, "Pending"), (2, "Pending"), (3, "Failed")] {
        world.run("a", "Failed");
        let told = format!("{phase}: failed {start} of 3 starts: task 0 on de-1: told Failed");
        assert_eq!(world.told("a"), told);
    }
    let kept: Vec<_> = world.status("a").failed_starts.into_iter().map(|s| (s.fence, s.reason)).collect();
    assert_eq!(kept, (1..=3).map(|n| (n, "task 0 on de-1: told Failed".to_owned())).collect::<Vec<_>>());
}

#[test]
fn a_job_that_waits_is_refused_until_every_member_knows_of_it() {
    let mut world = World::new();
    let mut cluster = world.state.cluster().unwrap().clone();
    cluster.feature_level = 4;
    world.state.put_cluster(cluster);
    world.submit("a", v1::JobSpec { retries: 1, ..batch() });
    for spec in [after(&[("a", "after")]), singleton("s"), due(u64::MAX / 2, 0)] {
        assert_eq!(world.refused(command::Body::SubmitJob(submission("b", spec.clone()))), 1130);
        let steps = vec![step(0, transaction_step::Body::SubmitJob(submission("b", spec)))];
        assert_eq!(world.refused(command::Body::Transaction(store::Transaction { steps })), 1130);
    }
    world.run("a", "Failed");
    let status = world.status("a");
    assert_eq!((status.reason.as_str(), status.failed_starts.len()), ("task 0 on de-1: told Failed", 0));
}

#[test]
fn ten_thousand_jobs_are_released_by_the_end_of_one() {
    const MANY: usize = 10_000;
    let mut world = World::quiet();
    world.submit("a", batch());
    for number in 0..MANY {
        world.submit(&format!("b{number}"), after(&[("a", "afterok")]));
    }
    for number in 0..MANY {
        world.submit(&format!("idle{number}"), batch());
    }
    world.place("a", &["de-1"]);
    let began = std::time::Instant::now();
    world.report("a", 1, 0, "de-1", "Succeeded");
    println!("{MANY} jobs released in {:?}", began.elapsed());
    assert!((0..MANY).all(|number| world.told(&format!("b{number}")) == FREE));
}

/// What can happen to some jobs.
#[derive(Debug, Clone)]
enum Deed {
    Submit(u8, Vec<(u8, usize)>, bool),
    Place(u8),
    Report(u8, usize),
    Cancel(u8),
    Delete(u8),
    Restart,
}

fn deed() -> impl Strategy<Value = Deed> {
    let job = || 0..6_u8;
    let waits = prop::collection::btree_map(job(), 0..3_usize, 0..3);
    prop_oneof![
        8 => (job(), waits, any::<bool>()).prop_map(|(n, on, s)| Deed::Submit(n, on.into_iter().collect(), s)),
        6 => job().prop_map(Deed::Place),
        6 => (job(), 0..3_usize).prop_map(|(n, phase)| Deed::Report(n, phase)),
        1 => job().prop_map(Deed::Cancel),
        4 => job().prop_map(Deed::Delete),
        1 => Just(Deed::Restart),
    ]
}

fn attempt(world: &mut World, deed: Deed) {
    let name = |number: u8| format!("j{number}");
    let end = |number| store::EndJob { name: name(number) };
    let node = |number: u8| format!("de-{}", number % 3 + 1);
    let body = match deed {
        Deed::Submit(number, on, alone) => {
            let on: Vec<_> =
                on.iter().map(|(n, c)| (name(*n), ["after", "afterok", "afternotok"][*c])).collect();
            let on: Vec<_> = on.iter().map(|(job, condition)| (job.as_str(), *condition)).collect();
            let singleton = if alone { "s".to_owned() } else { String::new() };
            let spec = v1::JobSpec { singleton, ..after(&on) };
            command::Body::SubmitJob(submission(&name(number), spec))
        }
        Deed::Place(number) => {
            world.place(&name(number), &[&node(number)]);
            return;
        }
        Deed::Report(number, phase) => {
            let fence = world.state.job(&name(number)).map_or(0, |_| world.status(&name(number)).fence);
            let phase = ["Running", "Succeeded", "Failed"][phase];
            world.report(&name(number), fence, 0, &node(number), phase);
            return;
        }
        Deed::Cancel(number) => command::Body::CancelJob(end(number)),
        Deed::Delete(number) => command::Body::DeleteJob(end(number)),
        Deed::Restart => {
            world.state = State::restore(world.state.records()).unwrap();
            return;
        }
    };
    world.body(body);
}

/// What must be true of all jobs at any time.
fn assert_sound(world: &World) {
    let phase_of = |name: &str| world.phase(name);
    let ended = |name: &str| matches!(phase_of(name).as_str(), "Succeeded" | "Failed" | "Cancelled");
    let mut line = BTreeSet::new();
    for job in world.state.jobs() {
        let name = job.metadata.as_ref().unwrap().name.clone();
        let status = world.status(&name);
        let mut has_turn = true;
        for wait in &status.waits_for {
            assert_eq!(status.phase, "Pending", "{name}");
            // Nobody waits for what has come about, nor for what cannot come about any more.
            assert!(!ended(&wait.job), "{name} waits for {wait:?}");
            let started = world.status(&wait.job).started_at.is_some();
            assert!(wait.condition != "after" || !started, "{name} waits for {wait:?}");
            has_turn &= wait.condition != "singleton";
        }
        if !ended(&name) && !job.spec.as_ref().unwrap().singleton.is_empty() {
            line.insert((status.turn, name, has_turn));
        }
    }
    assert!(line.iter().enumerate().all(|(at, (_, _, has_turn))| *has_turn == (at == 0)), "{line:?}");
    // Who waits, waits for somebody who waits for fewer, down to one who waits for nobody.
    let mut free = BTreeSet::new();
    loop {
        let before = free.len();
        for job in world.state.jobs() {
            let name = &job.metadata.as_ref().unwrap().name;
            if world.status(name).waits_for.iter().all(|wait| free.contains(&wait.job)) {
                free.insert(name.clone());
            }
        }
        if free.len() == before {
            break;
        }
    }
    assert_eq!(free.len(), world.state.jobs().count(), "some wait for each other");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn nobody_waits_in_vain_or_in_a_circle(deeds in prop::collection::vec(deed(), 0..80)) {
        let mut world = World::quiet();
        for deed in deeds {
            attempt(&mut world, deed);
            assert_sound(&world);
        }
    }
}
