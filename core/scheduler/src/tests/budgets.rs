//! How many jobs of a queue are stopped for others.

use super::preempting::stopped;
use super::*;

const HOUR: u64 = 3_600;

/// Four jobs of a queue on a node each, and one that is urgent for each of some of these nodes.
fn four(queues: &[&str], waits: &[&str]) -> Snapshot {
    let mut snapshot = cluster(&["a gpus=8", "b gpus=8", "c gpus=8", "d gpus=8"], queues, &[]);
    let nodes = snapshot.nodes.clone();
    for (name, on) in [("one", "a:0-7"), ("two", "b:0-7"), ("three", "c:0-7"), ("four", "d:0-7")] {
        let line = format!("{name} gpus=8 stoppable=1 queue=team");
        snapshot.jobs.push(running(&line, HOUR, on, &nodes));
    }
    snapshot.jobs.extend(waits.iter().map(|line| job(line, &nodes)));
    snapshot
}

const URGENT: [&str; 3] =
    ["u1 gpus=8 priority=5 age=9", "u2 gpus=8 priority=5 age=8", "u3 gpus=8 priority=5 age=7"];

fn victims(plan: &Plan) -> usize {
    plan.preempts.len()
}

#[test]
fn no_more_are_stopped_than_the_budget_of_their_queue_allows_and_more_once_that_is_long_ago() {
    let mut snapshot = four(&["default", "team stops=2:3600"], &URGENT);
    let mut warm = Scheduler::new(&snapshot, &config(), NOW);
    let first = warm.plan(7, NOW);
    assert_eq!(victims(&first), 2, "{:?}", stopped(&first));
    assert_eq!(first.ask_again, Some(NOW + Span::from_secs(HOUR)), "when two more may be stopped");
    commit(&mut snapshot, &first);
    let almost = NOW + Span::from_secs(HOUR - 1);
    assert_eq!((victims(&warm.plan(7, almost)), victims(&plan(&snapshot, &config(), almost))), (0, 0));
    let then = NOW + Span::from_secs(HOUR);
    let later = warm.plan(7, then);
    assert_eq!(victims(&later), 1, "the third has its turn");
    assert_eq!(later, plan(&snapshot, &config(), then));
}

#[test]
fn the_budget_of_a_queue_above_binds_those_below_it_together() {
    let queues = ["default", "lab stops=1:3600", "team parent=lab stops=3:3600"];
    let snapshot = four(&queues, &URGENT);
    let mut scheduler = Scheduler::new(&snapshot, &config(), NOW);
    assert_eq!(victims(&scheduler.plan(7, NOW)), 1);
    let standing = scheduler.standing(&"team".parse().unwrap()).unwrap();
    let until = Some(NOW + Span::from_secs(HOUR));
    let counted: Vec<_> = standing
        .budgets
        .iter()
        .map(|(queue, budget)| (queue.as_str(), budget.counted, budget.until))
        .collect();
    assert_eq!(counted, [("team", 1, until), ("lab", 1, until)]);
}

#[test]
fn one_that_needs_more_to_stop_than_may_stops_nobody() {
    let wide = ["wide tasks=2 gpus=8 priority=5", "small gpus=4 priority=4 age=1"];
    let snapshot = four(&["default", "team stops=1:3600"], &wide);
    let plan = plan(&snapshot, &config(), NOW);
    assert_eq!(victims(&plan), 1);
    assert!(plan.holds.iter().any(|gang| gang.job.as_str() == "small"), "{:?}", stopped(&plan));
    let all = four(&["default", "team stops=2:3600"], &wide);
    assert_eq!(victims(&super::plan(&all, &config(), NOW)), 2, "it is worth it where it may");
}

#[test]
fn who_gets_its_own_back_is_bound_by_the_budget_of_who_has_it() {
    let queues = [
        "root",
        "team parent=root nominal=nvidia:0 run=0 stops=1:3600",
        "owner parent=root nominal=nvidia:32",
    ];
    let waits = ["o1 gpus=8 queue=owner age=9", "o2 gpus=8 queue=owner age=8"];
    assert_eq!(victims(&plan(&four(&queues, &waits), &config(), NOW)), 1);
    let free = ["root", "team parent=root nominal=nvidia:0 run=0", "owner parent=root nominal=nvidia:32"];
    assert_eq!(victims(&plan(&four(&free, &waits), &config(), NOW)), 2, "both without a budget");
}

#[test]
fn what_is_kept_for_others_is_kept_whatever_a_budget_says() {
    let mut snapshot = four(&["default", "team stops=1:3600"], &[]);
    snapshot.reservations.push(reservation("maintenance nodes=a,b,c from=0 for=9000"));
    assert_eq!(victims(&plan(&snapshot, &config(), NOW)), 3);
}

#[test]
fn who_waits_because_a_budget_is_spent_is_told_so() {
    let mut snapshot = four(&["default", "team stops=1:3600"], &URGENT);
    let first = plan(&snapshot, &config(), NOW);
    commit(&mut snapshot, &first);
    let told = |job: &str| counterfactuals(&snapshot, &config(), NOW, &job.parse().unwrap());
    assert!(
        told("u2").contains(&"if queue `team` let one more of its jobs be stopped for others".to_owned())
    );
    assert!(told("u1").iter().all(|one| !one.contains("stopped for others")), "{:?}", told("u1"));
}
