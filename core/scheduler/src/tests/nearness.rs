//! Tasks that have to be near each other.

use super::*;

/// Nodes `<rack>-<n>` with so many free accelerators each, rack by rack: `r1:8,8,4 r2:8` of row `a`.
fn racks(text: &str) -> Vec<String> {
    let rack = |(rack, free): (&str, &str)| {
        let (row, _) = rack.split_once('-').unwrap_or(("a", ""));
        let node = |(number, gpus): (usize, &str)| {
            format!("{rack}-{number} place=row:{row},rack:{rack} gpus={gpus}")
        };
        free.split(',').enumerate().map(node).collect::<Vec<_>>()
    };
    text.split(' ').flat_map(|text| rack(text.split_once(':').unwrap())).collect()
}

/// How many tasks go to each node, in the order of ranks; or why none do.
fn spread(nodes: &[String], job: &str) -> String {
    let lines: Vec<&str> = nodes.iter().map(String::as_str).collect();
    let told = tell(&cluster(&lines, &[], &[job]), &config(), NOW);
    let Some(gang) = told.plan.gangs.first() else { return explanation(&told, "job").summary.clone() };
    let mut counts: Vec<(String, u32)> = Vec::new();
    for (rank, assignment) in gang.assignments.iter().enumerate() {
        assert_eq!(assignment.rank.0, u32::try_from(rank).unwrap());
        match counts.last_mut().filter(|(node, _)| node == assignment.node.as_str()) {
            Some((_, count)) => *count += 1,
            None => counts.push((assignment.node.to_string(), 1)),
        }
    }
    counts.iter().map(|(node, count)| format!("{node}={count}")).collect::<Vec<_>>().join(" ")
}

fn check(nodes: &str, job: &str, expected: &str) {
    assert_eq!(spread(&racks(nodes), job), expected, "{job} on {nodes}");
}

/// The examples of KEP-2724, "Computing the assignment" and "Two-level Topology Aware scheduling".
#[test]
fn the_published_examples_of_best_fit_come_out_as_published() {
    check("r:3,3,2,1", "job tasks=7 gpus=1 near=required:rack", "r-0=3 r-1=3 r-3=1");
    check("r:6,5,4,3,2", "job tasks=12 gpus=1 near=required:rack,2:node", "r-0=6 r-2=4 r-4=2");
}

#[test]
fn a_required_domain_holds_all_tasks_or_none_start() {
    check("r1:8,8 r2:8,8,8", "job tasks=3 gpus=8 near=required:rack", "r2-0=1 r2-1=1 r2-2=1");
    check("r1:8,8 r2:8,8,8", "job tasks=2 gpus=8 near=required:rack", "r1-0=1 r1-1=1");
    check(
        "r1:8,8 r2:8,8",
        "job tasks=3 gpus=8 near=required:rack",
        "its 3 tasks start together in one rack, each with 8 nvidia devices, 1 core and 1 GiB of memory; the most that \
         one has room for now is 2 (a/r1)",
    );
    check("r1:8,8 r2:8,8", "job tasks=3 gpus=8 near=required:row", "r1-0=1 r1-1=1 r2-0=1");
    check(
        "r1:8,8",
        "job tasks=1 gpus=8 near=required:leaf",
        "its 1 task start together in one leaf, and no node is in any",
    );
}

#[test]
fn a_preferred_domain_gives_way_to_the_next_wider_one() {
    let job = "job tasks=3 gpus=8 near=preferred:rack";
    check("a-1:8,8 a-2:8 b-1:8,8,8", job, "b-1-0=1 b-1-1=1 b-1-2=1");
    check("a-1:8,8 a-2:8 b-1:8,8", job, "a-1-0=1 a-1-1=1 a-2-0=1");
    check("a-1:8,8 b-1:8", job, "a-1-0=1 a-1-1=1 b-1-0=1");
    check(
        "a-1:8,8 b-1:8",
        "job tasks=3 gpus=8 near=required:row,preferred:rack",
        "its 3 tasks start together in one row, each with 8 nvidia devices, 1 core and 1 GiB of memory; the most that \
         one has room for now is 2 (a)",
    );
}

#[test]
fn slices_stay_whole_and_are_counted_whole() {
    // Five and three are room for eight tasks, and for three slices of two.
    check("r1:5 r2:3", "job tasks=6 gpus=1 near=2:rack", "r1-0=4 r2-0=2");
    check(
        "r1:5 r2:3",
        "job tasks=8 gpus=1 near=2:rack",
        "its 8 tasks start together, in slices of 2 in one rack, each with 1 nvidia device, 1 core and 1 GiB of memory; \
         there is room for 6 now",
    );
    check("r1:2,2,2 r2:4,4", "job tasks=8 gpus=1 near=8:rack,4:node", "r2-0=4 r2-1=4");
}

