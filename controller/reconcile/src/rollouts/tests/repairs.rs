//! What rots is written again, and not for ever.

use super::*;

const DAY: u64 = 24 * 60 * MINUTE;

impl World {
    /// The slot of a node with 0.2.0 rots, and the node starts the other one by itself.
    fn rots(&mut self, node: &str) {
        let mut system = self.systems[node].clone();
        assert_eq!(system.version, "0.2.0");
        (system.version, system.other) = ("0.1.0".to_owned(), "0.2.0".to_owned());
        system.fallback = "release 0.2.0, attempt 3 of 3: it did not come to say why".to_owned();
        self.says(node, system);
    }

    /// What the leader does where nothing is under way: whether it began something.
    fn repairs(&mut self) -> bool {
        let Some(spec) = repair(&self.state, Time(self.now)) else { return false };
        let body = store::StartRollout { uid: format!("u{}", self.now), spec: Some(spec) };
        self.apply(command::Body::StartRollout(body));
        self.run();
        let mut well = self.systems["n1"].clone();
        well.fallback.clear();
        self.says("n1", well);
        true
    }
}

fn with_release() -> World {
    let mut world = World::new(&["n1", "n2"]);
    world.start(&["n1", "n2"], 1);
    world.run();
    world
}

#[test]
fn a_slot_that_rots_is_written_again_three_times_and_once_a_day() {
    let mut world = with_release();
    assert!(!world.repairs(), "nothing rots");
    for times in 0..MOST_REPAIRS {
        world.rots("n1");
        assert_eq!(rot(&world.state, "n1").unwrap().repairs, times);
        if times > 0 {
            assert!(!world.repairs(), "it was written today");
            world.now += DAY;
        }
        assert!(world.repairs(), "time {times}");
        assert_eq!(world.lines.last().unwrap(), "Done: 1 Done");
        assert_eq!((world.systems["n1"].version.as_str(), rot(&world.state, "n1")), ("0.2.0", None));
    }
    world.rots("n1");
    world.now += 9 * DAY;
    assert!(!world.repairs(), "its disk is for a person");
    assert_eq!(rot(&world.state, "n1").unwrap().repairs, MOST_REPAIRS);
    assert!(rot(&world.state, "n2").is_none());
}

#[test]
fn what_was_never_healthy_or_was_left_on_purpose_is_not_written_again() {
    let mut world = World::new(&["n1", "n2"]);
    world.habits.insert("n1".to_owned(), "falls back");
    world.start(&["n1", "n2"], 1);
    world.run();
    assert!(!world.repairs(), "a rollout is under way");
    world.change("abort");
    world.run();
    let system = v1::NodeSystem {
        fallback: "release 0.2.0, attempt 3 of 3: not well: agent".to_owned(),
        ..world.systems["n1"].clone()
    };
    world.says("n1", system);
    assert!(!world.repairs() && rot(&world.state, "n1").is_none(), "it was never well with it");
}

#[test]
fn a_node_with_work_or_without_health_and_the_machine_of_a_controller_wait() {
    let mut world = with_release();
    world.rots("n1");
    let well = world.systems["n1"].clone();
    world.says("n1", v1::NodeSystem { healthy: false, ..well.clone() });
    assert!(!world.repairs());
    world.says("n1", well);
    let change = store::ChangeNode {
        node: "n1".to_owned(),
        change: "cordon".to_owned(),
        ..store::ChangeNode::default()
    };
    world.apply(command::Body::ChangeNode(change.clone()));
    assert!(!world.repairs(), "somebody looks after it");
    world.apply(command::Body::ChangeNode(store::ChangeNode { change: "uncordon".to_owned(), ..change }));
    assert!(world.repairs());

    let mut world = World::new(&["c1"]);
    world.controllers =
        ControllerFacts { voters: ["c1".to_owned()].into(), all_well: true, ..Default::default() };
    world.start(&["c1"], 1);
    world.run();
    world.rots("c1");
    assert!(rot(&world.state, "c1").is_some() && repair(&world.state, Time(world.now)).is_none());
}
