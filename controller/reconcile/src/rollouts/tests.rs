//! Rollouts as transcripts: the planner and the state machine with agents that say what a script lets them.

mod repairs;

use holdfast_api::internal::UpdateAssignment;
use holdfast_api::store::{self, Command, command, outcome};
use prost::Message as _;

use super::*;

struct World {
    state: State,
    now: u64,
    controllers: ControllerFacts,
    /// How a node behaves: what it says when it should fetch, write, boot, return.
    habits: BTreeMap<String, &'static str>,
    systems: BTreeMap<String, v1::NodeSystem>,
    lines: Vec<String>,
}

impl World {
    fn new(nodes: &[&str]) -> Self {
        let mut world = Self {
            state: State::default(),
            now: 1_000_000,
            controllers: ControllerFacts::default(),
            habits: BTreeMap::new(),
            systems: BTreeMap::new(),
            lines: Vec::new(),
        };
        world.apply(command::Body::InitCluster(store::InitCluster {
            bundle: Some(v1::PolicyBundle::default()),
            feature_level: 4,
            ..store::InitCluster::default()
        }));
        for node in nodes {
            world.join(node);
        }
        let trust = store::ReleaseTrustRecord { root: vec![1], root_version: 1, ..Default::default() };
        world.apply(command::Body::TrustReleases(store::TrustReleases {
            trust: Some(trust.clone()),
            over: 0,
        }));
        let spec = v1::ReleaseSpec { version: "0.2.0".to_owned(), number: 2, ..Default::default() };
        world.apply(command::Body::ImportRelease(store::ImportRelease {
            release: Some(v1::Release { spec: Some(spec), ..Default::default() }),
            metadata: Some(v1::ReleaseMetadata::default()),
            trust: Some(trust),
            over: 1,
            node: nodes[0].to_owned(),
            at: String::new(),
        }));
        world
    }

    fn join(&mut self, node: &str) {
        self.apply(command::Body::CreateToken(store::CreateToken {
            id: node.to_owned(),
            expires_at_ms: u64::MAX,
            approve: true,
            ..Default::default()
        }));
        self.apply(command::Body::EnrolNode(store::EnrolNode {
            token_id: node.to_owned(),
            node: node.to_owned(),
            controller: node.starts_with('c'),
            ..Default::default()
        }));
        let alive = store::SetNodePhase { node: node.to_owned(), alive: true, reason: String::new() };
        self.apply(command::Body::SetNodePhase(alive));
        let system = v1::NodeSystem {
            version: "0.1.0".to_owned(),
            slot: "A".to_owned(),
            healthy: true,
            ..Default::default()
        };
        self.says(node, system);
    }

    fn apply(&mut self, body: command::Body) {
        if let Some(outcome::Result::Refusal(refusal)) = self.outcome(body) {
            panic!("{refusal:?}");
        }
    }

    fn outcome(&mut self, body: command::Body) -> Option<outcome::Result> {
        self.now += 1_000;
        let command = Command { actor: "test".to_owned(), body: Some(body), ..Command::default() };
        self.state.apply(Time(self.now), &command.encode_to_vec()).outcome.result
    }

    fn says(&mut self, node: &str, system: v1::NodeSystem) {
        self.systems.insert(node.to_owned(), system.clone());
        self.apply(command::Body::ReportNode(store::ReportNode {
            node: node.to_owned(),
            system: Some(system),
            ..Default::default()
        }));
    }

    fn start(&mut self, nodes: &[&str], max_unavailable: u32) {
        let spec = v1::RolloutSpec {
            release: "0.2.0".to_owned(),
            nodes: nodes.iter().map(|node| (*node).to_owned()).collect(),
            max_unavailable,
            ..Default::default()
        };
        let body = store::StartRollout { uid: "u".to_owned(), spec: Some(spec) };
        self.apply(command::Body::StartRollout(body));
    }

    fn change(&mut self, change: &str) {
        self.lines.push(format!("operator {change}"));
        let (change, all) = change.strip_suffix(" all").map_or((change, false), |change| (change, true));
        let (name, change, reason) = (String::new(), change.to_owned(), String::new());
        self.apply(command::Body::ChangeRollout(store::ChangeRollout { name, change, reason, all }));
    }

