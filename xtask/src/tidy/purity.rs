//! Pure crates decide and nothing else: no runtime, no file, no socket, no thread, no clock, no chance.

use crate::lex::tokens;
use crate::paths::all_paths;
use crate::violation::Violation;
use crate::workspace::{Crate, Need, Workspace};

const RULE: &str = "purity";

/// Crates that bring I/O, clocks, threads or randomness. Names by prefix: `tokio` forbids `tokio-util` too.
const FORBIDDEN_CRATES: [&str; 28] = [
    "async-std",
    "axum",
    "chrono",
    "crossbeam",
    "futures",
    "getrandom",
    "hyper",
    "libc",
    "mio",
    "nix",
    "openraft",
    "parking_lot",
    "rand",
    "rayon",
    "rcgen",
    "redb",
    "reqwest",
    "rustix",
    "rustls",
    "sled",
    "smol",
    "socket2",
    "tempfile",
    "tokio",
    "tonic",
    "tower",
    "tracing-subscriber",
    "uuid",
];

/// Generated code names tonic's types; nothing else of the runtime may come with it.
const GENERATED_CODE: (&str, [&str; 2]) = ("holdfast-api", ["tonic", "tonic-prost"]);

/// A pure crate may use this one although it is not pure throughout: its tree and proofs are, its writer is not.
const MOSTLY_PURE: [&str; 1] = ["holdfast-audit"];

const FORBIDDEN_PATHS: [&[&str]; 7] = [
    &["std", "fs"],
    &["std", "net"],
    &["std", "thread"],
    &["std", "os"],
    &["std", "time", "Instant"],
    &["std", "time", "SystemTime"],
    &["std", "env", "var"],
];

const FORBIDDEN_WORDS: [&str; 5] = ["HashMap", "HashSet", "SystemTime", "RandomState", "ThreadId"];

/// Replicas must agree to the last bit, so these two crates have no floating point at all.
const INTEGER_ONLY: [&str; 2] = ["holdfast-state", "holdfast-scheduler"];

/// Checks the dependencies and the shipped sources of every pure crate.
pub(crate) fn check(workspace: &Workspace) -> Vec<Violation> {
    workspace
        .crates
        .iter()
        .filter(|c| c.pure == Some(true))
        .flat_map(|c| dependencies(workspace, c).into_iter().chain(sources(c)))
        .collect()
}

fn dependencies(workspace: &Workspace, pure: &Crate) -> Vec<Violation> {
    let generated = |name: &str| pure.name == GENERATED_CODE.0 && GENERATED_CODE.1.contains(&name);
    let forbidden = |name: &str| {
        FORBIDDEN_CRATES
            .iter()
            .any(|f| name.strip_prefix(f).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')))
    };
    let impure = |name: &str| {
        workspace.find(name).is_some_and(|(_, c)| c.pure == Some(false)) && !MOSTLY_PURE.contains(&name)
    };
    let needed = pure.dependencies.iter().filter(|d| d.need == Need::Normal);
    needed
        .filter(|d| (forbidden(&d.name) || impure(&d.name)) && !generated(&d.name))
        .map(|d| {
            Violation::new(pure.manifest(), 1, RULE, format!("pure `{}` depends on `{}`", pure.name, d.name))
        })
        .collect()
}

fn sources(pure: &Crate) -> Vec<Violation> {
    let integer_only = INTEGER_ONLY.contains(&pure.name.as_str());
    let mut found = Vec::new();
    for source in pure.shipped() {
        let tokens = tokens(&source.live);
        let mut report = |at: usize, what: &str| {
            let text = format!("pure `{}` mentions `{what}`", pure.name);
            found.push(Violation::new(source.path.clone(), source.line(at), RULE, text));
        };
        for (path, at) in all_paths(&tokens) {
            let starts =
                |f: &&[&str]| path.len() >= f.len() && path.iter().zip(f.iter()).all(|(a, b)| a == b);
            if FORBIDDEN_PATHS.iter().any(starts) {
                report(at, &path.join("::"));
            }
        }
        for token in &tokens {
            let float = integer_only && matches!(token.text, "f32" | "f64");
            if float || FORBIDDEN_WORDS.contains(&token.text) {
                report(token.at, token.text);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::made_up::{crate_of, on_floor, workspace};

    fn pure(name: &str, text: &str, dependencies: &[&str]) -> Vec<String> {
        let mut made = on_floor(crate_of(name, "core/x", &[("src/lib.rs", text)]), 1, dependencies);
        made.pure = Some(true);
        check(&workspace(vec![made], &[])).into_iter().map(|v| v.to_string()).collect()
    }

    #[test]
    fn hands_are_refused_where_a_brain_is_promised() {
        let found =
            pure("x", "use std::{fs, collections::HashMap};\nfn now() { std::time::Instant::now(); }", &[]);
        assert_eq!(
            found,
            [
                "core/x/src/lib.rs:1: purity: pure `x` mentions `std::fs`",
                "core/x/src/lib.rs:2: purity: pure `x` mentions `std::time::Instant::now`",
                "core/x/src/lib.rs:1: purity: pure `x` mentions `HashMap`",
            ]
        );
        assert_eq!(pure("x", "", &["tokio-util", "tonic", "serde"]).len(), 2);
        assert_eq!(pure("holdfast-api", "", &["tonic", "tonic-prost", "tonic-build"]).len(), 1);
    }

    #[test]
    fn tests_comments_and_durations_are_free() {
        let text =
            "// std::fs and HashMap\nuse std::time::Duration;\n#[cfg(test)]\nmod tests { use std::fs; }";
        assert!(pure("x", text, &["serde", "tokenizers", "futuristic"]).is_empty());
    }

    #[test]
    fn floats_are_refused_in_replicated_decisions_only() {
        assert_eq!(pure("holdfast-scheduler", "fn a(x: f64) {}", &[]).len(), 1);
        assert!(pure("holdfast-policy", "fn a(x: f64) {}", &[]).is_empty());
    }

    #[test]
    fn a_pure_crate_stands_on_pure_crates() {
        let mut upper = on_floor(crate_of("upper", "core/upper", &[]), 1, &["lower"]);
        upper.pure = Some(true);
        assert_eq!(check(&workspace(vec![crate_of("lower", "core/lower", &[]), upper], &[])).len(), 1);
    }
}
