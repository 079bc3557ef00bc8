//! Where an import goes.

use std::collections::BTreeSet;

use holdfast_state::State;

use super::*;
use crate::Concerns;
use crate::world::{abroad, alive, committed, founded, law, node};

fn asked(state: &State) -> Result<String, Problem> {
    let bundle = law();
    let spec = v1::ArtifactSpec {
        kind: "dataset".to_owned(),
        name: "d".to_owned(),
        tenant: "lab".to_owned(),
        owner: "anna".to_owned(),
        label: Some(v1::LegalLabel { residency: vec!["DE".to_owned()], ..v1::LegalLabel::default() }),
        ..v1::ArtifactSpec::default()
    };
    let user = UserFacts {
        name: "anna".parse().unwrap(),
        tenant: "lab".parse().unwrap(),
        roles: BTreeSet::from(["engineer".parse().unwrap()]),
        location: "DE".parse().unwrap(),
        clearance: 0,
        hwkey: false,
    };
    let facts = crate::artifact_facts(&spec).unwrap();
    let target = import_target(&facts, &user, (state, &Concerns::of(state).loads()), &bundle, Time(10));
    match target {
        Ok((node, decision)) => {
            assert_eq!(decision.verdict, "allow");
            Ok(node.metadata.clone().unwrap().name)
        }
        Err(refused) => Err(refused.problem),
    }
}

#[test]
fn an_import_goes_where_the_fewest_artifacts_are_and_the_law_lets_it() {
    let mut state = founded(3);
    assert_eq!(asked(&state).unwrap_err().code.0, 1123, "nobody is there");
    abroad(&mut state, 7);
    alive(&mut state, 7);
    assert!(asked(&state).is_err(), "the law lets it go nowhere");
    (0..2).for_each(|number| alive(&mut state, number));
    committed(&mut state, "a", 1);
    assert_eq!(asked(&state).unwrap(), node(1), "the other has one already, the one abroad none");
}
