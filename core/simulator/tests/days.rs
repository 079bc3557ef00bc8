//! Small days under every policy: who starts when, what failures cost, and that the same day is the same day again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;

use holdfast_simulator::{Baseline, Cluster, Config, Outcome, Policy, Simulation, Trace, TraceJob};
use holdfast_types::Span;
use proptest::prelude::*;

const HEADER: &str = "arrival,devices,duration,queue\n";

fn run_on(cluster: &Cluster, rows: &str, policy: &Policy, seed: u64) -> Outcome {
    let trace = Trace::parse(format!("{HEADER}{rows}").as_bytes()).unwrap();
    let mut last = 0;
    let simulation = Simulation::new(&trace, cluster, policy, seed, (0, 1)).unwrap();
    let outcome = simulation.run(&mut |done, _| last = done).unwrap();
    assert_eq!(last, outcome.jobs, "it tells how far it is");
    outcome
}

fn all() -> Vec<Policy> {
    let baselines = Baseline::ALL.into_iter().map(Policy::Baseline);
    baselines.chain([Policy::Holdfast(Config::default())]).collect()
}

/// Waits in seconds, in the order of the table: mean and longest.
fn waits(policy: Policy, rows: &str) -> (u64, u64) {
    let outcome = run_on(&Cluster::of(2, 8), rows, &policy, 0);
    (outcome.wait.mean.0, outcome.wait.max.0 / 1_000)
}

#[test]
fn each_baseline_lets_pass_what_its_rule_says() {
    // A half of the cluster is held; a whole one waits; then come a short job, a long one, and a shorter one.
    let rows = "0,8,100,a\n1,16,50,a\n2,4,60,a\n3,4,500,a\n4,8,20,a\n";
    let of = |baseline| waits(Policy::Baseline(baseline), rows);
    // In order: 0, 99 and then, when the whole one ends at 150: 148, 147 and 146.
    assert_eq!(of(Baseline::Fifo), ((99 + 148 + 147 + 146) * 200, 148));
    // The short and the long one pass at once, the third when the first has ended, and the whole one waits for the long one.
    assert_eq!(of(Baseline::Greedy), ((502 + 96) * 200, 502));
    // The long one must not pass: it would outlast the first. The third one may, when the short one has ended.
    assert_eq!(of(Baseline::Easy), ((99 + 147 + 58) * 200, 147));
    // The shortest that fits, whenever something is free: the long one was alone when it came.
    assert_eq!(of(Baseline::Sjf), ((502 + 96) * 200, 502));
}

#[test]
fn a_job_that_fits_nowhere_is_left_out_and_stops_nobody() {
    for policy in all() {
        let outcome = run_on(&Cluster::of(2, 8), "0,17,10,a\n0,1,10,a\n", &policy, 0);
        assert_eq!((outcome.jobs, outcome.left_out), (1, 1), "{policy}");
    }
}

#[test]
fn failures_stop_jobs_and_checkpoints_save_their_work() {
    let text = "nodes = [{ count = 4, devices = 8 }]\nfailures = { mean = \"2d\", repair = \"1h\" }\n";
    let bare = Cluster::parse(text).unwrap();
    let saving =
        Cluster::parse(&format!("{text}checkpoints = {{ interval = \"1h\", cost = \"1m\" }}")).unwrap();
    let rows: String = (0..40).map(|job| format!("{},8,40000,a\n", job * 100)).collect();
    for policy in all() {
        let without = run_on(&bare, &rows, &policy, 7);
        let with = run_on(&saving, &rows, &policy, 7);
        assert!(without.stops > 5 && with.stops > 5, "{policy}: {} {}", without.stops, with.stops);
        assert_eq!((without.jobs, with.jobs), (40, 40), "{policy}");
        // At most an interval of eight accelerators, and a pause, is lost at each stop.
        assert!(with.lost_device_seconds <= (with.stops + with.preemptions) * 8 * 11 * 3_660, "{policy}");
        assert!(with.lost_device_seconds * 2 < without.lost_device_seconds, "{policy}");
        assert_ne!(
            with.chain,
            run_on(&saving, &rows, &policy, 8).chain,
            "{policy}: another seed is another day"
        );
    }
}

