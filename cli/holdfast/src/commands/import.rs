//! Bringing data into the cluster: hashed here, sent to the node that the law allows, committed when it is all there.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_api::legal_label;
use holdfast_api::v1::artifacts_client::ArtifactsClient;
use holdfast_api::v1::{Artifact, ArtifactSpec, CommitArtifactRequest, ImportPlan, PlanImportRequest};
use holdfast_artifact::{ImportOptions, Manifest, import_dir, oci};
use holdfast_blob::BlobStore;
use holdfast_types::{ArtifactKind, ArtifactName, AsProblem as _, BlobId, Bytes, Problem, ProblemKind};
use tempfile::TempDir;

use super::label::Label;
use crate::failure::Failure;
use crate::session::{Session, call};
use crate::transfer::{Cargo, send};

/// What is brought in.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The name it gets
    name: ArtifactName,
    /// The directory, or the OCI archive of an image
    from: Utf8PathBuf,
    #[command(flatten)]
    label: Label,
    /// Where the bytes are kept while they are hashed and sent; needs as much room as they have
    #[arg(long, value_name = "DIR")]
    staging: Option<Utf8PathBuf>,
}

/// Content in a store of its own, which goes away with it.
struct Prepared {
    store: BlobStore,
    manifest: Manifest,
    id: BlobId,
    image_digest: String,
    _dir: TempDir,
}

/// Imports a dataset or an image.
pub(crate) async fn run(session: &Session, kind: ArtifactKind, args: &Args) -> Result<(), Failure> {
    // Asked first, so that what the law refuses is not hashed for an hour.
    let first = plan(session, kind, args, 0).await?;
    if first.next_version > 1 && !args.label.new_version {
        return Err(Problem::new(
            7026,
            ProblemKind::Conflict,
            format!("{kind} `{}` is there already", args.name),
        )
        .because(format!("its newest version is {}", first.next_version.saturating_sub(1)))
        .next(format!("holdfast {kind} show {}", args.name))
        .next("repeat the command with --new-version")
        .into());
    }
    let Prepared { store, manifest, id, image_digest, _dir } = prepare(session, kind, args).await?;
    let bytes = manifest.total_bytes();
    let files = u64::try_from(manifest.entries().len()).unwrap_or(u64::MAX);
    let plan = plan(session, kind, args, bytes).await?;
    let what = format!("{kind}/{}@{}: {files} files, {}", args.name, plan.next_version, Bytes(bytes));
    if session.globals.dry_run {
        let would = format!("{what} would go to node `{}` in {}", plan.node, plan.jurisdiction);
        return session.printer.line(would);
    }
    session.printer.note(format!("{what}, to node `{}` in {}", plan.node, plan.jurisdiction));
    let channel = session.node(&plan.data_address)?;
    let cargo = Arc::new(Cargo { store, manifest, id, kind: kind.to_string(), label: args.label.legal() });
    send(&channel, &cargo).await?;
    let spec = ArtifactSpec {
        kind: kind.to_string(),
        name: args.name.to_string(),
        manifest: id.to_string(),
        bytes,
        files,
        label: Some(legal_label(&args.label.legal())),
        tenant: args.label.tenant.to_string(),
        image_digest,
        copies: args.label.copies,
        ..ArtifactSpec::default()
    };
    let artifact = commit(session, spec, plan.node, args.label.new_version).await?;
    let name = artifact.metadata.as_ref().map(|m| m.name.clone()).unwrap_or_default();
    session.printer.show(&artifact, || format!("{name} imported\n"))
}

async fn plan(session: &Session, kind: ArtifactKind, args: &Args, bytes: u64) -> Result<ImportPlan, Problem> {
    let request = PlanImportRequest {
        kind: kind.to_string(),
        name: args.name.to_string(),
        label: Some(legal_label(&args.label.legal())),
        tenant: args.label.tenant.to_string(),
        bytes,
    };
    call!(session, ArtifactsClient, plan_import, request)
}

async fn commit(
    session: &Session,
    spec: ArtifactSpec,
    node: String,
    new_version: bool,
) -> Result<Artifact, Problem> {
    let options = Some(session.write_options()?);
    let request = CommitArtifactRequest { spec: Some(spec), node, new_version, options };
    call!(session, ArtifactsClient, commit, request)
}

async fn prepare(session: &Session, kind: ArtifactKind, args: &Args) -> Result<Prepared, Problem> {
    let (from, staging) = (args.from.clone(), args.staging.clone());
    let printer = session.printer;
    printer.note(format!("reading `{from}`"));
    let hashing = tokio::task::spawn_blocking(move || hash(kind, &from, staging.as_deref()));
    hashing.await.map_err(|error| {
        Problem::new(7061, ProblemKind::Failed, format!("`{}` cannot be read", args.from))
            .because(error.to_string())
    })?
}

fn hash(kind: ArtifactKind, from: &Utf8Path, staging: Option<&Utf8Path>) -> Result<Prepared, Problem> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("holdfast-import-");
    let made = staging.map_or_else(|| builder.tempdir(), |dir| builder.tempdir_in(dir));
    let failed = |cause: String| {
        Problem::new(7065, ProblemKind::Failed, "there is no place to keep the import while it is sent")
            .because(cause)
            .next("choose a directory with --staging DIR")
    };
    let dir = made.map_err(|e| failed(e.to_string()))?;
    let path = Utf8Path::from_path(dir.path()).ok_or_else(|| failed("its path is not UTF-8".to_owned()))?;
    let store = BlobStore::open(path).map_err(|e| e.problem())?;
    let (manifest, id, image_digest) = if kind == ArtifactKind::Image {
        let arch = image_arch()?;
        let read = oci::import(&store, from, arch, &oci::Limits::default()).map_err(|e| e.problem())?;
        (read.manifest, read.id, read.image.manifest_digest.to_string())
    } else {
        let read = import_dir(&store, from, ImportOptions::default(), &mut |_| {});
        let (manifest, id) = read.map_err(|e| e.problem())?;
        (manifest, id, String::new())
    };
    Ok(Prepared { store, manifest, id, image_digest, _dir: dir })
}

/// The architecture of this machine, for which images are made and read.
pub(crate) fn image_arch() -> Result<oci::Arch, Problem> {
    oci::Arch::host().map_err(|error| {
        Problem::new(7069, ProblemKind::Failed, "there are no images for this machine")
            .because(error.to_string())
    })
}
