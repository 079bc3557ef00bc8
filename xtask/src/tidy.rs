//! The rules of the house, checked: floors, purity, circles, sizes, docs, error pages, promises and the tests that show them, words.
//!
//! Each check is a function of the workspace in a file of its own. This file only runs them and prints.

mod circles;
mod docs;
mod errors;
mod floors;
mod promises;
mod purity;
mod shown;
mod sizes;
mod words;

use anyhow::{Result, bail};
use camino::Utf8Path;

use crate::violation::Violation;
use crate::workspace::Workspace;

const CHECKS: [fn(&Workspace) -> Vec<Violation>; 9] = [
    floors::check,
    purity::check,
    circles::check,
    sizes::check,
    docs::check,
    errors::check,
    promises::check,
    shown::check,
    words::check,
];

/// Everything the checks find in the workspace, sorted by place.
pub(crate) fn violations(workspace: &Workspace) -> Vec<Violation> {
    let mut found: Vec<_> = CHECKS.iter().flat_map(|check| check(workspace)).collect();
    found.sort();
    found
}

/// Checks the repository at `root` and prints what is wrong; an error where anything is.
pub(crate) fn run(root: &Utf8Path) -> Result<()> {
    let workspace = Workspace::read(root)?;
    let found = violations(&workspace);
    for violation in &found {
        println!("{violation}");
    }
    let large = sizes::large_files(&workspace);
    if !large.is_empty() {
        println!("warning: {} files of more than 400 lines: {}", large.len(), large.join(", "));
    }
    println!("tidy: {} crates, {} violations", workspace.crates.len(), found.len());
    if found.is_empty() { Ok(()) } else { bail!("tidy found {} violations", found.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_tree_is_tidy() {
        let root = crate::root().unwrap();
        let found = violations(&Workspace::read(&root).unwrap());
        let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "{} violations:\n{}", lines.len(), lines.join("\n"));
    }
}
