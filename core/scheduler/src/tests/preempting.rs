//! Who is stopped for whom.

use super::*;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// A plan as `victim for job` or ``victim for reservation `name` `` and, for each job that places are held for, where.
pub(super) fn stopped(plan: &Plan) -> Vec<String> {
    let by = |cause: &Cause| match cause {
        Cause::Job(job) => job.to_string(),
        Cause::Reservation(_) => cause.to_string(),
    };
    let stops = plan.preempts.iter().map(|stop| format!("{} for {}", stop.job, by(&stop.by)));
    stops.chain(plan.holds.iter().map(places)).collect()
}

fn check(nodes: &[&str], runs: &[(&str, u64, &str)], waits: &[&str], expected: &[&str]) -> Snapshot {
    let mut snapshot = cluster(nodes, &["default", "urgent priority=1"], &[]);
    let views = snapshot.nodes.clone();
    snapshot.jobs.extend(runs.iter().map(|(line, began, on)| running(line, *began, on, &views)));
    snapshot.jobs.extend(waits.iter().map(|line| job(line, &views)));
    assert_eq!(stopped(&plan(&snapshot, &config(), NOW)), expected);
    snapshot
}

#[test]
fn a_job_that_has_had_much_stops_for_one_that_has_had_little() {
    let long = "long gpus=8 stoppable=1";
    let one = |began, waits: &[&str], expected: &[&str]| {
        check(&["a gpus=8"], &[(long, began, "a:0-7")], waits, expected);
    };
    one(12 * HOUR, &["new gpus=8"], &["long for new", "new -> 0:a[0,1,2,3,4,5,6,7]"]);
    one(12 * HOUR - 1, &["new gpus=8"], &[]);
    // One that has run as long as it has stays behind it, and so does one that is not stoppable to begin with.
    one(12 * HOUR, &["old gpus=8 ran=9000"], &[]);
    check(&["a gpus=8"], &[("long gpus=8", 9 * DAY, "a:0-7")], &["new gpus=8"], &[]);
    // What has waited for a day and a half is left alone by its equals.
    let patient = format!("{long} waited={}", 36 * HOUR);
    check(&["a gpus=8"], &[(&patient, DAY, "a:0-7")], &["new gpus=8"], &[]);
    // Who waited for two days goes before all, whatever it has had.
    let overdue = format!("overdue gpus=8 ran=999999 age={}", 2 * DAY);
    one(13 * HOUR, &["new gpus=8", &overdue], &["long for overdue", "overdue -> 0:a[0,1,2,3,4,5,6,7]"]);
}

#[test]
fn one_that_places_are_held_for_stops_others_once_it_has_waited_too_long() {
    let waits = format!("old gpus=8 ran=999999 age={}", 2 * DAY - 100);
    // Most of what runs may not be stopped, so places are held early.
    let nodes = ["a gpus=8", "b gpus=8", "c gpus=8"];
    let mut snapshot = cluster(&nodes, &["default"], &[&waits]);
    let views = snapshot.nodes.clone();
    snapshot.jobs.extend([
        running("long gpus=8 stoppable=1", 13 * HOUR, "a:0-7", &views),
        running("fixed gpus=8", 14 * HOUR, "b:0-7", &views),
        running("other gpus=8", 15 * HOUR, "c:0-7", &views),
    ]);
    let mut warm = Scheduler::new(&snapshot, &config(), NOW);
    let now = warm.plan(7, NOW);
    assert_eq!(stopped(&now), ["old -> 0:a[0,1,2,3,4,5,6,7]"], "nobody is stopped yet");
    commit(&mut snapshot, &now);
    assert!(warm.plan(7, NOW + Span::from_secs(1)).preempts.is_empty());
    let then = NOW + Span::from_secs(101);
    let later = warm.plan(8, then);
    assert_eq!(stopped(&later).first().map(String::as_str), Some("long for old"));
    snapshot.revision = 8;
    assert_eq!(later, plan(&snapshot, &config(), then));
}

#[test]
fn a_higher_priority_stops_a_lower_one_soon() {
    let runs = |began| [("low gpus=8 stoppable=1", began, "a:0-7")];
    let high = ["high gpus=4 priority=1"];
    check(&["a gpus=8"], &runs(600), &high, &["low for high", "high -> 0:a[0,1,2,3]"]);
    check(&["a gpus=8"], &runs(599), &high, &[]);
    let urgent = ["high gpus=4 queue=urgent priority=-5"];
    check(&["a gpus=8"], &runs(600), &urgent, &["low for high", "high -> 0:a[0,1,2,3]"]);
    check(&["a gpus=8"], &[("low gpus=8 stoppable=1 priority=2", DAY, "a:0-7")], &high, &[]);
}

