//! Who borrows gives back, to those to whom it belongs.

use proptest::prelude::*;

use super::*;

/// The jobs that are stopped, and those that places are held for.
fn stopped(
    nodes: &[&str],
    queues: &[&str],
    runs: &[(&str, &str)],
    asks: &[&str],
) -> (Vec<String>, Vec<String>) {
    let mut snapshot = cluster(nodes, queues, asks);
    for (line, on) in runs {
        snapshot.jobs.push(running(line, 900, on, &snapshot.nodes));
    }
    let made = plan(&snapshot, &config(), NOW);
    let names = |gangs: &[GangPlacement]| gangs.iter().map(|gang| gang.job.to_string()).collect();
    (made.preempts.iter().map(|preempted| preempted.job.to_string()).collect(), names(&made.holds))
}

const TWO: [&str; 3] = ["lab", "a parent=lab nominal=nvidia:8", "b parent=lab nominal=nvidia:8 priority=9"];

#[test]
fn who_has_its_own_gets_it_back_whatever_the_priority() {
    let runs = [("one queue=b gpus=8 stoppable=1", "m:0-7"), ("two queue=b gpus=8 stoppable=1", "n:0-7")];
    let cases: &[(&[&str], &[&str], usize)] = &[
        // All of it, part of it, and more than it.
        (&["m gpus=8", "n gpus=8"], &["j queue=a gpus=8"], 1),
        (&["m gpus=8", "n gpus=8"], &["j queue=a gpus=2"], 1),
        (&["m gpus=8", "n gpus=8"], &["j queue=a gpus=8 tasks=2"], 0),
        // The second is served by who stops for the first.
        (&["m gpus=8", "n gpus=8"], &["j queue=a gpus=4", "k queue=a gpus=4"], 1),
        // There is room, but all that the two have is held.
        (&["m gpus=8", "n gpus=8", "o gpus=8"], &["j queue=a gpus=8"], 1),
        (&["m gpus=8", "n gpus=8", "o gpus=8"], &["j queue=a gpus=4", "k queue=a gpus=4"], 1),
    ];
    for (nodes, asks, stops) in cases {
        let (stopped, held) = stopped(nodes, &TWO, &runs, asks);
        assert_eq!(stopped.len(), *stops, "{asks:?} on {nodes:?} stop {stopped:?}");
        assert_eq!(held.is_empty(), *stops == 0, "{asks:?} on {nodes:?}");
    }
}

#[test]
fn nobody_is_stopped_who_does_not_borrow_or_may_not_be_stopped() {
    let nodes = ["m gpus=8", "n gpus=8"];
    let cases: &[(&[&str], [&str; 2])] = &[
        // Nobody said that they may be stopped.
        (&TWO, ["queue=b gpus=8", "queue=b gpus=8"]),
        // It has all it holds.
        (
            &["lab", "a parent=lab nominal=nvidia:8", "b parent=lab nominal=nvidia:16 priority=9"],
            ["queue=b gpus=8 stoppable=1"; 2],
        ),
        // It borrows from its own sister: nothing that is lost there is found here.
        (
            &[
                "top",
                "lab parent=top",
                "a parent=top nominal=nvidia:8",
                "b parent=lab priority=9",
                "c parent=lab nominal=nvidia:16",
            ],
            ["queue=b gpus=8 stoppable=1"; 2],
        ),
        // Another tree, and no tree.
        (&["a nominal=nvidia:8", "b nominal=nvidia:8 priority=9"], ["queue=b gpus=8 stoppable=1"; 2]),
        (&["a", "b priority=9"], ["queue=b gpus=8 stoppable=1"; 2]),
    ];
    for (queues, [one, two]) in cases {
        let runs = [(format!("one {one}"), "m:0-7"), (format!("two {two}"), "n:0-7")];
        let runs = runs.each_ref().map(|(line, on)| (line.as_str(), *on));
        let found = stopped(&nodes, queues, &runs, &["j queue=a gpus=8"]);
        assert_eq!(found, (vec![], vec![]), "{queues:?}");
    }
}

#[test]
fn who_got_its_own_back_starts_when_the_others_have_stopped_and_nobody_stops_it() {
    let mut snapshot = cluster(&["m gpus=8", "n gpus=8", "o gpus=8"], &TWO, &["j queue=a gpus=8"]);
    for (line, on) in
        [("one queue=b gpus=8 stoppable=1", "m:0-7"), ("two queue=b gpus=8 stoppable=1", "n:0-7")]
    {
        snapshot.jobs.push(running(line, 900, on, &snapshot.nodes));
    }
    let first = plan(&snapshot, &config(), NOW);
    let [victim] = &first.preempts[..] else { panic!("one is stopped: {first:?}") };
    commit(&mut snapshot, &first);
    let again = plan(&snapshot, &config(), NOW + Span::from_secs(60));
    assert!(again.preempts.is_empty() && again.gangs.is_empty(), "{again:?}");
    let nodes = snapshot.nodes.clone();
    *find(&mut snapshot, victim.job.as_str()) =
        job(&format!("{} queue=b gpus=8 stoppable=1", victim.job), &nodes);
    let later = plan(&snapshot, &config(), NOW + Span::from_secs(120));
    assert_eq!(started(&later).len(), 1, "{later:?}");
    assert_eq!(later.gangs[0].job.as_str(), "j");
    commit(&mut snapshot, &later);
    let last = plan(&snapshot, &config(), NOW + Span::from_secs(3_600));
    assert!(last.preempts.is_empty() && last.gangs.is_empty(), "{last:?}");
}

