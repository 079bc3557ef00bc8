//! One rule a case.

use holdfast_types::Rank;

use super::*;

fn check_started(nodes: &[&str], queues: &[&str], jobs: &[&str], expected: &[&str]) {
    let snapshot = cluster(nodes, queues, jobs);
    assert_eq!(started(&plan(&snapshot, &config(), NOW)), expected);
}

/// Plans one job beside others and compares the sentence of the last.
fn check_why(nodes: &[&str], queues: &[&str], jobs: &[&str], expected: &str, never: bool) {
    let plan = tell(&cluster(nodes, queues, jobs), &config(), NOW);
    let name = jobs.last().unwrap().split(' ').next().unwrap();
    let told = explanation(&plan, name);
    assert_eq!((told.summary.as_str(), told.never_fits), (expected, never));
}

#[test]
fn best_fit_takes_the_fullest_node_that_still_fits() {
    let nodes = &["a gpus=8", "b gpus=4", "c gpus=4 cores=32", "d"];
    check_started(nodes, &[], &["j gpus=4"], &["j -> 0:c[0,1,2,3]"]);
    check_started(nodes, &[], &["j tasks=3 gpus=4"], &["j -> 0:c[0,1,2,3] 1:b[0,1,2,3] 2:a[0,1,2,3]"]);
    // A task without accelerators keeps off the nodes that have some.
    check_started(nodes, &[], &["j"], &["j -> 0:d[]"]);
    check_started(&["b", "a"], &[], &["j"], &["j -> 0:a[]"]);
}

#[test]
fn jobs_go_by_queue_then_priority_then_age_then_name() {
    check_started(
        &["a gpus=5"],
        &["default", "urgent priority=1"],
        &[
            "e gpus=1 age=10",
            "d gpus=1 age=10",
            "c gpus=1 age=20",
            "b gpus=1 age=1 priority=5",
            "a gpus=1 age=1 queue=urgent priority=-9",
        ],
        &["a -> 0:a[0]", "b -> 0:a[1]", "c -> 0:a[2]", "d -> 0:a[3]", "e -> 0:a[4]"],
    );
}

#[test]
fn a_gang_is_placed_whole_or_not_at_all() {
    check_started(
        &["a gpus=8", "b gpus=8"],
        &[],
        &["big tasks=3 gpus=8 age=90", "small gpus=1"],
        &["small -> 0:a[0]"],
    );
    check_started(&["a gpus=8", "b gpus=8"], &[], &["j gpus=2 side=2x7", "k gpus=1"], &["k -> 0:a[0]"]);
    // In the order of ranks the first task would take a core of the only node that has enough for the second.
    check_started(
        &["a gpus=2 cores=16", "b gpus=4 cores=8"],
        &[],
        &["j gpus=1 side=1x1x16"],
        &["j -> 0:b[0] 1:a[0]"],
    );
    // The same with three nodes: what the first attempt took and gave back must not pass for the present.
    check_started(
        &["a gpus=4 cores=4", "b gpus=6 cores=17", "c gpus=8 cores=15"],
        &[],
        &["j tasks=6 gpus=1 side=1x3x16"],
        &["j -> 0:b[3] 1:a[0] 2:a[1] 3:a[2] 4:a[3] 5:c[0] 6:b[0,1,2]"],
    );
    // With more nodes than changes the order kept from the first attempt is read on, not built anew.
    let lost: Vec<String> = (0..20).map(|n| format!("lost-{n} phase=Lost")).collect();
    let mut nodes = vec!["a gpus=4 cores=4", "b gpus=6 cores=17", "c gpus=8 cores=10"];
    nodes.extend(lost.iter().map(String::as_str));
    let placed = "j -> 0:b[3] 1:a[0] 2:a[1] 3:c[0] 4:b[0,1,2]";
    check_started(&nodes, &[], &["j tasks=3 gpus=1 side=1x1x8,1x3x16"], &[placed]);
}