#[test]
fn nobody_is_stopped_for_a_job_that_then_still_finds_no_room() {
    // What AMD's spur did for two jobs of one accelerator: eleven jobs on eleven machines (ROCm/spur #888).
    let nodes: Vec<String> = (0..11).map(|n| format!("n{n:02} gpus=1")).collect();
    let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
    let places: Vec<(String, String)> =
        (0..11).map(|n| (format!("j{n:02} gpus=1 stoppable=1"), format!("n{n:02}:0-0"))).collect();
    let runs: Vec<(&str, u64, &str)> =
        places.iter().map(|(job, on)| (job.as_str(), DAY, on.as_str())).collect();
    check(
        &nodes,
        &runs,
        &["never gpus=2 priority=1", "one gpus=1 priority=1"],
        &["j00 for one", "one -> 0:n00[0]"],
    );
    check(&nodes, &runs, &["never tasks=12 gpus=1 priority=1"], &[]);
    // Not for more than it is worth either.
    let wide = [(
        "wide tasks=11 gpus=1 stoppable=1",
        DAY,
        "n00:0-0 n01:0-0 n02:0-0 n03:0-0 n04:0-0 n05:0-0 n06:0-0 n07:0-0 n08:0-0 n09:0-0 n10:0-0",
    )];
    check(&nodes, &wide, &["one gpus=1 priority=1"], &[]);
}

#[test]
fn one_whole_gang_stops_and_it_is_the_one_that_loses_least() {
    // Volcano #4607 took one task from each of ten gangs, which stopped all ten.
    let nodes: Vec<String> = (0..100).map(|n| format!("n{n:02} gpus=1")).collect();
    let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
    let mut snapshot = cluster(&nodes, &[], &["urgent tasks=10 gpus=1 priority=1"]);
    let views = snapshot.nodes.clone();
    for gang in 0..10_u64 {
        // Every gang has a task on each tenth node.
        let on: Vec<String> = (0..10).map(|n| format!("n{:02}:0-0", n * 10 + gang)).collect();
        let mut view =
            running(&format!("gang-{gang} tasks=10 gpus=1 stoppable=1"), DAY, &on.join(" "), &views);
        let JobState::Placed { unsaved, .. } = &mut view.state else { panic!("it runs") };
        *unsaved = Some(NOW - Span::from_secs(if gang == 7 { 60 } else { 600 + gang }));
        snapshot.jobs.push(view);
    }
    let made = plan(&snapshot, &config(), NOW);
    assert_eq!(made.preempts.len(), 1);
    assert_eq!(made.preempts[0].job.as_str(), "gang-7");
    let held: BTreeSet<&str> = made.holds[0].assignments.iter().map(|place| place.node.as_str()).collect();
    assert_eq!(held.len(), 10);
    assert!(held.iter().all(|node| node.ends_with('7')), "{held:?}");
}

#[test]
fn what_is_freed_is_for_whom_it_was_freed() {
    let nodes = &["a gpus=8"];
    let mut snapshot = check(
        nodes,
        &[("long gpus=8 stoppable=1", DAY, "a:0-7")],
        &["new gpus=8"],
        &["long for new", "new -> 0:a[0,1,2,3,4,5,6,7]"],
    );
    let first = plan(&snapshot, &config(), NOW);
    commit(&mut snapshot, &first);
    // While it stops nothing happens, and the one that waits for it is told so.
    snapshot.jobs.push(job("thief gpus=1 age=99", &snapshot.nodes));
    let told = tell(&snapshot, &config(), NOW);
    assert_eq!((started(&told.plan), stopped(&told.plan)), (vec![], vec![]));
    let why = "places are held for it on `a`; it waits for `long` to stop";
    assert_eq!(explanation(&told, "new").summary, why);
    assert_eq!(explanation(&told, "thief").summary, "every node that could take it is held: 1 for `new`");
    // Once it has stopped, and waits again, the place is not the thief's although that one is older.
    let views = snapshot.nodes.clone();
    *find(&mut snapshot, "long") = job(&format!("long gpus=8 stoppable=1 ran={DAY} age=0"), &views);
    let next = plan(&snapshot, &config(), NOW);
    assert_eq!(started(&next), ["new -> 0:a[0,1,2,3,4,5,6,7]"]);
    // If the one it was for is gone, it is anybody's, and the one that was stopped goes on.
    snapshot.jobs.retain(|job| !["new", "thief"].contains(&job.name.as_str()));
    assert_eq!(started(&plan(&snapshot, &config(), NOW)), ["long -> 0:a[0,1,2,3,4,5,6,7]"]);
}

