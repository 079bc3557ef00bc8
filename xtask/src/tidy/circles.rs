//! No two files of a crate import each other, directly or round a corner.

use std::collections::{BTreeMap, BTreeSet};

use crate::violation::Violation;
use crate::workspace::{Crate, Workspace};

const RULE: &str = "circles";

/// Which file imports which, each with the offset of one place where it does.
type Imports = BTreeMap<usize, BTreeMap<usize, usize>>;

/// Reports each group of files that reach each other.
pub(crate) fn check(workspace: &Workspace) -> Vec<Violation> {
    workspace.crates.iter().flat_map(in_crate).collect()
}

fn in_crate(checked: &Crate) -> Vec<Violation> {
    let imports = imports(checked);
    let reached: BTreeMap<usize, BTreeSet<usize>> =
        imports.keys().map(|file| (*file, reachable(&imports, *file))).collect();
    let reaches = |a: usize, b: usize| reached.get(&a).is_some_and(|r| r.contains(&b));
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for file in imports.keys().copied() {
        if !reaches(file, file) || !seen.insert(file) {
            continue;
        }
        let group: Vec<usize> =
            imports.keys().copied().filter(|other| reaches(file, *other) && reaches(*other, file)).collect();
        seen.extend(&group);
        let edges: Vec<String> =
            group.iter().flat_map(|from| edges_within(checked, &imports, *from, &group)).collect();
        let Some(source) = checked.sources.get(file) else { continue };
        let text = format!("{} files import each other: {}", group.len(), edges.join(", "));
        found.push(Violation::new(source.path.clone(), 1, RULE, text));
    }
    found
}

fn edges_within(checked: &Crate, imports: &Imports, from: usize, group: &[usize]) -> Vec<String> {
    let name = |file: usize| {
        let path = checked.sources.get(file).map(|s| s.path.clone()).unwrap_or_default();
        path.strip_prefix(checked.directory.join("src")).unwrap_or(&path).to_string()
    };
    let targets = imports.get(&from).into_iter().flatten().filter(|(to, _)| group.contains(to));
    targets
        .map(|(to, at)| {
            let line = checked.sources.get(from).map_or(0, |s| s.line(*at));
            format!("{}:{line} -> {}", name(from), name(*to))
        })
        .collect()
}

fn imports(checked: &Crate) -> Imports {
    let mut imports = Imports::new();
    for tree in &checked.trees {
        for (index, module) in tree.modules.iter().enumerate() {
            let uses = module.uses.iter().map(|u| (&u.path, u.at));
            for (path, at) in uses.chain(module.mentions.iter().map(|(path, at)| (path, *at))) {
                let target = tree.defining_file(index, path);
                if let Some(to) = target.filter(|to| *to != module.file) {
                    imports.entry(module.file).or_default().entry(to).or_insert(at);
                }
            }
        }
    }
    imports
}

fn reachable(imports: &Imports, from: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![from];
    while let Some(file) = waiting.pop() {
        let targets = imports.get(&file).into_iter().flat_map(BTreeMap::keys).copied();
        waiting.extend(targets.filter(|to| reached.insert(*to)));
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::made_up::{crate_of, workspace};

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        check(&workspace(vec![crate_of("x", "core/x", files)], &[])).into_iter().map(|v| v.text).collect()
    }

    #[test]
    fn two_files_that_import_each_other_are_a_circle() {
        let found = circles(&[
            ("src/lib.rs", "mod a;\nmod b;\npub use a::A;\npub use b::B;"),
            ("src/a.rs", "use crate::b::B;\npub struct A(B);"),
            ("src/b.rs", "pub struct B;\nfn f() { super::a::A; }"),
        ]);
        assert_eq!(found, ["2 files import each other: a.rs:1 -> b.rs, b.rs:2 -> a.rs"]);
    }

    #[test]
    fn a_circle_through_the_facade_is_seen() {
        let found = circles(&[
            ("src/lib.rs", "mod a;\nmod b;\nmod c;\npub use a::A;\npub use b::*;\npub use c::C;"),
            ("src/a.rs", "use crate::B;\npub struct A(B);"),
            ("src/b.rs", "use crate::{C};\npub struct B;"),
            ("src/c.rs", "pub struct C;\nfn f() -> crate::A {}"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found.iter().all(|t| t.starts_with("3 files")), "{found:?}");
    }

    #[test]
    fn a_facade_and_its_users_are_none() {
        let found = circles(&[
            ("src/lib.rs", "mod a;\nmod b;\npub use a::A;\npub use b::B;"),
            ("src/a.rs", "pub struct A;"),
            ("src/b.rs", "use crate::A;\nuse crate::a;\npub struct B(A);\nfn f() -> a::A { a::A }"),
            ("src/b/leaf.rs", ""),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn a_parent_with_code_and_its_child_can_be_a_circle_and_tests_cannot() {
        let files = |child| {
            [
                ("src/lib.rs", "pub mod p;"),
                ("src/p.rs", "mod c;\nuse c::C;\npub struct P(C);\n#[cfg(test)] mod tests;"),
                ("src/p/c.rs", child),
                ("src/p/tests.rs", "use super::*; use super::c::C;"),
            ]
        };
        assert_eq!(circles(&files("pub struct C;\nfn f(_: super::P) {}")).len(), 1);
        assert!(circles(&files("pub struct C;\n#[cfg(test)] mod t { use crate::p::P; }")).is_empty());
    }

    #[test]
    fn code_in_the_root_is_a_node_of_its_own() {
        let found = circles(&[
            ("src/main.rs", "mod a;\nfn main() { a::run() }\npub fn helper() {}"),
            ("src/a.rs", "pub fn run() { crate::helper() }"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
