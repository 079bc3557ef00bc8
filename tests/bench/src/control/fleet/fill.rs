//! What the cluster has besides nodes, asked for as its people would.

use anyhow::{Context as _, Result, anyhow};
use futures::{StreamExt as _, TryStreamExt as _};
use holdfast_api::v1::artifacts_client::ArtifactsClient;
use holdfast_api::v1::jobs_client::JobsClient;
use holdfast_api::v1::{
    ArtifactSpec, CheckpointPolicy, CommitArtifactRequest, DeviceRequest, JobSpec, LegalLabel, Resources,
    SubmitJobRequest, TaskGroup,
};
use holdfast_client::ClusterClient;

use crate::control::named::{IMAGE, TENANT, name, options};

/// So many calls are made at once.
const AT_ONCE: usize = 64;
/// So many series of artifacts; what is more are versions of them.
const SERIES: u32 = 20_000;
const JOBS: u32 = 10_000;
const ARTIFACTS: u32 = 100_000;

/// The image of the jobs.
pub(crate) async fn image(client: &ClusterClient) -> Result<()> {
    let image = ArtifactSpec { image_digest: format!("sha256:{}", "5e".repeat(32)), ..spec("image", IMAGE) };
    commit(client, image, (0, name(0))).await.context("the image")
}

/// The image of the jobs, and data sets on so many nodes.
pub(super) async fn artifacts(client: &ClusterClient, nodes: u32) -> Result<()> {
    image(client).await?;
    let data = |number: u32| {
        let series = spec("dataset", &format!("corpus-of-some-kind-{}", number % SERIES));
        commit(client, series, (number, name(number % nodes)))
    };
    futures::stream::iter(1..ARTIFACTS).map(data).buffer_unordered(AT_ONCE).try_collect().await
}

/// Jobs of four tasks that take a whole node each: a few of them run, the others wait.
pub(super) async fn jobs(client: &ClusterClient) -> Result<()> {
    futures::stream::iter(0..JOBS)
        .map(|number| submit(client, number))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

fn spec(kind: &str, name: &str) -> ArtifactSpec {
    let label = LegalLabel {
        labels: vec!["internal".to_owned()],
        residency: vec!["DE".to_owned()],
        purposes: vec!["research".to_owned()],
        level: 0,
    };
    ArtifactSpec {
        kind: kind.to_owned(),
        name: name.to_owned(),
        manifest: format!("b3-{}", "a7".repeat(32)),
        bytes: 1 << 40,
        files: 1_000,
        label: Some(label),
        tenant: TENANT.to_owned(),
        copies: 2,
        ..ArtifactSpec::default()
    }
}

async fn commit(client: &ClusterClient, spec: ArtifactSpec, (number, node): (u32, String)) -> Result<()> {
    let ask =
        CommitArtifactRequest { spec: Some(spec), node, new_version: number >= SERIES, options: options()? };
    let committed = client.call(|channel| {
        let ask = ask.clone();
        async move { ArtifactsClient::new(channel).commit(ask).await }
    });
    committed.await.map(drop).map_err(|problem| anyhow!("{problem}"))
}

async fn submit(client: &ClusterClient, number: u32) -> Result<()> {
    let devices = Some(DeviceRequest {
        class: "nvidia".to_owned(),
        count: 8,
        memory_bytes: 40 << 30,
        ..Default::default()
    });
    let resources = Some(Resources { cpu_millis: 64_000, memory_bytes: 512 << 30, devices });
    let spec = JobSpec {
        kind: "train".to_owned(),
        queue: "default".to_owned(),
        tenant: TENANT.to_owned(),
        purpose: "research".to_owned(),
        image: IMAGE.to_owned(),
        output: format!("model-{number}"),
        checkpoint: Some(CheckpointPolicy { keep: 2, copies: 2 }),
        groups: vec![TaskGroup {
            min: 0,
            name: "worker".to_owned(),
            count: 4,
            resources,
            topology: None,
            variants: Vec::new(),
        }],
        ..JobSpec::default()
    };
    let ask = SubmitJobRequest {
        name: format!("train-{number:05}"),
        spec: Some(spec),
        options: options()?,
        ..SubmitJobRequest::default()
    };
    let submitted = client.call(|channel| {
        let ask = ask.clone();
        async move { JobsClient::new(channel).submit(ask).await }
    });
    submitted.await.map(drop).map_err(|problem| anyhow!("{problem}"))
}
