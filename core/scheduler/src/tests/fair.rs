//! Queues of one priority come to their turn by what they have had.

use proptest::prelude::*;

use super::*;

const DAY: u64 = 86_400;

/// The jobs that start, in order, where those of `runs` have run for a day.
fn order(nodes: &[&str], queues: &[&str], runs: &[(&str, &str)], waits: &[&str]) -> Vec<String> {
    let mut snapshot = cluster(nodes, queues, waits);
    for (line, on) in runs {
        let job = running(line, DAY, on, &snapshot.nodes);
        record(&mut snapshot, &job, NOW - Span::from_secs(DAY), Usage::take);
        snapshot.jobs.push(job);
    }
    plan(&snapshot, &config(), NOW).gangs.iter().map(|gang| gang.job.to_string()).collect()
}

#[test]
fn the_queue_that_has_least_goes_first_whatever_the_age() {
    let nodes = ["a gpus=8", "b gpus=8"];
    let waits = ["old queue=much gpus=8 age=900", "new queue=little gpus=8 age=9"];
    assert_eq!(order(&nodes, &["much", "little"], &[("x queue=much gpus=8", "a:0-7")], &waits), ["new"]);
    // Priorities come before shares, and so does a wait of two days.
    let queues = ["much priority=1", "little"];
    assert_eq!(order(&nodes, &queues, &[("x queue=much gpus=8", "a:0-7")], &waits), ["old"]);
    let waits = ["old queue=much gpus=8 age=172800", "new queue=little gpus=8 age=9"];
    assert_eq!(order(&nodes, &["much", "little"], &[("x queue=much gpus=8", "a:0-7")], &waits), ["old"]);
    // In a queue it is as ever: who has had less, then the eldest.
    let waits = ["one gpus=8 age=9", "two gpus=8 age=99", "three gpus=8 age=999 ran=99999"];
    assert_eq!(order(&nodes, &["default"], &[], &waits), ["two", "one"]);
}

#[test]
fn weights_share_what_starts() {
    let nodes: Vec<String> = (0..12).map(|n| format!("n{n:02} gpus=1")).collect();
    let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
    let jobs: Vec<String> = (0..36)
        .map(|n| format!("{}{n:02} queue={} gpus=1", ["a", "b", "c"][n % 3], ["a", "b", "c"][n % 3]))
        .collect();
    let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
    let started = order(&nodes, &["a weight=1", "b weight=2", "c weight=3"], &[], &jobs);
    let of = |queue: &str| started.iter().filter(|job| job.starts_with(queue)).count();
    assert_eq!([of("a"), of("b"), of("c")], [2, 4, 6], "{started:?}");
}

#[test]
fn a_queue_counts_with_all_below_it() {
    // Two faculties of equal weight; one has three chairs, the other one.
    let nodes: Vec<String> = (0..12).map(|n| format!("n{n:02} gpus=1")).collect();
    let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
    let queues = ["arts", "law", "a parent=arts", "b parent=arts", "c parent=arts", "d parent=law"];
    let jobs: Vec<String> = (0..48)
        .map(|n| {
            format!("{}{n:02} queue={} gpus=1", ["a", "b", "c", "d"][n % 4], ["a", "b", "c", "d"][n % 4])
        })
        .collect();
    let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
    let started = order(&nodes, &queues, &[], &jobs);
    let of = |queue: &str| started.iter().filter(|job| job.starts_with(queue)).count();
    assert_eq!(["a", "b", "c", "d"].map(of), [2, 2, 2, 6], "{started:?}");
}

#[test]
fn the_dominant_resource_counts() {
    // Ghodsi and others, section 4.1: 9 processors and 18 GiB; tasks of 1 and 4, and of 3 and 1.
    let jobs: Vec<String> = (0..9)
        .flat_map(|n| [format!("a{n} queue=a cores=1 mem=4"), format!("b{n} queue=b cores=3 mem=1")])
        .collect();
    let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
    let started = order(&["n cores=9 mem=18"], &["a", "b"], &[], &jobs);
    let of = |queue: &str| started.iter().filter(|job| job.starts_with(queue)).count();
    assert_eq!([of("a"), of("b")], [3, 2], "{started:?}");
}

#[test]
fn what_was_used_counts_half_after_a_half_life() {
    let mut snapshot = cluster(
        &["n gpus=8"],
        &["a half=86400", "b half=86400"],
        &["one queue=a gpus=8 age=99", "two queue=b gpus=8 age=9"],
    );
    let at = |days: u64| NOW - Span::from_secs(days * DAY);
    let past = |usage: &mut Usage, held: u64, from: Time, until: Time| {
        let mut gpus = Amounts::default();
        gpus.add(holdfast_types::Resource::Devices(DeviceClass::Nvidia), 1_000 * held);
        usage.take(&gpus, from, Span::from_secs(DAY));
        usage.give_back(&gpus, until, Span::from_secs(DAY));
    };
    // A day of the whole cluster two days ago is less than a day of half of it that is just over.
    past(&mut snapshot.queues[0].usage, 8, at(3), at(2));
    past(&mut snapshot.queues[1].usage, 4, at(1), at(0));
    assert_eq!(plan(&snapshot, &config(), NOW).gangs[0].job.as_str(), "one");
    let shares = dominant_shares(&snapshot, NOW);
    assert_eq!(shares.into_values().collect::<Vec<_>>(), [125, 250]);
    // It was more when that one ended.
    past(&mut snapshot.queues[0].usage, 8, at(0), NOW + Span::from_secs(DAY));
    assert_eq!(plan(&snapshot, &config(), NOW + Span::from_secs(DAY)).gangs[0].job.as_str(), "two");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// While queues with equal jobs wait, none has started more for its weight than another would have with one more.
    #[test]
    fn nobody_is_ahead_by_more_than_a_job(weights in prop::collection::vec(1..9_u32, 2..6), room in 1..40_u32) {
        let queues: Vec<String> = weights.iter().enumerate().map(|(n, w)| format!("q{n} weight={w}")).collect();
        let queues: Vec<&str> = queues.iter().map(String::as_str).collect();
        let jobs: Vec<String> =
            (0..weights.len() * 40).map(|n| format!("j{n:03} queue=q{} gpus=1 age={}", n % weights.len(), n * 7 % 11)).collect();
        let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
        let node = format!("n gpus={room} cores=9999");
        let mut snapshot = cluster(&[&node], &queues, &jobs);
        let made = plan(&snapshot, &config(), NOW);
        commit(&mut snapshot, &made);
        let held = |queue: &QueueView| u32::try_from(queue.usage.holds.get(holdfast_types::Resource::Devices(DeviceClass::Nvidia))).unwrap();
        let held: Vec<u32> = snapshot.queues.iter().map(held).map(|thousandths| thousandths / 1_000).collect();
        prop_assert_eq!(held.iter().sum::<u32>(), room);
        for (one, weight) in held.iter().zip(&weights).filter(|(one, _)| **one > 0) {
            for (other, others) in held.iter().zip(&weights) {
                prop_assert!((one - 1) * others <= other * weight, "{:?} of {:?}", held, weights);
            }
        }
    }
}
