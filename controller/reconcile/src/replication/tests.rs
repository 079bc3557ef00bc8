//! Copies go where the law lets them, and are spread.

use holdfast_api::store::{self, command};
use holdfast_types::Time;

use super::*;
use crate::Concerns;
use crate::world::{abroad, alive, committed, founded, law, node, said};

const NOW: Time = Time(10);

fn targets(state: &State) -> Vec<(String, String)> {
    let bundle = law();
    let found = replica_targets(state, &Concerns::of(state).loads(), &Recheck::All, &bundle, NOW);
    found.targets.into_iter().map(|target| (target.artifact, target.node)).collect()
}

fn still(state: &State, which: &Recheck) -> Vec<String> {
    let bundle = law();
    let found = replica_targets(state, &Concerns::of(state).loads(), which, &bundle, NOW);
    let named = |key: &Name| state.artifact(key).unwrap().artifact.unwrap().metadata.unwrap().name;
    assert!(found.still.iter().all(|key| state.artifact_key(&named(key)) == *key), "one key for one version");
    found.still.iter().map(named).collect()
}

#[test]
fn copies_are_spread_over_live_nodes_and_asked_for_once() {
    let mut state = founded(4);
    (0..3).for_each(|number| alive(&mut state, number));
    committed(&mut state, "a", 2);
    committed(&mut state, "b", 2);
    committed(&mut state, "c", 3);
    committed(&mut state, "d", 1);
    let told: Vec<(String, String)> = targets(&state);
    let on = |name: &str| -> Vec<String> {
        told.iter().filter(|(key, _)| key == name).map(|(_, node)| node.clone()).collect()
    };
    assert_eq!(
        (on("dataset/a@1"), on("dataset/b@1")),
        (vec![node(1)], vec![node(2)]),
        "the least loaded first"
    );
    assert_eq!(on("dataset/c@1"), [node(1), node(2)], "the fourth is not there");
    assert!(on("dataset/d@1").is_empty());
    let targets_of = |(artifact, node): &(String, String)| ReplicaTarget {
        artifact: artifact.clone(),
        node: node.clone(),
    };
    let coming = told.iter().map(targets_of).collect();
    let coming = store::SetReplicas { targets: coming, ..store::SetReplicas::default() };
    said(&mut state, 6, command::Body::SetReplicas(coming));
    assert_eq!(targets(&state), [], "they are on their way");
    assert_eq!(still(&state, &Recheck::All), [""; 0]);
    committed(&mut state, "e", 4);
    assert_eq!(still(&state, &Recheck::All), ["dataset/e@1"], "the fourth is not there");
}

#[test]
fn no_copy_goes_where_the_law_does_not_let_it() {
    let mut state = founded(1);
    alive(&mut state, 0);
    // It is least loaded all the time.
    abroad(&mut state, 7);
    alive(&mut state, 7);
    committed(&mut state, "a", 3);
    committed(&mut state, "b", 1);
    assert_eq!(targets(&state), []);
    let keys = |names: &[&str]| Recheck::Keys(names.iter().map(|name| Name::from(*name)).collect());
    assert_eq!(still(&state, &Recheck::All), ["dataset/a@1"], "the law may come to let it");
    assert_eq!(still(&state, &keys(&["dataset/a@1", "dataset/b@1", "gone"])), ["dataset/a@1"]);
    assert_eq!(still(&state, &keys(&["dataset/b@1"])), [""; 0]);
}
