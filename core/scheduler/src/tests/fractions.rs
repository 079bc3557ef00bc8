//! Parts of one accelerator: several tasks on one, and never more than there is.

use super::*;

fn made(nodes: &[&str], queues: &[&str], jobs: &[&str]) -> (Vec<String>, BTreeMap<String, String>) {
    let told = tell(&cluster(nodes, queues, jobs), &config(), NOW);
    let why = told.explanations.iter().map(|(job, why)| (job.to_string(), why.summary.clone()));
    (started(&told.plan), why.collect())
}

fn why(jobs: &BTreeMap<String, String>, job: &str) -> String {
    jobs.get(job).cloned().unwrap_or_default()
}

#[test]
fn parts_go_on_the_fullest_accelerator_that_holds_them() {
    let (started, _) = made(
        &["a gpus=2", "b gpus=1"],
        &[],
        &[
            "one share=600 age=9",
            "two share=500 age=8",
            "three share=400 age=7",
            "four share=500 age=6",
            "whole gpus=1 age=5",
        ],
    );
    assert_eq!(
        started,
        [
            // The fewest free accelerators first, as for whole ones.
            "one -> 0:b[0]*600m",
            "two -> 0:a[0]*500m",
            // What is left of `b` is exactly enough, and less than what is left of `a`.
            "three -> 0:b[0]*400m",
            "four -> 0:a[0]*500m",
            // The second of `a` is whole yet.
            "whole -> 0:a[1]",
        ]
    );
}

/// Ray #62005: 0.4 free of each of two accelerators is 0.8 in all, and no place for 0.8.
#[test]
fn parts_of_two_accelerators_are_no_part_of_one() {
    let nodes = ["a gpus=2"];
    let jobs = ["one share=600 age=9", "two share=600 age=8", "big share=800 age=7", "fits share=400 age=6"];
    let (started, told) = made(&nodes, &[], &jobs);
    assert_eq!(started, ["one -> 0:a[0]*600m", "two -> 0:a[1]*600m", "fits -> 0:a[0]*400m"]);
    assert_eq!(
        why(&told, "big"),
        "it needs 800m of one nvidia device; no accelerator has 800m free; the most free on one is 400m (a)"
    );
    let mut forced = cluster(&nodes, &[], &jobs[..3]);
    let placed = plan(&forced, &config(), NOW);
    commit(&mut forced, &placed);
    for device in 0..2 {
        let share = DeviceShare::new(800);
        let devices = vec![DeviceIndex(device)];
        let place = Assignment { rank: holdfast_types::Rank(0), node: "a".parse().unwrap(), devices, share };
        let gang = GangPlacement {
            job: "big".parse().unwrap(),
            uid: "uid-big".to_owned(),
            variant: 0,
            assignments: vec![place],
        };
        let refused = verify_gang(&forced, NOW, &gang).unwrap_err().to_string();
        assert_eq!(refused, format!("accelerator {device} of node `a` has less than 800m free"));
        let unsaid = Assignment { share: None, ..gang.assignments[0].clone() };
        let gang = GangPlacement { assignments: vec![unsaid], ..gang };
        assert_eq!(
            verify_gang(&forced, NOW, &gang).unwrap_err().to_string(),
            "rank 0 asks for 800m of its accelerator and was given all"
        );
    }
}

#[test]
fn an_accelerator_in_parts_is_not_free_as_a_whole() {
    let jobs = ["part share=1 age=9", "whole gpus=2 age=8", "rest share=999 age=7"];
    let (started, told) = made(&["a gpus=2"], &[], &jobs);
    assert_eq!(started, ["part -> 0:a[0]*1m", "rest -> 0:a[0]*999m"]);
    assert_eq!(why(&told, "whole"), "it needs 2 nvidia devices on one node; the largest free block is 1 (a)");
    let taken = ["gang tasks=2 gpus=1 age=9", "part share=1 age=8"];
    let (started, told) = made(&["a gpus=2"], &[], &taken);
    assert_eq!(started, ["gang -> 0:a[0] 1:a[1]"]);
    assert_eq!(
        why(&told, "part"),
        "it needs 1m of one nvidia device on one node; all that could serve it are in use"
    );
}