    /// One node does what it is told, in its way.
    fn agent(&mut self, node: &str) {
        let Some(UpdateAssignment { rollout, attempt, step, release, from, payload, .. }) =
            crate::desired(&self.state, node).update
        else {
            return;
        };
        let habit = self.habits.get(node).copied().unwrap_or("works");
        let mut system = self.systems[node].clone();
        let say = |phase: &str, reason: &str| {
            Some(v1::NodeUpdate {
                rollout: rollout.clone(),
                attempt,
                phase: phase.to_owned(),
                reason: reason.to_owned(),
            })
        };
        match (step.as_str(), habit) {
            (_, "hangs") => return,
            ("fetch", _) => {
                let have = vec![payload.unwrap().key];
                let body = store::SetReplicas { node: node.to_owned(), have, targets: Vec::new() };
                self.apply(command::Body::SetReplicas(body));
                return;
            }
            ("write", "wears out") => system.update = say("Failed", "the device does not keep the root"),
            ("write", _) => system.update = say("Written", ""),
            ("boot", "falls back") => {
                system.fallback = "attempt 3 of 3: agent is in a crash loop".to_owned();
                system.update = say("Failed", "booted 0.1.0: attempt 3 of 3: agent is in a crash loop");
            }
            ("boot", habit) => {
                (system.version, system.healthy) = (release, habit != "sickens");
                system.other = from;
            }
            ("return", _) => {
                (system.version, system.healthy) = (from, true);
                system.update = say("Returned", "");
            }
            _ => return,
        }
        if system != self.systems[node] {
            self.says(node, system);
        }
    }

    fn round(&mut self) -> usize {
        let actions = rollout_actions(&self.state, &self.controllers, Time(self.now));
        for action in &actions {
            match action {
                RolloutAction::HandOver => {
                    let next = self.controllers.voters.iter().find(|name| **name != self.controllers.leader);
                    let next = next.unwrap().clone();
                    self.lines.push(format!("{} hands over to {next}", self.controllers.leader));
                    self.controllers.leader = next;
                }
                RolloutAction::Step(step) => {
                    let reason =
                        if step.reason.is_empty() { String::new() } else { format!(": {}", step.reason) };
                    self.lines.push(format!("{} {} -> {}{reason}", step.node, step.from_phase, step.phase));
                    self.apply(command::Body::StepRollout(step.clone()));
                }
            }
        }
        let nodes: Vec<String> = self.systems.keys().cloned().collect();
        nodes.iter().for_each(|node| self.agent(node));
        actions.len()
    }

    /// Until nothing happens any more.
    fn run(&mut self) {
        let mut quiet = 0;
        while quiet < 3 {
            quiet = if self.round() == 0 { quiet + 1 } else { 0 };
        }
        let rollout = self.state.rollouts().next_back().unwrap();
        let status = rollout.status.clone().unwrap();
        let counts: Vec<String> = rollout_counts(rollout).iter().map(|(k, v)| format!("{v} {k}")).collect();
        self.lines.push(format!(
            "{}{}: {}",
            status.phase,
            if status.reason.is_empty() { String::new() } else { format!(" ({})", status.reason) },
            counts.join(", ")
        ));
    }

    fn node(&self, name: &str) -> v1::Node {
        self.state.node(name).unwrap().node.clone().unwrap()
    }
}

fn check(world: &World, expected: &str) {
    let expected: Vec<&str> = expected.trim().lines().map(str::trim).collect();
    assert_eq!(world.lines, expected, "\n{}", world.lines.join("\n"));
}

#[test]
fn a_release_comes_to_one_node_after_another() {
    let mut world = World::new(&["n1", "n2"]);
    world.start(&["n1", "n2"], 1);
    world.run();
    check(
        &world,
        "n1 Pending -> Draining
         n1 Draining -> Fetching
         n1 Fetching -> Writing
         n1 Writing -> Staged
         n1 Staged -> Rebooting
         n1 Rebooting -> Verifying
         n1 Verifying -> Done
         n2 Pending -> Draining
         n2 Draining -> Fetching
         n2 Fetching -> Writing
         n2 Writing -> Staged
         n2 Staged -> Rebooting
         n2 Rebooting -> Verifying
         n2 Verifying -> Done
         Done: 2 Done",
    );
    assert!(!world.node("n1").spec.unwrap().cordoned, "it takes work again");
    // A second rollout of the same release finds nothing to do.
    world.lines.clear();
    world.start(&["n1", "n2"], 1);
    world.run();
    check(
        &world,
        "n1 Pending -> Done: it runs the release already
         n2 Pending -> Done: it runs the release already
         Done: 2 Done",
    );
}

