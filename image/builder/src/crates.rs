//! The crates that are linked into our programs, as Cargo names them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use camino::Utf8Path;
use serde::Deserialize;

/// A crate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) version: String,
    /// An expression of SPDX, or nothing.
    pub(crate) licence: Option<String>,
    /// The SHA-256 of its archive; ours have none.
    pub(crate) sha256: Option<String>,
}

/// Why the crates cannot be named.
#[derive(Debug, thiserror::Error)]
#[error("ask Cargo for the crates of {programs}: {why}")]
pub struct CratesError {
    programs: String,
    why: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    id: String,
    license: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

#[derive(Deserialize)]
struct LockFile {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// What a whole graph has, read.
struct Graph {
    metadata: Metadata,
    locked: LockFile,
}

/// The crates linked into the packages `programs` of the workspace at `root`. Those that only build or test are none.
///
/// # Errors
///
/// There is no workspace, or Cargo cannot say offline.
pub(crate) fn linked(root: &Utf8Path, programs: &[&str]) -> Result<BTreeSet<Crate>, CratesError> {
    let failed = |why: String| CratesError { programs: programs.join(", "), why };
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu", "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        .output()
        .map_err(|error| failed(format!("it cannot be started: {error}")))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let metadata = serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))?;
    let lock = std::fs::read_to_string(root.join("Cargo.lock")).map_err(|error| failed(error.to_string()))?;
    let locked = toml::from_str(&lock).map_err(|error| failed(error.to_string()))?;
    Ok(reached(&Graph { metadata, locked }, programs))
}

fn reached(graph: &Graph, programs: &[&str]) -> BTreeSet<Crate> {
    let Graph { metadata, locked } = graph;
    let nodes: BTreeMap<&str, &Node> =
        metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let packages: BTreeMap<&str, &Package> =
        metadata.packages.iter().map(|package| (package.id.as_str(), package)).collect();
    let sums: BTreeMap<(&str, &str), &String> = locked
        .package
        .iter()
        .filter_map(|one| Some(((one.name.as_str(), one.version.as_str()), one.checksum.as_ref()?)))
        .collect();
    let ours = |package: &&Package| programs.contains(&package.name.as_str());
    let mut waiting: Vec<&str> =
        metadata.packages.iter().filter(ours).map(|package| package.id.as_str()).collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if !seen.insert(id) {
            continue;
        }
        let deps = nodes.get(id).map(|node| node.deps.as_slice()).unwrap_or_default();
        let linked = deps.iter().filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind.is_none()));
        waiting.extend(linked.map(|dep| dep.pkg.as_str()));
    }
    let made = seen.into_iter().filter_map(|id| packages.get(id)).map(|package| Crate {
        name: package.name.clone(),
        version: package.version.clone(),
        // The slash is how older crates say "or".
        licence: package.license.as_ref().map(|text| text.replace(" / ", " OR ").replace('/', " OR ")),
        sha256: sums.get(&(package.name.as_str(), package.version.as_str())).map(|sum| (*sum).clone()),
    });
    made.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_builds_or_tests_is_not_linked() {
        let package = |name: &str| {
            format!(r#"{{"name":"{name}","version":"1.0.0","id":"{name}#1","license":"MIT/ISC"}}"#)
        };
        let dep = |name: &str, kind: &str| format!(r#"{{"pkg":"{name}#1","dep_kinds":[{{"kind":{kind}}}]}}"#);
        let text = format!(
            r#"{{"packages":[{},{},{},{}],"resolve":{{"nodes":[{{"id":"ours#1","deps":[{},{},{}]}},{{"id":"deep#1","deps":[]}}]}}}}"#,
            package("ours"),
            package("deep"),
            package("tests"),
            package("builds"),
            dep("deep", "null"),
            dep("tests", "\"dev\""),
            dep("builds", "\"build\""),
        );
        let lock = "[[package]]\nname = \"deep\"\nversion = \"1.0.0\"\nchecksum = \"00\"\n";
        let graph =
            Graph { metadata: serde_json::from_str(&text).unwrap(), locked: toml::from_str(lock).unwrap() };
        let found: Vec<_> = reached(&graph, &["ours"]).into_iter().collect();
        assert_eq!(found.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["deep", "ours"]);
        assert_eq!(
            (found[0].licence.as_deref(), found[0].sha256.as_deref()),
            (Some("MIT OR ISC"), Some("00"))
        );
        assert_eq!(found[1].sha256, None);
    }
}