#[test]
fn the_memory_asked_for_fits_into_the_part() {
    let nodes = ["a gpus=1 gpumem=80", "b gpus=1 gpumem=160"];
    let jobs = [
        "small share=250 gpumem=20 age=9",
        "large share=250 gpumem=21 age=8",
        "none share=250 gpumem=41 age=7",
    ];
    let (started, told) = made(&nodes, &[], &jobs);
    assert_eq!(started, ["small -> 0:a[0]*250m", "large -> 0:b[0]*250m"]);
    assert_eq!(
        why(&told, "none"),
        "it needs 250m of one nvidia device with at least 41 GiB in it on one node; no node it may use has any"
    );
}

#[test]
fn a_gang_of_parts_may_share_one_accelerator_and_starts_whole() {
    let (started, told) =
        made(&["a gpus=2"], &[], &["gang tasks=3 share=300 age=9", "next tasks=4 share=400 age=8"]);
    assert_eq!(started, ["gang -> 0:a[0]*300m 1:a[0]*300m 2:a[0]*300m"]);
    assert!(why(&told, "next").ends_with("there is room for 2 now"), "{}", why(&told, "next"));
}

#[test]
fn a_part_counts_as_a_part_to_its_queue() {
    let queues = ["default max=1"];
    let jobs = ["one share=600 age=9", "two share=500 age=8", "three share=400 age=7"];
    let (started, told) = made(&["a gpus=8"], &queues, &jobs);
    assert_eq!(started, ["one -> 0:a[0]*600m", "three -> 0:a[0]*400m"]);
    assert_eq!(why(&told, "two"), "it needs 0.5 accelerators; queue `default` allows 1, of which 1 are held");
    let queues = ["lab nominal=nvidia:1", "one parent=lab nominal=nvidia:1 borrow=nvidia:0"];
    let jobs = ["x queue=one share=750 age=9", "y queue=one share=500 age=8"];
    let (started, told) = made(&["a gpus=8"], &queues, &jobs);
    assert_eq!(started, ["x -> 0:a[0]*750m"]);
    assert_eq!(
        why(&told, "y"),
        "it needs 0.5 nvidia accelerators; queue `one` has 1 of its own, of which 0.75 are held"
    );
}

#[test]
fn one_that_has_a_part_stops_for_a_higher_priority_where_that_is_enough() {
    let mut snapshot = cluster(&["a gpus=1"], &["default", "high priority=1"], &[]);
    let nodes = snapshot.nodes.clone();
    for (name, share) in [("low", 500), ("kept", 300)] {
        snapshot.jobs.push(running(&format!("{name} share={share} stoppable=1"), 9_000, "a:0-0", &nodes));
    }
    snapshot.jobs.push(job("urgent queue=high share=600", &nodes));
    let made = plan(&snapshot, &config(), NOW);
    let stopped: Vec<&str> = made.preempts.iter().map(|preempt| preempt.job.as_str()).collect();
    assert_eq!(stopped, ["low"]);
    assert_eq!(made.holds.iter().map(places).collect::<Vec<_>>(), ["urgent -> 0:a[0]*600m"]);
    commit(&mut snapshot, &made);
    // Nobody else gets what is held, and 100 thousandths are left of it.
    snapshot.jobs.retain(|job| job.name.as_str() != "low");
    snapshot.jobs.extend([job("late share=200 age=1", &nodes), job("small share=100 age=0", &nodes)]);
    let made = plan(&snapshot, &config(), NOW);
    assert_eq!(started(&made), ["urgent -> 0:a[0]*600m", "small -> 0:a[0]*100m"]);
}

#[test]
fn a_plan_without_parts_has_the_hash_it_had() {
    let whole = plan(&cluster(&["a gpus=1"], &[], &["j gpus=1"]), &config(), NOW);
    let part = plan(&cluster(&["a gpus=1"], &[], &["j share=999"]), &config(), NOW);
    let other = plan(&cluster(&["a gpus=1"], &[], &["j share=998"]), &config(), NOW);
    assert_ne!(whole.hash, part.hash);
    assert_ne!(other.hash, part.hash);
}