#[test]
fn a_sentence_says_what_is_missing_with_numbers() {
    let three = &["a gpus=8", "b gpus=8 in=FR", "c gpus=4 phase=Cordoned"];
    for (nodes, jobs, expected, never) in [
        (
            &["a gpus=8", "b gpus=8"][..],
            &["x gpus=2 age=90", "y tasks=2 gpus=5 age=80", "j gpus=8"][..],
            "it needs 8 nvidia devices on one node; the largest free block is 3 (b)",
            false,
        ),
        (three, &["j gpus=8 in=SE,NO"], "it may run only in NO, SE, where no node is", true),
        (
            three,
            &["j gpus=8 in=DE deny=a,c"],
            "the law allows no node it could use: 2 denied by rule `no-export`",
            true,
        ),
        (three, &["j gpus=1 deny=a,b"], "no node that the law allows takes work: 1 Cordoned", false),
        (
            three,
            &["j gpus=16"],
            "it needs 16 nvidia devices on one node; the most on one it may use is 8 (a)",
            true,
        ),
        (
            three,
            &["j gpus=1 class=npu"],
            "it needs 1 npu device on one node; no node it may use has any",
            true,
        ),
        (
            &["a gpus=8 can=fp16 gpumem=40", "b gpus=8 can=fp16,fp8 broken=1,2"],
            &["j tasks=2 gpus=8 gpumem=40 precision=fp8"],
            "each of its 2 tasks needs 8 nvidia devices with at least 40 GiB each that compute in fp8 on one node; \
             the most on one it may use is 6 (b)",
            true,
        ),
        (
            three,
            &["j cores=65 mem=9"],
            "it needs 65 cores and 9 GiB of memory on one node; no node it may use has as much (2 too small)",
            true,
        ),
        (
            &["a"],
            &["x cores=60 age=90", "j cores=8"],
            "it needs 8 cores and 1 GiB of memory free on one node; none has as much now (1 node could take it)",
            false,
        ),
        (
            three,
            &["j tasks=5 gpus=4"],
            "5 tasks start together, each with 4 nvidia devices, 1 core and 1 GiB of memory; there is room for 4 now",
            false,
        ),
        (
            three,
            &["j tasks=2 gpus=8 side=1x1"],
            "each of its 2 groups has room, but not all of them together",
            false,
        ),
        (&[], &["j"], "there are no nodes", true),
    ] {
        check_why(nodes, &[], jobs, expected, never);
    }
}

#[test]
fn a_queue_that_starts_nothing_says_so() {
    let nodes = &["a gpus=8"];
    for (queue, jobs, expected) in [
        ("default stopped=true", &["j gpus=1"][..], "queue `default` is stopped"),
        ("other", &["j gpus=1"], "its queue does not exist"),
        (
            "default max=4",
            &["x gpus=3 age=90", "j gpus=2"],
            "it needs 2 accelerators; queue `default` allows 4, of which 3 are held",
        ),
        (
            "default max=4",
            &["j tasks=2 gpus=4"],
            "it needs 8 accelerators; queue `default` never allows more than 4",
        ),
        ("default", &["j gpus=1 wait=5"], "it may not start before 1970-04-26T17:46:45.000Z"),
    ] {
        check_why(nodes, &[queue], jobs, expected, false);
    }
    check_started(nodes, &["default max=2"], &["a gpus=2 age=90", "b"], &["a -> 0:a[0,1]", "b -> 0:a[]"]);
}

#[test]
fn a_full_plan_leaves_the_rest_to_the_next() {
    let mut snapshot = cluster(&["a gpus=8"], &[], &["a gpus=1 age=3", "b gpus=1 age=2", "c gpus=9 age=1"]);
    let one = Config { max_gangs_per_plan: 1, ..config() };
    let told = tell(&snapshot, &one, NOW);
    assert_eq!(started(&told.plan), ["a -> 0:a[0]"]);
    let why = "one plan starts at most 1 gang, and this one is full: the next one looks at it again";
    assert_eq!(explanation(&told, "b").summary, why);
    assert!(!explanation(&told, "b").never_fits && explanation(&told, "c").never_fits);
    commit(&mut snapshot, &told.plan);
    assert_eq!(started(&plan(&snapshot, &one, NOW)), ["b -> 0:a[1]"]);
}

#[test]
fn a_node_without_a_verdict_is_denied() {
    let mut snapshot = cluster(&["a gpus=8"], &[], &["j gpus=1"]);
    snapshot.nodes.push(node("b gpus=1"));
    assert_eq!(started(&plan(&snapshot, &config(), NOW)), ["j -> 0:a[0]"]);
    snapshot.nodes.remove(0);
    let why = "the law allows no node it could use: 1 denied by rule `default-deny`";
    assert_eq!(explanation(&tell(&snapshot, &config(), NOW), "j").summary, why);
}

