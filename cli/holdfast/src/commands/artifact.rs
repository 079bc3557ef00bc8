//! Datasets, models and images are one resource: listing and showing them is one thing. `holdfast model` is here too.

use std::fmt::Write as _;

use holdfast_api::v1::artifacts_client::ArtifactsClient;
use holdfast_api::v1::watch_event::Resource;
use holdfast_api::v1::{Artifact, ArtifactList, GetRequest, LegalLabel, ListArtifactsRequest};
use holdfast_types::{ArtifactKind, Bytes, Problem};

use super::export;
use super::listing::{self, Selector, Watched};
use crate::failure::Failure;
use crate::globals::Flag;
use crate::output::{Table, since};
use crate::session::{Session, call};

/// Which artifacts.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Only versions of this name
    #[arg(default_value = "", hide_default_value = true)]
    name: String,
    #[command(flatten)]
    selector: Selector,
}

/// Which artifact.
#[derive(Debug, clap::Args)]
pub(crate) struct One {
    /// The name, as `name@version`, or `name` for the newest
    pub(crate) name: String,
}

/// What can be done with models.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ModelCommand {
    /// List models
    #[command(after_help = "Examples:\n  holdfast model list\n  holdfast model list demo-model --watch")]
    List(List),
    /// Show one version of a model with what it was made of
    #[command(
        after_help = "Examples:\n  holdfast model show demo-model\n  holdfast model show demo-model@1 -o json"
    )]
    Show(One),
    /// Take a model out of the cluster
    #[command(after_help = "Examples:\n  holdfast model export demo-model@1 ./model --to DE")]
    Export(export::Args),
}

impl ModelCommand {
    /// The verb, and the options it honours.
    pub(crate) fn honours(&self) -> (&'static str, &'static [Flag]) {
        match self {
            Self::List(_) => ("list", &[Flag::Watch]),
            Self::Show(_) => ("show", &[]),
            Self::Export(_) => ("export", &[Flag::DryRun]),
        }
    }
}

/// Runs a command on models.
pub(crate) async fn run_model(session: &Session, command: &ModelCommand) -> Result<(), Failure> {
    match command {
        ModelCommand::List(args) => list(session, ArtifactKind::Model, args).await,
        ModelCommand::Show(one) => show(session, ArtifactKind::Model, one).await,
        ModelCommand::Export(args) => export::run(session, ArtifactKind::Model, args).await,
    }
}

/// Lists artifacts of a kind.
pub(crate) async fn list(session: &Session, kind: ArtifactKind, args: &List) -> Result<(), Failure> {
    let list: ArtifactList = listing::all(|token| async move {
        let request = ListArtifactsRequest {
            list: Some(args.selector.page(&token)),
            kind: kind.to_string(),
            name: args.name.clone(),
        };
        call!(session, ArtifactsClient, list, request)
    })
    .await?;
    let mut table =
        Table::new(&["NAME", "PHASE", "SIZE", "FILES", "RESIDENCY", "LABELS", "TENANT", "NODES", "AGE"]);
    list.items.iter().for_each(|artifact| row(&mut table, artifact));
    let watched = Watched { kind: "Artifact", name: "", revision: list.revision };
    listing::show(session, &list, table, watched, |table, resource| {
        if let Resource::Artifact(artifact) = resource
            && artifact
                .spec
                .as_ref()
                .is_some_and(|s| s.kind == kind.as_str() && (args.name.is_empty() || s.name == args.name))
        {
            row(table, artifact);
        }
    })
    .await
}

/// Shows one artifact.
pub(crate) async fn show(session: &Session, kind: ArtifactKind, one: &One) -> Result<(), Failure> {
    let artifact = get(session, kind, &one.name).await?;
    session.printer.show(&artifact, || whole(&artifact))
}

/// One artifact.
pub(crate) async fn get(session: &Session, kind: ArtifactKind, name: &str) -> Result<Artifact, Problem> {
    let name = format!("{kind}/{name}");
    call!(session, ArtifactsClient, get, GetRequest { name, ..GetRequest::default() })
}

fn row(table: &mut Table, artifact: &Artifact) {
    let metadata = artifact.metadata.clone().unwrap_or_default();
    let spec = artifact.spec.clone().unwrap_or_default();
    let status = artifact.status.clone().unwrap_or_default();
    let label = spec.label.unwrap_or_default();
    table.row([
        format!("{}@{}", spec.name, spec.version),
        status.phase,
        Bytes(spec.bytes).to_string(),
        spec.files.to_string(),
        label.residency.join(","),
        label.labels.join(","),
        spec.tenant,
        format!("{}/{}", status.nodes.len(), spec.copies),
        since(metadata.created_at.as_ref()),
    ]);
}

fn whole(artifact: &Artifact) -> String {
    let metadata = artifact.metadata.clone().unwrap_or_default();
    let spec = artifact.spec.clone().unwrap_or_default();
    let status = artifact.status.clone().unwrap_or_default();
    let lineage = spec.lineage.unwrap_or_default();
    let mut text = String::new();
    for (name, value) in [
        (spec.kind.as_str(), format!("{}@{}", spec.name, spec.version)),
        ("phase", format!("{}, since {}", status.phase, since(status.since.as_ref()))),
        ("because", status.reason),
        ("size", format!("{} in {} files", Bytes(spec.bytes), spec.files)),
        ("manifest", spec.manifest),
        ("image digest", spec.image_digest),
        ("tenant", spec.tenant),
        ("owner", spec.owner),
        ("nodes", format!("{} (wanted: {})", status.nodes.join(", "), spec.copies)),
        ("age", since(metadata.created_at.as_ref())),
        ("made by job", lineage.job),
        ("from datasets", lineage.datasets.join(", ")),
        ("from model", lineage.base_model),
        ("with image", lineage.image),
        ("on nodes", lineage.nodes.join(", ")),
        ("under law", lineage.bundle),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:<15}{value}");
        }
    }
    text + &label(&spec.label.unwrap_or_default())
}

fn label(label: &LegalLabel) -> String {
    let or_none = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!(
        "labels         {}\nresidency      {}\npurposes       {}\nlevel          {}\n",
        or_none(&label.labels),
        or_none(&label.residency),
        or_none(&label.purposes),
        label.level
    )
}
