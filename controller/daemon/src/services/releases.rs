//! Releases: proved here before they are kept. No byte of a payload passes here.

use std::sync::Arc;

use holdfast_api::store::{
    ImportRelease, ReleaseRecord, ReleaseTrustRecord, TrustReleases, command, outcome,
};
use holdfast_api::v1::releases_server::Releases;
use holdfast_api::v1::{
    GetRequest, ImportReleaseRequest, ListRequest, PlanReleaseImportRequest, Release, ReleaseFile,
    ReleaseImportPlan, ReleaseList, ReleaseMetadata, ReleaseSpec, ReleaseTrust, ShowReleaseTrustRequest,
    TrustReleasesRequest,
};
use holdfast_api::{invalid_request, status_from_problem, timestamp};
use holdfast_release::{Floor, Manifest, Metadata, Trusted, Verified, parse_expiry, verify};
use holdfast_state::State;
use holdfast_types::{AsProblem, BlobId, NodePhase, Problem, ProblemKind, Time};
use tonic::{Request, Response, Status};

use crate::app::{App, now};
use crate::caller;
use crate::page::page;
use crate::write::Write;

#[derive(Clone)]
pub(crate) struct Service(pub(crate) Arc<App>);

/// A release that was proved, and what was trusted when it was.
struct Proved {
    verified: Verified,
    manifest: Manifest,
    over: u64,
}

fn problem(error: &impl AsProblem) -> Status {
    status_from_problem(&error.problem())
}

fn untrusted() -> Status {
    let problem = Problem::new(1290, ProblemKind::Refused, "no release can be proved")
        .because("nobody's releases are trusted yet")
        .next("holdfast release trust 1.root.json");
    status_from_problem(&problem)
}

fn shown(trust: &ReleaseTrustRecord) -> ReleaseTrust {
    ReleaseTrust {
        fingerprint: trust.fingerprint.clone(),
        root_version: trust.root_version,
        timestamp_floor: trust.timestamp_floor,
        snapshot_floor: trust.snapshot_floor,
        targets_floor: trust.targets_floor,
    }
}

fn trusted(record: &ReleaseTrustRecord) -> Trusted {
    let floor = Floor {
        timestamp: record.timestamp_floor,
        snapshot: record.snapshot_floor,
        targets: record.targets_floor,
    };
    Trusted { root: record.root.clone(), floor }
}

fn record_of(trusted: &Trusted) -> Result<ReleaseTrustRecord, Status> {
    Ok(ReleaseTrustRecord {
        root: trusted.root.clone(),
        root_version: trusted.root_version().map_err(|error| problem(&error))?,
        timestamp_floor: trusted.floor.timestamp,
        snapshot_floor: trusted.floor.snapshot,
        targets_floor: trusted.floor.targets,
        fingerprint: trusted.fingerprint(),
    })
}

fn metadata_of(asked: &ReleaseMetadata) -> Result<Metadata, Status> {
    let mut roots = std::collections::BTreeMap::new();
    for root in &asked.roots {
        let version = Trusted { root: root.clone(), floor: Floor::default() }.root_version();
        roots.insert(version.map_err(|error| problem(&error))?, root.clone());
    }
    Ok(Metadata {
        roots,
        timestamp: asked.timestamp.clone(),
        snapshot: asked.snapshot.clone(),
        targets: asked.targets.clone(),
    })
}

/// A live node that takes the payload: the one with the fewest artifacts would be as good as any.
fn taker(state: &State) -> Option<(String, String)> {
    let live = |record: &holdfast_api::store::NodeRecord| {
        let node = record.node.as_ref()?;
        let status = node.status.as_ref()?;
        let ready = status.phase == NodePhase::Ready.as_str() && !status.data_address.is_empty();
        let name = node.metadata.as_ref()?.name.clone();
        ready.then(|| (name, status.data_address.clone()))
    };
    state.nodes().find_map(live)
}

impl Service {
    /// Proves what was sent against what is trusted. The present is the later of the clock and of the log, unless an
    /// operator says it.
    fn prove(&self, metadata: Option<&ReleaseMetadata>, at: &str) -> Result<Proved, Status> {
        let metadata =
            metadata.ok_or_else(|| status_from_problem(&invalid_request("metadata: is missing")))?;
        let (trust, time) = self.0.with(|state| (state.release_trust().cloned(), state.time()));
        let trust = trust.ok_or_else(untrusted)?;
        let at = match at {
            "" => Time(now().0.max(time.0)),
            text => parse_expiry(text).ok_or_else(|| {
                status_from_problem(&invalid_request("at: is not like 2027-06-30T00:00:00Z"))
            })?,
        };
        let verified =
            verify(&trusted(&trust), &metadata_of(metadata)?, at).map_err(|error| problem(&error))?;
        let manifest = verified.manifest(&metadata.manifest).map_err(|error| problem(&error))?;
        Ok(Proved { verified, manifest, over: trust.root_version })
    }

    fn find(&self, version: &str) -> Result<Release, Status> {
        let found = self.0.with(|state| state.release(version)).and_then(|record| record.release);
        found.ok_or_else(|| status_from_problem(&holdfast_state::not_found("release", version)))
    }
}