#[test]
fn nodes_are_held_for_a_job_that_waited_too_long() {
    // `old` could use the nodes `a` and `b` and waits for what runs there; `c` is closed to it by law.
    let nodes = &["a gpus=8", "b gpus=8", "c gpus=8"];
    let mut snapshot = cluster(nodes, &[], &["running gpus=4 deny=c"]);
    let first = plan(&snapshot, &config(), NOW);
    commit(&mut snapshot, &first);
    let views = snapshot.nodes.clone();
    let waits =
        ["old tasks=2 gpus=8 deny=c age=3601", "young gpus=1 priority=-1", "other gpus=8 priority=-1 deny=c"];
    snapshot.jobs.extend(waits.map(|line| job(line, &views)));
    let held = tell(&snapshot, &config(), NOW);
    assert_eq!(started(&held.plan), ["young -> 0:c[0]"]);
    assert_eq!(explanation(&held, "other").summary, "every node that could take it is held: 2 for `old`");
    assert_eq!(
        explanation(&held, "old").summary,
        "places are held for it on `a`, `b`; it waits for `running` to end"
    );

    // A moment earlier nothing is held, and a job of higher priority is never stopped by a hold.
    let early = plan(&snapshot, &config(), NOW - Span::from_secs(1));
    assert_eq!(started(&early), ["other -> 0:b[0,1,2,3,4,5,6,7]", "young -> 0:a[4]"]);
    snapshot.jobs.push(job("urgent gpus=1 priority=1 deny=b,c", &views));
    assert_eq!(started(&plan(&snapshot, &config(), NOW)), ["urgent -> 0:a[4]", "young -> 0:c[0]"]);
}

/// A cluster whose nodes `a`, `b`, `c`, beside nine that take no work, run jobs that began that many seconds before now; jobs wait as the lines say.
fn busy(began: &[(&str, u64)], waits: &[&str]) -> Snapshot {
    let closed: Vec<String> = (1..10).map(|n| format!("z{n} gpus=8 phase=Cordoned")).collect();
    let mut nodes = vec!["a gpus=8", "b gpus=8", "c gpus=8"];
    nodes.extend(closed.iter().map(String::as_str));
    let mut snapshot = cluster(&nodes, &[], &[]);
    let views = snapshot.nodes.clone();
    for (on, seconds) in began {
        let mut running = job(&format!("on-{on}-{seconds} gpus=7"), &views);
        let taken = Assignment {
            rank: Rank(0),
            node: on.parse().unwrap(),
            devices: (0..7).map(DeviceIndex).collect(),
            share: None,
        };
        running.state = placed(&[taken], NOW - Span::from_secs(*seconds));
        snapshot.jobs.push(running);
    }
    snapshot.jobs.extend(waits.iter().map(|line| job(line, &views)));
    snapshot
}

/// The job that each node is held for, as the others are told.
fn held(snapshot: &Snapshot, config: &Config) -> Vec<String> {
    let told = tell(snapshot, config, NOW);
    let reasons = explanation(&told, "last").per_node.iter();
    let name = |reason: &str| reason.rsplit('`').nth(1).map(str::to_owned);
    reasons
        .filter(|(_, reason)| reason.contains("held for"))
        .filter_map(|(node, reason)| Some(format!("{node} for {}", name(reason)?)))
        .collect()
}

#[test]
fn the_node_is_held_whose_jobs_began_last_and_it_stays_that_node() {
    let waits = ["old gpus=8 age=4000", "last gpus=8 priority=-1"];
    assert_eq!(held(&busy(&[("a", 9000), ("b", 5000), ("c", 8000)], &waits), &config()), ["b for old"]);
    // The hold began 400 s ago. What started elsewhere since then does not move it, however young it is.
    let later = busy(&[("a", 9000), ("b", 5000), ("c", 300)], &waits);
    assert_eq!(held(&later, &config()), ["b for old"]);
    // What has ended elsewhere does: the node is free.
    let ended = busy(&[("b", 5000), ("c", 300)], &["old tasks=2 gpus=8 age=4000", "last gpus=8 priority=-1"]);
    assert_eq!(held(&ended, &config()), ["a for old", "b for old"]);
}

