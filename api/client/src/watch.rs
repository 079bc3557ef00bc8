//! A watch that survives the loss of the controller it hangs on: it resumes from the last revision it delivered. While
//! the present state is sent there is no such revision; a connection lost in the middle begins it anew.

use std::collections::BTreeSet;
use std::time::Duration;

use holdfast_api::v1::cluster_client::ClusterClient as Grpc;
use holdfast_api::v1::watch_event::Resource;
use holdfast_api::v1::{Metadata, WatchEvent, WatchRequest};
use holdfast_types::Problem;
use tonic::Streaming;

use crate::channel::MAX_MESSAGE;
use crate::cluster::ClusterClient;

/// A controller sends a bookmark at least every 10 s; silence of three times that means a dead connection.
const SILENCE: Duration = Duration::from_secs(30);

/// An unending sequence of changes.
#[derive(Debug)]
pub struct Watch {
    client: ClusterClient,
    request: WatchRequest,
    stream: Option<Streaming<WatchEvent>>,
    /// The newest revision delivered, and what of it: several changes may share one revision.
    newest: u64,
    delivered: BTreeSet<(String, String)>,
    /// The present state is being sent.
    listing: bool,
}

impl Watch {
    /// Begins a watch; nothing is sent before the first [`Watch::next`].
    #[must_use]
    pub fn new(client: ClusterClient, request: WatchRequest) -> Self {
        let listing = request.from_revision == 0;
        Self { client, request, stream: None, newest: 0, delivered: BTreeSet::new(), listing }
    }

    /// The next change, from whichever controller answers. Bookmarks are kept to oneself.
    ///
    /// # Errors
    ///
    /// Where the cluster does not answer, or no longer keeps the changes asked for: list again, then watch from there.
    pub async fn next(&mut self) -> Result<WatchEvent, Problem> {
        loop {
            let Some(stream) = self.stream.as_mut() else {
                self.stream = Some(self.open().await?);
                continue;
            };
            match tokio::time::timeout(SILENCE, stream.message()).await {
                Ok(Ok(Some(event))) if event.r#type == "bookmark" => {
                    self.listing = false;
                    self.request.from_revision = self.request.from_revision.max(event.revision);
                }
                Ok(Ok(Some(event))) => {
                    if self.is_new(&event) {
                        return Ok(event);
                    }
                }
                Ok(Err(_) | Ok(None)) | Err(_) => {
                    self.client.forget_current();
                    self.stream = None;
                }
            }
        }
    }

    /// Whether the event was not delivered before a reconnect. A resumed watch asks from the revision before the
    /// newest, because only a later revision or a bookmark says that all of a revision has come.
    fn is_new(&mut self, event: &WatchEvent) -> bool {
        if self.listing {
            return true;
        }
        if event.revision > self.newest {
            self.newest = event.revision;
            self.delivered.clear();
            self.request.from_revision = self.request.from_revision.max(event.revision.saturating_sub(1));
        }
        event.revision == self.newest && self.delivered.insert(object(event))
    }

    async fn open(&self) -> Result<Streaming<WatchEvent>, Problem> {
        let request = self.request.clone();
        self.client
            .call(move |channel| {
                let request = request.clone();
                async move { Grpc::new(channel).max_decoding_message_size(MAX_MESSAGE).watch(request).await }
            })
            .await
    }
}

/// Kind and name of what changed.
fn object(event: &WatchEvent) -> (String, String) {
    let metadata: Option<&Metadata> = match &event.resource {
        Some(Resource::Job(job)) => job.metadata.as_ref(),
        Some(Resource::Node(node)) => node.metadata.as_ref(),
        Some(Resource::Queue(queue)) => queue.metadata.as_ref(),
        Some(Resource::Reservation(queue)) => queue.metadata.as_ref(),
        Some(Resource::Artifact(artifact)) => artifact.metadata.as_ref(),
        None => None,
    };
    metadata.map_or_else(|| (event.kind.clone(), event.name.clone()), |m| (m.kind.clone(), m.name.clone()))
}
