//! Sending the blobs of an import to a node: what it has already is not sent again.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use holdfast_api::internal::data_client::DataClient;
use holdfast_api::internal::{MissingBlobsRequest, PutBlobChunk, SealImportRequest};
use holdfast_api::{legal_label, problem_from_status};
use holdfast_artifact::Manifest;
use holdfast_blob::BlobStore;
use holdfast_client::{MAX_MESSAGE, TaggedChannel};
use holdfast_types::{AsProblem as _, BlobId, LegalLabel, Problem, ProblemKind};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::progress::Progress;

/// Bytes of one message; small enough to share the connection, large enough to be cheap.
const PIECE: usize = 1 << 20;
/// How many blobs are under way at once, so that many small files do not each wait for an answer.
const AT_ONCE: usize = 4;
/// How many ids are asked for in one message.
const IDS: usize = 4_096;
/// How often a transfer that broke off goes on by itself.
const ROUNDS: usize = 3;
/// How long a node may take to say which blobs it lacks.
const ASKING: Duration = Duration::from_secs(60);
/// How long a node may take to check a whole import.
const SEALING: Duration = Duration::from_secs(3_600);

/// What is sent.
#[derive(Debug)]
pub(crate) struct Cargo {
    /// The store that has every blob.
    pub(crate) store: BlobStore,
    /// The files.
    pub(crate) manifest: Manifest,
    /// The blob of the manifest.
    pub(crate) id: BlobId,
    /// What it will be.
    pub(crate) kind: String,
    /// The label it will have.
    pub(crate) label: LegalLabel,
}

/// Sends what the node lacks, and has it check the whole.
pub(crate) async fn send(channel: &TaggedChannel, cargo: &Arc<Cargo>) -> Result<(), Problem> {
    let mut rounds_left = ROUNDS;
    loop {
        rounds_left = rounds_left.saturating_sub(1);
        match round(channel, cargo).await {
            Ok(()) => break,
            Err(problem) if problem.kind == ProblemKind::Unreachable && rounds_left > 0 => {}
            Err(problem) if problem.kind == ProblemKind::Unreachable => {
                return Err(Problem::new(7060, ProblemKind::Unreachable, "the import broke off")
                    .because(problem.summary)
                    .because(problem.because.join("; "))
                    .next("repeat the command: what has arrived is not sent again"));
            }
            Err(problem) => return Err(problem),
        }
    }
    seal(channel, cargo.id).await.map(|_| ())
}

/// Has the node read every blob of a manifest, and says what it found good: bytes and files.
pub(crate) async fn seal(channel: &TaggedChannel, manifest: BlobId) -> Result<(u64, u64), Problem> {
    let request = SealImportRequest { manifest: manifest.to_string() };
    let mut data = DataClient::new(channel.clone());
    let sealed = tokio::time::timeout(SEALING, data.seal_import(request)).await;
    let sealed = sealed.map_err(|_| slow("check its copy", SEALING))?.map_err(|s| problem_from_status(&s))?;
    let sealed = sealed.into_inner();
    Ok((sealed.bytes, sealed.files))
}

async fn round(channel: &TaggedChannel, cargo: &Arc<Cargo>) -> Result<(), Problem> {
    // Each blob once, in the order of the names; the manifest last, when what it names is there.
    let mut blobs: BTreeMap<BlobId, u64> =
        cargo.manifest.chunks().map(|(_, chunk)| (chunk.id, chunk.len)).collect();
    blobs.remove(&cargo.id);
    let ids: Vec<BlobId> = blobs.keys().copied().collect();
    let missing = missing(channel, &ids).await?;
    let of = missing.iter().filter_map(|id| blobs.get(id)).sum();
    let progress = Arc::new(Progress::new("send", of));
    let puts =
        missing.into_iter().map(|id| put(channel.clone(), Arc::clone(cargo), id, Arc::clone(&progress)));
    let sent = futures::stream::iter(puts).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await;
    progress.finish();
    sent?;
    put(channel.clone(), Arc::clone(cargo), cargo.id, progress).await
}

async fn missing(channel: &TaggedChannel, ids: &[BlobId]) -> Result<Vec<BlobId>, Problem> {
    let mut found = Vec::new();
    for part in ids.chunks(IDS) {
        let request = MissingBlobsRequest { blobs: part.iter().map(ToString::to_string).collect() };
        let mut data = DataClient::new(channel.clone()).max_decoding_message_size(MAX_MESSAGE);
        let answer = tokio::time::timeout(ASKING, data.missing_blobs(request)).await;
        let answer =
            answer.map_err(|_| slow("say what it lacks", ASKING))?.map_err(|s| problem_from_status(&s))?;
        for id in answer.into_inner().missing {
            let id: BlobId = id.parse().map_err(|error: holdfast_types::BlobIdError| {
                Problem::new(7061, ProblemKind::Failed, "the node did not answer as a node does")
                    .because(error.to_string())
            })?;
            // Only what was asked about: a node does not choose what is sent to it.
            if part.contains(&id) {
                found.push(id);
            }
        }
    }
    Ok(found)
}

fn slow(act: &str, limit: Duration) -> Problem {
    Problem::new(7063, ProblemKind::Unreachable, format!("the node took too long to {act}"))
        .because(format!("it has {} s", limit.as_secs()))
        .next("holdfast node list")
}

async fn put(
    channel: TaggedChannel,
    cargo: Arc<Cargo>,
    id: BlobId,
    progress: Arc<Progress>,
) -> Result<(), Problem> {
    let (sender, receiver) = mpsc::channel(2);
    let reading = tokio::task::spawn_blocking(move || read(&cargo, id, &progress, &sender));
    let answer = DataClient::new(channel).put_blob(ReceiverStream::new(receiver)).await;
    // A blob that could not be read is the cause of the refusal that follows.
    reading.await.map_err(|error| {
        Problem::new(7061, ProblemKind::Failed, "a blob cannot be read").because(error.to_string())
    })??;
    let put: Result<_, Status> = answer;
    put.map(|_| ()).map_err(|status| problem_from_status(&status))
}

/// Reads a blob into messages; ends early where nobody takes them any more.
fn read(
    cargo: &Cargo,
    id: BlobId,
    progress: &Progress,
    sender: &mpsc::Sender<PutBlobChunk>,
) -> Result<(), Problem> {
    let mut reader = cargo.store.open_verified(id).map_err(|e| e.problem())?;
    let mut message = PutBlobChunk {
        blob: id.to_string(),
        kind: cargo.kind.clone(),
        label: Some(legal_label(&cargo.label)),
        data: Vec::new(),
    };
    let mut is_first = true;
    loop {
        let mut piece = vec![0; PIECE];
        let count = reader.read(&mut piece).map_err(|error| {
            holdfast_blob::BlobError::from_io("read blob", cargo.store.dir(), error).problem()
        })?;
        piece.truncate(count);
        if count == 0 && !is_first {
            return Ok(());
        }
        message.data = piece;
        if sender.blocking_send(std::mem::take(&mut message)).is_err() {
            return Ok(());
        }
        is_first = false;
        progress.add(u64::try_from(count).unwrap_or(u64::MAX));
    }
}