#[test]
fn nodes_are_held_for_a_few_jobs_at_once_the_oldest_first() {
    let waits = ["second gpus=8 age=5000", "first gpus=8 age=6000", "third gpus=8 age=4000", "last gpus=8"];
    let snapshot = busy(&[("a", 9000), ("b", 8000), ("c", 7000)], &waits);
    let most = |max_holds| held(&snapshot, &Config { max_holds, ..config() });
    assert_eq!(most(0), [""; 0]);
    assert_eq!(most(1), ["c for first"]);
    assert_eq!(most(2), ["b for second", "c for first"]);
    assert_eq!(most(4), ["a for third", "b for second", "c for first"]);
    // Where that would be more than a quarter of all accelerators it is one job only.
    let small = Snapshot { nodes: snapshot.nodes.iter().take(11).cloned().collect(), ..snapshot.clone() };
    assert_eq!(held(&small, &config()), ["b for second", "c for first"]);
    let smaller = Snapshot { nodes: snapshot.nodes.iter().take(3).cloned().collect(), ..snapshot.clone() };
    assert_eq!(held(&smaller, &config()), ["c for first"]);
}

#[test]
fn nothing_is_held_for_a_job_that_could_not_start_on_empty_nodes() {
    for waits in ["old tasks=3 gpus=8 age=9999", "old tasks=2 gpus=8 age=9999"] {
        // With the second node closed even two tasks have no room, whoever else ends.
        let snapshot = cluster(&["a gpus=8", "b gpus=8 phase=Draining"], &[], &[waits, "young gpus=1"]);
        assert_eq!(started(&plan(&snapshot, &config(), NOW)), ["young -> 0:a[0]"]);
    }
}

#[test]
fn broken_and_busy_accelerators_are_not_given_away() {
    let mut snapshot = cluster(&["a gpus=4 broken=1"], &[], &["x gpus=1 age=90", "j gpus=2"]);
    let first = plan(&snapshot, &config(), NOW);
    assert_eq!(started(&first), ["x -> 0:a[0]", "j -> 0:a[2,3]"]);
    commit(&mut snapshot, &first);
    snapshot.jobs.push(job("late gpus=1", &snapshot.nodes));
    let told = tell(&snapshot, &config(), NOW);
    let why = "it needs 1 nvidia device on one node; all that could serve it are in use";
    assert_eq!((started(&told.plan).len(), explanation(&told, "late").summary.as_str()), (0, why));
}

#[test]
fn the_hash_binds_the_law_the_revision_the_time_and_the_reasons() {
    let snapshot = cluster(&["a gpus=1"], &[], &["j gpus=1", "k gpus=1"]);
    let hash = |snapshot: &Snapshot, config: &Config, now| plan(snapshot, config, now).hash;
    let first = hash(&snapshot, &config(), NOW);
    assert_eq!((first.len(), hash(&snapshot, &config(), NOW)), (64, first.clone()));
    let other_law = Config { policy_hash: "law-2".to_owned(), ..config() };
    let later = Snapshot { revision: 8, ..snapshot.clone() };
    let busier = cluster(&["a gpus=2 broken=0"], &[], &["j gpus=1", "k gpus=1"]);
    let hashes = [
        first,
        hash(&snapshot, &other_law, NOW),
        hash(&later, &config(), NOW),
        hash(&snapshot, &config(), NOW + Span(1)),
        hash(&busier, &config(), NOW),
    ];
    assert_eq!(hashes.iter().collect::<BTreeSet<_>>().len(), hashes.len());
}

/// The promise is measured elsewhere; here a cluster fills up whole, and the jobs left over share one explanation.
#[test]
fn a_thousand_nodes_fill_up_to_the_last_accelerator() {
    let nodes: Vec<NodeView> = (0..1_000).map(|n| node(&format!("n{n:04} gpus=8 in=DE"))).collect();
    let first = job("j gpus=1 in=DE", &nodes);
    let jobs = (0..8_100).map(|n| JobView { name: format!("j{n:05}").parse().unwrap(), ..first.clone() });
    let snapshot = Snapshot {
        revision: 1,
        queues: vec![queue("default")],
        jobs: jobs.collect(),
        nodes,
        reservations: Vec::new(),
    };
    let all = tell(&snapshot, &Config { max_gangs_per_plan: u32::MAX, ..config() }, NOW);
    assert_eq!((all.plan.gangs.len(), all.explanations.len()), (8_000, 100));
    let left: BTreeSet<_> = all.explanations.values().map(Arc::as_ptr).collect();
    assert_eq!(left.len(), 1);
    let told = explanation(&all, "j08000");
    assert_eq!(told.per_node.len(), MAX_EXPLAINED_NODES);
    assert!(told.to_string().ends_with("  and 936 more\n"));
}