#[test]
fn the_first_node_that_is_not_well_stops_it_and_abort_brings_that_node_back() {
    let mut world = World::new(&["n1", "n2", "n3"]);
    world.habits.insert("n2".to_owned(), "falls back");
    world.start(&["n1", "n2", "n3"], 1);
    world.run();
    let stopped = world.lines.len();
    assert_eq!(
        world.lines[stopped - 2..],
        [
            "n2 Rebooting -> Failed: booted 0.1.0: attempt 3 of 3: agent is in a crash loop",
            "Stopped (node `n2` failed: booted 0.1.0: attempt 3 of 3: agent is in a crash loop): 1 Done, 1 Failed, 1 Pending",
        ]
    );
    assert!(world.node("n2").spec.unwrap().cordoned, "a node that is not well gets no work");
    let mut resumed =
        World { state: world.state.clone(), lines: Vec::new(), habits: BTreeMap::new(), ..world };
    resumed.change("resume");
    resumed.run();
    assert_eq!(resumed.lines.last().unwrap(), "Done: 3 Done");

    let mut world = World::new(&["n1", "n2", "n3"]);
    world.habits.insert("n2".to_owned(), "wears out");
    world.start(&["n1", "n2", "n3"], 1);
    world.run();
    world.lines.clear();
    world.change("abort");
    world.run();
    check(
        &world,
        "operator abort
         n2 Returning -> Returned
         Aborted (every node that had begun is back): 1 Done, 1 Pending, 1 Returned",
    );
    assert!(!world.node("n2").spec.unwrap().cordoned);
}

#[test]
fn several_go_at_once_where_that_is_allowed_and_controllers_go_alone() {
    let mut world = World::new(&["a1", "a2", "c1", "c2", "c3"]);
    world.controllers = ControllerFacts {
        voters: ["c1", "c2", "c3"].map(str::to_owned).into(),
        leader: "c1".to_owned(),
        all_well: true,
    };
    world.start(&["c1", "c2", "c3", "a1", "a2"], 2);
    world.run();
    assert_eq!(world.lines.last().unwrap(), "Done: 5 Done");
    let hand_over = world.lines.iter().position(|line| line == "c1 hands over to c2").unwrap();
    assert_eq!(world.lines[hand_over + 1], "c1 Staged -> Rebooting");
    // Never two of the controllers at once, and no agent beside one.
    let mut away: BTreeSet<&str> = BTreeSet::new();
    let mut most = BTreeMap::new();
    for line in &world.lines {
        let Some((node, step)) = line.split_once(' ') else { continue };
        if step.starts_with("Pending ->") {
            away.insert(node);
        }
        if step.ends_with("-> Done") {
            away.remove(node);
        }
        let controllers = away.iter().filter(|node| node.starts_with('c')).count();
        assert!(controllers == 0 || away.len() == 1, "{away:?}");
        *most.entry(controllers > 0).or_insert(0) =
            away.len().max(most.get(&(controllers > 0)).copied().unwrap_or(0));
    }
    assert_eq!(most, [(false, 2), (true, 1)].into());
}

#[test]
fn no_controller_goes_while_another_is_not_well() {
    let mut world = World::new(&["c1", "c2"]);
    world.controllers = ControllerFacts {
        voters: ["c1", "c2", "c3"].map(str::to_owned).into(),
        ..ControllerFacts::default()
    };
    world.start(&["c1", "c2"], 1);
    world.run();
    check(&world, "Running: 2 Pending");
    world.controllers.all_well = true;
    world.run();
    assert_eq!(world.lines.last().unwrap(), "Done: 2 Done");
}

