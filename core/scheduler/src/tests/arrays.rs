//! Arrays are planned as their elements would be.

use super::*;

fn starts(plan: &Plan) -> Vec<String> {
    let place = |gang: &GangPlacement| format!("{} on {}", gang.job, gang.assignments[0].node);
    plan.gangs.iter().map(place).collect()
}

#[test]
fn the_lowest_elements_start_where_as_many_jobs_would() {
    let nodes = ["a gpus=4", "b gpus=2"];
    let array = cluster(&nodes, &[], &["sweep gpus=1 array=100000 next=7"]);
    let plan = tell(&array, &config(), NOW).plan;
    let expected: Vec<String> =
        (7..13).map(|n| format!("sweep.{n} on {}", if n < 9 { "b" } else { "a" })).collect();
    assert_eq!(starts(&plan), expected);
    assert_eq!(plan.gangs[0].uid, "uid-sweep.7");
    let jobs: Vec<String> = (1..10).map(|n| format!("j{n} gpus=1")).collect();
    let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
    let alone = tell(&cluster(&nodes, &[], &jobs), &config(), NOW).plan;
    let places = |plan: &Plan| plan.gangs.iter().map(|gang| gang.assignments.clone()).collect::<Vec<_>>();
    assert_eq!(places(&plan), places(&alone));
}

#[test]
fn no_more_are_under_way_than_may_be_and_the_rest_leaves_room_to_others() {
    let snapshot =
        cluster(&["a gpus=8"], &[], &["sweep gpus=1 array=9 room=2 age=90", "late gpus=1", "more gpus=1"]);
    let told = tell(&snapshot, &config(), NOW);
    assert_eq!(starts(&told.plan), ["sweep.0 on a", "sweep.1 on a", "late on a", "more on a"]);
    assert!(told.explanations.is_empty(), "what waits for elements to end does not wait for the scheduler");
}

#[test]
fn an_array_takes_its_turn_in_the_order_it_came_in() {
    let jobs = [
        "first gpus=1 age=90",
        "sweep gpus=1 array=9 age=80",
        "last gpus=1 age=70",
        "urgent gpus=1 priority=1",
    ];
    let told = tell(&cluster(&["a gpus=4"], &[], &jobs), &config(), NOW);
    assert_eq!(starts(&told.plan), ["urgent on a", "first on a", "sweep.0 on a", "sweep.1 on a"]);
    let waits: Vec<&str> = told.explanations.keys().map(JobName::as_str).collect();
    assert_eq!(waits, ["last", "sweep"]);
}

#[test]
fn an_array_that_has_had_much_lets_those_go_first_that_have_had_little() {
    let jobs = ["sweep gpus=1 array=9 age=80 ran=400000", "last gpus=1 age=70"];
    let told = tell(&cluster(&["a gpus=1"], &[], &jobs), &config(), NOW);
    assert_eq!(starts(&told.plan), ["last on a"]);
}

#[test]
fn a_plan_is_checked_element_by_element() {
    let snapshot = cluster(&["a gpus=4"], &[], &["sweep gpus=1 array=9 next=3 room=3"]);
    let plan = tell(&snapshot, &config(), NOW).plan;
    assert_eq!(starts(&plan), ["sweep.3 on a", "sweep.4 on a", "sweep.5 on a"]);
    let mut ledger = Ledger::new(&snapshot, NOW);
    let no_job = |gang: &GangPlacement| Rejection::NoJob { job: gang.job.clone(), uid: gang.uid.clone() };
    assert_eq!(ledger.accept(&plan.gangs[1]), Err(no_job(&plan.gangs[1])), "it is not the next one");
    for gang in &plan.gangs {
        assert_eq!(ledger.accept(gang), Ok(()));
        assert_eq!(ledger.accept(gang), Err(no_job(gang)));
    }
    let more = GangPlacement {
        job: "sweep.6".parse().unwrap(),
        uid: "uid-sweep.6".to_owned(),
        ..plan.gangs[0].clone()
    };
    assert_eq!(ledger.accept(&more), Err(no_job(&more)), "three may start");
}

#[test]
fn a_large_array_is_shared_out_over_plans() {
    let snapshot = cluster(&["a gpus=8"], &[], &["sweep gpus=1 array=100 ", "other gpus=1 priority=1"]);
    let mut scheduler = Scheduler::new(&snapshot, &Config { max_gangs_per_plan: 3, ..config() }, NOW);
    let first = scheduler.plan(1, NOW);
    assert_eq!(
        (starts(&first), first.is_full),
        (["other on a", "sweep.0 on a", "sweep.1 on a"].map(str::to_owned).to_vec(), true)
    );
    assert_eq!(starts(&scheduler.plan(1, NOW))[0], "sweep.2 on a");
}
