//! A plan comes out the same, and what was altered is named.

use super::*;
use crate::world::{alive, cores, founded, law, submitted, trainer};

#[test]
fn a_plan_comes_out_the_same_and_what_was_altered_is_named() {
    let law = law();
    let mut state = founded(2);
    trainer(&mut state);
    (0..2).for_each(|number| alive(&mut state, number));
    for (at, job) in [(10, "one"), (11, "two")] {
        submitted(&mut state, at, job, |spec| spec.groups = cores(1, 64_000));
    }
    let mut planner = Planner::new(&state, &law, Time(20));
    let plan = planner.plan();
    let committed = commit_plan(&plan, BTreeMap::new(), &planner.config().policy_hash).unwrap();
    let same = Replayed { hash: committed.plan_hash.clone(), differences: Vec::new() };
    assert_eq!(replay(&state, &law, &committed), same);

    let mut altered = committed.clone();
    altered.gangs[0].tasks[0].node = "n1".to_owned();
    altered.gangs[1].job = "ghost".to_owned();
    altered.policy_hash = "none".to_owned();
    let found = replay(&state, &law, &altered).differences;
    let law_line = format!("the law was none, and is {}", committed.policy_hash);
    assert_eq!(
        found,
        [
            law_line.as_str(),
            "job `ghost` starts no more on 0:n1[]",
            "job `one` starts on 0:n0[], not on 0:n1[]",
            "job `two` starts on 0:n1[], which it did not",
        ]
    );
    // What was decided at another time is another decision, even where the same happens.
    let later = CommitPlan { logical_now_ms: 21, ..committed };
    assert_eq!(replay(&state, &law, &later).differences.len(), 1);
}
