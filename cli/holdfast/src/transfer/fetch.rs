//! Fetching a blob from a node. What comes is foreign: its length is bounded, and its hash decides.

use std::time::Duration;

use holdfast_api::internal::FetchBlobRequest;
use holdfast_api::internal::data_client::DataClient;
use holdfast_api::problem_from_status;
use holdfast_client::{MAX_MESSAGE, TaggedChannel};
use holdfast_types::{BlobId, Bytes, Problem, ProblemKind};

/// How long a node may be silent within a blob.
const SILENCE: Duration = Duration::from_secs(60);

/// A node that has an artifact.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Its name.
    pub(crate) node: String,
    /// Its data port.
    pub(crate) channel: TaggedChannel,
    /// The artifact, as `kind/name@version`.
    pub(crate) artifact: String,
}

/// Fetches a blob of at most `limit` bytes; `take` gets its bytes in order before they are known to be good. Returns the
/// length when the hash is that of the name.
pub(crate) async fn fetch(
    source: &Source,
    id: BlobId,
    limit: u64,
    take: &mut (dyn FnMut(&[u8]) -> Result<(), Problem> + Send),
) -> Result<u64, Problem> {
    let request = FetchBlobRequest { artifact: source.artifact.clone(), blob: id.to_string() };
    let mut data = DataClient::new(source.channel.clone()).max_decoding_message_size(MAX_MESSAGE);
    let answer = tokio::time::timeout(SILENCE, data.fetch_blob(request)).await;
    let mut chunks = answer.map_err(|_| silent(source))?.map_err(|s| problem_from_status(&s))?.into_inner();
    let (mut hasher, mut length) = (Box::new(blake3::Hasher::new()), 0_u64);
    loop {
        let next = tokio::time::timeout(SILENCE, chunks.message()).await.map_err(|_| silent(source))?;
        let Some(chunk) = next.map_err(|s| problem_from_status(&s))? else { break };
        length = length.saturating_add(u64::try_from(chunk.data.len()).unwrap_or(u64::MAX));
        if length > limit {
            return Err(bad(source, id, format!("it is longer than the {} it should have", Bytes(limit))));
        }
        hasher.update(&chunk.data);
        take(&chunk.data)?;
    }
    let found = BlobId(*hasher.finalize().as_bytes());
    if found == id { Ok(length) } else { Err(bad(source, id, format!("its {length} bytes hash to {found}"))) }
}

fn silent(source: &Source) -> Problem {
    Problem::new(7063, ProblemKind::Unreachable, format!("node `{}` does not send", source.node))
        .because(format!("nothing came for {} s", SILENCE.as_secs()))
        .next(format!("holdfast node show {}", source.node))
}

fn bad(source: &Source, id: BlobId, cause: String) -> Problem {
    Problem::new(7064, ProblemKind::Failed, format!("node `{}` sent a bad copy of blob {id}", source.node))
        .because(cause)
        .next(format!("holdfast node show {}", source.node))
}
