//! One real controller process on a real port: who may come in, what is refused, and what survives `kill -9`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use holdfast_api::internal::agent_session_client::AgentSessionClient;
use holdfast_api::internal::enrolment_client::EnrolmentClient;
use holdfast_api::internal::{EnrolRequest, SyncRequest};
use holdfast_api::v1::cluster_client::ClusterClient as ClusterGrpc;
use holdfast_api::v1::jobs_client::JobsClient;
use holdfast_api::v1::nodes_client::NodesClient;
use holdfast_api::v1::queues_client::QueuesClient;
use holdfast_api::v1::{
    ApplyQueueRequest, ClusterStatusRequest, CreateTokenRequest, GetRequest, ListRequest, NodeRequest,
    QueueSpec, SubmitJobRequest, WriteOptions,
};
use holdfast_client::ClusterClient;
use holdfast_controller::{FoundController, FoundOperator, FoundOptions, found};
use holdfast_identity::{
    Alpn, Context, Expect, Identity, IdentityHandle, JoinToken, PrivateKey, Trust, client_config,
    client_config_pinned,
};
use holdfast_policy::packs;
use holdfast_types::{JobSpec, Problem, ProblemKind, Span, Time};

struct World {
    _temporary: tempfile::TempDir,
    directory: Utf8PathBuf,
    address: String,
    child: Child,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Time(u64::try_from(since.as_millis()).unwrap())
}

fn start(directory: &Utf8Path) -> Child {
    let log = std::fs::File::create(directory.join("log")).unwrap();
    Command::new(env!("CARGO_BIN_EXE_holdfast-controller"))
        .arg("--config")
        .arg(directory.join("c/controller.toml"))
        .stdin(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

impl World {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Utf8PathBuf::from_path_buf(temporary.path().to_owned()).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        found(&FoundOptions {
            cluster_name: "test".to_owned(),
            lease: Span::from_secs(5),
            controllers: vec![FoundController {
                name: "controller-1".to_owned(),
                directory: directory.join("c"),
                listen: address.clone(),
            }],
            jurisdictions: vec!["DE".parse().unwrap(), "FR".parse().unwrap()],
            law: packs::DEMO.law.to_owned(),
            tenant_policies: packs::DEMO.tenant.to_owned(),
            operators: vec![FoundOperator {
                name: "admin".to_owned(),
                roles: vec!["admin".to_owned(), "engineer".to_owned()],
                tenant: None,
                context: directory.join("context.toml"),
            }],
            now: now(),
        })
        .unwrap();
        let child = start(&directory);
        Self { _temporary: temporary, directory, address, child }
    }

    fn context(&self) -> Context {
        Context::load(&self.directory.join("context.toml")).unwrap()
    }

    fn client(&self) -> ClusterClient {
        let context = self.context();
        let identity = IdentityHandle::new(context.identity().unwrap());
        let trust = context.trust().unwrap();
        let config = client_config(Some(&identity), &trust, Expect::Controller, Alpn::H2).unwrap();
        ClusterClient::new(vec![self.address.clone()], config, Duration::from_secs(30))
    }

    fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = start(&self.directory);
    }

    async fn token(&self) -> String {
        let request = CreateTokenRequest {
            jurisdiction: "DE".to_owned(),
            site: "berlin".to_owned(),
            approve: true,
            ..CreateTokenRequest::default()
        };
        let call = |channel| {
            let request = request.clone();
            async move { NodesClient::new(channel).create_token(request).await }
        };
        self.client().call(call).await.unwrap().token
    }

    /// Joins with a token and nothing else.
    async fn join(&self, node: &str, text: &str) -> Result<(IdentityHandle, Trust), Problem> {
        let token = JoinToken::parse(text).unwrap();
        let (config, root) = client_config_pinned(token.root(), Alpn::H2).unwrap();
        let client = ClusterClient::new(vec![self.address.clone()], config, Duration::from_secs(10));
        let (key, csr_pem): (PrivateKey, String) = Identity::generate_csr().unwrap();
        let request = EnrolRequest { token: text.to_owned(), node: node.to_owned(), csr_pem };
        let call = |channel| {
            let request = request.clone();
            async move { EnrolmentClient::new(channel).enrol(request).await }
        };
        let answer = client.call(call).await?;
        let identity = Identity::from_pem(&answer.chain_pem, key).unwrap();
        Ok((IdentityHandle::new(identity), Trust::new(root.pem().unwrap()).unwrap()))
    }
}

