//! Jobs that say what would do instead of what they want most.

use super::*;

fn made(nodes: &[&str], queues: &[&str], jobs: &[&str]) -> (Vec<String>, String) {
    let told = tell(&cluster(nodes, queues, jobs), &config(), NOW);
    let why = told.explanations.values().map(|why| format!("{}\n{}", why.summary, why.variants.join("\n")));
    (started(&told.plan), why.collect())
}

#[test]
fn the_first_variant_that_finds_room_is_taken_for_all_tasks() {
    let nodes = ["a gpus=8", "b gpus=8", "c gpus=8 class=amd", "d gpus=8 class=amd"];
    let gang = "gang tasks=2 gpus=8 or=amd:8,amd:4";
    assert_eq!(made(&nodes, &[], &[gang]).0, ["gang -> 0:a[0,1,2,3,4,5,6,7] 1:b[0,1,2,3,4,5,6,7]"]);
    // One of each kind would be enough, and is not taken.
    let one = ["x gpus=1 age=99", gang];
    assert_eq!(
        made(&nodes, &[], &one).0,
        ["x -> 0:a[0]", "gang (1) -> 0:c[0,1,2,3,4,5,6,7] 1:d[0,1,2,3,4,5,6,7]"]
    );
    let both = ["x gpus=1 age=99", "y gpus=1 class=amd age=99", gang];
    assert_eq!(
        made(&nodes, &[], &both).0,
        ["x -> 0:a[0]", "y -> 0:c[0]", "gang (2) -> 0:c[1,2,3,4] 1:d[0,1,2,3]"]
    );
}

#[test]
fn one_without_accelerators_is_a_variant_too() {
    let nodes = ["a gpus=1 cores=20"];
    let jobs = ["first gpus=1 age=99", "second gpus=1 cores=4 or=nvidia:0:16"];
    assert_eq!(made(&nodes, &[], &jobs).0, ["first -> 0:a[0]", "second (1) -> 0:a[]"]);
}

#[test]
fn a_queue_counts_what_the_chosen_variant_has() {
    let nodes = ["a gpus=8", "b gpus=8 class=amd"];
    let queues = ["lab nominal=nvidia:4,amd:8"];
    let jobs = [
        "one queue=lab gpus=4 or=amd:4 age=3",
        "two queue=lab gpus=4 or=amd:4 age=2",
        "three queue=lab gpus=4 or=amd:6 age=1",
        "four queue=lab gpus=0 class=amd gpus=4 age=0",
    ];
    let (started, why) = made(&nodes, &queues, &jobs);
    assert_eq!(started, ["one -> 0:a[0,1,2,3]", "two (1) -> 0:b[0,1,2,3]", "four -> 0:b[4,5,6,7]"]);
    assert_eq!(
        why,
        "it needs 4 nvidia accelerators; queue `lab` has 4 of its own, of which 4 are held\n\
         it needs 6 amd accelerators; queue `lab` has 8 of its own, of which 8 are held"
    );
}

#[test]
fn why_it_waits_is_said_of_every_variant() {
    let nodes = ["a gpus=8", "b gpus=2 class=amd"];
    let told = tell(&cluster(&nodes, &[], &["j gpus=9 or=amd:4,intel:1"]), &config(), NOW);
    let why = explanation(&told, "j");
    assert_eq!(why.summary, "it needs 9 nvidia devices on one node; the most on one it may use is 8 (a)");
    assert_eq!(
        why.variants,
        [
            "it needs 4 amd devices on one node; the most on one it may use is 2 (b)",
            "it needs 1 intel device on one node; no node it may use has any"
        ]
    );
    assert!(why.never_fits);
    assert!(why.to_string().contains("\nvariant 2: it needs 1 intel device"), "{why}");
    // One that fits some day is enough.
    let jobs = ["x class=amd gpus=1 age=99", "j gpus=9 or=amd:2"];
    let told = tell(&cluster(&nodes, &[], &jobs), &config(), NOW);
    assert!(!explanation(&told, "j").never_fits);
}

