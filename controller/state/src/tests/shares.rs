//! Tasks that have a part of an accelerator.

use super::*;

fn part(share_millis: u32, gib: u64) -> v1::JobSpec {
    let mut spec = job_spec(1, 0);
    let resources = spec.groups[0].resources.get_or_insert_default();
    resources.devices = Some(v1::DeviceRequest {
        class: "nvidia".to_owned(),
        count: 1,
        memory_bytes: gib << 30,
        share_millis,
    });
    spec
}

impl World {
    fn give(&mut self, name: &str, device: u32, share_millis: u32) -> Result<(), String> {
        let gang = store::GangPlacement {
            job: name.to_owned(),
            job_uid: format!("uid-{name}"),
            variant: 0,
            tasks: vec![store::TaskPlacement {
                rank: 0,
                node: "de-1".to_owned(),
                devices: vec![device],
                share_millis,
            }],
        };
        let plan = store::CommitPlan { gangs: vec![gang], ..store::CommitPlan::default() };
        match self.done(command::Body::CommitPlan(plan)) {
            outcome::Result::Plan(plan) => plan.rejected.get(name).cloned().map_or(Ok(()), Err),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn parts_share_an_accelerator_until_nothing_is_left_of_it() {
    let mut world = World::new();
    for (name, share, gib) in [("a", 600, 48), ("b", 400, 0), ("c", 1, 0), ("d", 500, 41), ("whole", 0, 0)] {
        world.submit(name, part(share, gib));
    }
    assert_eq!(world.give("a", 0, 600), Ok(()));
    assert_eq!(world.status("a").tasks[0].share_millis, 600);
    assert_eq!(world.give("b", 0, 401), Err("task 0 asks for 400m of its device, 401m was given".to_owned()));
    assert_eq!(world.give("whole", 0, 0), Err("device 0 of node de-1 is in use".to_owned()));
    assert_eq!(world.give("b", 0, 400), Ok(()));
    assert_eq!(world.give("c", 0, 1), Err("device 0 of node de-1 has 0m free, not 1m".to_owned()));
    // Half of 80 GiB is less than 41.
    assert_eq!(world.give("d", 1, 500), Err("device 1 of node de-1 is not what the task needs".to_owned()));
    assert_eq!(world.give("whole", 1, 0), Ok(()));
    world.report("b", 1, 0, "de-1", "Succeeded");
    assert_eq!(world.give("c", 1, 1), Err("device 1 of node de-1 has 0m free, not 1m".to_owned()));
    assert_eq!(world.give("c", 0, 1), Ok(()));
}

#[test]
fn a_cluster_whose_members_may_not_know_parts_keeps_no_job_that_asks_for_one() {
    World::kept_from_the_sixth(part(500, 0));
}
