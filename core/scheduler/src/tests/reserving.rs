//! What is kept for whom, and when.

use super::preempting::stopped;
use super::*;

const HOUR: u64 = 3_600;

/// A cluster of two nodes, one of them in rack `r7`, with a queue `lab` below `science`, and these reservations.
fn kept(reservations: &[&str], jobs: &[&str]) -> Snapshot {
    let nodes = ["a gpus=8", "b gpus=8 place=rack:r7"];
    let mut snapshot = cluster(&nodes, &["default", "science", "lab parent=science"], jobs);
    snapshot.reservations = reservations.iter().map(|line| reservation(line)).collect();
    snapshot
}

/// Where jobs start after so many hours, and why the others wait.
fn check(reservations: &[&str], jobs: &[&str], hours: u64, expected: &[&str]) {
    let snapshot = kept(reservations, jobs);
    let now = NOW + Span::from_secs(hours * HOUR);
    let told = tell(&snapshot, &config(), now);
    let mut ledger = Ledger::new(&snapshot, now);
    for gang in &told.plan.gangs {
        assert_eq!(ledger.accept(gang), Ok(()), "{reservations:?}");
    }
    let waits = told.explanations.iter().map(|(job, why)| format!("{job}: {}", why.summary));
    let found: Vec<String> = started(&told.plan).into_iter().chain(waits).collect();
    assert_eq!(found, expected, "{reservations:?}");
}

#[test]
fn what_would_cross_the_beginning_of_a_maintenance_starts_elsewhere() {
    let night = ["night domain=rack:r7 from=7200 for=3600"];
    let two = ["one gpus=8 takes=7200", "two gpus=8 takes=7201 age=30"];
    check(
        &night,
        &two,
        0,
        &[
            "one -> 0:a[0,1,2,3,4,5,6,7]",
            "two: it needs 8 nvidia devices on one node; \
        all that could serve it are in use; 1 more is reserved for others: 1 by `night`",
        ],
    );
    // What ends in time is let go last to where nobody else may.
    let three = ["one gpus=8 takes=7201", "two gpus=8 takes=7200 age=30"];
    check(&night, &three, 0, &["one -> 0:a[0,1,2,3,4,5,6,7]", "two -> 0:b[0,1,2,3,4,5,6,7]"]);
    check(
        &night,
        &three,
        1,
        &["one -> 0:a[0,1,2,3,4,5,6,7]", "two: places are held for it on `a`; it waits for `one` to end"],
    );
    check(&night, &three, 3, &["one -> 0:a[0,1,2,3,4,5,6,7]", "two -> 0:b[0,1,2,3,4,5,6,7]"]);
}

#[test]
fn what_states_no_end_starts_nowhere_that_is_kept_later() {
    let all = ["all nodes=a,b from=999999 for=60"];
    check(
        &all,
        &["endless gpus=1"],
        0,
        &["endless: every node that it could use is reserved for others \
        some time, and it states no maxRunTime: 2 by `all`"],
    );
    check(&all, &["hour gpus=1 takes=3600"], 0, &["hour -> 0:a[0]"]);
    check(
        &all,
        &["hour gpus=1 takes=3600"],
        277,
        &["hour: every node that it could use is reserved for others \
        while it would run, for up to 1h: 2 by `all`"],
    );
    // What comes again lets in again what ends before.
    let daily = ["all nodes=a,b from=0 for=3600 every=86400"];
    check(
        &daily,
        &["hour gpus=1 takes=3600"],
        24,
        &["hour: every node that it could use is reserved for others \
        while it would run, for up to 1h: 2 by `all`"],
    );
    check(&daily, &["hour gpus=1 takes=3600"], 25, &["hour -> 0:a[0]"]);
    // What makes way may start where it will have to.
    let flex = ["all nodes=a,b from=9999 for=60 flex=1"];
    check(&flex, &["endless gpus=1 stoppable=1"], 0, &["endless -> 0:a[0]"]);
    check(
        &flex,
        &["endless gpus=1"],
        0,
        &["endless: every node that it could use is reserved for others \
        some time, and it states no maxRunTime: 2 by `all`"],
    );
}

#[test]
fn nodes_are_kept_for_queues_and_those_below() {
    let course = ["course nodes=a,b queues=science"];
    check(
        &course,
        &["mine gpus=1", "theirs gpus=1 queue=lab"],
        0,
        &[
            "theirs -> 0:a[0]",
            "mine: every node \
        that it could use is reserved for others some time, and it states no maxRunTime: 2 by `course`",
        ],
    );
    check(&["course nodes=b queues=lab"], &["above gpus=1 queue=science"], 0, &["above -> 0:a[0]"]);
    // Who is let in by one and not by the other is not let in.
    let both = ["course nodes=a,b queues=science", "night nodes=a from=0 for=60"];
    check(&both, &["theirs gpus=1 queue=lab"], 0, &["theirs -> 0:b[0]"]);
}

