//! How an error of this crate becomes a problem. A leaf: it knows no error of its own.

use std::error::Error;

use holdfast_types::Problem;

/// How many causes a person is shown; deeper ones repeat in other words.
const MAX_CAUSES: usize = 4;

/// Adds the chain of sources of an error as causes, outermost first.
pub(crate) fn with_causes(mut problem: Problem, error: &dyn Error) -> Problem {
    let mut source = error.source();
    for _ in 0..MAX_CAUSES {
        let Some(cause) = source else { break };
        problem = problem.because(cause.to_string());
        source = cause.source();
    }
    problem
}