#[test]
fn balanced_tasks_are_shared_by_as_few_domains_as_possible() {
    check("r1:8 r2:8 r3:8", "job tasks=12 gpus=1 near=preferred:row,balanced", "r1-0=6 r2-0=6");
    check("r1:8 r2:8 r3:8", "job tasks=12 gpus=1 near=preferred:row", "r1-0=8 r2-0=4");
    check("r1:4 r2:8 r3:8", "job tasks=19 gpus=1 near=preferred:row,balanced", "r1-0=4 r2-0=8 r3-0=7");
}

#[test]
fn two_racks_of_one_name_in_two_rows_are_two() {
    let nodes: Vec<String> = ["a", "b"]
        .iter()
        .map(|row| format!("n{row} place=row:{row},rack:r1 gpus=8"))
        .chain(["nc gpus=8".to_owned()])
        .collect();
    assert!(
        spread(&nodes, "job tasks=2 gpus=8 near=required:rack").contains("one has room for now is 1 (a/r1)")
    );
    assert_eq!(spread(&nodes, "job tasks=3 gpus=8 near=preferred:rack"), "nc=1 na=1 nb=1");
}

/// Jobs that began a day ago and may be stopped, one on each of these nodes, with all of it.
fn busy(nodes: &[String], on: &str, snapshot: &mut Snapshot) {
    for name in on.split(' ') {
        let gpus = snapshot.nodes.iter().find(|node| node.name.as_str() == name).unwrap().devices.len();
        let places = format!("{name}:0-{}", gpus - 1);
        let line = format!("on-{name} gpus={gpus} stoppable=1");
        snapshot.jobs.push(running(&line, 90_000, &places, &snapshot.nodes.clone()));
    }
    assert_eq!(nodes.len(), snapshot.nodes.len());
}

#[test]
fn those_who_stop_for_a_gang_that_stays_together_are_in_one_domain() {
    let nodes = racks("r1:8,8 r2:8,8 r3:8,8");
    let lines: Vec<&str> = nodes.iter().map(String::as_str).collect();
    let mut snapshot = cluster(&lines, &[], &["job tasks=2 gpus=8 near=required:rack priority=5"]);
    // One in each rack is free: without the rack in mind nobody would have to stop.
    busy(&nodes, "r1-0 r2-1 r3-0", &mut snapshot);
    let told = tell(&snapshot, &config(), NOW);
    let stopped: Vec<&str> = told.plan.preempts.iter().map(|stop| stop.job.as_str()).collect();
    assert_eq!(stopped, ["on-r1-0"]);
    assert_eq!(places(&told.plan.holds[0]), "job -> 0:r1-0[0,1,2,3,4,5,6,7] 1:r1-1[0,1,2,3,4,5,6,7]");
}

#[test]
fn nobody_stops_for_a_gang_that_no_domain_could_hold() {
    let nodes = racks("r1:8,8 r2:8,8");
    let lines: Vec<&str> = nodes.iter().map(String::as_str).collect();
    let mut snapshot = cluster(&lines, &[], &["job tasks=3 gpus=8 near=required:rack priority=5"]);
    busy(&nodes, "r1-0 r1-1 r2-0 r2-1", &mut snapshot);
    let told = tell(&snapshot, &config(), NOW);
    assert_eq!((told.plan.preempts.len(), told.plan.holds.len()), (0, 0));
    assert!(explanation(&told, "job").never_fits);
}

#[test]
fn slices_are_freed_whole() {
    let nodes = racks("r1:2,2,2,2 r2:2,2,2,2");
    let lines: Vec<&str> = nodes.iter().map(String::as_str).collect();
    let mut snapshot = cluster(&lines, &[], &["job tasks=4 gpus=2 near=4:rack priority=5"]);
    busy(&nodes, "r1-0 r1-1 r2-0 r2-1 r2-2", &mut snapshot);
    let told = tell(&snapshot, &config(), NOW);
    let stopped: Vec<&str> = told.plan.preempts.iter().map(|stop| stop.job.as_str()).collect();
    assert_eq!(stopped, ["on-r1-0", "on-r1-1"]);
}

