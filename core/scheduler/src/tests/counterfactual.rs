//! What would start a job that waits.

use super::*;

fn check(nodes: &[&str], queues: &[&str], jobs: &[&str], run: &[(&str, &str)], expected: &[&str]) {
    let mut snapshot = cluster(nodes, queues, jobs);
    for (line, on) in run {
        snapshot.jobs.push(running(line, 60, on, &snapshot.nodes.clone()));
    }
    let job = jobs[0].split(' ').next().unwrap().parse().unwrap();
    assert_eq!(counterfactuals(&snapshot, &config(), NOW, &job), expected, "{jobs:?}");
}

#[test]
fn a_queue_would_have_to_allow_more() {
    let run = [("old gpus=4", "a:0-3")];
    check(
        &["a gpus=8"],
        &["default max=6"],
        &["job gpus=4"],
        &run,
        &["if queue `default` allowed 8 accelerators", "if job `old` ended"],
    );
    check(
        &["a gpus=8"],
        &["default stopped=true"],
        &["job gpus=4"],
        &run,
        &["if queue `default` were not stopped"],
    );
    // What the queue allows helps nobody where there is no room.
    check(&["a gpus=4"], &["default max=4"], &["job gpus=4"], &run, &["if job `old` ended"]);
}

#[test]
fn a_tree_of_queues_would_have_to_lend_or_have_more() {
    let queues = [
        "lab nominal=nvidia:0",
        "one parent=lab nominal=nvidia:4 borrow=nvidia:2",
        "two parent=lab nominal=nvidia:8",
    ];
    let run = [("old gpus=4 queue=one", "a:0-3")];
    check(
        &["a gpus=16"],
        &queues,
        &["job gpus=4 queue=one"],
        &run,
        &["if queue `one` might borrow 2 more nvidia", "if job `old` ended"],
    );
    check(
        &["a gpus=24"],
        &["one nominal=nvidia:4"],
        &["job gpus=6 queue=one"],
        &run,
        &["if queue `one` had 6 more nvidia of its own"],
    );
}

#[test]
fn it_would_have_to_ask_for_less() {
    check(
        &["a gpus=8 class=amd", "b gpus=4 gpumem=40 can=fp16"],
        &[],
        &["job gpus=4 gpumem=80 precision=fp8"],
        &[],
        &["if it accepted amd accelerators"],
    );
    check(
        &["a gpus=4 gpumem=40", "b gpus=4 gpumem=24"],
        &[],
        &["job gpus=4 gpumem=80"],
        &[],
        &["if it accepted accelerators with 40 GiB"],
    );
    check(&["a gpus=4 can=fp16"], &[], &["job gpus=4 precision=fp8"], &[], &["if it did not ask for fp8"]);
    check(&["a gpus=4 in=FR"], &[], &["job gpus=4 in=DE"], &[], &["if it might run in FR"]);
    check(
        &["a gpus=4 place=row:a,rack:r1", "b gpus=4 place=row:a,rack:r2"],
        &[],
        &["job tasks=2 gpus=4 near=required:rack"],
        &[],
        &["if its tasks only had to be in one row", "if there were one more node like `a`"],
    );
}

#[test]
fn there_would_have_to_be_more_nodes_or_fewer_jobs() {
    check(
        &["a gpus=8", "b gpus=8 phase=Cordoned"],
        &[],
        &["job tasks=2 gpus=8", "behind gpus=1 age=5"],
        &[],
        &["if node `b` took work again", "if there were one more node like `a`"],
    );
    check(&["a gpus=8"], &[], &["job tasks=6 gpus=8"], &[], &["if there were 5 more nodes like `a`"]);
    check(
        &["a gpus=8", "b gpus=8"],
        &[],
        &["job gpus=8"],
        &[("small gpus=2", "a:0-1"), ("large gpus=8", "b:0-7")],
        &["if there were one more node like `a`", "if job `large` ended"],
    );
}

#[test]
fn others_go_first_even_then() {
    // A node more is taken by the one that goes first, so that it takes two.
    check(
        &["a gpus=8"],
        &[],
        &["job gpus=8 age=5", "first gpus=8 age=9"],
        &[("old gpus=8", "a:0-7")],
        &["if there were 2 more nodes like `a`"],
    );
}

#[test]
fn nothing_is_said_of_what_starts_or_does_not_wait() {
    check(&["a gpus=8"], &[], &["job gpus=8"], &[], &[]);
    let snapshot = cluster(&["a gpus=8"], &[], &["job gpus=9"]);
    assert!(counterfactuals(&snapshot, &config(), NOW, &"gone".parse().unwrap()).is_empty());
}