#[test]
fn any_node_is_kept_and_another_one_where_it_fails() {
    let spare = ["spare count=1 queues=science"];
    check(&spare, &["j gpus=1"], 0, &["j -> 0:b[0]"]);
    let mut snapshot = kept(&spare, &["j gpus=1"]);
    let mut warm = Scheduler::new(&snapshot, &config(), NOW);
    let fails = Schedulable::No(NodePhase::Lost);
    (snapshot.nodes[0].schedulable, snapshot.revision) = (fails, 8);
    assert!(warm.set_node(&snapshot.nodes[0].name, fails));
    let told = tell(&snapshot, &config(), NOW);
    assert_eq!(warm.plan(8, NOW), told.plan);
    assert!(told.plan.gangs.is_empty(), "node `b` is kept instead: {:?}", told.plan.gangs);
}

#[test]
fn who_is_in_the_way_when_it_begins_is_stopped_and_nobody_else() {
    let mut snapshot = kept(&["night nodes=a from=3600 for=3600", "course nodes=b queues=science"], &[]);
    let views = snapshot.nodes.clone();
    snapshot.jobs = vec![
        running("moves gpus=2 stoppable=1", 60, "a:0-1", &views),
        running("stays gpus=2", 60, "a:2-3", &views),
        running("member gpus=2 stoppable=1 queue=lab", 60, "b:0-1", &views),
        running("stranger gpus=2 stoppable=1", 60, "b:2-3", &views),
    ];
    let soon = plan(&snapshot, &config(), NOW);
    assert_eq!(stopped(&soon), ["stranger for reservation `course`"]);
    assert_eq!(soon.ask_again, Some(NOW + Span::from_secs(HOUR)), "it is planned when the other one begins");
    commit(&mut snapshot, &soon);
    let then = plan(&snapshot, &config(), NOW + Span::from_secs(HOUR));
    assert_eq!(stopped(&then), ["moves for reservation `night`"]);
}

#[test]
fn a_gang_on_nodes_that_are_kept_is_not_accepted() {
    let mut snapshot = kept(&[], &["j gpus=1"]);
    let gang = plan(&snapshot, &config(), NOW).gangs.remove(0);
    snapshot.reservations.push(reservation("night nodes=a from=60 for=60"));
    assert_eq!(
        verify_gang(&snapshot, NOW, &gang).unwrap_err().to_string(),
        "node `a` is kept for others by reservation `night` while the job would run"
    );
    assert_eq!(verify_gang(&snapshot, NOW + Span::from_secs(120), &gang), Ok(()));
}

#[test]
fn what_would_let_it_start_before_a_maintenance_was_tried() {
    let if_only = |reservations: &[&str], line: &str| {
        let snapshot = kept(reservations, &[line]);
        let job = line.split_whitespace().next().unwrap().parse().unwrap();
        counterfactuals(&snapshot, &config(), NOW, &job)
    };
    let later = ["later nodes=a,b from=99999 for=60 flex=1", "night nodes=a,b from=7290 for=3600 flex=1"];
    assert_eq!(
        if_only(&later, "endless gpus=1"),
        [
            "if its maxRunTime were 2h1m",
            "if it might be stopped for others (`preemptible: true`)",
            "if there were one more node like `a`"
        ],
        "without one of the two there is still the other",
    );
    assert_eq!(
        if_only(&["now nodes=a,b queues=science"], "j gpus=1"),
        ["if reservation `now` were not", "if there were one more node like `a`"],
    );
    assert_eq!(
        if_only(&["feed power=703"], "j gpus=1"),
        ["if it accepted amd accelerators", "if reservation `feed` were not"].split_at(1).1,
    );
}

#[test]
fn a_start_after_a_maintenance_is_foreseen() {
    struct Endless;
    impl Expectation for Endless {
        fn takes(&self, _: &JobView) -> Option<Span> {
            None
        }
        fn again(&mut self, _: &JobView) -> Option<Verdicts> {
            None
        }
    }
    let snapshot = kept(&["night nodes=a,b from=60 for=3600"], &["endless gpus=8"]);
    let mut foresight = Foresight::new(&snapshot, &config(), NOW, Endless);
    let job = "endless".parse().unwrap();
    assert!(foresight.until_started(std::iter::once(&job)));
    assert_eq!(foresight.starts()[&job].at, NOW + Span::from_secs(3_660));
}
