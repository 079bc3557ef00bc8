//! A gang that no longer fits is refused by the name of what is wrong.

use super::*;

fn check(edit: impl FnOnce(&mut Snapshot, &mut GangPlacement), expected: &str) {
    let mut snapshot = cluster(
        &["a gpus=8 cores=8", "b gpus=4 class=amd", "c gpus=8 in=FR"],
        &[],
        &["j tasks=2 gpus=3 cores=4 in=DE", "k gpus=4 cores=2 age=1"],
    );
    let mut gang = plan(&snapshot, &config(), NOW).gangs.remove(0);
    assert_eq!(places(&gang), "j -> 0:a[0,1,2] 1:a[3,4,5]");
    edit(&mut snapshot, &mut gang);
    let found = match verify_gang(&snapshot, NOW, &gang) {
        Ok(()) => String::from("accepted"),
        Err(rejection) => rejection.to_string(),
    };
    assert_eq!(found, expected);
}

fn put(snapshot: &mut Snapshot, job: usize, places: Vec<Assignment>) {
    snapshot.jobs[job].state = placed(&places, NOW);
}

#[test]
fn a_gang_is_checked_whole() {
    check(|_, _| {}, "accepted");
    check(|_, g| g.uid.push('x'), "job `j` is not known under uid `uid-jx`");
    check(|s, g| put(s, 0, g.assignments.clone()), "job `j` does not wait for a place");
    check(|s, _| s.queues[0].stopped = true, "queue `default` is stopped");
    check(
        |s, _| s.queues[0].max_devices = 5,
        "queue `default` allows 5 accelerators, of which 0 are held; the gang needs 6",
    );
    check(|_, g| g.assignments.truncate(1), "the gang has 1 places for 2 tasks");
    check(|_, g| g.assignments.swap(0, 1), "rank 1 is placed where rank 0 belongs");
    check(|_, g| g.assignments[1].node = "z".parse().unwrap(), "node `z` is not known");
    check(
        |_, g| g.assignments[1].node = "c".parse().unwrap(),
        "node `c` is in FR, where the job did not ask to run",
    );
    check(|s, _| s.nodes[0].schedulable = Schedulable::No(NodePhase::Lost), "node `a` takes no work: Lost");
    check(
        |_, g| g.assignments[1].devices.truncate(2),
        "rank 1 needs 3 accelerators on node `a` and was given 2",
    );
    check(|_, g| g.assignments[1].devices[0] = DeviceIndex(8), "node `a` has no accelerator 8");
    check(|_, g| g.assignments[1].devices[0] = DeviceIndex(0), "accelerator 0 of node `a` is not free");
    check(|_, g| g.assignments[1].devices[0] = DeviceIndex(5), "accelerator 5 of node `a` is not free");
    check(
        |_, g| g.assignments[0].node = "b".parse().unwrap(),
        "accelerator 0 of node `b` does not serve rank 0",
    );
    check(|s, _| s.nodes[0].devices[2].healthy = false, "accelerator 2 of node `a` does not serve rank 0");
    check(
        |s, _| s.nodes[0].cores = Millicores(7_999),
        "node `a` has too few cores or too little memory free for rank 1",
    );
    let taken = |devices: [u32; 4]| {
        let devices = devices.map(DeviceIndex).to_vec();
        vec![Assignment { rank: holdfast_types::Rank(0), node: "a".parse().unwrap(), devices, share: None }]
    };
    check(|s, _| put(s, 1, taken([4, 5, 6, 7])), "accelerator 4 of node `a` is not free");
}

#[test]
fn a_ledger_counts_what_it_accepted_and_forgets_what_it_refused() {
    let snapshot =
        cluster(&["a gpus=4"], &["default max=4"], &["j tasks=2 gpus=1 age=90", "k gpus=2", "l gpus=1"]);
    let planned = plan(&snapshot, &config(), NOW).gangs;
    let [j, k] = &planned[..] else { panic!("two gangs fit") };
    let mut ledger = Ledger::new(&snapshot, NOW);
    // The second rank is wrong, so the first takes nothing.
    let mut broken = j.clone();
    broken.assignments[1].devices[0] = DeviceIndex(9);
    assert!(ledger.accept(&broken).is_err());
    assert_eq!(ledger.accept(j), Ok(()));
    // The snapshot still shows these accelerators free; the ledger knows better.
    let mut second = k.clone();
    second.assignments[0].devices = vec![DeviceIndex(1), DeviceIndex(2)];
    assert!(matches!(ledger.accept(&second), Err(Rejection::DeviceTaken { device: DeviceIndex(1), .. })));
    assert_eq!(ledger.accept(k), Ok(()));
    assert_eq!(ledger.accept(j), Err(Rejection::NotWaiting { job: j.job.clone() }));
    let late = GangPlacement {
        job: "l".parse().unwrap(),
        uid: "uid-l".to_owned(),
        variant: 0,
        assignments: j.assignments.clone(),
    };
    assert!(matches!(
        ledger.accept(&late),
        Err(Rejection::QueueFull { held: holdfast_types::MilliDevices(4_000), .. })
    ));
}
