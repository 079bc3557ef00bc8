//! Taking a bundle in: proved by the controllers before a byte is sent, proved here to its last byte, sent to one node.

use std::fs::{self, File};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_api::v1::releases_client::ReleasesClient;
use holdfast_api::v1::{ImportReleaseRequest, PlanReleaseImportRequest, ReleaseMetadata};
use holdfast_artifact::{ImportOptions, import_dir};
use holdfast_blob::BlobStore;
use holdfast_release::{Bundle, MANIFEST, MANIFEST_MOST_BYTES, Trusted, Verified, verify};
use holdfast_types::{AsProblem as _, Bytes, LegalLabel, Problem, ProblemKind, Time};
use tempfile::TempDir;

use crate::failure::Failure;
use crate::session::{Session, call};
use crate::transfer::{Cargo, send};

/// What is taken in.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bundle
    file: Utf8PathBuf,
    /// The present, as 2027-06-30T00:00:00Z, where the clock of the site is not to be trusted
    #[arg(long, value_name = "TIME", default_value = "", hide_default_value = true)]
    at: String,
    /// Where the payload is kept while it is hashed and sent; needs twice the room that it has
    #[arg(long, value_name = "DIR")]
    staging: Option<Utf8PathBuf>,
}

/// A payload in a store of its own, which goes away with it.
struct Prepared {
    cargo: Cargo,
    _dir: TempDir,
}

fn failed(act: &str, path: &Utf8Path, error: &std::io::Error) -> Problem {
    Problem::new(7130, ProblemKind::Failed, format!("`{path}` cannot be {act}")).because(error.to_string())
}

/// Takes a bundle in.
pub(crate) async fn run(session: &Session, args: &Args) -> Result<(), Failure> {
    let file = File::open(&args.file).map_err(|error| failed("read", &args.file, &error))?;
    let mut bundle = Bundle::open(file).map_err(|error| error.problem())?;
    let (metadata, verified) = own_word(&mut bundle)?;
    let request = PlanReleaseImportRequest { metadata: Some(metadata.clone()), at: args.at.clone() };
    let plan = call!(session, ReleasesClient, plan_import, request)?;
    let bytes: u64 = verified.targets.values().map(|target| target.length).sum();
    let what = format!("release {} (number {}), {}", plan.version, plan.number, Bytes(bytes));
    if session.globals.dry_run {
        return session.printer.line(format!("{what} is proved and would go to node `{}`", plan.node));
    }
    session.printer.note(format!("{what} is proved; its payload goes to node `{}`", plan.node));
    let staging = args.staging.clone();
    let prepared = tokio::task::spawn_blocking(move || prepare(bundle, &verified, staging.as_deref()));
    let Prepared { cargo, _dir } = prepared.await.map_err(|error| {
        Problem::new(7130, ProblemKind::Failed, "the payload cannot be read").because(error.to_string())
    })??;
    let channel = session.node(&plan.data_address)?;
    let manifest = cargo.id.to_string();
    send(&channel, &Arc::new(cargo)).await?;
    let options = Some(session.write_options()?);
    let request = ImportReleaseRequest {
        metadata: Some(metadata),
        at: args.at.clone(),
        node: plan.node,
        manifest,
        options,
    };
    let release = call!(session, ReleasesClient, import, request)?;
    let version = plan.version;
    session.printer.show(&release, || format!("release {version} imported\n"))
}

/// What the bundle says of itself. Whether that is to be believed is for the controllers; what the files have to be is known
/// from it.
fn own_word(bundle: &mut Bundle<File>) -> Result<(ReleaseMetadata, Verified), Problem> {
    let told = |error: holdfast_release::BundleError| error.problem();
    let metadata = bundle.metadata().clone();
    let newest = metadata.roots.values().next_back().cloned().unwrap_or_default();
    let trusted = Trusted::first(&newest).map_err(told)?;
    // The time is the controllers' business, too.
    verify(&trusted, &metadata, Time(0)).map_err(told)?;
    let verified = bundle.verify(&trusted, Time(0)).map_err(told)?;
    let most = u64::try_from(MANIFEST_MOST_BYTES).unwrap_or(u64::MAX);
    let manifest = bundle.small(&verified, MANIFEST, most).map_err(told)?;
    let metadata = ReleaseMetadata {
        roots: metadata.roots.into_values().collect(),
        timestamp: metadata.timestamp,
        snapshot: metadata.snapshot,
        targets: metadata.targets,
        manifest,
    };
    Ok((metadata, verified))
}

fn prepare(
    mut bundle: Bundle<File>,
    verified: &Verified,
    staging: Option<&Utf8Path>,
) -> Result<Prepared, Problem> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("holdfast-release-");
    let made = staging.map_or_else(|| builder.tempdir(), |dir| builder.tempdir_in(dir));
    let here = Utf8PathBuf::from("the staging directory");
    let dir =
        made.map_err(|error| failed("made", &here, &error).next("choose another with --staging DIR"))?;
    let path = Utf8Path::from_path(dir.path()).unwrap_or(&here);
    let payload = path.join("payload");
    fs::create_dir(&payload).map_err(|error| failed("made", &payload, &error))?;
    for name in verified.targets.keys() {
        let place = payload.join(name);
        let mut out = File::create(&place).map_err(|error| failed("written", &place, &error))?;
        let mut sink = |part: &[u8]| std::io::Write::write_all(&mut out, part);
        bundle.copy(verified, name, &mut sink).map_err(|error| error.problem())?;
    }
    let store = BlobStore::open(&path.join("store")).map_err(|error| error.problem())?;
    let (manifest, id) = import_dir(&store, &payload, ImportOptions::default(), &mut |_| {})
        .map_err(|error| error.problem())?;
    let cargo = Cargo { store, manifest, id, kind: "release".to_owned(), label: LegalLabel::default() };
    Ok(Prepared { cargo, _dir: dir })
}