#[tokio::test]
async fn people_come_in_by_certificate_and_everybody_else_stays_out() {
    let world = World::new();
    let call = |channel| async move { ClusterGrpc::new(channel).status(ClusterStatusRequest {}).await };
    let status = world.client().call(call).await.unwrap();
    assert_eq!((status.name.as_str(), status.members.len()), ("test", 1));

    let trust = world.context().trust().unwrap();
    let anonymous = client_config(None, &trust, Expect::Controller, Alpn::H2).unwrap();
    let anonymous = ClusterClient::new(vec![world.address.clone()], anonymous, Duration::from_secs(10));
    let problem = anonymous.call(call).await.unwrap_err();
    assert_eq!((problem.code.0, problem.kind), (1202, ProblemKind::Unauthorised));

    // The same question put to a cluster of the same name that is not this one.
    let other = World::new();
    let context = other.context();
    let foreign = IdentityHandle::new(context.identity().unwrap());
    let foreign = client_config(Some(&foreign), &trust, Expect::Controller, Alpn::H2).unwrap();
    let foreign = ClusterClient::new(vec![world.address.clone()], foreign, Duration::from_secs(2));
    assert_eq!(foreign.call(call).await.unwrap_err().code.0, 5201);
}

#[tokio::test]
async fn a_token_lets_one_node_in_and_retiring_it_cuts_it_off() {
    let world = World::new();
    let token = world.token().await;
    let (identity, trust) = world.join("de-1", &token).await.unwrap();
    assert_eq!(world.join("de-2", &token).await.unwrap_err().code.0, 1107);

    let config = client_config(Some(&identity), &trust, Expect::Controller, Alpn::H2).unwrap();
    let agent = ClusterClient::new(vec![world.address.clone()], config, Duration::from_secs(5));
    let sync = |channel| async move { AgentSessionClient::new(channel).sync(SyncRequest::default()).await };
    let desired = agent.call(sync).await.unwrap().desired.unwrap();
    assert_eq!((desired.phase.as_str(), desired.jurisdiction.as_str()), ("Ready", "DE"));
    assert!(desired.bundle.is_some(), "an agent without the law is sent it");

    // What people do is not for nodes.
    let list = |channel| async move { NodesClient::new(channel).list(ListRequest::default()).await };
    assert_eq!(agent.call(list).await.unwrap_err().code.0, 1202);

    let retire = |channel| async move {
        let request = NodeRequest { name: "de-1".to_owned(), ..NodeRequest::default() };
        NodesClient::new(channel).retire(request).await
    };
    world.client().call(retire).await.unwrap();
    let cut = agent.call(sync).await.unwrap_err();
    assert!(matches!(cut.code.0, 1216 | 5201), "{cut}");
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9_and_a_retry_does_nothing_twice() {
    let mut world = World::new();
    let options = WriteOptions { idempotency_key: "k1".to_owned(), ..WriteOptions::default() };
    let apply = ApplyQueueRequest {
        name: "gold".to_owned(),
        spec: Some(QueueSpec { priority: 7, ..QueueSpec::default() }),
        options: Some(options),
        ..ApplyQueueRequest::default()
    };
    let call = |channel| {
        let apply = apply.clone();
        async move { QueuesClient::new(channel).apply(apply).await }
    };
    let first = world.client().call(call).await.unwrap();
    world.restart();
    assert_eq!(world.client().call(call).await.unwrap(), first);
    let get = |channel| async move {
        QueuesClient::new(channel).get(GetRequest { name: "gold".to_owned(), ..GetRequest::default() }).await
    };
    assert_eq!(world.client().call(get).await.unwrap().spec.unwrap().priority, 7);
}

#[tokio::test]
async fn a_job_whose_inputs_are_not_there_is_refused_by_name() {
    let world = World::new();
    let spec: JobSpec = serde_json::from_value(serde_json::json!({
        "kind": "batch", "tenant": "lab", "purpose": "research", "image": "trainer@1",
        "groups": [{"name": "worker", "count": 1}],
    }))
    .unwrap();
    let submit = |tenant: &str| {
        let spec = holdfast_api::v1::JobSpec { tenant: tenant.to_owned(), ..(&spec).into() };
        SubmitJobRequest { name: "job".to_owned(), spec: Some(spec), ..SubmitJobRequest::default() }
    };
    for (tenant, code, word) in
        [("lab", 1122, "image `trainer@1` does not exist"), ("nobody", 1121, "nobody")]
    {
        let request = submit(tenant);
        let call = |channel| {
            let request = request.clone();
            async move { JobsClient::new(channel).submit(request).await }
        };
        let problem = world.client().call(call).await.unwrap_err();
        assert_eq!(problem.code.0, code, "{problem}");
        assert!(problem.to_string().contains(word), "{problem}");
    }
}
