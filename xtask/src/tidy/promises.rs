//! docs/promises.md is a table that a program can read: each promise is measured or says that it is not.

use std::collections::BTreeSet;

use camino::Utf8Path;

use crate::violation::Violation;
use crate::workspace::Workspace;

const RULE: &str = "promises";
const PAGE: &str = "docs/promises.md";
const HEADER: [&str; 9] =
    ["id", "area", "what", "peer", "promise", "figure", "peer figure", "ratio", "state"];
const AREAS: [&str; 6] = ["control", "scheduler", "policy", "storage", "os", "controller"];

/// Checks the shape of the table.
pub(crate) fn check(workspace: &Workspace) -> Vec<Violation> {
    let report = |line: usize, text: String| Violation::new(PAGE, line, RULE, text);
    let Some(text) = workspace.texts.get(Utf8Path::new(PAGE)) else {
        return vec![report(1, "does not exist".to_owned())];
    };
    let mut found = Vec::new();
    let mut ids = BTreeSet::new();
    let mut rows =
        text.lines().enumerate().map(|(i, line)| (i + 1, line)).filter(|(_, l)| l.starts_with('|'));
    match rows.next() {
        Some((_, line)) if cells(line) == HEADER => {}
        other => {
            let line = other.map_or(1, |(line, _)| line);
            return vec![report(line, format!("the header is not `{}`", HEADER.join(" | ")))];
        }
    }
    for (line, row) in rows.skip(1) {
        let cells = cells(row);
        let [id, area, what, _, promise, figure, _, _, state] = cells.as_slice() else {
            found.push(report(line, format!("{} cells; the header has {}", cells.len(), HEADER.len())));
            continue;
        };
        if !ids.insert((*id).to_owned()) || id.is_empty() || what.is_empty() || promise.is_empty() {
            found.push(report(line, format!("`{id}` is twice, or lacks its id, what or promise")));
        }
        if !AREAS.contains(area) {
            found.push(report(line, format!("`{id}`: area `{area}` is none of {}", AREAS.join(", "))));
        }
        let measured = *figure != "-" && !figure.is_empty();
        let fits = match *state {
            "met" | "missed" => measured,
            "pending" => !measured,
            _ => false,
        };
        if !fits {
            found.push(report(line, format!("`{id}`: state `{state}` and figure `{figure}` do not fit")));
        }
    }
    if ids.is_empty() {
        found.push(report(1, "no promise in the table".to_owned()));
    }
    found
}

fn cells(row: &str) -> Vec<&str> {
    row.trim().trim_start_matches('|').trim_end_matches('|').split('|').map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::made_up::workspace;

    fn found(rows: &str) -> Vec<String> {
        let page = format!("# Promises\n\n| {} |\n|---|---|\n{rows}", HEADER.join(" | "));
        check(&workspace(Vec::new(), &[(PAGE, &page)])).into_iter().map(|v| v.text).collect()
    }

    #[test]
    fn measured_and_pending_rows_are_fine() {
        let rows = "| a | control | w | etcd | >= 1x | 2 | 1 | 2x | met |\n| b | os | w | - | p | - | - | - | pending |\n";
        assert!(found(rows).is_empty(), "{:?}", found(rows));
    }

    #[test]
    fn a_row_that_claims_without_a_figure_is_refused() {
        assert_eq!(found("| a | control | w | e | p | - | - | - | met |").len(), 1);
        assert_eq!(found("| a | control | w | e | p | 5 | - | - | pending |").len(), 1);
        assert_eq!(found("| a | moon | w | e | p | 5 | - | - | soon |").len(), 2);
        assert_eq!(found("| a | control | w |").len(), 2);
        assert_eq!(check(&workspace(Vec::new(), &[])).len(), 1);
        assert_eq!(check(&workspace(Vec::new(), &[(PAGE, "| id |\n|--|")])).len(), 1);
    }
}
