//! Every module says what it is for; every room has a README short enough to be read.

use camino::{Utf8Path, Utf8PathBuf};

use crate::violation::Violation;
use crate::workspace::Workspace;

const RULE: &str = "docs";

/// The rooms; one that does not exist yet needs no README.
const ROOMS: [&str; 11] = [
    "core",
    "api",
    "policies",
    "image",
    "storage",
    "controller",
    "agent",
    "cli",
    "installer",
    "tests",
    "examples",
];

const MAX_ROOM_LINES: usize = 40;
const MAX_README_LINES: usize = 150;

/// Checks module headers and READMEs.
pub(crate) fn check(workspace: &Workspace) -> Vec<Violation> {
    let mut found = Vec::new();
    for source in workspace.crates.iter().flat_map(|c| &c.sources).filter(|s| !s.is_test) {
        if !source.text.trim_start().starts_with("//!") {
            found.push(Violation::new(
                source.path.clone(),
                1,
                RULE,
                "does not begin with `//!`: say what it is for",
            ));
        }
    }
    for room in ROOMS {
        let exists = workspace.crates.iter().any(|c| c.room() == room)
            || workspace.texts.keys().any(|path| path.starts_with(room));
        if exists {
            found.extend(readme(workspace, Utf8Path::new(room).join("README.md"), MAX_ROOM_LINES));
        }
    }
    found.extend(readme(workspace, "README.md".into(), MAX_README_LINES));
    found
}

fn readme(workspace: &Workspace, path: Utf8PathBuf, max: usize) -> Option<Violation> {
    let text = match workspace.texts.get(&path).map(|text| text.lines().count()) {
        None => "does not exist".to_owned(),
        Some(lines) if lines > max => format!("{lines} lines; at most {max}"),
        Some(_) => return None,
    };
    Some(Violation::new(path, 1, RULE, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::made_up::{crate_of, workspace};

    #[test]
    fn headers_and_readmes_are_wanted() {
        let crates = || vec![crate_of("x", "core/x", &[("src/lib.rs", "mod a;"), ("src/a.rs", "//! A.")])];
        let found = |texts: &[(&str, &str)]| -> Vec<String> {
            check(&workspace(crates(), texts)).into_iter().map(|v| v.path.to_string()).collect()
        };
        assert_eq!(found(&[]), ["core/x/src/lib.rs", "core/README.md", "README.md"]);
        assert_eq!(found(&[("core/README.md", "a"), ("README.md", "b")]), ["core/x/src/lib.rs"]);
        assert_eq!(
            found(&[("core/README.md", &"a\n".repeat(41)), ("README.md", &"b\n".repeat(151))]),
            ["core/x/src/lib.rs", "core/README.md", "README.md"]
        );
    }
}
