//! What holds for every cluster, checked against a second, naive reading of the same snapshot.

use proptest::prelude::*;

use super::*;

fn node_lines() -> impl Strategy<Value = Vec<String>> {
    let one = (0..3_usize, 0..4_usize, 1..9_u32, 0..9_u32, 0..2_usize, 0..3_usize).prop_map(
        |(place, phase, cores, gpus, class, can)| {
            let place = ["DE", "FR", "NO"][place];
            let phase = ["", "", "", "phase=Cordoned"][phase];
            let class = ["nvidia", "amd"][class];
            let can = ["", "can=fp8", "can=fp16 broken=0"][can];
            format!("in={place} {phase} cores={cores} mem={cores} gpus={gpus} class={class} {can}")
        },
    );
    prop::collection::vec(one, 0..9)
        .prop_map(|lines| lines.iter().enumerate().map(|(n, line)| format!("n{n} {line}")).collect())
}

fn job_lines() -> impl Strategy<Value = Vec<String>> {
    let shape = (1..4_u32, 0..5_u32, 0..3_usize, 1..5_u32, 0..3_usize);
    let order = (0..3_usize, 0..3_i32, 0..9_usize, prop::collection::vec(0..9_u32, 0..4), 0..3_usize);
    let one = (shape, order).prop_map(|((tasks, gpus, class, cores, side), (queue, priority, age, deny, place))| {
        let class = ["nvidia", "nvidia precision=fp8", "amd gpumem=80"][class];
        let side = ["", "", "side=1x2"][side];
        let queue = ["default", "small", "stopped"][queue];
        let place = ["", "", "in=DE,NO"][place];
        let age = [1, 5, 9, 60, 60, 3_000, 3_601, 4_000, 9_999][age];
        let deny: Vec<String> = deny.iter().map(|n| format!("n{n}")).collect();
        format!(
            "tasks={tasks} gpus={gpus} class={class} cores={cores} {side} queue={queue} priority={priority} age={age} \
             deny={} {place}",
            deny.join(",")
        )
    });
    prop::collection::vec(one, 0..14)
        .prop_map(|lines| lines.iter().enumerate().map(|(n, line)| format!("j{n} {line}")).collect())
}

/// A cluster in which the first plan of some jobs has started, and the rest waits.
fn snapshots() -> impl Strategy<Value = Snapshot> {
    (node_lines(), job_lines(), 0..14_usize).prop_map(|(nodes, jobs, running)| {
        let refs = |lines: &[String]| lines.to_vec();
        let (nodes, jobs) = (refs(&nodes), refs(&jobs));
        let lines: Vec<&str> = nodes.iter().map(String::as_str).collect();
        let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
        let mut snapshot =
            cluster(&lines, &["default", "small max=5 priority=2", "stopped stopped=true"], &jobs);
        let waiting = snapshot.jobs.split_off(running.min(snapshot.jobs.len()));
        let first = plan(&snapshot, &config(), NOW);
        commit(&mut snapshot, &first);
        snapshot.jobs.extend(waiting);
        snapshot
    })
}

/// Everything that a committed cluster must satisfy, counted from scratch.
fn check_cluster(snapshot: &Snapshot) {
    let mut cores: BTreeMap<_, u64> = BTreeMap::new();
    let mut memory: BTreeMap<_, u64> = BTreeMap::new();
    let mut taken = BTreeSet::new();
    let mut held: BTreeMap<_, u32> = BTreeMap::new();
    for job in &snapshot.jobs {
        let JobState::Placed(places) = &job.state else { continue };
        let ranks: Vec<&TaskGroup> = job.spec.ranks().collect();
        assert_eq!(places.len(), ranks.len(), "{} is not whole", job.name);
        for (rank, (place, group)) in places.iter().zip(ranks).enumerate() {
            assert_eq!(usize::try_from(place.rank.0).unwrap(), rank);
            let node = snapshot.nodes.iter().find(|node| node.name == place.node).unwrap();
            *cores.entry(&node.name).or_default() += group.resources.cores.0;
            *memory.entry(&node.name).or_default() += group.resources.memory.0;
            assert!(cores[&node.name] <= node.cores.0 && memory[&node.name] <= node.memory.0);
            let request = group.resources.devices.as_ref();
            assert_eq!(place.devices.len(), request.map_or(0, |r| usize::try_from(r.count).unwrap()));
            for index in &place.devices {
                assert!(taken.insert((&node.name, *index)), "{index:?} of {} twice", node.name);
                let device = node.devices.iter().find(|device| device.index == *index).unwrap();
                let request = request.unwrap();
                assert!(device.healthy && device.class == request.class && device.memory >= request.memory);
                let able = |p| device.precisions.is_empty() || device.precisions.contains(&p);
                assert!(job.spec.precision.is_none_or(able));
                *held.entry(&job.queue).or_default() += 1;
            }
        }
    }
    for queue in &snapshot.queues {
        let held = held.get(&queue.name).copied().unwrap_or(0);
        assert!(queue.max_devices == 0 || held <= queue.max_devices, "{} over its limit", queue.name);
    }
}

