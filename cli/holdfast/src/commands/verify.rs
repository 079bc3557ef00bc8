//! Checking every copy of an artifact where it is: the nodes read and hash, this machine compares what they report.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use holdfast_api::v1::nodes_client::NodesClient;
use holdfast_api::v1::{ArtifactSpec, GetRequest};
use holdfast_types::{ArtifactKind, BlobId, Bytes, Problem, ProblemKind};
use serde_json::json;

use super::artifact::{self, One};
use crate::failure::Failure;
use crate::globals::Format;
use crate::session::{Session, call};
use crate::transfer::seal;

/// By node, nothing where its copy is good.
type Verdicts = BTreeMap<String, Result<(), Problem>>;

/// Asks every node that keeps a copy.
pub(crate) async fn run(session: &Session, kind: ArtifactKind, one: &One) -> Result<(), Failure> {
    let artifact = artifact::get(session, kind, &one.name).await?;
    let name = artifact.metadata.map(|m| m.name).unwrap_or_default();
    let spec = artifact.spec.unwrap_or_default();
    let nodes = artifact.status.unwrap_or_default().nodes;
    if nodes.is_empty() {
        return Err(Problem::new(7067, ProblemKind::Unreachable, format!("no node has {name}")).into());
    }
    let mut verdicts = Verdicts::new();
    for node in nodes {
        session.printer.note(format!("node `{node}` reads its copy of {name}"));
        let verdict = check(session, &node, &spec).await;
        verdicts.insert(node, verdict);
    }
    print(session, &name, &spec, &verdicts)?;
    match verdicts.into_values().find_map(Result::err) {
        Some(problem) => Err(problem.into()),
        None => Ok(()),
    }
}

async fn check(session: &Session, node: &str, spec: &ArtifactSpec) -> Result<(), Problem> {
    let manifest: BlobId = spec.manifest.parse().map_err(|error: holdfast_types::BlobIdError| {
        Problem::new(7061, ProblemKind::Failed, "the cluster names no manifest").because(error.to_string())
    })?;
    let found =
        call!(session, NodesClient, get, GetRequest { name: node.to_owned(), ..GetRequest::default() })?;
    let address = found.status.unwrap_or_default().data_address;
    let (bytes, files) = seal(&session.node(&address)?, manifest).await?;
    if (bytes, files) == (spec.bytes, spec.files) {
        return Ok(());
    }
    Err(Problem::new(
        7064,
        ProblemKind::Failed,
        format!("the copy on node `{node}` is not what was committed"),
    )
    .because(format!("{bytes} bytes in {files} files, committed: {} in {}", spec.bytes, spec.files))
    .next(format!("holdfast node show {node}")))
}

fn print(session: &Session, name: &str, spec: &ArtifactSpec, verdicts: &Verdicts) -> Result<(), Failure> {
    match session.globals.output {
        Format::Table => {
            let mut text = String::new();
            for (node, verdict) in verdicts {
                let said = match verdict {
                    Ok(()) => {
                        format!("good: {} in {} files, read and hashed there", Bytes(spec.bytes), spec.files)
                    }
                    Err(problem) => format!("NOT VERIFIED: {}", problem.summary),
                };
                // Writing into a String cannot fail.
                let _ = writeln!(text, "{name} on {node}: {said}");
            }
            session.printer.text(&text)
        }
        Format::Name => session.printer.line(name),
        Format::Json | Format::Yaml => {
            let copy = |(node, verdict): (&String, &Result<(), Problem>)| {
                let problem = verdict.as_ref().err().map(|p| p.summary.clone());
                json!({"node": node, "ok": verdict.is_ok(), "problem": problem})
            };
            let copies: Vec<_> = verdicts.iter().map(copy).collect();
            session.printer.value(&json!({"artifact": name, "copies": copies}))
        }
    }
}
