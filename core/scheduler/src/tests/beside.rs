//! What has to stand beside something stands there or waits.

use super::*;

const NODES: [&str; 4] = [
    "a1 gpus=2 place=row:a,rack:r1",
    "a2 gpus=1 place=row:a,rack:r2",
    "b1 gpus=8 place=row:b,rack:r1",
    "n1 gpus=8",
];

fn starts(job: &str) -> Vec<String> {
    let plan = tell(&cluster(&NODES, &[], &[job]), &config(), NOW).plan;
    plan.gangs.iter().map(|gang| format!("{} on {}", gang.job, gang.assignments[0].node)).collect()
}

#[test]
fn tasks_come_back_in_the_domain_of_the_others() {
    assert_eq!(starts("lost gpus=1 array=9 beside=a1:row"), ["lost.0 on a2", "lost.1 on a1", "lost.2 on a1"]);
    assert_eq!(starts("lost gpus=1 array=9 beside=a1:rack"), ["lost.0 on a1", "lost.1 on a1"]);
    assert_eq!(starts("lost gpus=1 array=9 beside=a2:node"), ["lost.0 on a2"]);
    assert_eq!(
        starts("lost gpus=1 beside=n1:rack"),
        ["lost on n1"],
        "who stands nowhere is beside itself alone"
    );
    assert_eq!(starts("lost gpus=1 beside=gone:rack"), Vec::<String>::new());
}

#[test]
fn who_finds_no_room_there_is_told_so() {
    let snapshot = cluster(&NODES, &[], &["lost gpus=4 beside=a1:row"]);
    let told = tell(&snapshot, &config(), NOW);
    let why = &told.explanations[&"lost".parse().unwrap()];
    let step = why.waterfall.iter().find(|step| step.filter == "near its other tasks").unwrap();
    assert_eq!((step.remaining, &step.removed[..]), (2, &[("not in the row of a1".to_owned(), 2)][..]));
    assert!(!why.waterfall.iter().any(|step| step.filter == "free now" && step.remaining > 0));
    let elsewhere = tell(&cluster(&NODES, &[], &["job gpus=9"]), &config(), NOW);
    let steps = &elsewhere.explanations[&"job".parse().unwrap()].waterfall;
    assert!(steps.iter().all(|step| step.filter != "near its other tasks"));
}

#[test]
fn a_place_that_is_not_beside_is_refused() {
    let snapshot = cluster(&NODES, &[], &["lost gpus=1 beside=a1:rack"]);
    let mut gang = tell(&snapshot, &config(), NOW).plan.gangs.remove(0);
    gang.assignments[0].node = "a2".parse().unwrap();
    let refused = Ledger::new(&snapshot, NOW).accept(&gang).unwrap_err();
    assert_eq!(refused.to_string(), "a2 is not in the rack of a1, where the other tasks of the job are");
}

#[test]
fn a_job_does_not_stop_for_its_own_part() {
    let stopped = |of: &str| {
        let lost = format!("lost gpus=8 array=1 age=999999 {of}");
        let mut snapshot = cluster(&["a gpus=8", "b gpus=8"], &[], &[&lost]);
        let views = snapshot.nodes.clone();
        snapshot.jobs.push(running("train gpus=8 stoppable=1", 99_999, "a:0-7", &views));
        snapshot.jobs.push(running("other gpus=8 stoppable=1", 88_888, "b:0-7", &views));
        let plan = plan(&snapshot, &config(), NOW);
        plan.preempts.iter().map(|preempt| preempt.job.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(stopped("beside=a:node"), ["train"]);
    assert_eq!(stopped("beside=b:node of=train"), ["other"]);
    assert_eq!(stopped("beside=a:node of=train"), Vec::<String>::new());
}
