//! Jobs that start in one of several variants.

use holdfast_types::{DeviceClass, Resource};

use super::*;

fn with_variant() -> v1::JobSpec {
    let mut spec = job_spec(1, 0);
    let one = v1::DeviceRequest { class: "nvidia".to_owned(), count: 1, ..Default::default() };
    let resources = spec.groups[0].resources.clone().unwrap();
    spec.groups[0].variants = vec![v1::Resources { devices: Some(one), ..resources }];
    spec
}

impl World {
    fn start_in(&mut self, name: &str, variant: u32, devices: &[u32]) -> Result<(), String> {
        let gang = store::GangPlacement {
            job: name.to_owned(),
            job_uid: format!("uid-{name}"),
            variant,
            tasks: vec![store::TaskPlacement {
                node: "de-1".to_owned(),
                devices: devices.to_vec(),
                ..Default::default()
            }],
        };
        let plan = store::CommitPlan { gangs: vec![gang], ..store::CommitPlan::default() };
        match self.done(command::Body::CommitPlan(plan)) {
            outcome::Result::Plan(plan) => plan.rejected.get(name).cloned().map_or(Ok(()), Err),
            other => panic!("{other:?}"),
        }
    }

    fn held(&self) -> u64 {
        let usage = self.state.queue("default").unwrap().status.clone().unwrap().usage.unwrap();
        holdfast_types::Usage::from(&usage).holds.get(Resource::Devices(DeviceClass::Nvidia))
    }
}

#[test]
fn a_gang_has_what_its_variant_says_until_it_ends() {
    let mut world = World::new();
    for name in ["a", "b"] {
        world.submit(name, with_variant());
    }
    let refused = world.start_in("a", 1, &[0, 1]);
    assert_eq!(refused, Err("task 0 needs 1 devices, 2 were given".to_owned()));
    let refused = world.start_in("a", 2, &[0]);
    let none = "the gang was placed in variant 2, and the job has none after 1";
    assert_eq!(refused, Err(none.to_owned()));
    assert_eq!(world.start_in("a", 1, &[0]), Ok(()));
    assert_eq!((world.status("a").variant, world.held()), (1, 1_000));
    assert_eq!(world.start_in("b", 0, &[0, 1]), Err("device 0 of node de-1 is in use".to_owned()));
    world.report("a", 1, 0, "de-1", "Succeeded");
    assert_eq!(world.held(), 0);
    assert_eq!(world.start_in("b", 0, &[0, 1]), Ok(()));
    assert_eq!((world.status("b").variant, world.held()), (0, 2_000));
}

#[test]
fn a_cluster_whose_members_may_not_know_variants_keeps_no_job_that_has_some() {
    World::kept_from_the_sixth(with_variant());
}