#[test]
fn a_node_that_hangs_or_sickens_has_its_time_and_no_more() {
    for (habit, wanted) in [
        ("hangs", "n1 Fetching -> Failed: it did not get the payload within 30m"),
        ("sickens", "n1 Verifying -> Failed: it was not healthy within 15m"),
    ] {
        let mut world = World::new(&["n2", "n1"]);
        world.habits.insert("n1".to_owned(), habit);
        world.start(&["n1", "n2"], 1);
        world.run();
        world.now += 31 * MINUTE;
        world.lines.clear();
        world.run();
        assert_eq!(world.lines[0], wanted);
        assert!(world.lines[1].starts_with("Stopped"), "{:?}", world.lines);
    }
}

#[test]
fn a_paused_rollout_ends_what_it_began_and_begins_nothing() {
    let mut world = World::new(&["n1", "n2"]);
    world.start(&["n1", "n2"], 1);
    world.round();
    world.change("pause");
    world.run();
    assert_eq!(world.lines.last().unwrap(), "Paused: 1 Done, 1 Pending");
    world.change("resume");
    world.run();
    assert_eq!(world.lines.last().unwrap(), "Done: 2 Done");
}

#[test]
fn a_node_that_got_well_by_itself_works_again_when_the_rollout_is_resumed() {
    let mut world = World::new(&["n1", "n2"]);
    world.habits.insert("n1".to_owned(), "sickens");
    world.start(&["n1"], 1);
    world.run();
    world.now += 16 * MINUTE;
    world.run();
    assert!(world.node("n1").spec.unwrap().cordoned);
    let well = v1::NodeSystem { healthy: true, ..world.systems["n1"].clone() };
    world.says("n1", well);
    world.change("resume");
    world.run();
    assert_eq!(world.lines.last().unwrap(), "Done: 1 Done");
    assert!(!world.node("n1").spec.unwrap().cordoned);
}

#[test]
fn a_node_that_was_to_begin_anew_goes_back_when_the_rollout_is_aborted() {
    let mut world = World::new(&["n1", "n2"]);
    world.habits.insert("n1".to_owned(), "wears out");
    world.start(&["n1", "n2"], 1);
    world.run();
    world.lines.clear();
    world.change("resume");
    world.change("abort");
    world.run();
    check(
        &world,
        "operator resume
         operator abort
         n1 Returning -> Returned
         Aborted (every node that had begun is back): 1 Pending, 1 Returned",
    );
    assert!(!world.node("n1").spec.unwrap().cordoned);
}

#[test]
fn those_that_are_done_go_back_one_after_another_and_the_leader_hands_over_before() {
    let mut world = World::new(&["a1", "c1", "c2", "c3"]);
    world.controllers = ControllerFacts {
        voters: ["c1", "c2", "c3"].map(str::to_owned).into(),
        leader: "c1".to_owned(),
        all_well: true,
    };
    world.habits.insert("c3".to_owned(), "falls back");
    world.start(&["a1", "c1", "c2", "c3"], 4);
    world.run();
    world.lines.clear();
    world.controllers.leader = "c1".to_owned();
    world.change("abort all");
    // Nobody goes beside a controller that is not back.
    world.controllers.all_well = false;
    world.run();
    assert_eq!(world.lines.last().unwrap(), "Aborting: 3 Recalled, 1 Returning");
    world.lines.clear();
    world.controllers.all_well = true;
    world.run();
    check(
        &world,
        "c3 Returning -> Returned
         a1 Recalled -> Returning
         a1 Returning -> Returned
         c1 hands over to c2
         c1 Recalled -> Returning
         c1 Returning -> Returned
         c2 hands over to c1
         c2 Recalled -> Returning
         c2 Returning -> Returned
         Aborted (every node that had begun is back): 4 Returned",
    );
    // The machine of a controller takes no work, before and after.
    assert!(
        ["a1", "c1", "c2", "c3"]
            .iter()
            .all(|node| world.node(node).spec.unwrap().cordoned == node.starts_with('c'))
    );
}

