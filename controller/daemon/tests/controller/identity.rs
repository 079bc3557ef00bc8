//! Who may come in, what is refused, and what survives `kill -9`.

use std::time::Duration;

use holdfast_api::internal::agent_session_client::AgentSessionClient;
use holdfast_api::internal::enrolment_client::EnrolmentClient;
use holdfast_api::internal::{EnrolRequest, RenewRequest, SyncRequest};
use holdfast_api::v1::cluster_client::ClusterClient as ClusterGrpc;
use holdfast_api::v1::jobs_client::JobsClient;
use holdfast_api::v1::nodes_client::NodesClient;
use holdfast_api::v1::queues_client::QueuesClient;
use holdfast_api::v1::{
    ApplyQueueRequest, ClusterStatusRequest, CreateTokenRequest, GetRequest, ListRequest, NodeRequest,
    QueueSpec, ResetNodeRequest, SubmitJobRequest, WriteOptions,
};
use holdfast_client::ClusterClient;
use holdfast_identity::{
    Alpn, Expect, Identity, IdentityHandle, JoinToken, PrivateKey, Trust, client_config, client_config_pinned,
};
use holdfast_types::{JobSpec, Problem, ProblemKind};

use crate::world::World;

async fn token(world: &World) -> String {
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
    world.client().call(call).await.unwrap().token
}

/// Joins with a token and nothing else.
async fn join(world: &World, node: &str, text: &str) -> Result<(IdentityHandle, Trust), Problem> {
    let token = JoinToken::parse(text).unwrap();
    let (config, root) = client_config_pinned(token.root(), Alpn::H2).unwrap();
    let client = ClusterClient::new(vec![world.address.clone()], config, Duration::from_secs(10));
    let (key, csr_pem): (PrivateKey, String) = Identity::generate_csr().unwrap();
    let token = text.to_owned();
    let request = EnrolRequest { token, node: node.to_owned(), csr_pem, ..EnrolRequest::default() };
    let call = |channel| {
        let request = request.clone();
        async move { EnrolmentClient::new(channel).enrol(request).await }
    };
    let answer = client.call(call).await?;
    let identity = Identity::from_pem(&answer.chain_pem, key).unwrap();
    Ok((IdentityHandle::new(identity), Trust::new(root.pem().unwrap()).unwrap()))
}