fn spec_of(proved: &Proved, manifest: String) -> ReleaseSpec {
    let file = |(name, target): (&String, &holdfast_release::Target)| ReleaseFile {
        name: name.clone(),
        bytes: target.length,
        sha256: hex::encode(target.sha256),
    };
    ReleaseSpec {
        version: proved.manifest.version.clone(),
        number: proved.verified.trusted.floor.targets,
        profile: format!("{:?}", proved.manifest.profile).to_lowercase(),
        kernel: proved.manifest.kernel.clone(),
        manifest,
        bytes: proved.verified.targets.values().map(|target| target.length).sum(),
        files: proved.verified.targets.iter().map(file).collect(),
        expires: Some(timestamp(proved.verified.expires)),
    }
}

#[tonic::async_trait]
impl Releases for Service {
    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ReleaseList>, Status> {
        caller::operator(&request)?;
        let list = request.into_inner();
        self.0.barrier(list.stale).await?;
        let mut found = self.0.with(|state| {
            let full = |record: &ReleaseRecord| {
                let version = &record.release.as_ref()?.spec.as_ref()?.version;
                state.release(version)?.release
            };
            let all: Vec<Release> = state.releases().filter_map(full).collect();
            let page = page(all.iter(), &list, &[])?;
            Ok::<_, Status>(ReleaseList {
                items: page.items,
                next_page_token: page.next,
                revision: state.revision(),
            })
        })?;
        found.items = self.0.select("Release", found.items, &list.fields)?;
        Ok(Response::new(found))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Release>, Status> {
        caller::operator(&request)?;
        let get = request.into_inner();
        self.0.barrier(get.stale).await?;
        self.0.select_one("Release", self.find(&get.name)?, &get.fields).map(Response::new)
    }

    async fn show_trust(
        &self,
        request: Request<ShowReleaseTrustRequest>,
    ) -> Result<Response<ReleaseTrust>, Status> {
        caller::operator(&request)?;
        self.0.barrier(false).await?;
        let trust = self.0.with(|state| state.release_trust().map(shown));
        Ok(Response::new(trust.unwrap_or_default()))
    }

    async fn trust(&self, request: Request<TrustReleasesRequest>) -> Result<Response<ReleaseTrust>, Status> {
        let operator = caller::admin(&request)?;
        let mut ask = request.into_inner();
        let write = Write::new(operator.actor(), ask.options.take(), &ask);
        self.0.barrier(false).await?;
        let first = Trusted::first(&ask.root).map_err(|error| problem(&error))?;
        let known = self.0.with(|state| state.release_trust().cloned());
        if let Some(known) = &known
            && known.root != first.root
        {
            let because =
                format!("root version {} is trusted; the next ones come with bundles", known.root_version);
            let problem = Problem::new(1291, ProblemKind::Conflict, "the root is not taken").because(because);
            return Err(status_from_problem(&problem.next("holdfast release list")));
        }
        let over = known.map_or(0, |known| known.root_version);
        let body = TrustReleases { trust: Some(record_of(&first)?), over };
        match self.0.execute(write, command::Body::TrustReleases(body)).await? {
            outcome::Result::ReleaseTrust(trust) => Ok(Response::new(shown(&trust))),
            other => Err(Status::internal(format!("unexpected outcome {other:?}"))),
        }
    }

    async fn plan_import(
        &self,
        request: Request<PlanReleaseImportRequest>,
    ) -> Result<Response<ReleaseImportPlan>, Status> {
        caller::admin(&request)?;
        let ask = request.into_inner();
        self.0.barrier(false).await?;
        let proved = self.prove(ask.metadata.as_ref(), &ask.at)?;
        let version = proved.manifest.version.clone();
        let (taker, known) = self.0.with(|state| (taker(state), state.release(&version).is_some()));
        let (node, data_address) = taker.ok_or_else(|| {
            let problem = Problem::new(1292, ProblemKind::Unreachable, "the payload has nowhere to go");
            status_from_problem(&problem.because("no node is ready to take it").next("holdfast node list"))
        })?;
        let number = proved.verified.trusted.floor.targets;
        Ok(Response::new(ReleaseImportPlan { version, number, node, data_address, known }))
    }

    async fn import(&self, request: Request<ImportReleaseRequest>) -> Result<Response<Release>, Status> {
        let operator = caller::admin(&request)?;
        let mut ask = request.into_inner();
        let write = Write::new(operator.actor(), ask.options.take(), &ask);
        self.0.barrier(false).await?;
        let blob: Result<BlobId, _> = ask.manifest.parse();
        blob.map_err(|error: holdfast_types::BlobIdError| {
            status_from_problem(&invalid_request(format!("manifest: {error}")))
        })?;
        let proved = self.prove(ask.metadata.as_ref(), &ask.at)?;
        let body = ImportRelease {
            release: Some(Release { spec: Some(spec_of(&proved, ask.manifest)), ..Release::default() }),
            metadata: ask.metadata,
            trust: Some(record_of(&proved.verified.trusted)?),
            over: proved.over,
            node: ask.node,
            at: ask.at,
        };
        match self.0.execute(write, command::Body::ImportRelease(body)).await? {
            outcome::Result::Release(release) => Ok(Response::new(release)),
            other => Err(Status::internal(format!("unexpected outcome {other:?}"))),
        }
    }
}