#[test]
fn places_held_for_a_gang_that_stays_together_are_in_one_domain() {
    let nodes = racks("r1:8,8 r2:8,8");
    let lines: Vec<&str> = nodes.iter().map(String::as_str).collect();
    let mut snapshot = cluster(&lines, &[], &["job tasks=2 gpus=8 near=required:rack age=7200"]);
    for (name, began) in [("r1-0", 50_000), ("r2-0", 9_000), ("r2-1", 9_500)] {
        let places = format!("{name}:0-7");
        snapshot.jobs.push(running(&format!("on-{name} gpus=8"), began, &places, &snapshot.nodes.clone()));
    }
    let told = tell(&snapshot, &config(), NOW);
    let held: BTreeSet<&str> =
        told.plan.holds.iter().flat_map(|gang| &gang.assignments).map(|place| place.node.as_str()).collect();
    assert_eq!(held, ["r2-0", "r2-1"].into(), "the youngest are taken to end first");
}

mod laws {
    use proptest::prelude::*;

    use holdfast_types::TopologyLevel;

    use super::*;

    /// Racks in two rows with so many free accelerators on each node; 9 stands for a node that is in no rack.
    fn cluster_of(racks: &[Vec<u32>]) -> Vec<NodeView> {
        let mut nodes = Vec::new();
        for (number, rack) in racks.iter().enumerate() {
            for free in rack {
                let place = format!("place=row:{},rack:r{number}", number % 2);
                let place = if *free == 9 { "place=row:0" } else { &place };
                nodes.push(node(&format!("n{} {place} gpus={}", nodes.len(), free % 9)));
            }
        }
        nodes
    }

    fn asks() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "required:rack",
            "required:row",
            "preferred:rack",
            "required:row,preferred:rack",
            "2:rack",
            "required:row,4:rack,2:node",
            "2:node",
            "preferred:row,balanced",
            "required:row,2:rack,balanced",
        ])
    }

    /// For how many tasks of one accelerator there is room, counted by hand.
    fn room(nodes: &[&NodeView], slices: &[Slice]) -> u64 {
        let Some((slice, inner)) = slices.split_first() else {
            return nodes.iter().map(|node| u64::try_from(node.devices.len()).unwrap()).sum();
        };
        let mut domains: BTreeMap<String, Vec<&NodeView>> = BTreeMap::new();
        for node in nodes {
            domains.entry(domain(node, slice.level)).or_default().push(node);
        }
        let size = u64::from(slice.size);
        domains.remove("");
        domains.values().map(|nodes| room(nodes, inner) / size * size).sum()
    }

    fn domain(node: &NodeView, level: TopologyLevel) -> String {
        if level == TopologyLevel::Node {
            return node.name.to_string();
        }
        if !node.place.contains_key(&level) {
            return String::new();
        }
        let around = node.place.iter().filter(|(known, _)| **known <= level);
        around.map(|(_, name)| name.as_str()).collect::<Vec<_>>().join("/")
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_gang_starts_exactly_where_it_may_be_together(
            racks in prop::collection::vec(prop::collection::vec(0..10_u32, 1..5), 1..6),
            asks in asks(),
            quarters in 1..8_u32,
        ) {
            let nodes = cluster_of(&racks);
            let view = job(&format!("job tasks={} gpus=1 near={asks}", quarters * 4), &nodes);
            let asks = view.spec.groups[0].topology.clone().unwrap();
            let snapshot = Snapshot {
                revision: 1,
                queues: vec![queue("default")],
                jobs: vec![view],
                nodes,
                reservations: Vec::new(),
            };
            let plan = plan(&snapshot, &config(), NOW);
            let all: Vec<&NodeView> = snapshot.nodes.iter().collect();
            let mut domains: BTreeMap<String, Vec<&NodeView>> = BTreeMap::new();
            for node in &all {
                let name = asks.required.map_or("all".to_owned(), |level| domain(node, level));
                domains.entry(name).or_default().push(node);
            }
            domains.remove("");
            let fits = domains.values().any(|nodes| room(nodes, &asks.slices) >= u64::from(quarters * 4));
            prop_assert_eq!(plan.gangs.len(), usize::from(fits));
            let Some(gang) = plan.gangs.first() else { return Ok(()) };
            let places: Vec<&NodeView> = gang
                .assignments
                .iter()
                .map(|place| *all.iter().find(|node| node.name == place.node).unwrap())
                .collect();
            let one = |places: &[&NodeView], level| {
                let names: BTreeSet<String> = places.iter().map(|node| domain(node, level)).collect();
                names.len() == 1 && !names.contains("")
            };
            prop_assert!(asks.required.is_none_or(|level| one(&places, level)));
            for slice in &asks.slices {
                for part in places.chunks(usize::try_from(slice.size).unwrap()) {
                    prop_assert!(one(part, slice.level), "{:?}", slice);
                }
            }
        }
    }
}
