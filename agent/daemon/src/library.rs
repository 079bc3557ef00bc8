//! What of the cluster's artifacts is on this node: fetched from peers, verified before it is visible, laid out for
//! tasks to mount.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8PathBuf;
use holdfast_api::internal::data_client::DataClient;
use holdfast_api::internal::{FetchBlobRequest, ReplicaAssignment};
use holdfast_artifact::oci::{self, Arch, ImageConfig, Limits};
use holdfast_artifact::{ImportOptions, Manifest, import_dir, materialise, missing};
use holdfast_blob::BlobStore;
use holdfast_client::{MAX_MESSAGE, lazy_channel};
use holdfast_identity::{Alpn, Expect, IdentityHandle, Trust, client_config};
use holdfast_types::{AsProblem, BlobId, Jurisdiction, Problem, ProblemKind};
use parking_lot::Mutex;
use tonic::transport::Channel;

use crate::law::Law;

/// The longest one blob may take to arrive; a blob is at most 64 MiB.
const BLOB_TIMEOUT: Duration = Duration::from_secs(120);
/// The kind of a release among the artifacts.
pub(crate) const RELEASE_KIND: &str = "release";
/// The longest manifest, in bytes.
const MAX_MANIFEST: u64 = 64 << 20;

/// The artifacts of this node.
#[derive(Clone)]
pub(crate) struct Library {
    inner: Arc<Inner>,
}

struct Inner {
    store: BlobStore,
    views: Utf8PathBuf,
    law: Law,
    jurisdiction: Jurisdiction,
    identity: IdentityHandle,
    trust: Trust,
    /// Artifacts of which every byte was verified here, by key, with their manifest.
    whole: Mutex<BTreeMap<String, BlobId>>,
    /// One at a time for each view: two tasks that need it wait for one layout.
    laying: tokio::sync::Mutex<()>,
}

/// What a library is made of.
pub(crate) struct Parts {
    pub(crate) store: BlobStore,
    pub(crate) views: Utf8PathBuf,
    pub(crate) law: Law,
    pub(crate) jurisdiction: Jurisdiction,
    pub(crate) identity: IdentityHandle,
    pub(crate) trust: Trust,
}

/// An image laid out: its root file system and how it is started.
pub(crate) struct Program {
    pub(crate) rootfs: Utf8PathBuf,
    pub(crate) config: ImageConfig,
}

fn cannot(key: &str, because: impl Into<String>) -> Problem {
    Problem::new(6230, ProblemKind::Failed, format!("{key} cannot be had on this node")).because(because)
}

/// Runs blocking work off the async threads; a panic there is a failure here.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(Problem::new(6231, ProblemKind::Failed, "work was cut short").because(error.to_string()))
    })
}

fn tell<E: AsProblem>(error: E) -> Problem {
    error.problem()
}

