//! Dependencies go down, or sideways inside a room to a crate earlier in the list; never up, never round.

use crate::violation::Violation;
use crate::workspace::{Crate, Need, Workspace};

const RULE: &str = "floors";

/// Names that say nothing; what they would hold has a better name.
const FORBIDDEN_NAMES: [&str; 5] = ["util", "utils", "common", "misc", "helpers"];

/// The crates through which the command line may act: `up` embeds the two daemons, nothing deeper.
const CLI_DOORS: [&str; 2] = ["holdfast-controller", "holdfast-agent"];

/// Checks every crate and every dependency between two of ours.
pub(crate) fn check(workspace: &Workspace) -> Vec<Violation> {
    let mut found = Vec::new();
    for (place, from) in workspace.crates.iter().enumerate() {
        let report = |text: String| Violation::new(from.manifest(), 1, RULE, text);
        if from.floor.is_none() || from.pure.is_none() {
            found.push(report("[package.metadata.holdfast] lacks `floor` or `pure`".to_owned()));
        }
        if from.name.split('-').any(|part| FORBIDDEN_NAMES.contains(&part)) {
            found.push(report(format!("`{}` is named after nothing: say what it holds", from.name)));
        }
        for dependency in &from.dependencies {
            let Some((to_place, to)) = workspace.find(&dependency.name) else { continue };
            if matches!(to.room(), "tests" | "xtask") && from.room() != "tests" {
                let text =
                    format!("nothing may depend on `{}`: tests see everything, nothing sees them", to.name);
                found.push(report(text));
            } else if dependency.need != Need::Test {
                found.extend(edge(from, place, to, to_place));
            }
        }
    }
    found
}

fn edge(from: &Crate, from_place: usize, to: &Crate, to_place: usize) -> Option<Violation> {
    let rooms = (from.room(), to.room());
    let (from_floor, to_floor) = (from.floor?, to.floor?);
    let text = match rooms {
        ("agent", "controller") | ("controller", "agent") => {
            "agent and controller meet only in api".to_owned()
        }
        ("storage", "agent" | "controller") => "storage knows neither agent nor controller".to_owned(),
        ("cli", "agent" | "controller") if !CLI_DOORS.contains(&to.name.as_str()) => {
            "the command line reaches a cluster through holdfast-client; only the daemons may be embedded"
                .to_owned()
        }
        (a, b) if a == b && to_place >= from_place => {
            format!("inside a room dependencies go to crates earlier in the list; `{}` is later", to.name)
        }
        (a, b) if a == b => return None,
        _ if to_floor >= from_floor => {
            format!("floor {from_floor} stands on floor {to_floor}; it must be lower")
        }
        _ => return None,
    };
    let text = format!("`{}` -> `{}`: {text}", from.name, to.name);
    Some(Violation::new(from.manifest(), 1, RULE, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::made_up::{crate_of, on_floor, workspace};

    fn made(crates: &[(&str, &str, u64, &[&str])]) -> Vec<String> {
        let crates =
            crates.iter().map(|(name, dir, floor, deps)| on_floor(crate_of(name, dir, &[]), *floor, deps));
        check(&workspace(crates.collect(), &[])).into_iter().map(|v| v.text).collect()
    }

    #[test]
    fn down_and_sideways_to_an_earlier_crate_is_allowed() {
        let found = made(&[
            ("holdfast-types", "core/types", 1, &["serde"]),
            ("holdfast-scheduler", "core/scheduler", 1, &["holdfast-types"]),
            ("holdfast-controller", "controller/daemon", 3, &["holdfast-scheduler"]),
            ("holdfast", "cli/holdfast", 5, &["holdfast-controller"]),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn up_later_and_across_is_refused() {
        let refused = |crates: &[(&str, &str, u64, &[&str])], part: &str| {
            let found = made(crates);
            assert!(found.len() == 1 && found.iter().all(|t| t.contains(part)), "{found:?}");
        };
        refused(&[("a", "core/a", 1, &["b"]), ("b", "api/b", 2, &[])], "must be lower");
        refused(&[("a", "api/a", 2, &["b"]), ("b", "policies/b", 2, &[])], "must be lower");
        refused(&[("a", "core/a", 1, &["b"]), ("b", "core/b", 1, &[])], "later");
        refused(&[("a", "controller/a", 3, &[]), ("b", "agent/b", 4, &["a"])], "meet only in api");
        refused(
            &[("holdfast-raft", "controller/raft", 3, &[]), ("x", "cli/x", 5, &["holdfast-raft"])],
            "embedded",
        );
        refused(&[("t", "tests/t", 6, &[]), ("x", "xtask", 7, &["t"])], "nothing may depend");
        refused(&[("holdfast-util", "core/util", 1, &[])], "named after nothing");
    }

    #[test]
    fn a_crate_without_a_floor_is_named() {
        let mut bare = crate_of("a", "core/a", &[]);
        bare.floor = None;
        let found = check(&workspace(vec![bare], &[]));
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>().len(), 1);
    }
}
