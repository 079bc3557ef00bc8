//! The same job where the law does not let it run: refused with the rule's id, and an exit code that says so.

use holdfast_types::{Problem, ProblemKind};

use crate::up::failure::cannot;
use crate::up::layout::Layout;
use crate::up::program;
use crate::up::say::Say;

/// The rule of the constitution that keeps data of DE in DE.
const RULE: &str = "c1-residency-use";

pub(super) fn run(layout: &Layout, say: &Say) -> Result<(), Problem> {
    let path = layout.directory.join("train-fr.yaml");
    let text = super::training::manifest("demo-train-fr", "FR");
    std::fs::write(&path, text).map_err(|error| cannot(format!("write `{path}`: {error}")))?;
    let output = program::output(layout, &["job", "submit", "-f", path.as_str()])?;
    let said = String::from_utf8_lossy(&output.stderr);
    let expected = i32::from(ProblemKind::Refused.exit_code());
    if output.status.code() != Some(expected) || !said.contains(RULE) {
        return Err(cannot(format!(
            "the job pinned to FR was not refused by {RULE}: {} {said}",
            output.status
        )));
    }
    say.line(&format!("the same job pinned to FR: refused by {RULE}, exit code {expected}"));
    Ok(())
}