impl Library {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { store, views, law, jurisdiction, identity, trust } = parts;
        let (whole, laying) = (Mutex::default(), tokio::sync::Mutex::new(()));
        Self { inner: Arc::new(Inner { store, views, law, jurisdiction, identity, trust, whole, laying }) }
    }

    pub(crate) fn store(&self) -> &BlobStore {
        &self.inner.store
    }

    /// The keys of artifacts that are whole here.
    pub(crate) fn whole(&self) -> Vec<String> {
        self.inner.whole.lock().keys().cloned().collect()
    }

    /// Remembers that an artifact is whole here because it was made or imported here.
    pub(crate) fn remember(&self, key: &str, manifest: BlobId) {
        self.inner.whole.lock().insert(key.to_owned(), manifest);
    }

    /// The manifest of a whole artifact.
    pub(crate) fn manifest_of(&self, key: &str) -> Option<BlobId> {
        self.inner.whole.lock().get(key).copied()
    }

    /// Makes an artifact whole here: what is missing is fetched, and nothing that does not hash to its name is kept.
    pub(crate) async fn ensure(&self, artifact: &ReplicaAssignment) -> Result<Manifest, Problem> {
        let key = artifact.key.clone();
        let spec = artifact.spec.clone().unwrap_or_default();
        let id: BlobId =
            spec.manifest.parse().map_err(|e: holdfast_types::BlobIdError| cannot(&key, e.to_string()))?;
        // The receiver checks for itself, whatever sender and controller think.
        // A release is no data of anybody: every node of the cluster runs it.
        let release = spec.kind == RELEASE_KIND;
        if !release && !self.inner.law.admits(spec.label.as_ref(), &self.inner.jurisdiction)? {
            return Err(Problem::new(
                6232,
                ProblemKind::Refused,
                format!("{key} may not be kept on this node"),
            )
            .because(format!("{} lies outside its residency", self.inner.jurisdiction)));
        }
        let store = self.inner.store.clone();
        let here = blocking({
            let store = store.clone();
            move || store.has(id).map_err(tell)
        });
        if !here.await? {
            self.fetch(artifact, id, MAX_MANIFEST).await?;
        }
        let (loaded, lacking) = blocking({
            let store = store.clone();
            move || {
                let manifest = Manifest::load(&store, id).map_err(tell)?;
                let lacking = missing(&store, &manifest).map_err(tell)?;
                Ok((manifest, lacking))
            }
        })
        .await?;
        for chunk in lacking {
            self.fetch(artifact, chunk.id, chunk.len).await?;
        }
        self.remember(&key, id);
        Ok(loaded)
    }

    async fn fetch(&self, artifact: &ReplicaAssignment, id: BlobId, limit: u64) -> Result<(), Problem> {
        let mut last = "no node that has it can be reached".to_owned();
        for source in &artifact.sources {
            match self.fetch_from(&artifact.key, &source.data_address, id, limit).await {
                Ok(()) => return Ok(()),
                Err(problem) => {
                    last = format!("{}: {}", source.node, problem.because.first().unwrap_or(&problem.summary))
                }
            }
        }
        Err(cannot(&artifact.key, format!("blob {id}: {last}")))
    }

    fn channel(&self, address: &str) -> Result<Channel, Problem> {
        let config = client_config(Some(&self.inner.identity), &self.inner.trust, Expect::AnyNode, Alpn::H2);
        lazy_channel(address, &config.map_err(tell)?).map_err(|error| cannot(address, error.to_string()))
    }

    async fn fetch_from(&self, key: &str, address: &str, id: BlobId, limit: u64) -> Result<(), Problem> {
        let mut client = DataClient::new(self.channel(address)?).max_decoding_message_size(MAX_MESSAGE);
        let request = FetchBlobRequest { artifact: key.to_owned(), blob: id.to_string() };
        let receive = async {
            let status = |s: tonic::Status| holdfast_api::problem_from_status(&s);
            let mut stream = client.fetch_blob(request).await.map_err(status)?.into_inner();
            let mut writer = self.inner.store.writer().map_err(tell)?;
            let mut seen = 0u64;
            while let Some(chunk) = stream.message().await.map_err(status)? {
                seen += u64::try_from(chunk.data.len()).unwrap_or(u64::MAX);
                if seen > limit {
                    return Err(cannot(
                        key,
                        format!("the sender sends more than the {limit} bytes of blob {id}"),
                    ));
                }
                writer = blocking(move || {
                    writer.write_all(&chunk.data).map_err(|error| cannot("a blob", error.to_string()))?;
                    Ok(writer)
                })
                .await?;
            }
            blocking(move || writer.finish_expecting(id).map(|_| ()).map_err(tell)).await
        };
        tokio::time::timeout(BLOB_TIMEOUT, receive).await.unwrap_or_else(|_| {
            Err(cannot(key, format!("blob {id} did not arrive in {} s", BLOB_TIMEOUT.as_secs())))
        })
    }

    /// The files of an artifact as a directory to mount read-only; laid out once for each manifest.
    pub(crate) async fn view(&self, artifact: &ReplicaAssignment) -> Result<Utf8PathBuf, Problem> {
        let manifest = self.ensure(artifact).await?;
        let id = artifact.spec.as_ref().map(|s| s.manifest.clone()).unwrap_or_default();
        let target = self.inner.views.join("files").join(id);
        let _one = self.inner.laying.lock().await;
        let (store, place) = (self.inner.store.clone(), target.clone());
        blocking(move || {
            if !place.exists() {
                materialise(&store, &manifest, &place).map_err(tell)?;
            }
            Ok(place)
        })
        .await
    }

    /// An image laid out; once for each image, whichever tasks run it.
    pub(crate) async fn program(&self, artifact: &ReplicaAssignment) -> Result<Program, Problem> {
        let manifest = self.ensure(artifact).await?;
        let id = artifact.spec.as_ref().map(|s| s.manifest.clone()).unwrap_or_default();
        let target = self.inner.views.join("images").join(id);
        let _one = self.inner.laying.lock().await;
        let store = self.inner.store.clone();
        blocking(move || {
            let arch = Arch::host().map_err(|error| cannot("the image", error.to_string()))?;
            let (layout, image) =
                oci::from_manifest(&store, &manifest, arch, &Limits::default()).map_err(tell)?;
            if !target.exists() {
                oci::unpack(&layout, &image, &target, &Limits::default()).map_err(tell)?;
            }
            Ok(Program { rootfs: target, config: image.config })
        })
        .await
    }

    /// Stores a directory that a task wrote; the manifest, its name, bytes and files.
    pub(crate) async fn keep(&self, directory: Utf8PathBuf) -> Result<(BlobId, u64, u64), Problem> {
        let store = self.inner.store.clone();
        blocking(move || {
            let (manifest, id) =
                import_dir(&store, &directory, ImportOptions::default(), &mut |_| {}).map_err(tell)?;
            let files = u64::try_from(manifest.entries().len()).unwrap_or(u64::MAX);
            Ok((id, manifest.total_bytes(), files))
        })
        .await
    }
}
