//! Taking data out of the cluster. The law decides first; every byte is checked against its name here.

use std::collections::BTreeMap;
use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_api::v1::artifacts_client::ArtifactsClient;
use holdfast_api::v1::{Artifact, ExportPlan, PlanExportRequest};
use holdfast_artifact::{MAX_MANIFEST_BYTES, Manifest, materialise};
use holdfast_blob::{BlobError, BlobStore};
use holdfast_types::{ArtifactKind, AsProblem as _, BlobId, Bytes, Jurisdiction, Problem, ProblemKind};

use crate::failure::Failure;
use crate::session::{Session, call};
use crate::transfer::{Progress, Source, fetch};

/// Where this machine is, as the law sees it.
#[derive(Debug, clap::Args)]
pub(crate) struct Destination {
    /// The jurisdiction the bytes are taken to: the one this machine is in
    #[arg(long, value_name = "JURISDICTION")]
    to: Jurisdiction,
    /// The legal basis, where the data leaves its residency
    #[arg(long, default_value = "", hide_default_value = true)]
    basis: String,
}

/// What is taken out.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The name, as `name@version`, or `name` for the newest
    name: String,
    /// The directory to make
    dir: Utf8PathBuf,
    #[command(flatten)]
    destination: Destination,
}

/// Exports an artifact into a directory that appears whole, verified and read-only, or not at all.
pub(crate) async fn run(session: &Session, kind: ArtifactKind, args: &Args) -> Result<(), Failure> {
    if args.dir.as_std_path().symlink_metadata().is_ok() {
        return Err(Problem::new(7062, ProblemKind::Conflict, format!("`{}` is there already", args.dir))
            .because("an export makes the directory")
            .next("choose another name")
            .into());
    }
    let plan = plan(session, kind, &args.name, &args.destination).await?;
    let artifact = plan.artifact.clone().unwrap_or_default();
    let name = artifact.metadata.as_ref().map(|m| m.name.clone()).unwrap_or_default();
    let sources = sources(session, &plan, &name)?;
    if session.globals.dry_run {
        return session.printer.line(format!("{name} may be exported, from {} nodes", sources.len()));
    }
    let parent = args.dir.parent().filter(|p| !p.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    let failed = |cause: String| {
        Problem::new(7066, ProblemKind::Failed, format!("`{}` cannot be made", args.dir)).because(cause)
    };
    // Beside the target, so that its files become those of the export without being copied.
    let staging = tempfile::Builder::new().prefix(".holdfast-export-").tempdir_in(parent);
    let staging = staging.map_err(|e| failed(e.to_string()))?;
    let path =
        Utf8Path::from_path(staging.path()).ok_or_else(|| failed("its path is not UTF-8".to_owned()))?;
    let store = BlobStore::open(path).map_err(|e| e.problem())?;
    let manifest = fill(&store, &sources, &artifact).await?;
    materialise(&store, &manifest, &args.dir).map_err(|e| e.problem())?;
    let (files, bytes) = (manifest.entries().len(), Bytes(manifest.total_bytes()));
    session.printer.show(&artifact, || format!("{name}: {files} files, {bytes} verified, in {}\n", args.dir))
}

async fn plan(
    session: &Session,
    kind: ArtifactKind,
    name: &str,
    destination: &Destination,
) -> Result<ExportPlan, Problem> {
    let request = PlanExportRequest {
        name: format!("{kind}/{name}"),
        destination: destination.to.to_string(),
        basis: destination.basis.clone(),
    };
    call!(session, ArtifactsClient, plan_export, request)
}

fn sources(session: &Session, plan: &ExportPlan, artifact: &str) -> Result<Vec<Source>, Problem> {
    let source = |source: &holdfast_api::v1::ExportSource| {
        Ok(Source {
            node: source.node.clone(),
            channel: session.node(&source.data_address)?,
            artifact: artifact.to_owned(),
        })
    };
    plan.sources.iter().map(source).collect()
}

/// The blob of the manifest.
fn manifest_id(artifact: &Artifact) -> Result<BlobId, Problem> {
    let id = artifact.spec.as_ref().map(|s| s.manifest.clone()).unwrap_or_default();
    id.parse().map_err(|error: holdfast_types::BlobIdError| {
        Problem::new(7061, ProblemKind::Failed, "the cluster names no manifest").because(error.to_string())
    })
}

async fn read_manifest(source: &Source, id: BlobId) -> Result<Manifest, Problem> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_MANIFEST_BYTES).unwrap_or(u64::MAX);
    fetch(source, id, limit, &mut |data| {
        bytes.extend_from_slice(data);
        Ok(())
    })
    .await?;
    Manifest::from_bytes(&bytes).map_err(|error| {
        Problem::new(7061, ProblemKind::Failed, format!("blob {id} is not a manifest"))
            .because(error.to_string())
    })
}

/// Every distinct blob with its length.
fn blobs(manifest: &Manifest) -> BTreeMap<BlobId, u64> {
    manifest.chunks().map(|(_, chunk)| (chunk.id, chunk.len)).collect()
}

/// Fetches every blob; what one source cannot give is asked of the next.
async fn fill(store: &BlobStore, sources: &[Source], artifact: &Artifact) -> Result<Manifest, Problem> {
    let id = manifest_id(artifact)?;
    let mut last = Problem::new(7067, ProblemKind::Unreachable, "no node that has the bytes can be reached");
    let mut manifest = None;
    for source in sources {
        match read_manifest(source, id).await {
            Ok(found) => {
                manifest = Some(found);
                break;
            }
            Err(problem) => last = problem,
        }
    }
    let Some(manifest) = manifest else { return Err(last) };
    let blobs = blobs(&manifest);
    let progress = Progress::new("fetch", blobs.values().sum());
    for (id, length) in blobs {
        let mut done = false;
        for source in sources {
            match keep(store, source, id, length, &progress).await {
                Ok(()) => {
                    done = true;
                    break;
                }
                Err(problem) => last = problem,
            }
        }
        if !done {
            return Err(last);
        }
    }
    progress.finish();
    Ok(manifest)
}

async fn keep(
    store: &BlobStore,
    source: &Source,
    id: BlobId,
    length: u64,
    progress: &Progress,
) -> Result<(), Problem> {
    let mut writer = store.writer().map_err(|e| e.problem())?;
    fetch(source, id, length, &mut |data| {
        progress.add(u64::try_from(data.len()).unwrap_or(u64::MAX));
        writer.write_all(data).map_err(|e| BlobError::from_io("write blob", store.dir(), e).problem())
    })
    .await?;
    writer.finish_expecting(id).map(|_| ()).map_err(|e| e.problem())
}
