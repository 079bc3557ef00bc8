//! Names that nobody else gives: 128 random bits.

use holdfast_types::{Problem, ProblemKind};

/// 128 random bits as hexadecimal.
pub(crate) fn random_id() -> Result<String, Problem> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Problem::new(5203, ProblemKind::Failed, "no random bytes to be had").because(error.to_string())
    })?;
    Ok(hex::encode(bytes))
}