#[test]
fn least_attained_service_preempts_who_has_had_much_and_for_those_who_had_little() {
    let text = "nodes = [{ count = 1, devices = 8 }]\n\
                checkpoints = { interval = \"1h\", cost = \"1m\", restart = \"2m\" }\n";
    let (saving, las) = (Cluster::parse(text).unwrap(), Policy::Baseline(Baseline::Las));
    // A long job has the node. A short one comes after five hours, and has it after twelve; the next one at once.
    let rows = "0,8,360000,long\n18000,8,600,early\n90000,8,600,late\n";
    let outcome = run_on(&saving, rows, &las, 0);
    let waits: Vec<u64> = outcome.queues.iter().map(|queue| queue.wait.max.0 / 1_000).collect();
    assert_eq!((outcome.preemptions, waits), (2, vec![1_200, 7 * 3_600, 0]));
    // Three pauses of a minute and two ways back for what was preempted, with the pauses of every hour.
    let long = outcome.completion.max.0 / 1_000;
    assert!((360_000 + 1_200 + 99 * 60..361_200 + 105 * 60).contains(&long), "{long}");
    // Without checkpoints it begins from nothing each time, and 12 hours are lost.
    let bare = run_on(&Cluster::of(1, 8), rows, &las, 0);
    assert_eq!(bare.lost_device_seconds, (43_200 + (90_000 - 43_800)) * 8);
    // A job that has had as little is no reason to stop another.
    let equal = run_on(&saving, "0,8,7000,a\n100,8,600,b\n", &las, 0);
    assert_eq!((equal.preemptions, equal.wait.max.0), (0, 7_060_000 - 100_000));
}

#[test]
fn queues_are_told_apart() {
    let policy = Policy::Baseline(Baseline::Fifo);
    let outcome = run_on(&Cluster::of(1, 8), "0,8,100,night\n0,8,100,day\n", &policy, 0);
    let told: Vec<(&str, Span)> =
        outcome.queues.iter().map(|queue| (queue.name.as_str(), queue.wait.max)).collect();
    assert_eq!(told, [("night", Span(0)), ("day", Span(100_000))]);
    assert_eq!(outcome.fairness, 900, "slowdowns of 1 and 2");
}

/// A day that anybody can make again: arrivals, sizes and durations as uneven as real ones.
fn uneven(jobs: u64) -> String {
    let mut rows = String::new();
    let mut state = 1_u64;
    let mut next = |most: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % most
    };
    let mut at = 0;
    for _ in 0..jobs {
        at += next(300);
        let devices = [1, 1, 1, 1, 2, 4, 8, 8, 12, 16, 32][usize::try_from(next(11)).unwrap()];
        let duration = [20, 300, 3_000, 9_000, 40_000][usize::try_from(next(5)).unwrap()] + next(100);
        writeln!(rows, "{at},{devices},{duration},q{}", next(3)).unwrap();
    }
    rows
}

/// The figures of an uneven day, policy by policy: `HOLDFAST_WRITE=1` writes them anew. They differ from run to run only where
/// something depends on what it must not: an address, a hash map, the machine.
#[test]
fn the_figures_of_a_day_are_what_they_were() {
    const TRANSCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/days.txt");
    let (cluster, rows) = (Cluster::of(8, 8), uneven(600));
    let mut text = String::new();
    for policy in all() {
        let outcome = run_on(&cluster, &rows, &policy, 0);
        let wait = outcome.wait;
        writeln!(
            text,
            "{policy}: wait {} p90 {} p99 {} max {} used {} within {} beside {} fairness {} chain {}",
            wait.mean,
            wait.p90,
            wait.p99,
            wait.max,
            outcome.utilisation,
            outcome.utilisation_within,
            outcome.fragmentation,
            outcome.fairness,
            outcome.chain
        )
        .unwrap();
    }
    if std::env::var_os("HOLDFAST_WRITE").is_some() {
        std::fs::write(TRANSCRIPT, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(TRANSCRIPT).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every job ends, none takes less time than it runs, and nothing is lost where nothing fails: whatever the day.
    #[test]
    fn every_job_ends_under_every_policy(
        jobs in prop::collection::vec((0_u64..2_000, 1_u32..=20, 0_u64..3_000), 1..40),
    ) {
        let rows: String =
            jobs.iter().map(|(arrival, devices, duration)| format!("{arrival},{devices},{duration},a\n")).collect();
        let trace = Trace::parse(format!("{HEADER}{rows}").as_bytes()).unwrap();
        for policy in all() {
            let outcome =
                Simulation::new(&trace, &Cluster::of(3, 8), &policy, 0, (0, 1)).unwrap().run(&mut |_, _| ()).unwrap();
            prop_assert_eq!(outcome.jobs, u64::try_from(jobs.len()).unwrap());
            prop_assert_eq!((outcome.stops, outcome.lost_device_seconds, outcome.left_out), (0, 0, 0));
            let work: u64 = trace.jobs().iter().map(|TraceJob { duration, .. }| duration.0).sum();
            let mean = outcome.completion.mean.0 * outcome.jobs;
            prop_assert!(mean + outcome.jobs >= work + outcome.wait.mean.0 * outcome.jobs - outcome.jobs);
        }
    }
}