fn trees() -> impl Strategy<Value = Vec<String>> {
    let one = (0..7_usize, 0..9_u32, prop::option::of(0..9_u32), prop::option::of(0..9_u32), 0..2_i32);
    prop::collection::vec(one, 2..7).prop_map(|queues| {
        let limit = |word: &str, most: Option<u32>| {
            most.map_or(String::new(), |most| format!("{word}=nvidia:{most}"))
        };
        let line = |(at, (parent, nominal, borrow, lend, priority)): (usize, (usize, u32, _, _, i32))| {
            let parent = if at == 0 { String::new() } else { format!("parent=q{}", parent % at) };
            format!(
                "q{at} {parent} priority={priority} nominal=nvidia:{nominal} {} {}",
                limit("borrow", borrow),
                limit("lend", lend)
            )
        };
        queues.into_iter().enumerate().map(line).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Nobody gets back what is then got back from it, round and round. Only what is its own and its priority speak for a job here.
    #[test]
    fn giving_back_comes_to_an_end(
        queues in trees(),
        jobs in prop::collection::vec((0..7_usize, 1..3_u32, 1..9_u32), 1..9),
    ) {
        let line = |(at, (queue, tasks, gpus)): (usize, (usize, u32, u32))| {
            format!("j{at} queue=q{} tasks={tasks} gpus={gpus} stoppable=1", queue % queues.len())
        };
        let jobs: Vec<String> = jobs.into_iter().enumerate().map(line).collect();
        let lines = |lines: &[String]| lines.iter().map(|line| line.clone().leak() as &str).collect::<Vec<_>>();
        let mut snapshot = cluster(&["m gpus=8", "n gpus=8", "o gpus=8"], &lines(&queues), &[]);
        let never = Span(u64::MAX / 2);
        let config = Config { slice: never, overdue_after: never, ..config() };
        let mut now = NOW;
        let mut last_stop = 0;
        for round in 0..60 {
            // One comes in each of the first rounds.
            if let Some(line) = jobs.get(round) {
                snapshot.jobs.push(job(line, &snapshot.nodes));
            }
            let made = plan(&snapshot, &config, now);
            commit(&mut snapshot, &made);
            for stopped in &made.preempts {
                last_stop = round;
                let line = jobs.iter().find(|line| line.starts_with(&format!("{} ", stopped.job))).unwrap();
                *find(&mut snapshot, stopped.job.as_str()) = job(line, &snapshot.nodes.clone());
            }
            now = now + Span::from_secs(3_600);
        }
        prop_assert!(last_stop < 40, "somebody was stopped in round {last_stop}");
    }
}

#[test]
fn the_jobs_of_a_queue_run_for_as_long_as_it_says_before_anybody_stops_them() {
    let nodes = ["m gpus=8", "n gpus=8"];
    let runs = [("one queue=b gpus=8 stoppable=1", "m:0-7"), ("two queue=b gpus=8 stoppable=1", "n:0-7")];
    let cases = [
        (["lab", "a parent=lab nominal=nvidia:8", "b parent=lab nominal=nvidia:8"], true),
        (["lab", "a parent=lab nominal=nvidia:8", "b parent=lab nominal=nvidia:8 run=901"], false),
        (["lab run=901", "a parent=lab nominal=nvidia:8", "b parent=lab nominal=nvidia:8"], false),
        // The nearest that says something counts, and who asks does not.
        (
            ["lab run=9000", "a parent=lab nominal=nvidia:8 run=9000", "b parent=lab nominal=nvidia:8 run=0"],
            true,
        ),
    ];
    for (queues, stops) in cases {
        let (stopped, _) = stopped(&nodes, &queues, &runs, &["j queue=a gpus=8"]);
        assert_eq!(!stopped.is_empty(), stops, "{queues:?}");
    }
    for (queue, stops) in [("default", 1), ("default run=900", 1), ("default run=901", 0)] {
        let run = [("one gpus=8 stoppable=1", "m:0-7")];
        let (stopped, _) = stopped(&["m gpus=8"], &[queue], &run, &["j gpus=8 priority=1"]);
        assert_eq!(stopped.len(), stops, "{queue}");
    }
}

/// Volcano #3869: two queues that each hold what is the other's took it from each other for ever.
#[test]
fn two_queues_that_hold_what_is_the_others_both_get_back_their_own_and_that_is_all() {
    let queues = ["lab", "a parent=lab nominal=nvidia:8,amd:0", "b parent=lab nominal=nvidia:0,amd:8"];
    let mut snapshot = cluster(&["m gpus=8", "n gpus=8 class=amd"], &queues, &[]);
    let nodes = snapshot.nodes.clone();
    let lent =
        [("x queue=a gpus=8 class=amd stoppable=1", "n:0-7"), ("y queue=b gpus=8 stoppable=1", "m:0-7")];
    for (line, on) in lent {
        snapshot.jobs.push(running(line, 900, on, &nodes));
    }
    let own = ["j queue=a gpus=8 stoppable=1", "k queue=b gpus=8 class=amd stoppable=1"];
    snapshot.jobs.extend(own.iter().map(|line| job(line, &nodes)));
    let mut stops = Vec::new();
    for round in 0..20 {
        let made = plan(&snapshot, &config(), NOW + Span::from_secs(3_600 * round));
        commit(&mut snapshot, &made);
        for stopped in &made.preempts {
            stops.push(stopped.job.to_string());
            let line = lent
                .iter()
                .map(|(line, _)| *line)
                .chain(own)
                .find(|line| line.starts_with(stopped.job.as_str()));
            *find(&mut snapshot, stopped.job.as_str()) = job(line.unwrap(), &nodes);
        }
    }
    stops.sort_unstable();
    assert_eq!(stops, ["x", "y"]);
    for name in ["j", "k"] {
        assert!(matches!(find(&mut snapshot, name).state, JobState::Placed { .. }), "{name}");
    }
}