#[test]
fn nothing_older_than_what_runs_is_rolled_out() {
    let mut world = World::new(&["n1"]);
    let spec = v1::ReleaseSpec { version: "0.1.0".to_owned(), number: 3, ..Default::default() };
    let trust = store::ReleaseTrustRecord { root: vec![1], root_version: 1, ..Default::default() };
    world.apply(command::Body::ImportRelease(store::ImportRelease {
        release: Some(v1::Release { spec: Some(spec), ..Default::default() }),
        metadata: Some(v1::ReleaseMetadata::default()),
        trust: Some(trust),
        over: 1,
        node: "n1".to_owned(),
        at: String::new(),
    }));
    let spec = v1::RolloutSpec {
        release: "0.2.0".to_owned(),
        nodes: vec!["n1".to_owned()],
        ..v1::RolloutSpec::default()
    };
    let body = command::Body::StartRollout(store::StartRollout { uid: "u".to_owned(), spec: Some(spec) });
    let command = Command { actor: "test".to_owned(), body: Some(body), ..Command::default() };
    let outcome = world.state.apply(Time(world.now + 1), &command.encode_to_vec()).outcome;
    let Some(outcome::Result::Refusal(refusal)) = outcome.result else { panic!("it was started") };
    assert!(format!("{refusal:?}").contains("it runs 0.1.0, which is newer than 0.2.0"), "{refusal:?}");
}

/// A rollout that is over: its nodes go back to what is in their other slots, and to nothing else.
#[test]
fn a_release_that_came_to_all_is_left_again_where_the_one_before_is_still_there() {
    let mut world = World::new(&["n1", "n2"]);
    world.start(&["n1", "n2"], 1);
    world.run();
    world.lines.clear();
    let abort = |world: &mut World, all: bool| {
        let name = world.state.rollouts().next().unwrap().metadata.clone().unwrap().name;
        let change = store::ChangeRollout { name, change: "abort".to_owned(), reason: String::new(), all };
        world.outcome(command::Body::ChangeRollout(change))
    };
    let refused = |outcome: Option<outcome::Result>| match outcome {
        Some(outcome::Result::Refusal(refusal)) => format!("{} {:?}", refusal.summary, refusal.because),
        other => panic!("{other:?}"),
    };
    assert!(refused(abort(&mut world, false)).contains("`--all` sends the nodes back"));
    let before = world.systems["n2"].clone();
    world.says("n2", v1::NodeSystem { other: "0.1.7".to_owned(), ..before.clone() });
    let told = refused(abort(&mut world, true));
    assert!(told.contains("n2") && told.contains("its other slot has 0.1.7; it had 0.1.0"), "{told}");
    world.says("n2", before);
    abort(&mut world, true);
    world.run();
    check(
        &world,
        "n1 Recalled -> Returning
         n1 Returning -> Returned
         n2 Recalled -> Returning
         n2 Returning -> Returned
         Aborted (every node that had begun is back): 2 Returned",
    );
    assert_eq!(world.systems["n1"].version, "0.1.0");
    // Those that had the release before have nothing to go back to.
    world.start(&["n1", "n2"], 1);
    world.run();
    world.start(&["n1", "n2"], 1);
    world.run();
    let name = world.state.rollouts().next_back().unwrap().metadata.clone().unwrap().name;
    let change = store::ChangeRollout { name, change: "abort".to_owned(), reason: String::new(), all: true };
    let told = refused(world.outcome(command::Body::ChangeRollout(change)));
    assert!(told.contains("every node of it had 0.2.0 before"), "{told}");
}

/// Its log may have what the release before cannot read.
#[test]
fn a_controller_does_not_go_back_below_the_feature_level() {
    let mut world = World::new(&["c1"]);
    world.controllers =
        ControllerFacts { voters: ["c1".to_owned()].into(), all_well: true, ..ControllerFacts::default() };
    world.start(&["c1"], 1);
    world.run();
    assert_eq!(world.lines.last().unwrap(), "Done: 1 Done");
    world.apply(command::Body::RaiseLevel(store::RaiseLevel { level: 5 }));
    let name = world.state.rollouts().next().unwrap().metadata.clone().unwrap().name;
    let change = store::ChangeRollout { name, change: "abort".to_owned(), reason: String::new(), all: true };
    let Some(outcome::Result::Refusal(refusal)) = world.outcome(command::Body::ChangeRollout(change)) else {
        panic!("it goes back");
    };
    assert!(refusal.because[0].contains("feature level 5 is in force since its rollout began at level 4"));
}