#[test]
fn others_stop_only_for_the_variant_that_is_wanted_most() {
    let nodes = ["a gpus=8", "b gpus=8 class=amd"];
    let mut snapshot = cluster(&nodes, &[], &["urgent gpus=8 priority=1 or=amd:8"]);
    let low = |line, on| running(line, 40_000, on, &snapshot.nodes);
    let jobs = [low("x gpus=8 stoppable=1", "a:0-7"), low("y gpus=8 class=amd stoppable=1", "b:0-7")];
    snapshot.jobs.extend(jobs);
    let stops = plan(&snapshot, &config(), NOW);
    assert_eq!(stops.preempts.iter().map(|stop| stop.job.as_str()).collect::<Vec<_>>(), ["x"]);
    assert_eq!(stops.holds.iter().map(places).collect::<Vec<_>>(), ["urgent -> 0:a[0,1,2,3,4,5,6,7]"]);
    // It does not wait for that where another variant is free meanwhile.
    commit(&mut snapshot, &stops);
    snapshot.jobs.retain(|job| job.name.as_str() != "y");
    assert_eq!(started(&plan(&snapshot, &config(), NOW)), ["urgent (1) -> 0:b[0,1,2,3,4,5,6,7]"]);
}

#[test]
fn a_gang_is_checked_in_the_variant_it_was_placed_in() {
    let snapshot = cluster(&["a gpus=8", "b gpus=8 class=amd"], &["default"], &["j gpus=9 or=amd:2"]);
    let placed = plan(&snapshot, &config(), NOW).gangs.remove(0);
    assert_eq!(
        (places(&placed).as_str(), verify_gang(&snapshot, NOW, &placed)),
        ("j (1) -> 0:b[0,1]", Ok(()))
    );
    let refused = |variant| {
        let gang = GangPlacement { variant, ..placed.clone() };
        verify_gang(&snapshot, NOW, &gang).unwrap_err().to_string()
    };
    assert_eq!(refused(0), "rank 0 needs 9 accelerators on node `b` and was given 2");
    assert_eq!(refused(2), "the gang is placed in variant 2, and the job has 2, counted from 0");
}

#[test]
fn places_are_held_for_the_first_variant_that_can_be() {
    let nodes = ["a gpus=8", "b gpus=8 class=amd", "c gpus=8 class=intel"];
    let queues = ["default", "poor nominal=nvidia:0,amd:8,intel:8"];
    // Two days pass before places are held where what runs may not be stopped: an hour is enough.
    for (job, on) in [
        ("j gpus=8 or=amd:8", "j -> 0:a"),
        ("j gpus=9 or=amd:8", "j (1) -> 0:b"),
        ("j queue=poor gpus=8 or=amd:9,intel:8", "j (2) -> 0:c"),
    ] {
        let mut snapshot = cluster(&nodes, &queues, &[&format!("{job} age=4000")]);
        let runs = |line, on| running(line, 9_000, on, &snapshot.nodes);
        let jobs = [
            runs("x gpus=1", "a:0-0"),
            runs("y gpus=1 class=amd", "b:0-0"),
            runs("z gpus=1 class=intel", "c:0-0"),
        ];
        snapshot.jobs.extend(jobs);
        let made = plan(&snapshot, &config(), NOW);
        let held: Vec<String> = made.holds.iter().map(places).collect();
        assert_eq!((started(&made), held), (vec![], vec![format!("{on}[0,1,2,3,4,5,6,7]")]));
        commit(&mut snapshot, &made);
        let told = tell(&snapshot, &config(), NOW);
        let why = &explanation(&told, "j").summary;
        assert_eq!(why.contains(" in variant "), on.contains('('), "{why}");
        // It starts there once nobody else is there, in that variant.
        snapshot.jobs.retain(|job| job.name.as_str() == "j");
        assert_eq!(started(&plan(&snapshot, &config(), NOW)).len(), 1);
    }
}
