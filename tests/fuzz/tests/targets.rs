//! A slice of every target, so that a change which breaks one is seen with the tests of the workspace.

use holdfast_fuzz::{Settings, all, fuzz};

#[test]
fn every_target_takes_what_is_kept_and_a_slice_of_its_inputs() {
    for target in all().unwrap() {
        let done = fuzz(&target, Settings { seed: 1, times: 0.01, only: None });
        let done = done.unwrap_or_else(|failure| panic!("{failure:?}"));
        assert!(done.ways.len() >= 2, "{}: {:?}", target.name, done.ways.keys());
    }
}