#[test]
fn the_longer_a_job_waits_the_better_it_stands() {
    // In dstack a job competed the less often the longer it had waited (#4246).
    for age in [1, HOUR, DAY, 3 * DAY, 30 * DAY] {
        let (old, young) = (format!("old gpus=8 age={}", age + 1), format!("young gpus=8 age={age}"));
        let snapshot = cluster(&["a gpus=8"], &[], &[&young, &old]);
        assert_eq!(started(&plan(&snapshot, &config(), NOW)), ["old -> 0:a[0,1,2,3,4,5,6,7]"]);
    }
}

#[test]
fn a_plan_says_when_to_ask_again() {
    let snapshot = check(
        &["a gpus=8"],
        &[("long gpus=8 stoppable=1", 11 * HOUR, "a:0-7")],
        &["new gpus=8", "later gpus=8 wait=7200"],
        &[],
    );
    let first = plan(&snapshot, &config(), NOW);
    assert_eq!(first.ask_again, Some(NOW + Span::from_secs(HOUR)), "then its slice is over");
    let quiet = Snapshot { jobs: snapshot.jobs.iter().skip(2).cloned().collect(), ..snapshot };
    assert_eq!(plan(&quiet, &config(), NOW).ask_again, Some(NOW + Span::from_secs(7_200)));
}

/// For a virtual week nobody ends and everybody wants everything: jobs take turns, none more often than a slice allows, and none waits
/// for ever (Kueue #3779 and #6929 went in circles, #13607 starved).
#[test]
fn jobs_take_turns_and_nobody_goes_in_circles() {
    let mut snapshot = cluster(&["a gpus=8"], &[], &[]);
    let views = snapshot.nodes.clone();
    let names = ["one", "two", "three"];
    snapshot.jobs.extend(names.map(|name| job(&format!("{name} gpus=8 stoppable=1 age=0"), &views)));
    let (mut stops, mut starts) = (0_u32, BTreeMap::<String, u32>::new());
    for minute in 0..7 * 24 * 60 {
        let now = NOW + Span::from_secs(60 * minute);
        for _ in 0..4 {
            let made = plan(&snapshot, &config(), now);
            commit(&mut snapshot, &made);
            for gang in &made.gangs {
                *starts.entry(gang.job.to_string()).or_default() += 1;
            }
            for victim in &made.preempts {
                stops += 1;
                let view = find(&mut snapshot, victim.job.as_str());
                let JobState::Placed { since, .. } = &view.state else { panic!("it ran") };
                let ran = now.since(*since);
                assert!(ran >= config().slice, "{} ran for {ran} only", victim.job);
                view.past.ran = Span(view.past.ran.0 + ran.0);
                let JobState::Waiting { verdicts, .. } = job("x gpus=8", &views).state else {
                    panic!("it waits")
                };
                view.state = JobState::Waiting {
                    verdicts,
                    since: now,
                    not_before: None,
                    held: Vec::new(),
                    held_in: 0,
                    held_since: now,
                };
            }
            if made.preempts.is_empty() {
                break;
            }
        }
    }
    assert!((3..=14).contains(&stops), "{stops} stops");
    assert_eq!(starts.len(), 3, "{starts:?}");
}

/// Volcano #5805: what a repaired node has went to whoever came, and the gang that had lost it never came back.
#[test]
fn a_repaired_node_goes_back_to_the_gang_that_lost_it() {
    let lines = ["a gpus=8", "b gpus=8", "c gpus=8", "d gpus=8"];
    // The gang has had more than its share by now.
    let gang = "gang tasks=4 gpus=8 ran=3600 age=7200";
    let mut snapshot = cluster(&lines, &[], &[gang, "meanwhile gpus=8 age=60"]);
    snapshot.nodes[3].schedulable = Schedulable::No(NodePhase::Lost);
    let broken = plan(&snapshot, &config(), NOW);
    assert_eq!(started(&broken).len(), 1, "nobody leaves idle what the gang cannot use: {broken:?}");
    commit(&mut snapshot, &broken);
    snapshot.nodes[3].schedulable = Schedulable::Yes;
    // Others come, who have had nothing yet.
    let nodes = snapshot.nodes.clone();
    snapshot.jobs.extend(["new gpus=8 age=0", "newer gpus=8 age=0"].map(|line| job(line, &nodes)));
    let repaired = plan(&snapshot, &config(), NOW + Span::from_secs(600));
    assert_eq!(started(&repaired), [] as [String; 0], "all that is free is held for the gang");
    commit(&mut snapshot, &repaired);
    snapshot.jobs.retain(|job| job.name.as_str() != "meanwhile");
    let ended = plan(&snapshot, &config(), NOW + Span::from_secs(1_200));
    assert_eq!(ended.gangs.iter().map(|gang| gang.job.as_str()).collect::<Vec<_>>(), ["gang"]);
}
