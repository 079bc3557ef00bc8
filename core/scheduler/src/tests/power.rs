//! What nodes draw together is capped.

use super::preempting::stopped;
use super::*;

const HOUR: u64 = 3_600;

/// Two nodes in a rack and one outside, each with four accelerators of 500 W and cores of 4 W.
fn capped(caps: &[&str], jobs: &[&str]) -> Snapshot {
    let nodes =
        ["a gpus=4 watts=500 place=rack:r1", "b gpus=4 watts=500 place=rack:r1", "c gpus=4 watts=500"];
    let mut snapshot = cluster(&nodes, &["default", "urgent priority=1"], jobs);
    snapshot.reservations = caps.iter().map(|line| reservation(line)).collect();
    snapshot
}

/// Where jobs start after so many hours, and why the others wait.
fn check(caps: &[&str], jobs: &[&str], hours: u64, expected: &[&str]) {
    let snapshot = capped(caps, jobs);
    let now = NOW + Span::from_secs(hours * HOUR);
    let told = tell(&snapshot, &config(), now);
    let mut ledger = Ledger::new(&snapshot, now);
    for gang in &told.plan.gangs {
        assert_eq!(ledger.accept(gang), Ok(()), "{caps:?}");
    }
    let waits = told.explanations.iter().map(|(job, why)| format!("{job}: {}", why.summary));
    let found: Vec<String> = started(&told.plan).into_iter().chain(waits).collect();
    assert_eq!(found, expected, "{caps:?}");
}

#[test]
fn no_more_starts_below_a_cap_than_may_draw() {
    // Four accelerators and a core draw 2,004 W.
    let four = ["one gpus=4", "two gpus=4 age=30", "three gpus=4 age=20"];
    let [a, b, c] = ["one -> 0:a[0,1,2,3]", "two -> 0:b[0,1,2,3]", "three -> 0:c[0,1,2,3]"];
    check(&["rack domain=rack:r1 power=4008"], &four, 0, &[a, b, c]);
    check(
        &["rack domain=rack:r1 power=4007"],
        &four,
        0,
        &[a, "two -> 0:c[0,1,2,3]", "three: where it has room it would draw too much: 1 node below `rack`"],
    );
    // That of the whole cluster counts beside that of the rack.
    let both = ["all power=4008", "rack domain=rack:r1 power=2004"];
    let waits = "three: where it has room it would draw too much: 1 node below `all`";
    check(&both, &four, 0, &[a, "two -> 0:c[0,1,2,3]", waits]);
    // A gang starts whole or not at all, and what is near is no exception.
    let waits = "gang: each of its 2 tasks has room, but together they would draw too much below `all`";
    check(&["all power=4007"], &["gang tasks=2 gpus=4"], 0, &[waits]);
    check(&["all power=4007"], &["gang tasks=2 gpus=4 near=required:rack"], 0, &[waits]);
    check(
        &["all power=4008"],
        &["gang tasks=2 gpus=4 near=required:rack"],
        0,
        &["gang -> 0:a[0,1,2,3] 1:b[0,1,2,3]"],
    );
}

#[test]
fn a_cap_that_is_to_come_binds_what_runs_then_and_may_not_be_stopped() {
    let tariff = ["tariff power=2004 from=7200 for=3600 every=86400"];
    let two = |takes: &str| [format!("one gpus=4 {takes}"), format!("two gpus=4 age=30 {takes}")];
    let starts = |takes: &str, hours: u64| {
        let jobs = two(takes);
        let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
        plan(&capped(&tariff, &jobs), &config(), NOW + Span::from_secs(hours * HOUR)).gangs.len()
    };
    assert_eq!(starts("takes=7200", 0), 2, "they end before");
    assert_eq!(starts("takes=7201", 0), 1);
    assert_eq!(starts("", 0), 1, "nobody knows when they end");
    assert_eq!(starts("stoppable=1", 0), 2, "they are stopped when it begins");
    assert_eq!(starts("stoppable=1", 2), 1);
    assert_eq!(starts("takes=3600", 3), 2, "it is over until tomorrow");
}

#[test]
fn when_a_cap_begins_those_stop_who_lose_least() {
    let mut snapshot = capped(&["tariff power=2100 from=3600 for=3600"], &["waits gpus=1"]);
    let views = snapshot.nodes.clone();
    snapshot.jobs.extend([
        running("large gpus=3 stoppable=1", 9_000, "a:0-2", &views),
        running("small gpus=1 stoppable=1", 9_000, "a:3-3", &views),
        running("urgent gpus=2 stoppable=1 queue=urgent", 5, "b:0-1", &views),
        running("stays gpus=2", 5, "b:2-3", &views),
    ]);
    let before = plan(&snapshot, &config(), NOW);
    assert!(stopped(&before).is_empty());
    assert!(before.ask_again <= Some(NOW + Span::from_secs(HOUR)), "it is planned again when it begins");
    // 4,016 W are drawn: one of 504 W stops where 3,600 are allowed, and one of 1,504 W more where 2,100 are.
    let then = plan(&snapshot, &config(), NOW + Span::from_secs(HOUR));
    assert_eq!(stopped(&then), ["small for reservation `tariff`", "large for reservation `tariff`"]);
    let kept = std::mem::replace(&mut snapshot.reservations, vec![reservation("tariff power=3600")]);
    assert_eq!(stopped(&plan(&snapshot, &config(), NOW)), ["small for reservation `tariff`"]);
    snapshot.reservations = kept;
    commit(&mut snapshot, &then);
    let after = plan(&snapshot, &config(), NOW + Span::from_secs(HOUR + 1));
    assert_eq!(stopped(&after).len() + after.gangs.len(), 0, "who stops draws until it has");
}

#[test]
fn what_ended_leaves_power_to_others_wherever_they_are() {
    let mut snapshot = capped(&["all power=2004"], &["waits gpus=4"]);
    let views = snapshot.nodes.clone();
    snapshot.jobs.push(running("runs gpus=4", 60, "c:0-3", &views));
    let mut warm = Scheduler::new(&snapshot, &config(), NOW);
    assert!(warm.plan(7, NOW).gangs.is_empty());
    warm.remove_job(&"runs".parse().unwrap());
    assert_eq!(started(&warm.plan(8, NOW)), ["waits -> 0:a[0,1,2,3]"]);
}

#[test]
fn a_gang_that_would_draw_too_much_is_not_accepted() {
    let mut snapshot = capped(&[], &["j gpus=4"]);
    let gang = plan(&snapshot, &config(), NOW).gangs.remove(0);
    snapshot.reservations.push(reservation("rack domain=rack:r1 power=2003"));
    assert_eq!(
        verify_gang(&snapshot, NOW, &gang).unwrap_err().to_string(),
        "on node `a` the gang would draw more than `rack` allows"
    );
}