#[tokio::test]
async fn people_come_in_by_certificate_and_everybody_else_stays_out() {
    let world = World::new();
    world.up().await;
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

/// The certificate of a controller lets in the machine of that controller, and nobody else.
#[tokio::test]
async fn the_machine_of_a_controller_joins_without_a_token() {
    let world = World::new();
    let trust = world.context().trust().unwrap();
    let joins = |own: Option<IdentityHandle>, node: &str, jurisdiction: &str| {
        let config = client_config(own.as_ref(), &trust, Expect::Controller, Alpn::H2).unwrap();
        let client = ClusterClient::new(vec![world.address.clone()], config, Duration::from_secs(10));
        let (_, csr_pem): (PrivateKey, String) = Identity::generate_csr().unwrap();
        let (node, jurisdiction) = (node.to_owned(), jurisdiction.to_owned());
        let request = EnrolRequest { token: String::new(), node, csr_pem, jurisdiction };
        async move {
            let call = |channel| {
                let request = request.clone();
                async move { EnrolmentClient::new(channel).enrol(request).await }
            };
            client.call(call).await
        }
    };
    let place = world.home(0).join("identity");
    let own = || {
        let identity = Identity::load(&place.join("chain.pem"), &place.join("key.pem")).unwrap();
        Some(IdentityHandle::new(identity))
    };
    let code = |refused: Result<_, Problem>| refused.err().map(|problem| problem.code.0);
    assert_eq!(code(joins(None, "controller-1", "DE").await), Some(1202), "without a certificate");
    let operator = IdentityHandle::new(world.context().identity().unwrap());
    assert_eq!(code(joins(Some(operator), "controller-1", "DE").await), Some(1202), "with that of a person");
    assert_eq!(code(joins(own(), "controller-2", "DE").await), Some(1001), "the machine of another");
    for (nowhere, why) in [("", "there are two"), ("JP", "the cluster is not there")] {
        assert_eq!(code(joins(own(), "controller-1", nowhere).await), Some(1294), "{why}");
    }
    assert_eq!(joins(own(), "controller-1", "DE").await.unwrap().jurisdiction, "DE");
    let get = |channel| async move {
        let request = GetRequest { name: "controller-1".to_owned(), ..GetRequest::default() };
        NodesClient::new(channel).get(request).await
    };
    let spec = world.client().call(get).await.unwrap().spec.unwrap();
    assert!(
        spec.controller && spec.cordoned && spec.jurisdiction == "DE" && !spec.site.is_empty(),
        "{spec:?}"
    );
    let reset = |channel| async move {
        let name = "controller-1".to_owned();
        let request = ResetNodeRequest { name, force: true, ..ResetNodeRequest::default() };
        NodesClient::new(channel).reset(request).await
    };
    assert_eq!(world.client().call(reset).await.unwrap_err().code.0, 1295, "a member is not erased");
}

#[tokio::test]
async fn a_token_lets_one_node_in_and_retiring_it_cuts_it_off() {
    let world = World::new();
    let token = token(&world).await;
    let (identity, trust) = join(&world, "de-1", &token).await.unwrap();
    assert_eq!(join(&world, "de-2", &token).await.unwrap_err().code.0, 1107);

    let config = client_config(Some(&identity), &trust, Expect::Controller, Alpn::H2).unwrap();
    let agent = ClusterClient::new(vec![world.address.clone()], config, Duration::from_secs(5));
    let sync = |channel| async move { AgentSessionClient::new(channel).sync(SyncRequest::default()).await };
    let desired = agent.call(sync).await.unwrap().told().unwrap().unwrap();
    assert_eq!(
        (desired.phase.as_str(), desired.jurisdiction.as_str()),
        ("Lost", "DE"),
        "it knows no law yet"
    );
    let bundle = desired.bundle.unwrap().hash;
    let with_law = |channel| {
        let request = SyncRequest { bundle: bundle.clone(), ..SyncRequest::default() };
        async move { AgentSessionClient::new(channel).sync(request).await }
    };
    let desired = agent.call(with_law).await.unwrap().told().unwrap().unwrap();
    assert_eq!((desired.phase.as_str(), desired.bundle.is_none()), ("Ready", true), "and it knows it now");
    renews(&agent, &bundle).await;

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

/// What an agent said need not be said again until something about its node changes.
async fn renews(agent: &ClusterClient, bundle: &str) {
    let said = SyncRequest { bundle: bundle.to_owned(), hold_ms: 1, ..SyncRequest::default() };
    let sync = |known: &str| {
        let request = SyncRequest { known_desired: known.to_owned(), ..said.clone() };
        agent.call(move |channel| {
            let request = request.clone();
            async move { AgentSessionClient::new(channel).sync(request).await }
        })
    };
    let known = sync("").await.unwrap().desired_hash;
    let answer = sync(&known).await.unwrap();
    assert!(answer.desired.is_none() && !answer.said.is_empty(), "{answer:?}");
    let renewal = RenewRequest {
        said: answer.said,
        known_desired: known.clone(),
        bundle: bundle.to_owned(),
        incarnation: answer.incarnation,
        hold_ms: 1,
    };
    let renew = |renewal: RenewRequest| {
        agent.call(move |channel| {
            let renewal = renewal.clone();
            async move { AgentSessionClient::new(channel).renew(renewal).await }
        })
    };
    let renewed = renew(renewal.clone()).await.unwrap();
    assert_eq!((renewed.say_again, &renewed.said), (false, &renewal.said), "{renewed:?}");
    assert_eq!((renewed.lease_ms, &renewed.desired_hash), (answer.lease_ms, &known));
    for name in [Vec::new(), vec![7], vec![7; 32]] {
        let unknown = renew(RenewRequest { said: name, ..renewal.clone() }).await.unwrap();
        assert!(unknown.say_again && unknown.lease_ms == 0, "{unknown:?}");
    }
    let behind = renew(RenewRequest { known_desired: String::new(), ..renewal }).await.unwrap();
    assert_eq!(behind.desired.map(|_| behind.desired_hash), Some(known), "it is told what it does not know");
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
async fn a_queue_that_cannot_be_is_refused_by_its_field() {
    let world = World::new();
    let amd = || [("amd".to_owned(), 4)].into();
    let cases = [
        (QueueSpec { lending_limit: amd(), ..QueueSpec::default() }, 1001, "lendingLimit: "),
        (QueueSpec { parent: "lab".to_owned(), ..QueueSpec::default() }, 2170, "queue `lab` does not exist"),
    ];
    for (spec, code, word) in cases {
        let request =
            ApplyQueueRequest { name: "q".to_owned(), spec: Some(spec), ..ApplyQueueRequest::default() };
        let call = |channel| {
            let request = request.clone();
            async move { QueuesClient::new(channel).apply(request).await }
        };
        let problem = world.client().call(call).await.unwrap_err();
        assert_eq!(problem.code.0, code, "{problem}");
        assert!(problem.to_string().contains(word), "{problem}");
    }
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

/// A log that cannot be written refuses by name; what was read stays readable, and the same process takes writes again when
/// the disk does.
#[tokio::test]
async fn a_disk_that_fails_and_comes_back_needs_nobody() {
    let world = World::new();
    let apply = |number: u32| {
        // Each one fills a good part of a segment of the log.
        let labels = (0..12).map(|n| (format!("l{n}"), format!("{number}-").repeat(12_000))).collect();
        let request = ApplyQueueRequest {
            name: format!("queue-{number}"),
            labels,
            spec: Some(QueueSpec::default()),
            ..ApplyQueueRequest::default()
        };
        move |channel| {
            let request = request.clone();
            async move { QueuesClient::new(channel).max_encoding_message_size(4 << 20).apply(request).await }
        }
    };
    let client = world.client();
    client.call(apply(0)).await.unwrap();
    let raft = world.home(0).join("raft");
    let (log, aside) = (raft.join("log"), raft.join("elsewhere"));
    std::fs::rename(&log, &aside).unwrap();
    let mut number = 0;
    let refused = loop {
        number += 1;
        if let Err(problem) = client.call(apply(number)).await {
            break problem;
        }
    };
    assert!(matches!(refused.code.0, 5105 | 5109), "{refused}");
    let call = |channel| async move { ClusterGrpc::new(channel).status(ClusterStatusRequest {}).await };
    let status = client.call(call).await.unwrap();
    assert!(status.attention.iter().any(|a| a.what.contains("refuses writes")), "{:?}", status.attention);
    std::fs::rename(&aside, &log).unwrap();
    // Refused until it has begun anew; then it is taken. The patience of the client is what bounds this.
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while let Err(problem) = client.call(apply(9_999)).await {
        assert!(std::time::Instant::now() < deadline, "{problem}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let get = |channel| async move {
        QueuesClient::new(channel)
            .max_decoding_message_size(4 << 20)
            .get(GetRequest { name: "queue-0".to_owned(), ..GetRequest::default() })
            .await
    };
    client.call(get).await.unwrap();
}
