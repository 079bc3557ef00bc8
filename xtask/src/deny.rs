//! Runs cargo-deny without the network, also where it is older than the Cargo here.
//!
//! cargo-deny asks Cargo for the crate graph: of every system, although only one is checked, and the versions up to
//! 0.14 know only the package ids of the Cargo of their day. So this tool stands in for Cargo: it asks for the graph
//! of one target, and writes the ids as `name version (source)`.

use std::collections::BTreeMap;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::process::{HOST, Shell, output, run};

/// Set for cargo-deny, so that this program knows that it is asked as Cargo; the value is the Cargo to ask.
pub(crate) const REAL_CARGO: &str = "HOLDFAST_XTASK_REAL_CARGO";

/// Versions of cargo-deny that cannot read the ids of today's Cargo.
const OLD: [&str; 2] = ["cargo-deny 0.13.", "cargo-deny 0.14."];

/// Checks bans, licences and sources.
pub(crate) fn check(shell: &Shell) -> Result<()> {
    let version = output(shell.program("cargo-deny").arg("--version").stderr(Stdio::null()))?;
    let mut command = shell.program("cargo-deny");
    if shell.offline {
        command.arg("--offline");
    }
    if OLD.iter().any(|old| version.starts_with(old)) {
        let cargo = shell.cargo().get_program().to_owned();
        let ourselves = std::env::current_exe().context("find this program")?;
        command.env(REAL_CARGO, cargo).env("CARGO", ourselves);
    }
    run(command.args(["check", "bans", "licenses", "sources"]))
}

/// Answers as Cargo what cargo-deny asks.
pub(crate) fn stand_in(shell: &Shell, cargo: &str, arguments: &[String]) -> Result<()> {
    match arguments.first().map(String::as_str) {
        // The build has fetched what its one target needs.
        Some("fetch") => Ok(()),
        Some("metadata") => {
            let mut command = shell.program(cargo);
            let text = output(command.args(arguments).args(["--filter-platform", HOST]))?;
            let mut metadata = serde_json::from_str(&text).context("read the answer of `cargo metadata`")?;
            let ids = old_ids(&metadata);
            rename(&mut metadata, &ids);
            println!("{metadata}");
            Ok(())
        }
        _ => {
            print!("{}", output(shell.program(cargo).args(arguments))?);
            Ok(())
        }
    }
}

/// For each package id of today the one of old.
fn old_ids(metadata: &Value) -> BTreeMap<String, String> {
    let packages = metadata.get("packages").and_then(Value::as_array).into_iter().flatten();
    packages
        .filter_map(|package| {
            let field = |name: &str| package.get(name).and_then(Value::as_str);
            let (id, name, version, manifest) =
                (field("id")?, field("name")?, field("version")?, field("manifest_path")?);
            let directory = manifest.rsplit_once('/').map_or(manifest, |(directory, _)| directory);
            let source = field("source").map_or_else(|| format!("path+file://{directory}"), str::to_owned);
            Some((id.to_owned(), format!("{name} {version} ({source})")))
        })
        .collect()
}

fn rename(value: &mut Value, ids: &BTreeMap<String, String>) {
    match value {
        Value::String(text) => {
            if let Some(old) = ids.get(text) {
                text.clone_from(old);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| rename(value, ids)),
        Value::Object(fields) => fields.values_mut().for_each(|value| rename(value, ids)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_the_old_way_wherever_they_stand() {
        let mut metadata = serde_json::json!({
            "packages": [
                {"id": "registry+x#a@1.0.0", "name": "a", "version": "1.0.0", "source": "registry+x", "manifest_path": "/r/a/Cargo.toml"},
                {"id": "path+file:///w/b#0.1.0", "name": "b", "version": "0.1.0", "source": null, "manifest_path": "/w/b/Cargo.toml"},
            ],
            "resolve": {"nodes": [{"id": "path+file:///w/b#0.1.0", "dependencies": ["registry+x#a@1.0.0"]}]},
        });
        let ids = old_ids(&metadata);
        rename(&mut metadata, &ids);
        let node = metadata.pointer("/resolve/nodes/0").unwrap();
        assert_eq!(
            *node,
            serde_json::json!({"id": "b 0.1.0 (path+file:///w/b)", "dependencies": ["a 1.0.0 (registry+x)"]})
        );
    }
}