fn check_lawful(snapshot: &Snapshot, gang: &GangPlacement) {
    let job = snapshot.jobs.iter().find(|job| job.name == gang.job).unwrap();
    let JobState::Waiting { verdicts, .. } = &job.state else { panic!("{} was placed already", job.name) };
    for place in &gang.assignments {
        let node = snapshot.nodes.iter().find(|node| node.name == place.node).unwrap();
        assert_eq!((verdicts.denied_by(&node.name), node.schedulable), (None, Schedulable::Yes));
        assert!(job.spec.jurisdictions.is_empty() || job.spec.jurisdictions.contains(&node.jurisdiction));
    }
}

fn check_waterfall(snapshot: &Snapshot, explanation: &Explanation) {
    let nodes = u32::try_from(snapshot.nodes.len()).unwrap();
    assert_eq!(explanation.waterfall[0].remaining, nodes);
    for pair in explanation.waterfall.windows(2) {
        let removed: u32 = pair[1].removed.iter().map(|(_, count)| count).sum();
        assert_eq!(pair[0].remaining, pair[1].remaining + removed, "{explanation}");
    }
    assert_eq!(explanation.per_node.len(), snapshot.nodes.len());
    assert!(!explanation.summary.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_keeps_law_and_capacity_and_explains_the_rest(mut snapshot in snapshots()) {
        let made = plan(&snapshot, &config(), NOW);
        let mut ledger = Ledger::new(&snapshot);
        for gang in &made.gangs {
            check_lawful(&snapshot, gang);
            prop_assert_eq!(ledger.accept(gang), Ok(()));
        }
        for explanation in made.explanations.values() {
            check_waterfall(&snapshot, explanation);
        }
        let waiting = snapshot.jobs.iter().filter(|job| matches!(job.state, JobState::Waiting { .. })).count();
        prop_assert_eq!(waiting, made.gangs.len() + made.explanations.len());
        drop(ledger);
        commit(&mut snapshot, &made);
        check_cluster(&snapshot);
        // What does not fit after a plan does not fit until something changes.
        prop_assert_eq!(plan(&snapshot, &config(), NOW).gangs, vec![]);
    }

    #[test]
    fn the_order_of_the_input_does_not_reach_the_plan(
        (one, two) in snapshots().prop_flat_map(|snapshot| {
            let parts = (
                Just(snapshot.nodes.clone()).prop_shuffle(),
                Just(snapshot.queues.clone()).prop_shuffle(),
                Just(snapshot.jobs.clone()).prop_shuffle(),
            );
            let revision = snapshot.revision;
            let two = parts.prop_map(move |(mut nodes, queues, mut jobs)| {
                nodes.iter_mut().for_each(|node| node.devices.reverse());
                // Verdicts of equal content that are not shared are another class inside, and must not show.
                for job in &mut jobs {
                    if let JobState::Waiting { verdicts, .. } = &mut job.state {
                        *verdicts = nodes.iter().map(|node| {
                            let verdict = match verdicts.denied_by(&node.name) {
                                None => Verdict::Allow,
                                Some(rule) => Verdict::Deny { rule: rule.to_owned() },
                            };
                            (node.name.clone(), verdict)
                        }).collect();
                    }
                }
                Snapshot { revision, nodes, queues, jobs }
            });
            (Just(snapshot), two)
        })
    ) {
        let (one, two) = (plan(&one, &config(), NOW), plan(&two, &config(), NOW));
        prop_assert_eq!(&one.hash, &two.hash);
        prop_assert_eq!(one, two);
    }

    #[test]
    fn a_single_task_is_refused_only_where_no_node_has_room(snapshot in snapshots()) {
        let made = plan(&snapshot, &Config { reserve_after: Span(u64::MAX), ..config() }, NOW);
        let mut after = snapshot.clone();
        commit(&mut after, &made);
        for job in &after.jobs {
            let Some(told) = made.explanations.get(&job.name) else { continue };
            let by_queue = told.summary.contains("queue");
            if by_queue || job.spec.tasks() != 1 {
                continue;
            }
            let empty = told.waterfall.last().is_some_and(|step| step.remaining == 0);
            prop_assert!(empty, "{} waits beside a node with room: {}", job.name, told);
            // No node, by trying each: the ledger knows nothing of the order of filters.
            for node in &after.nodes {
                let JobState::Waiting { verdicts, .. } = &job.state else { continue };
                if verdicts.denied_by(&node.name).is_some() {
                    continue;
                }
                let count = usize::try_from(job.spec.groups[0].resources.devices.as_ref().map_or(0, |d| d.count)).unwrap();
                let free = node.devices.iter().filter(|device| {
                    let busy = |place: &Assignment| place.node == node.name && place.devices.contains(&device.index);
                    !after.jobs.iter().any(|j| matches!(&j.state, JobState::Placed(p) if p.iter().any(busy)))
                        && device.healthy
                        && job.spec.groups[0].resources.devices.as_ref().is_some_and(|d| d.class == device.class)
                });
                let devices: Vec<DeviceIndex> = free.map(|device| device.index).take(count).collect();
                let place = Assignment { rank: holdfast_types::Rank(0), node: node.name.clone(), devices };
                let gang = GangPlacement { job: job.name.clone(), uid: job.uid.clone(), assignments: vec![place] };
                prop_assert!(verify_gang(&after, &gang).is_err(), "{} fits on {}", job.name, node.name);
            }
        }
    }
}
